"""Semi mode: codes that a generator makes of natural codes, judged by these.

The steps and their order are in ``harness.synthesis.flow``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from semi_instruct.harness.dataset.candidates import is_text, pair_of, runs_as, subjects_of
from semi_instruct.harness.dataset.judging import HowJudged, judged
from semi_instruct.harness.dataset.pairs import Evidence, JudgedTask, Pair
from semi_instruct.harness.dataset.program_adapters import adapter_fault
from semi_instruct.harness.dataset.settings import Settings
from semi_instruct.harness.dataset.tasks import Task
from semi_instruct.harness.errors import BadRow
from semi_instruct.harness.parallel.processes import Report
from semi_instruct.harness.problems.schema import Example
from semi_instruct.harness.problems.verdicts import REJECTIONS, Verdict
from semi_instruct.harness.runs import Executor
from semi_instruct.harness.synthesis import flow
from semi_instruct.harness.synthesis.proposals import (
    Generator,
    Instructions,
    Proposal,
    Proposals,
    Repair,
    Subject,
)

ORACLES = 3
_MAX_INPUTS = 64


@dataclass(frozen=True, slots=True)
class EveryCode:
    """All samples are judged and every rejected code is repaired. See ``harness.synthesis.flow.Rules``."""

    settings: Settings

    @property
    def batches(self) -> Sequence[tuple[int, int]]:
        """One."""
        return [(0, self.settings.samples)]

    @property
    def repairs(self) -> int:
        """Rounds of repair."""
        return self.settings.repairs

    @property
    def retellings(self) -> int:
        """Codes per instruction in the round trip."""
        return self.settings.samples if self.settings.least_round_trip > 0 else 0

    def is_enough(self, rounds: Sequence[Sequence[Pair]]) -> bool:
        """Never."""
        return False

    def to_repair(self, rounds: Sequence[Sequence[Pair]], turn: int) -> Sequence[Repair]:
        """Every rejected code of the last round. The id of the repaired code tells which one it comes from."""
        return [
            Repair(pair.proposal, pair.rejection, f"{pair.code}r", (pair.source,))
            for pair in rounds[-1]
            if pair.verdict in REJECTIONS
        ]

    def best(self, codes: Sequence[Pair]) -> Pair:
        """The first."""
        return codes[0]

    def name(self, subject: Subject, first: int, number: int) -> str:
        """The id of a sample."""
        return f"{subject.name}.{number}"

    def fresh(self, proposals: Sequence[Proposal], known: frozenset[str]) -> list[Proposal]:
        """Each pair of instruction and code once."""
        return list(dict.fromkeys(proposals))

    def is_usable(self, *texts: str) -> bool:
        """Whether the dataset can hold them."""
        return is_text(*texts)


class SemiWork(msgspec.Struct, frozen=True):
    """Proposals for a task that are to be judged."""

    task: Task
    codes: tuple[Proposal, ...]
    inputs: tuple[object, ...]
    generator: str
    how: HowJudged


def asked(generator: Generator, task: Task, step: flow.Step, settings: Settings) -> Proposals | Instructions:
    """Perform a step that asks the generator."""
    rules, seed = EveryCode(settings), settings.seed
    match step:
        case flow.Propose():
            return _proposed(generator, task, step, settings)
        case flow.Repairs():
            return flow.repair(generator, step, rules, seed)
        case flow.Instruct():
            if not step.groups:
                return Instructions()
            return flow.instruct(generator, subjects_of(task)[0].problem, step, rules, seed)
        case flow.Retell():
            return flow.retell(generator, step, rules, seed)
        case flow.Judge():
            raise AssertionError("programs are run elsewhere")


def _proposed(generator: Generator, task: Task, step: flow.Propose, settings: Settings) -> Proposals:
    def inputs_of(subject: Subject) -> Sequence[object]:
        return generator.inputs(subject, settings.seed)

    subjects = subjects_of(task, settings.codes_a_task)
    found = flow.propose(generator, subjects, step, EveryCode(settings), settings.seed, inputs_of)
    inputs = [given for given in found.inputs if _may_be_input(task, given)]
    return msgspec.structs.replace(found, inputs=tuple(inputs[:_MAX_INPUTS]))


def judge_semi(engine: Executor, work: SemiWork, report: Report) -> JudgedTask:
    """Judge proposals by the natural codes of their task."""
    task, oracles = work.task, work.task.codes[:ORACLES]
    if not oracles or not work.codes:
        return JudgedTask()
    evidence = Evidence.CONSENSUS if len(oracles) > 1 else Evidence.ORACLE
    names = [oracle.id for oracle in oracles]
    pairs = [pair_of(task, proposal, work.generator, evidence, names) for proposal in work.codes]
    faults = {pair.code: fault for pair in pairs if (fault := _fault(engine, task, pair, report)) is not None}
    sound = [pair for pair in pairs if pair.code not in faults]
    further = [Example(given) for given in work.inputs]
    sources = [oracle.source for oracle in oracles]
    verdicts = judged(engine, task, sources, [pair.runs_as for pair in sound], work.how, report, further)
    rows = dict(zip((pair.code for pair in sound), verdicts.rows, strict=True))
    accepted = sum(row.verdict is Verdict.ACCEPTED for row in verdicts.rows)
    rate = round(accepted / len(pairs), 4) if pairs else None
    done = [
        pair.judged(rows[pair.code])
        if pair.code in rows
        else msgspec.structs.replace(pair, verdict=Verdict.RUNTIME_ERROR, detail=faults[pair.code])
        for pair in pairs
    ]
    with_rate = tuple(msgspec.structs.replace(pair, pass_rate=rate) for pair in done)
    return JudgedTask(with_rate, (verdicts.suite,), verdicts.dropped_inputs)


def lost_semi(work: SemiWork, why: str) -> JudgedTask:
    """The result for a task on which worker processes died."""
    pairs = [
        msgspec.structs.replace(
            pair_of(work.task, proposal, work.generator, Evidence.ORACLE, ()),
            verdict=Verdict.SANDBOX_ERROR,
            detail=why,
        )
        for proposal in work.codes
    ]
    return JudgedTask(tuple(pairs), ({},))


def round_trip_rates(retold: JudgedTask, pairs: Sequence[Pair]) -> dict[str, float]:
    """By code, the share of the codes written from its instruction alone that were accepted."""
    rates: dict[str, float] = {}
    for pair in pairs:
        verdicts = [one.verdict for one in retold.pairs if one.code.rpartition("~")[0] == pair.code]
        if verdicts:
            rates[pair.code] = round(verdicts.count(Verdict.ACCEPTED) / len(verdicts), 4)
    return rates


def _fault(engine: Executor, task: Task, pair: Pair, report: Report) -> str | None:
    if runs_as(task, pair.proposal.ask, pair.source) is None:
        return "it cannot stand for the natural code: another kind of program, and no adapter"
    if pair.adapter is not None and pair.entry is not None and task.kind == "stdin":
        fault = adapter_fault(engine, task, pair.entry, pair.adapter, report)
        return fault and f"adapter: {fault}"
    return None


def _may_be_input(task: Task, given: object) -> bool:
    """Whether the task can have a proposed input at all."""
    try:
        task.problem([task.codes[0].source], (), [Example(given)])
    except (BadRow, ValueError):
        return False
    return True
