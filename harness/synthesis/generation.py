"""``generate``: Semi-Instruct for many problems at once, so that the model writes while programs run."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from typing import Any

import msgspec

from semi_instruct.generator.model import Model
from semi_instruct.generator.tasks import Tasks
from semi_instruct.harness.parallel.machine_faults import start_threads
from semi_instruct.harness.problems.schema import Candidate, Problem
from semi_instruct.harness.problems.verdicts import REJECTIONS, Verdict, VerdictRow
from semi_instruct.harness.runs import Executor
from semi_instruct.harness.synthesis.flow import (
    Instruct,
    Judge,
    Propose,
    Repairs,
    Step,
    instruct,
    propose,
    repair,
    run,
    semi_instruct,
)
from semi_instruct.harness.synthesis.inputs import InputRounds, TriedInputs, inputs_by_types
from semi_instruct.harness.synthesis.meter import Meter, MeteredModel
from semi_instruct.harness.synthesis.model_generator import ModelGenerator
from semi_instruct.harness.synthesis.model_text import is_documented
from semi_instruct.harness.synthesis.natural import with_inputs
from semi_instruct.harness.synthesis.plan import Plan
from semi_instruct.harness.synthesis.proposals import (
    Instructions,
    Proposal,
    Proposals,
    Rejection,
    Repair,
    Subject,
)
from semi_instruct.harness.synthesis.trying import Sandbox, tried
from semi_instruct.harness.verification.scheduler import judge

# Problems in progress in addition to those that the model is busy with: their programs run, or they wait for the model.
_BESIDE = 4
# Problems that are finished and wait for an earlier one, for each in progress.
_AHEAD = 2
# Rejected codes that are repaired in a round: those that passed most.
_REPAIRED = 1
# Calls by the types that the model gave.
_TYPED = 20


@dataclass(frozen=True, slots=True)
class VerifiedPair:
    """A proposal with its verdict.

    Attributes:
        repaired: id of the candidate that it is a repair of, or None.
        documented: whether the code has a docstring.
    """

    proposal: Proposal
    row: VerdictRow
    repaired: str | None
    documented: bool

    @property
    def code(self) -> str:
        """The source."""
        return self.proposal.source

    @property
    def instruction(self) -> str | None:
        """The instruction; None where there is none."""
        return self.proposal.ask.instruction or None

    @property
    def verdict(self) -> Verdict:
        """The verdict on the code."""
        return self.row.verdict

    @property
    def rejection(self) -> Rejection:
        """The verdict with its counterexample."""
        found = self.row.counterexample
        if found is None:
            return Rejection(self.verdict, detail=self.row.detail)
        return Rejection(self.verdict, found.input, found.expected, found.actual, self.row.detail)

    @property
    def is_right(self) -> bool:
        """Whether the code passed all test cases."""
        return self.verdict is Verdict.ACCEPTED

    @property
    def accepted(self) -> bool:
        """Whether the code is right and has an instruction."""
        return self.is_right and self.instruction is not None


@dataclass(slots=True)
class Pairs:
    """The samples and repairs of a problem.

    Attributes:
        faults: texts without a usable code, by kind.
        texts: samples and repairs that were asked for.
        doubles: pairs whose code an earlier one has too.
        pairs: those that were verified, repairs last.
        instruction_faults: texts without a usable instruction, by kind.
        typed: calls by the types that the model gave, and how many of them were valid.
        suite: the problem with the test cases that are kept.
    """

    faults: Counter[str] = field(default_factory=Counter)
    texts: int = 0
    doubles: int = 0
    pairs: list[VerifiedPair] = field(default_factory=list)
    instruction_faults: Counter[str] = field(default_factory=Counter)
    typed: tuple[int, int] = (0, 0)
    suite: Problem | None = None


@dataclass(frozen=True, slots=True)
class Generated:
    """The inputs and pairs that a model proposed for a problem, with their verdicts."""

    problem: Problem
    inputs: TriedInputs
    pairs: Pairs

    def to_json(self) -> dict[str, Any]:
        """Plain JSON data: a row of what ``generate`` writes."""
        suite = self.pairs.suite
        return {
            "id": self.problem.id,
            "natural_code": self.problem.oracles[0],
            "inputs": self.inputs.valid,
            "rounds": [asdict(one) for one in self.inputs.rounds],
            "texts": self.pairs.texts,
            "faults": dict(self.pairs.faults),
            "instruction_faults": dict(self.pairs.instruction_faults),
            "doubles": self.pairs.doubles,
            "typed": self.pairs.typed,
            "pairs": [
                {
                    "instruction": one.instruction,
                    "code": one.code,
                    "repaired": one.repaired,
                    "documented": one.documented,
                    "verdict": one.row.to_json(),
                }
                for one in self.pairs.pairs
            ],
            "suite": suite.to_json() if suite is not None else None,
        }


@dataclass(frozen=True, slots=True)
class _UntilRight:
    """Samples and repairs are asked for until a code is right. See ``harness.synthesis.flow.Rules``."""

    problem: Problem
    plan: Plan
    retellings: int = 0

    @property
    def batches(self) -> Sequence[tuple[int, int]]:
        """As many samples at a time as the plan says; one request for no samples where there are none."""
        samples, at_once = self.plan.samples, self.plan.at_once
        return [(first, min(at_once, samples - first)) for first in range(0, samples, at_once)] or [(0, 0)]

    @property
    def repairs(self) -> int:
        """Rounds of repair."""
        return self.plan.repairs

    def is_enough(self, rounds: Sequence[Sequence[VerifiedPair]]) -> bool:
        """Whether a code is right."""
        return any(one.is_right for codes in rounds for one in codes)

    def to_repair(self, rounds: Sequence[Sequence[VerifiedPair]], turn: int) -> Sequence[Repair]:
        """Those of all rounds that passed most, with a counterexample."""
        codes = [one for codes in rounds for one in codes]
        failed = [one for one in codes if one.verdict in REJECTIONS and one.row.counterexample]
        failed.sort(key=lambda one: -one.row.passed)
        return [
            Repair(
                one.proposal,
                one.rejection,
                f"repair{turn}-{number}",
                tuple(self.problem.oracles),
                (self.problem.id, f"repair {turn} {one.proposal.id}"),
                keeps_instruction=False,
            )
            for number, one in enumerate(failed[:_REPAIRED])
        ]

    def best(self, codes: Sequence[VerifiedPair]) -> VerifiedPair:
        """The first that is documented."""
        return max(codes, key=lambda one: one.documented)

    def name(self, subject: Subject, first: int, number: int) -> str:
        """The id of a sample."""
        return f"sample{first}-{number}" if first else f"sample{number}"

    def fresh(self, proposals: Sequence[Proposal], known: frozenset[str]) -> list[Proposal]:
        """One for each new source, with the last instruction for it."""
        return list({one.source: one for one in proposals if one.source not in known}.values())

    def is_usable(self, *texts: str) -> bool:
        """Any text that was parsed is."""
        return True


class _Session:
    """Performs the steps for one problem."""

    def __init__(self, problem: Problem, generator: ModelGenerator, engine: Executor, meter: Meter, plan: Plan) -> None:
        self._problem = problem
        self._subject = Subject(problem.id, problem)
        self._generator = generator
        self._engine = engine
        self._meter = meter
        self._plan = plan
        self._rules = _UntilRight(problem, plan)
        self._inputs = TriedInputs()
        self._pairs = Pairs()
        self._repaired: dict[str, str] = {}

    def run(self) -> Generated:
        run(semi_instruct(self._rules), self._perform)
        return Generated(self._problem, self._inputs, self._pairs)

    def _perform(self, step: Step) -> Any:
        match step:
            case Propose():
                return self._propose(step)
            case Judge():
                return self._judge(step)
            case Repairs():
                self._repaired |= {one.name: one.proposal.id for one in step.repairs}
                return self._counted(repair(self._generator, step, self._rules, self._plan.seed))
            case Instruct():
                return self._instruct(step)
            case _:
                raise AssertionError("no codes are written from instructions alone")

    def _propose(self, step: Propose) -> Proposals:
        subjects = [self._subject]
        proposals = propose(self._generator, subjects, step, self._rules, self._plan.seed, self._propose_inputs)
        if not step.first:
            typed = self._typed([one.source for one in proposals.codes])
            proposals = msgspec.structs.replace(proposals, inputs=(*proposals.inputs, *typed))
        return self._counted(proposals)

    def _propose_inputs(self, subject: Subject) -> Sequence[object]:
        sandbox = Sandbox(self._problem, self._engine, self._meter)
        self._inputs = InputRounds(subject, sandbox, self._generator, self._plan).propose()
        return self._inputs.valid

    def _typed(self, codes: Sequence[str]) -> Sequence[object]:
        """Valid calls by the types that the model gave."""
        problem = with_inputs(self._problem, self._inputs.valid)
        proposed = inputs_by_types(problem, codes, _TYPED, self._plan.seed) if codes else []
        if not proposed:
            return ()
        result = tried(Sandbox(problem, self._engine, self._meter), proposed)
        self._pairs.typed = (len(proposed), len(result.valid))
        known = [one.input for one in problem.examples]
        return [one for one in result.valid if one not in known]

    def _counted(self, proposals: Proposals) -> Proposals:
        self._pairs.texts += len(proposals.codes) + proposals.doubles + len(proposals.faults)
        self._pairs.doubles += proposals.doubles
        self._pairs.faults.update(fault for _, fault in proposals.faults)
        return proposals

    def _judge(self, step: Judge) -> Sequence[VerifiedPair]:
        if not step.codes:
            return ()
        known = with_inputs(self._problem, list(step.inputs))
        candidates = tuple(Candidate(one.id, one.source) for one in step.codes)
        [judged] = judge(
            [msgspec.structs.replace(known, candidates=candidates)],
            self._engine,
            seed=self._plan.seed,
            budget=self._plan.budget,
            planned=self._plan.planned,
            keeps_suites=True,
            on_run=self._meter.count_run,
        )
        verified = [
            VerifiedPair(one, row, self._repaired.get(one.id), is_documented(one.source))
            for one, row in zip(step.codes, judged.rows, strict=True)
        ]
        self._pairs.pairs += verified
        if self._pairs.suite is None or any(one.is_right for one in verified):
            self._pairs.suite = judged.suite
        return verified

    def _instruct(self, step: Instruct) -> Instructions:
        found = instruct(self._generator, self._problem, step, self._rules, self._plan.seed)
        self._pairs.instruction_faults.update(found.faults)
        self._pairs.pairs = [_instructed(one, found.written.get(one.proposal.id)) for one in self._pairs.pairs]
        return found


def _instructed(pair: VerifiedPair, instruction: str | None) -> VerifiedPair:
    if instruction is None:
        return pair
    ask = msgspec.structs.replace(pair.proposal.ask, instruction=instruction)
    return replace(pair, proposal=msgspec.structs.replace(pair.proposal, ask=ask))


def generate(
    problems: Iterable[Problem], model: Model, engine: Executor, plan: Plan, meter: Meter, tasks: Tasks | None = None
) -> Iterator[Generated]:
    """Yield one result per problem, in order.

    A problem has a thread of its own, which waits for the model or for the engine. There are a few more threads than
    the model has lanes, so that the model is always busy and the number of waiting problems stays bounded.

    Args:
        problems: taken lazily, a bounded number ahead.
        meter: counts texts and runs.
        tasks: the prompts; None for the built-in ones.

    Raises:
        GeneratorError: the model cannot be reached, or the cache has no answer.
        MachineFailed: the machine gives no threads for too long.
    """
    metered = MeteredModel(model, meter)
    generator = ModelGenerator(metered, tasks=tasks or Tasks())
    threads = model.lanes + _BESIDE
    coming = iter(problems)
    waiting: deque[Future[Generated]] = deque()

    def generated(problem: Problem) -> Generated:
        return _Session(problem, generator, engine, meter, plan).run()

    with ThreadPoolExecutor(threads, thread_name_prefix="generate") as pool:
        start_threads(pool, threads)
        try:
            while True:
                for problem in islice(coming, threads * _AHEAD - len(waiting)):
                    waiting.append(pool.submit(generated, problem))
                if not waiting:
                    return
                yield waiting.popleft().result()
        finally:
            metered.stop()
            for future in waiting:
                future.cancel()
