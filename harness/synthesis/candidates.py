"""Pairs that a model wrote, verified; and those that fail, given back to be repaired."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import msgspec

from semi_instruct.generator.parsing.pairs import Pair
from semi_instruct.generator.parsing.parsed import Parsed
from semi_instruct.generator.tasks import NaturalCode, Tasks
from semi_instruct.harness.problems.schema import Candidate, Problem
from semi_instruct.harness.problems.verdicts import REJECTIONS, Verdict, VerdictRow
from semi_instruct.harness.runs import Executor
from semi_instruct.harness.synthesis.meter import Meter, MeteredModel
from semi_instruct.harness.synthesis.model_text import is_documented
from semi_instruct.harness.synthesis.natural import with_inputs
from semi_instruct.harness.synthesis.plan import Plan
from semi_instruct.harness.synthesis.steps import Rejection, Steps
from semi_instruct.harness.synthesis.trying import Sandbox, tried
from semi_instruct.harness.synthesis.typed import inputs_by_types
from semi_instruct.harness.verification.scheduler import Judged, judge

# Rejected candidates that are given back in a round: those that passed most.
_REPAIRED = 1
# Calls by the types that the model gave.
_TYPED = 20


@dataclass(frozen=True, slots=True)
class VerifiedPair:
    """A pair and what was found.

    Attributes:
        repaired: id of the candidate that it is a repair of, or None.
        documented: whether the code has a docstring.
    """

    pair: Pair
    row: VerdictRow
    repaired: str | None
    documented: bool

    @property
    def is_right(self) -> bool:
        """Whether the code passed all test cases."""
        return self.row.verdict is Verdict.ACCEPTED

    @property
    def accepted(self) -> bool:
        """Whether the code is right, and there is an instruction."""
        return self.is_right and self.pair.instruction is not None


@dataclass(slots=True)
class Pairs:
    """What came of the samples of a problem.

    Attributes:
        faults: texts of which nothing could be used, by kind.
        texts: samples and repairs that were asked for.
        doubles: pairs whose code an earlier one has too.
        pairs: those that were verified, repairs last.
        instruction_faults: likewise, of texts that were to be an instruction.
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


class Pairing:
    """Asks for the pairs of one problem."""

    def __init__(
        self,
        natural: NaturalCode,
        problem: Problem,
        engine: Executor,
        model: MeteredModel,
        meter: Meter,
        tasks: Tasks,
        plan: Plan,
    ) -> None:
        self._natural = natural
        self._problem = problem
        self._engine = engine
        self._meter = meter
        self._steps = Steps(model.ask, tasks)
        self._plan = plan
        self._found = Pairs()
        self._seen: set[str] = set()

    def pair(self) -> Pairs:
        """Ask, verify, have repaired what fails as long as nothing is right, and have the instruction written.

        Raises:
            GeneratorError: see ``MeteredModel.ask``.
        """
        for first in range(0, self._plan.samples, self._plan.at_once):
            self._sample(first, min(self._plan.at_once, self._plan.samples - first))
            if any(one.is_right for one in self._found.pairs):
                break
        for turn in range(self._plan.repairs):
            if any(one.is_right for one in self._found.pairs):
                break
            self._repair(turn)
        self._instruct()
        return self._found

    def _sample(self, first: int, count: int) -> None:
        task = f"pairs from {first}" if first else "pairs"
        fresh = self._rewritten(count, self._seed(task))
        if not first:
            self._add_typed([pair.code for pair in fresh])
        self._verify(fresh, [None] * len(fresh), f"sample{first}-" if first else "sample")

    def _rewritten(self, count: int, seed: int) -> list[Pair]:
        read = self._steps.rewrite(self._natural, count, seed, self._problem.oracles)
        self._found.texts += len(read)
        self._found.faults.update(one.fault.value for one in read if one.fault)
        return self._fresh([one.value for one in read if one.value])

    def _add_typed(self, codes: list[str]) -> None:
        """What the types say is an input like any other, if the natural code takes it."""
        proposed = inputs_by_types(self._problem, codes, _TYPED, self._plan.seed)
        if proposed:
            result = tried(Sandbox(self._problem, self._engine, self._meter), proposed)
            self._found.typed = (len(proposed), len(result.valid))
            self._problem = with_inputs(self._problem, list(result.valid))

    def _repair(self, turn: int) -> None:
        failed = [one for one in self._found.pairs if one.row.verdict in REJECTIONS and one.row.counterexample]
        failed.sort(key=lambda one: -one.row.passed)
        repaired: list[tuple[Pair, str]] = []
        for one in failed[:_REPAIRED]:
            read = self._repaired(one, turn)
            self._found.texts += 1
            if read.fault:
                self._found.faults[read.fault.value] += 1
            if read.value:
                repaired += [(new, one.row.candidate) for new in self._fresh([Pair(None, read.value)])]
        self._verify([pair for pair, _ in repaired], [origin for _, origin in repaired], f"repair{turn}-")

    def _instruct(self) -> None:
        """One instruction for all right codes that have none: they do the same."""
        without = [one for one in self._found.pairs if one.is_right and one.pair.instruction is None]
        if not without:
            return
        best = max(without, key=lambda one: one.documented)
        natural = self._natural
        read = self._steps.instruct(best.pair.code, natural.entry, natural.shown, self._seed("instruction"))
        self._found.instruction_faults.update(one.fault.value for one in read if one.fault)
        written = next((one.value for one in read if one.value is not None), None)
        self._found.pairs = [
            replace(one, pair=Pair(written, one.pair.code)) if one in without else one for one in self._found.pairs
        ]

    def _repaired(self, failed: VerifiedPair, turn: int) -> Parsed[str]:
        counterexample = failed.row.counterexample
        assert counterexample is not None
        rejection = Rejection(
            failed.row.verdict,
            counterexample.input,
            counterexample.expected,
            counterexample.actual,
            failed.row.detail,
        )
        seed = self._seed(f"repair {turn} {failed.row.candidate}")
        pair, entry = failed.pair, self._natural.entry
        return self._steps.repair(pair.instruction, pair.code, entry, rejection, seed, self._problem.oracles)

    def _verify(self, pairs: list[Pair], origins: Sequence[str | None], prefix: str) -> None:
        if not pairs:
            return
        candidates = tuple(Candidate(f"{prefix}{number}", pair.code) for number, pair in enumerate(pairs))
        judged = self._judge(msgspec.structs.replace(self._problem, candidates=candidates))
        verified = [
            VerifiedPair(pair, row, origin, is_documented(pair.code))
            for pair, row, origin in zip(pairs, judged.rows, origins, strict=True)
        ]
        self._found.pairs += verified
        if self._found.suite is None or any(one.is_right for one in verified):
            self._found.suite = judged.suite

    def _judge(self, problem: Problem) -> Judged:
        [judged] = judge(
            [problem],
            self._engine,
            seed=self._plan.seed,
            budget=self._plan.budget,
            planned=self._plan.planned,
            keeps_suites=True,
            on_run=self._meter.count_run,
        )
        return judged

    def _fresh(self, pairs: list[Pair]) -> list[Pair]:
        fresh = list({pair.code: pair for pair in pairs if pair.code not in self._seen}.values())
        self._found.doubles += len(pairs) - len(fresh)
        self._seen.update(pair.code for pair in fresh)
        return fresh

    def _seed(self, task: str) -> int:
        return self._plan.seed_for(self._problem.id, task)
