"""Natural mode: the natural codes as they are. Each is judged by other codes of its task, never by itself."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from semi_instruct.harness.dataset.judging import HowJudged, Verdicts, judged
from semi_instruct.harness.dataset.pairs import Evidence, JudgedTask, Pair, instruction_of
from semi_instruct.harness.dataset.tasks import NaturalCode, Task
from semi_instruct.harness.parallel.processes import Report
from semi_instruct.harness.problems.verdicts import Verdict
from semi_instruct.harness.runs import Executor

# Natural codes that decide together what is expected, at most, and no more than half of them. More of them accept fewer
# invalid inputs and take more runs.
ORACLES = 3


class NaturalWork(msgspec.Struct, frozen=True):
    """A task whose natural codes are to be judged."""

    task: Task
    how: HowJudged


def judge_natural(engine: Executor, work: NaturalWork, report: Report) -> JudgedTask:
    """Judge the natural codes of a task; their pairs are in the order of the codes.

    A single code is executed only. Of two, one is judged by the other, and both are rejected if they differ. Of more,
    some judge the others; where these oracles ever disagreed, some of the accepted codes judge them in turn.
    """
    positions = {code.id: position for position, code in enumerate(work.task.codes)}
    done = _judged(engine, work, report)
    return msgspec.structs.replace(done, pairs=tuple(sorted(done.pairs, key=lambda pair: positions[pair.code])))


def _judged(engine: Executor, work: NaturalWork, report: Report) -> JudgedTask:
    task, codes = work.task, work.task.codes
    if len(codes) <= 1:
        return _alone(engine, work, report)
    count = min(ORACLES, (len(codes) + 1) // 2)
    oracles, others = codes[:count], codes[count:]
    first = _verdicts(engine, work, oracles, others, report)
    evidence = Evidence.CONSENSUS if len(oracles) > 1 else Evidence.ORACLE
    done = _as_judged(task, others, oracles, first, evidence)
    accepted = [task.code(pair.code) for pair in done.pairs if pair.verdict is Verdict.ACCEPTED][:ORACLES]
    differed = len(oracles) > 1 and bool(first.dropped_inputs.get("disagree"))
    if accepted and differed:
        evidence = Evidence.CONSENSUS if len(accepted) > 1 else Evidence.ORACLE
        again = _verdicts(engine, work, accepted, oracles, report)
        return done.with_more(_as_judged(task, oracles, accepted, again, evidence))
    agreed = len(oracles) > 1 and not differed
    return done.with_more(_of_oracles(task, oracles, accepted, first, believed=agreed or bool(accepted)))


def lost_natural(work: NaturalWork, why: str) -> JudgedTask:
    """The result for a task on which worker processes died."""
    pairs = [_pair(work.task, code, (), Evidence.EXECUTED, Verdict.SANDBOX_ERROR, why) for code in work.task.codes]
    return JudgedTask(tuple(pairs), ({},))


def _alone(engine: Executor, work: NaturalWork, report: Report) -> JudgedTask:
    codes = work.task.codes
    if not codes:
        return JudgedTask()
    return _as_judged(work.task, codes, (), _verdicts(engine, work, codes, codes, report), Evidence.EXECUTED)


def _verdicts(
    engine: Executor, work: NaturalWork, oracles: Sequence[NaturalCode], others: Sequence[NaturalCode], report: Report
) -> Verdicts:
    sources = [[code.source for code in codes] for codes in (oracles, others)]
    return judged(engine, work.task, sources[0], sources[1], work.how, report)


def _as_judged(
    task: Task, codes: Sequence[NaturalCode], oracles: Sequence[NaturalCode], verdicts: Verdicts, evidence: Evidence
) -> JudgedTask:
    pairs = [
        _pair(task, code, oracles, evidence, row.verdict).judged(row)
        for code, row in zip(codes, verdicts.rows, strict=True)
    ]
    return JudgedTask(tuple(pairs), (verdicts.suite,), verdicts.dropped_inputs)


def _of_oracles(
    task: Task, oracles: Sequence[NaturalCode], accepted: Sequence[NaturalCode], verdicts: Verdicts, believed: bool
) -> JudgedTask:
    """The pairs of the oracles, on the same test cases: confirmed by the accepted codes, or by each other."""
    done = JudgedTask()
    row = verdicts.rows[0]
    failed = next((each for each in verdicts.rows if each.verdict is Verdict.SANDBOX_ERROR), None)
    for code in oracles:
        witnesses = accepted or [other for other in oracles if other is not code] or [code]
        evidence = Evidence.CONSENSUS if len(witnesses) > 1 else Evidence.ORACLE
        verdict, detail = Verdict.NO_ORACLE, "" if believed else "borne out by no other code"
        if believed and row.test_cases:
            verdict = Verdict.ACCEPTED
        elif failed is not None:
            verdict, detail = Verdict.SANDBOX_ERROR, failed.detail
        pair = msgspec.structs.replace(
            _pair(task, code, witnesses, evidence, verdict, detail),
            passed=row.test_cases if believed else 0,
            test_cases=row.test_cases,
            branch_coverage=row.strength.branch_coverage,
            mutants_killed=row.strength.mutants_killed,
        )
        suite = {**verdicts.suite, "oracles": [witness.source for witness in witnesses]}
        done = done.with_more(JudgedTask((pair,), (suite,)))
    return done


def _pair(
    task: Task,
    code: NaturalCode,
    oracles: Sequence[NaturalCode],
    evidence: Evidence,
    verdict: Verdict,
    detail: str = "",
) -> Pair:
    instruction, written_by = instruction_of(task)
    return Pair(
        task=task.id,
        code=code.id,
        instruction=instruction,
        source=code.source,
        kind=task.kind,
        evidence=evidence,
        verdict=verdict,
        instruction_by=written_by,
        entry=task.entry,
        language=task.language,
        oracles=tuple(oracle.id for oracle in oracles),
        detail=detail,
        origin=code.origin,
        licence=code.licence or task.licence,
    )
