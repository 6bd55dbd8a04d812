"""The rule for limits that a candidate hits, measured by what the oracles use on the same input. No I/O.

What an oracle does within half of the limits, a candidate must do within the limits. Otherwise it fails, whether the
input is like the examples or larger. A limit may be excused only on an input beyond the examples on which no oracle
stayed within half of the limits: such an input is too large for this check. A candidate cannot bring that about, since
only the oracles' runs decide it. CPU time, peak memory and output are compared. Wall time is not, because it depends on
the load of the machine. The number of processes of an oracle is not known, so a process limit is never excused.

Excuses are counted and capped. A candidate that failed nothing is accepted only if enough was judged: not too many
excuses, at least half of its test cases, and at least one test case of every size class. Otherwise it is undecided.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from semi_instruct.engine import Limits, Outcome, Status
from semi_instruct.engine.inside.values import dumps

# If an oracle uses at most this share of each limit, a candidate must stay within the limits.
ORACLE_SHARE = 0.5
# With more excuses than this, or than this share of its test cases, a candidate is not accepted.
MAX_EXCUSED = 10
MAX_EXCUSED_SHARE = 0.1
# Of its test cases, those that have to be judged before a candidate is accepted.
MIN_JUDGED_SHARE = 0.5

# The statuses of a run that used up a limit which is compared.
EXHAUSTED = frozenset({Status.TIME_LIMIT, Status.MEMORY_LIMIT, Status.OUTPUT_LIMIT})


@dataclass(frozen=True, slots=True)
class Use:
    """The resources that a run used.

    Attributes:
        cpu_s: CPU seconds.
        memory: bytes at the peak.
        output: bytes of the largest of stdout, stderr and the returned value.
    """

    cpu_s: float
    memory: int
    output: int

    def is_within(self, share: float, limits: Limits) -> bool:
        """Whether it is at most this share of every limit."""
        return (
            self.cpu_s <= share * limits.cpu_time
            and self.memory <= share * limits.memory
            and self.output <= share * limits.output
        )


def use_of(outcome: Outcome) -> Use:
    """The resources that a run used."""
    value = len(dumps(outcome.value)) if outcome.returned else 0
    output = max(len(outcome.stdout), len(outcome.stderr), value)
    return Use(outcome.cpu_time_s, outcome.peak_memory_bytes, output)


def is_excused(status: Status, *, beyond: bool, oracles: Collection[Use], limits: Limits) -> bool:
    """Whether a limit that a candidate hit is excused.

    Args:
        beyond: whether the input is beyond what the examples show.
        oracles: the resources that each oracle used on it. If they are not known, nothing is excused.
        limits: of the problem, which the oracles had. A candidate has at least as much.
    """
    if status not in EXHAUSTED or not beyond or not oracles:
        return False
    return not any(use.is_within(ORACLE_SHARE, limits) for use in oracles)


def size_class(size: int, largest_example: int) -> int:
    """The class of inputs of this size: 0 up to the largest example, then one for each doubling of it.

    Args:
        size, largest_example: in bytes; without an example 0.
    """
    return (max(0, size - 1) // max(1, largest_example)).bit_length()


def why_undecided(
    cases: Mapping[int, int], judged: Mapping[int, int], excused: int, *, is_suspect: bool = False
) -> str:
    """Why a candidate that failed no test case is not accepted, in words; empty if it is accepted.

    Args:
        cases: its test cases, by size class.
        judged: those of them that it was judged on.
        excused: those of them on which a limit was excused.
        is_suspect: whether it seemed to fail where many inputs are run in one sandbox, did not fail in sandboxes of its
            own, and had used up its time before it could be run on more of these inputs.
    """
    if is_suspect:
        return "it behaves otherwise on many inputs in one sandbox, and has used up its time before more could be tried"
    all_cases, all_judged = sum(cases.values()), sum(judged.values())
    if excused > min(MAX_EXCUSED, MAX_EXCUSED_SHARE * all_cases):
        return f"limits were excused on {excused} of {all_cases} test cases, more than an accepted one may need"
    if all_judged < MIN_JUDGED_SHARE * all_cases:
        return f"only {all_judged} of {all_cases} test cases judged"
    classes = [one for one, count in cases.items() if count]
    missing = sum(not judged.get(one) for one in classes)
    if missing:
        return f"no test case judged of {missing} of {len(classes)} size classes"
    return ""
