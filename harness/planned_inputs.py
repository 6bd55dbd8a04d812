"""The inputs of a problem in order: those that come as they are, then those planned by what became of others."""

from __future__ import annotations

from collections.abc import Iterator

from harness.formats.planning import InputPlan
from harness.inputs import TestInput, as_bytes, inputs
from harness.problems import Problem

# Inputs planned for a whole program beside its examples; probes, which only oracles are asked, add to it.
PLANNED_INPUTS = 200


class PlannedInputs:
    """Hands out inputs and is told which were valid; the same reports give the same inputs, whenever they come.

    Args:
        seed: for all that is chosen at random.
        planned: about how many inputs to plan; 0 for none.
    """

    def __init__(self, problem: Problem, seed: int, planned: int = PLANNED_INPUTS) -> None:
        self._coming: Iterator[TestInput] = inputs(problem, seed)
        texts = [example.input for example in problem.examples] if problem.kind == "stdin" else []
        self._plan = InputPlan(texts, f"{seed} {problem.id}", planned) if texts and planned else None
        self._reports: dict[int, bool] = {}
        self._taken = 0
        self._batch = range(0)  # places of the last batch of the plan

    def take(self) -> TestInput | None:
        """The next input; None if there is none, or none before the reports on all that were taken."""
        taken = next(self._coming, None)
        if taken is None and self._plan is not None and self._is_reported():
            batch = self._plan.next_batch([self._reports[place] for place in self._batch])
            self._batch = range(self._taken, self._taken + len(batch))
            if not batch:
                self._plan = None
            self._coming = (TestInput(new.provenance, stdin=as_bytes(new.text), probe=new.probe) for new in batch)
            taken = next(self._coming, None)
        self._taken += taken is not None
        return taken

    def report(self, place: int, valid: bool) -> None:
        """Say what became of an input.

        Args:
            place: among those taken, from 0.
            valid: whether the oracles answered it and agreed.
        """
        self._reports[place] = valid

    def may_have_more(self) -> bool:
        """Whether :meth:`take` may give an input, now or after reports."""
        return self._plan is not None

    def _is_reported(self) -> bool:
        return all(place in self._reports for place in self._batch)
