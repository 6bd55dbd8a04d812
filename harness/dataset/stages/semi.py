"""Semi mode: what a generator makes of natural codes, judged by these codes."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from semi_instruct.harness.dataset.candidates import (
    Proposals,
    Proposed,
    ask_of,
    is_text,
    pair_of,
    rejection_of,
    runs_as,
    usable,
)
from semi_instruct.harness.dataset.judging import HowJudged, judged
from semi_instruct.harness.dataset.pairs import Evidence, JudgedTask, Pair
from semi_instruct.harness.dataset.program_adapters import adapter_fault
from semi_instruct.harness.dataset.proposing import Generator
from semi_instruct.harness.dataset.settings import Settings
from semi_instruct.harness.dataset.state import Drop
from semi_instruct.harness.dataset.tasks import Task
from semi_instruct.harness.errors import BadRow
from semi_instruct.harness.parallel.processes import Report
from semi_instruct.harness.problems.schema import Example
from semi_instruct.harness.problems.verdicts import REJECTIONS, Verdict
from semi_instruct.harness.runs import Executor

ORACLES = 3
_MAX_INPUTS = 64


class Instructions(msgspec.Struct, frozen=True):
    """Instructions that were written for judged codes, by code."""

    written: dict[str, str] = {}


class SemiWork(msgspec.Struct, frozen=True):
    """Proposals for a task that are to be judged."""

    task: Task
    proposals: Proposals
    generator: str
    how: HowJudged


def propose(generator: Generator, task: Task, settings: Settings) -> Proposals:
    """Ask for codes and inputs, for the natural codes of a task."""
    seed = settings.seed
    codes: list[Proposed] = []
    inputs: list[object] = []
    dropped: list[Drop] = []
    for natural in task.codes[: settings.codes_a_task or None]:
        written = generator.rewrite(task, natural, settings.samples, seed)
        dropped += [Drop(f"{natural.id}:{number}", fault) for number, fault in enumerate(written.faults)]
        for number, one in enumerate(usable(written.found)):
            codes.append(Proposed(f"{natural.id}.{number}", one.ask, one.source))
        inputs.extend(generator.inputs(task, natural, seed))
    kept = [given for given in inputs if _may_be_input(task, given)]
    return Proposals(tuple(codes), tuple(kept[:_MAX_INPUTS]), tuple(dropped))


def repair(generator: Generator, before: JudgedTask, seed: int) -> Proposals:
    """Ask for other codes in the place of those that were rejected. Their names tell where they come from."""
    codes: list[Proposed] = []
    for pair in before.pairs:
        if pair.verdict in REJECTIONS:
            source = generator.repair(ask_of(pair), pair.source, rejection_of(pair), seed)
            if source is not None and is_text(source):
                codes.append(Proposed(f"{pair.code}r", ask_of(pair), source))
    return Proposals(tuple(codes))


def instruct(generator: Generator, task: Task, before: JudgedTask, seed: int) -> Instructions:
    """Ask for instructions for accepted pairs of a task that have none.

    One will do for all that are called alike, for their codes do the same.
    """
    without = [pair for pair in before.pairs if pair.verdict is Verdict.ACCEPTED and not pair.instruction]
    alike: dict[tuple[str, str | None], list[Pair]] = {}
    for pair in without:
        alike.setdefault((pair.kind, pair.entry), []).append(pair)
    written: dict[str, str] = {}
    for first, *others in alike.values():
        said = generator.instruct(task, ask_of(first), first.source, seed)
        if said is not None and is_text(said):
            written |= {pair.code: said.strip() for pair in (first, *others)}
    return Instructions(written)


def retell(generator: Generator, before: JudgedTask, samples: int, seed: int) -> Proposals:
    """Ask for codes from the instructions of accepted pairs alone, named after the pairs."""
    codes: list[Proposed] = []
    for pair in before.pairs:
        if pair.verdict is Verdict.ACCEPTED:
            solved = [source for source in generator.solve(ask_of(pair), samples, seed) if is_text(source)]
            codes += [Proposed(f"{pair.code}~{number}", ask_of(pair), source) for number, source in enumerate(solved)]
    return Proposals(tuple(codes))


def judge_semi(engine: Executor, work: SemiWork, report: Report) -> JudgedTask:
    """Judge proposals by the natural codes of their task."""
    task, oracles = work.task, work.task.codes[:ORACLES]
    if not oracles or not work.proposals.codes:
        return JudgedTask()
    evidence = Evidence.CONSENSUS if len(oracles) > 1 else Evidence.ORACLE
    names = [oracle.id for oracle in oracles]
    pairs = [pair_of(task, proposed, work.generator, evidence, names) for proposed in work.proposals.codes]
    faults = {pair.code: fault for pair in pairs if (fault := _fault(engine, task, pair, report)) is not None}
    sound = [pair for pair in pairs if pair.code not in faults]
    further = [Example(given) for given in work.proposals.inputs]
    sources = [oracle.source for oracle in oracles]
    said = judged(engine, task, sources, [pair.runs_as for pair in sound], work.how, report, further)
    rows = dict(zip((pair.code for pair in sound), said.rows, strict=True))
    accepted = sum(row.verdict is Verdict.ACCEPTED for row in said.rows)
    rate = round(accepted / len(pairs), 4) if pairs else None
    done = [
        pair.judged(rows[pair.code])
        if pair.code in rows
        else msgspec.structs.replace(pair, verdict=Verdict.RUNTIME_ERROR, detail=faults[pair.code])
        for pair in pairs
    ]
    with_rate = tuple(msgspec.structs.replace(pair, pass_rate=rate) for pair in done)
    return JudgedTask(with_rate, (said.suite,), said.dropped_inputs)


def lost_semi(work: SemiWork, why: str) -> JudgedTask:
    """What is said where processes of ours died on a task."""
    pairs = [
        msgspec.structs.replace(
            pair_of(work.task, proposed, work.generator, Evidence.ORACLE, ()),
            verdict=Verdict.SANDBOX_ERROR,
            detail=why,
        )
        for proposed in work.proposals.codes
    ]
    return JudgedTask(tuple(pairs), ({},))


def round_trip_rates(told: JudgedTask, pairs: Sequence[Pair]) -> dict[str, float]:
    """By code, the share of the codes written from its instruction alone that were accepted."""
    rates: dict[str, float] = {}
    for pair in pairs:
        verdicts = [one.verdict for one in told.pairs if one.code.rpartition("~")[0] == pair.code]
        if verdicts:
            rates[pair.code] = round(verdicts.count(Verdict.ACCEPTED) / len(verdicts), 4)
    return rates


def _fault(engine: Executor, task: Task, pair: Pair, report: Report) -> str | None:
    if runs_as(task, ask_of(pair), pair.source) is None:
        return "it cannot stand for the natural code: another kind of program, and no adapter"
    if pair.adapter is not None and pair.entry is not None and task.kind == "stdin":
        fault = adapter_fault(engine, task, pair.entry, pair.adapter, report)
        return fault and f"adapter: {fault}"
    return None


def _may_be_input(task: Task, given: object) -> bool:
    """Whether a proposed input can be one of the task at all."""
    try:
        task.problem([task.codes[0].source], (), [Example(given)])
    except (BadRow, ValueError):
        return False
    return True
