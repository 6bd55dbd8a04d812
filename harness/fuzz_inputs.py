"""The inputs that a search tries: those that ``verify`` would plan, then those of other seeds, each once."""

from __future__ import annotations

from collections.abc import Sequence

from harness.difference import key_of
from harness.formats import Format
from harness.inputs import TestInput
from harness.planned_inputs import PlannedInputs
from harness.problems import Problem


class FuzzInputs:
    """Hands out inputs a batch at a time; the same reports give the same inputs.

    Args:
        most: how many there are in all, at most.
        formats: of the inputs of a whole program; None to infer them.
    """

    def __init__(self, problem: Problem, seed: int, most: int, formats: Sequence[Format] | None) -> None:
        self._problem = problem
        self._seed = seed
        self._left = most
        self._formats = formats
        self._valid: dict[bytes | str, bool] = {}
        self._pending: list[tuple[int, TestInput]] = []  # with their places in the plan
        self._start_plan()

    def take(self, count: int) -> list[TestInput]:
        """New inputs, so many or fewer; none at the end. :meth:`report` on them before taking more."""
        while len(self._pending) < min(count, self._left):
            taken = self._plan.take()
            if taken is not None:
                self._take(taken)
            elif self._pending:
                break  # what comes next depends on the reports
            elif not self._plan.may_have_more():
                if not self._gave_new_ones:
                    break
                self._seed += 1
                self._start_plan()
        self._left -= len(self._pending)
        return [test_input for _, test_input in self._pending]

    def report(self, valid: Sequence[bool]) -> None:
        """Say which of the inputs taken last were valid."""
        for (place, test_input), is_valid in zip(self._pending, valid, strict=True):
            self._valid[key_of(test_input)] = is_valid
            self._plan.report(place, is_valid)
        self._pending = []

    def _start_plan(self) -> None:
        self._plan = PlannedInputs(self._problem, self._seed, formats=self._formats)
        self._places = 0
        self._gave_new_ones = False

    def _take(self, taken: TestInput) -> None:
        place = self._places
        self._places += 1
        key = key_of(taken)
        if key in self._valid:
            self._plan.report(place, self._valid[key])
        elif any(key == key_of(other) for _, other in self._pending):
            # Twice in one batch: examples may be. It is as valid as the first, but that is not known yet.
            self._plan.report(place, valid=False)
        else:
            self._gave_new_ones = True
            self._pending.append((place, taken))
