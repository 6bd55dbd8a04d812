"""Self mode: no natural code says what is right, so independent candidates and model-written tests have to agree.

Candidates that pass the same tests stand together. The set that is largest, counted as candidates times tests, is
believed (dual execution agreement, Chen and others 2022): wrong code fails in many ways, right code agrees with itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import islice
from random import Random

import msgspec

from semi_instruct.harness.dataset.candidates import is_text, pair_of
from semi_instruct.harness.dataset.judging import HowJudged, judged
from semi_instruct.harness.dataset.pairs import Evidence, JudgedTask, Pair
from semi_instruct.harness.dataset.similarity import digest, words_of_code
from semi_instruct.harness.dataset.tasks import Task
from semi_instruct.harness.errors import BadRow
from semi_instruct.harness.inputs.source import inputs
from semi_instruct.harness.inputs.sources import Sources
from semi_instruct.harness.judge.rules import Rules
from semi_instruct.harness.parallel.processes import Report
from semi_instruct.harness.problems.schema import Example
from semi_instruct.harness.problems.verdicts import Verdict
from semi_instruct.harness.runs import Executor, Runner
from semi_instruct.harness.synthesis.proposals import Ask, Generator, Proposal

SEEDS = 3
_ORACLES = 2
_MAX_TESTS = 32
OUTVOTED = "other candidates and tests agree against it"


class Invention(msgspec.Struct, frozen=True):
    """An instruction that was invented, with codes and tests written from it alone."""

    ask: Ask
    sources: tuple[str, ...]
    tests: tuple[Example, ...]


class Inventions(msgspec.Struct, frozen=True):
    """Those that a task gave rise to."""

    found: tuple[Invention, ...] = ()


class SelfWork(msgspec.Struct, frozen=True):
    """Inventions that are to be judged."""

    task: Task
    inventions: Inventions
    generator: str
    how: HowJudged


def invent(generator: Generator, task: Task, others: Sequence[str], samples: int, seed: int) -> Inventions:
    """Ask for new instructions after the manner of a task's and a few others', and for codes and tests of each."""
    random = Random(f"{seed} {task.id}")  # noqa: S311  not for secrets
    seeds = [task.statement or task.title or "", *random.sample(list(others), min(SEEDS - 1, len(others)))]
    found = []
    for ask in generator.invent([text for text in seeds if text], samples, seed):
        if not is_text(ask.instruction) or (ask.kind == "function") != (ask.entry is not None):
            continue
        sources = tuple(source for source in generator.solve(ask, samples, seed) if is_text(source))
        found.append(Invention(ask, sources, tuple(generator.tests(ask, seed))[:_MAX_TESTS]))
    return Inventions(tuple(found))


def judge_self(engine: Executor, work: SelfWork, report: Report) -> JudgedTask:
    """Judge the inventions of a task, each as a task of its own."""
    done = JudgedTask()
    for number, invention in enumerate(work.inventions.found):
        done = done.with_more(_judge(engine, work, number, invention, report))
    return done


def lost_self(work: SelfWork, why: str) -> JudgedTask:
    """What is said where processes of ours died on a task."""
    pairs = [
        msgspec.structs.replace(_pair(work, number, place, one), verdict=Verdict.SANDBOX_ERROR, detail=why)
        for number, one in enumerate(work.inventions.found)
        for place in range(len(one.sources))
    ]
    return JudgedTask(tuple(pairs), ({},))


def standing_together(passed: Sequence[frozenset[int]]) -> tuple[list[int], frozenset[int]]:
    """The candidates to believe and the tests they pass: the most of the one times the most of the other.

    Args:
        passed: for each candidate, the tests it passes. Of equal sets the one with the earlier candidate is taken.
    """
    together: defaultdict[frozenset[int], list[int]] = defaultdict(list)
    for place, tests in enumerate(passed):
        together[tests].append(place)
    best = max(together, key=lambda tests: (len(together[tests]) * len(tests), -together[tests][0]), default=None)
    return ([], frozenset()) if best is None else (together[best], best)


def _judge(engine: Executor, work: SelfWork, number: int, invention: Invention, report: Report) -> JudgedTask:
    task = _task_of(work, number, invention.ask)
    tests = [test for test in invention.tests if _may_be_test(task, test)]
    independent = _independent(invention.sources)
    sources = [invention.sources[place] for place in independent]
    passed = [_passed(engine, task, source, tests, report) for source in sources]
    believed, common = standing_together(passed)
    if not believed:
        return JudgedTask()
    kept = msgspec.structs.replace(task, examples=tuple(tests[place] for place in sorted(common)))
    agrees = len(believed) > 1 and bool(common)
    evidence = Evidence.AGREEMENT if agrees else Evidence.EXECUTED
    chosen = believed[0]
    oracles = [sources[place] for place in believed[1 : 1 + _ORACLES]] if agrees else [sources[chosen]]
    said = judged(engine, kept, oracles, [sources[chosen]], work.how, report)
    pairs = []
    for place, own in enumerate(independent):
        pair = msgspec.structs.replace(_pair(work, number, own, invention), evidence=evidence)
        if place == chosen:
            pairs.append(pair.judged(said.rows[0]))
        else:
            pairs.append(msgspec.structs.replace(pair, verdict=Verdict.NO_ORACLE, detail=OUTVOTED))
    rate = round(len(believed) / len(independent), 4)
    with_rate = tuple(msgspec.structs.replace(pair, pass_rate=rate) for pair in pairs)
    return JudgedTask(with_rate, (said.suite,), said.dropped_inputs)


def _task_of(work: SelfWork, number: int, ask: Ask) -> Task:
    return Task(id=f"{work.task.id}+{number}", kind=ask.kind, codes=(), entry=ask.entry, statement=ask.instruction)


def _pair(work: SelfWork, number: int, place: int, invention: Invention) -> Pair:
    ask = invention.ask
    proposed = Proposal(ask, invention.sources[place], str(place))
    task = _task_of(work, number, ask)
    return pair_of(task, proposed, work.generator, Evidence.EXECUTED, ())


def _independent(sources: Sequence[str]) -> list[int]:
    """Places of those that are not the same as one before."""
    first: dict[bytes, int] = {}
    for place, source in enumerate(sources):
        first.setdefault(digest(words_of_code(source)), place)
    return sorted(first.values())


def _passed(engine: Executor, task: Task, source: str, tests: Sequence[Example], report: Report) -> frozenset[int]:
    """The tests that a candidate passes."""
    problem = task.problem([source], (), tests)
    rules = Rules(problem)
    runner = Runner(engine, lambda _: report(1))
    program = problem.program(source)
    examples = enumerate(islice(inputs(problem, 0, Sources.EXAMPLES), len(tests)))
    return frozenset(
        number
        for number, example in examples
        if example.known is not None and runner.run(rules.example_result(program, example)).reproduces_it
    )


def _may_be_test(task: Task, test: Example) -> bool:
    if test.output is msgspec.UNSET:
        return False
    try:
        task.problem(["pass"], (), [test])
    except (BadRow, ValueError):
        return False
    return True
