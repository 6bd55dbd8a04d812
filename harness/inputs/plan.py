"""The inputs of a problem in order: fixed inputs first, then inputs planned from the results of earlier ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from semi_instruct.harness.inputs.source import TestInput, as_bytes, further_calls, inputs
from semi_instruct.harness.inputs.sources import ALL_SOURCES, Sources
from semi_instruct.harness.inputs.stdin import Format
from semi_instruct.harness.inputs.stdin.in_helper import LimitedInputPlan
from semi_instruct.harness.inputs.stdin.planning import Planned
from semi_instruct.harness.problems.schema import Problem

# Inputs planned for a whole program in addition to its examples. Probes, which only oracles run, are not counted.
PLANNED_INPUTS = 200


class PlannedInputs:
    """Hands out inputs and records which were valid. The same reports, in any order, give the same inputs.

    Args:
        seed: seed for all random choices.
        planned: approximate number of inputs to plan for a whole program; 0 for none.
        formats: of the inputs of a whole program; None to infer them.
    """

    def __init__(
        self,
        problem: Problem,
        seed: int,
        planned: int = PLANNED_INPUTS,
        sources: Sources = ALL_SOURCES,
        formats: Sequence[Format] | None = None,
    ) -> None:
        self._problem = problem
        self._coming: Iterator[TestInput] = inputs(problem, seed, sources)
        self._calls = further_calls(problem, seed)
        texts = [example.input for example in problem.examples] if problem.kind == "stdin" else []
        if sources < Sources.FORMAT:
            formats = ()
        wanted = texts and planned and sources >= Sources.MUTATION
        self._plan = LimitedInputPlan(texts, f"{seed} {problem.id}", planned, formats=formats) if wanted else None
        self._is_at_end = self._plan is None
        self._reports: dict[int, bool] = {}
        self._taken = 0
        self._batch = range(0)  # indices of the plan's last batch

    def take(self) -> TestInput | None:
        """The next input; None if there are no more, or if reports on the inputs taken so far are needed first."""
        taken = next(self._coming, None)
        if taken is None and self._plan is not None and not self._is_at_end and self._is_reported():
            batch = self._plan.next_batch([self._reports[index] for index in self._batch])
            self._batch = range(self._taken, self._taken + len(batch))
            self._is_at_end = not batch
            self._coming = map(_as_input, batch)
            taken = next(self._coming, None)
        self._taken += taken is not None
        return taken

    def take_rest(self) -> list[TestInput]:
        """After a probe has been taken, the other probes of its batch."""
        rest = list(self._coming)
        self._taken += len(rest)
        return rest

    def report(self, index: int, valid: bool) -> None:
        """Record the result of an input.

        Args:
            index: index among the inputs taken, from 0.
            valid: whether all oracles answered it and agreed.
        """
        self._reports[index] = valid

    def further(self, count: int) -> list[TestInput]:
        """Up to ``count`` new inputs of the kinds that proved valid, for use when there are no more to take."""
        if self._problem.kind == "function":
            return list(islice(self._calls, count))
        if self._plan is None:
            return []
        return [_as_input(new) for new in self._plan.further(count)]

    def may_have_more(self) -> bool:
        """Whether :meth:`take` may return an input, now or after further reports."""
        return not self._is_at_end

    def _is_reported(self) -> bool:
        return all(index in self._reports for index in self._batch)


def _as_input(new: Planned) -> TestInput:
    return TestInput(new.provenance, stdin=as_bytes(new.text), probe=new.probe, beyond=new.beyond)
