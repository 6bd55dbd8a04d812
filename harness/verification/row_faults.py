"""An exception of ours that the data of a row causes counts as a fault of this row, and ends nothing else."""

from __future__ import annotations

from semi_instruct.engine import EngineError, InvalidRequest
from semi_instruct.harness.errors import BadRow, HarnessError
from semi_instruct.harness.problems.schema import Problem
from semi_instruct.harness.problems.strength import UNRATED
from semi_instruct.harness.problems.verdicts import Verdict, VerdictRow
from semi_instruct.harness.text import one_line

# Exceptions that code raises on data it was not written for. Errors of files, processes and engines are not included.
ROW_FAULTS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    MemoryError,
    RecursionError,
    TypeError,
    ValueError,
)


def fault_of_row(error: Exception) -> str:
    """The reason for the row on which an exception of ``ROW_FAULTS`` was raised.

    Raises:
        EngineError, HarnessError: the exception, if it is not due to the row and must end the work.
    """
    is_on_purpose = isinstance(error, EngineError | HarnessError)
    if is_on_purpose and not isinstance(error, InvalidRequest | BadRow):
        raise error
    return one_line(f"this row cannot be worked on: {type(error).__name__}: {error}", longest=300)


def unjudged_rows(problem: Problem, why: str) -> list[VerdictRow]:
    """The verdict rows of a problem that cannot be judged."""
    return [
        VerdictRow(
            problem=problem.id,
            candidate=candidate.id,
            verdict=Verdict.SANDBOX_ERROR,
            passed=0,
            test_cases=0,
            counterexample=None,
            strength=UNRATED,
            dropped_inputs={},
            detail=why,
            seconds=0.0,
            expect=candidate.expected_verdicts,
        )
        for candidate in problem.candidates
    ]
