"""What is left to judge of each problem, and the order of new rows and those of an earlier run."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import msgspec

from semi_instruct.harness.problems.schema import Problem
from semi_instruct.harness.verification.earlier_rows import EarlierRows, digest_of

# Fields of a problem that are for people and do not affect verdicts.
_FOR_PEOPLE = ("title", "difficulty", "note", "suite")


class HowVerified(msgspec.Struct, frozen=True):
    """The options of ``verify`` that affect its verdicts."""

    seed: int
    budget: float
    planned: int
    shrink: bool


@dataclass(frozen=True, slots=True)
class Due:
    """The rows of a problem that are next.

    Attributes:
        digests: of each candidate, by its id, in the order of the problem; see ``verification.earlier_rows``.
        kept: the ids of the candidates that an earlier run decided.
        is_judged: whether candidates of the problem are judged now.
        keeps_suite: whether its test cases were kept by an earlier run.
    """

    problem: str
    digests: dict[str, str]
    kept: frozenset[str]
    is_judged: bool
    keeps_suite: bool


def digests_of(problem: Problem, how: HowVerified) -> dict[str, str]:
    """The digest of each candidate, by its id; see ``verification.earlier_rows``."""
    row = problem.to_json()
    candidates = row.pop("candidates")
    for name in _FOR_PEOPLE:
        row.pop(name, None)
    common = digest_of(row, msgspec.to_builtins(how))
    return {
        candidate["id"]: digest_of(common, candidate["source"], candidate.get("expect")) for candidate in candidates
    }


@dataclass(slots=True)
class Resuming:
    """The problems of a file with what is left to judge, and the order of all rows.

    Args:
        problems: read lazily.
        earlier: the rows of earlier runs; None to judge everything.
        keeps_suites: whether test cases are kept.
    """

    problems: Iterable[Problem]
    how: HowVerified
    earlier: EarlierRows | None
    keeps_suites: bool
    _dues: deque[Due] = field(default_factory=deque)

    def __iter__(self) -> Iterator[Problem]:
        """The problems to judge, with those of their candidates that no earlier run decided.

        The kept test cases depend on all candidates, so if they are to be kept, a problem is judged as a whole.
        """
        for problem in self.problems:
            due = self._due(problem)
            self._dues.append(due)
            if not due.is_judged:
                continue
            if self.keeps_suites:
                yield problem
            else:
                left = tuple(candidate for candidate in problem.candidates if candidate.id not in due.kept)
                yield msgspec.structs.replace(problem, candidates=left)

    def _due(self, problem: Problem) -> Due:
        digests = digests_of(problem, self.how)
        kept: frozenset[str] = frozenset()
        keeps_suite = False
        if self.earlier is not None:
            decided = (name for name, digest in digests.items() if self.earlier.is_decided(problem.id, name, digest))
            kept = frozenset(decided)
            keeps_suite = self.keeps_suites and len(kept) == len(digests) and self.earlier.has_suite(problem.id)
        is_judged = not keeps_suite if self.keeps_suites else len(kept) < len(digests) or self.earlier is None
        return Due(problem.id, digests, kept, is_judged, keeps_suite)

    def kept_before_next(self) -> Iterator[Due]:
        """The problems before the next one that is judged."""
        while self._dues and not self._dues[0].is_judged:
            yield self._dues.popleft()

    def next_judged(self) -> Due:
        """The next problem that is judged. Take those before it first."""
        return self._dues.popleft()
