"""What the outputs given with a problem say of its answers."""

from __future__ import annotations

from semi_instruct.harness.compare.answer_kinds import kinds_of
from semi_instruct.harness.inputs.source import as_bytes
from semi_instruct.harness.judge.consensus import Drop, TestCase
from semi_instruct.harness.problems.schema import Problem


class KnownAnswers:
    """The outputs that a problem of whole programs gives; nothing is known of one that gives none."""

    def __init__(self, problem: Problem) -> None:
        outputs = [example.output for example in problem.examples if problem.kind == "stdin"]
        self._kinds = kinds_of(as_bytes(output) for output in outputs if isinstance(output, str))

    def sifted(self, case: TestCase | Drop) -> TestCase | Drop:
        """A test case if its answer is of the kinds known (``harness.compare.answer_kinds``), or why there is none."""
        if isinstance(case, Drop) or not self._kinds or case.input.known is not None:
            return case
        return case if kinds_of([case.expected.content]) <= self._kinds else Drop.STRANGE
