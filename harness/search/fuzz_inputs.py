"""The inputs of ``fuzz``: those that ``verify`` would plan, then those of further seeds, each once.

A probe may come again as an input that is not a probe.
"""

from __future__ import annotations

from collections.abc import Sequence

from semi_instruct.harness.inputs.plan import PLANNED_INPUTS, PlannedInputs
from semi_instruct.harness.inputs.source import TestInput
from semi_instruct.harness.inputs.stdin import Format
from semi_instruct.harness.problems.schema import Problem
from semi_instruct.harness.search.confirm import key_of


class FuzzInputs:
    """Gives inputs in batches. The same reports lead to the same inputs.

    Args:
        most: the maximum number of inputs, without probes (``harness.inputs.source.TestInput``).
        formats: of the inputs of a whole program; None to infer them.
    """

    def __init__(self, problem: Problem, seed: int, most: int, formats: Sequence[Format] | None) -> None:
        self._problem = problem
        self._seed = seed
        # At least one whole plan, whose last inputs are the least certain.
        self._planned = min(most, PLANNED_INPUTS)
        self._left = most
        self._formats = formats
        self._valid: dict[tuple[bytes | str, bool], bool] = {}  # by input, and whether it was a probe
        self._pending: list[tuple[int, TestInput]] = []  # with their indexes in the plan
        self._start_plan()

    def take(self, count: int) -> list[TestInput]:
        """At most so many new inputs; none at the end. Call :meth:`report` before taking more."""
        wanted = min(count, self._left)
        while self._pending_cases() < wanted:
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
        self._left -= self._pending_cases()
        return [test_input for _, test_input in self._pending]

    def report(self, valid: Sequence[bool]) -> None:
        """Report which of the inputs taken last were valid."""
        for (position, test_input), is_valid in zip(self._pending, valid, strict=True):
            self._valid[_key(test_input)] = is_valid
            self._plan.report(position, is_valid)
        self._pending = []

    def _start_plan(self) -> None:
        self._plan = PlannedInputs(self._problem, self._seed, self._planned, formats=self._formats)
        self._taken = 0
        self._gave_new_ones = False

    def _take(self, taken: TestInput) -> None:
        position = self._taken
        self._taken += 1
        key = _key(taken)
        if key in self._valid:
            self._plan.report(position, self._valid[key])
        elif any(key == _key(other) for _, other in self._pending):
            # The same input twice in one batch. Whether it is valid is not known yet.
            self._plan.report(position, valid=False)
        else:
            self._gave_new_ones |= not taken.probe
            self._pending.append((position, taken))

    def _pending_cases(self) -> int:
        return sum(not test_input.probe for _, test_input in self._pending)


def _key(test_input: TestInput) -> tuple[bytes | str, bool]:
    return key_of(test_input), test_input.probe
