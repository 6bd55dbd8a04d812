"""Consensus: which inputs become test cases."""

from __future__ import annotations

import pytest

from semi_instruct.engine import Opaque, Outcome, Status
from semi_instruct.harness.compare.comparison import Comparison
from semi_instruct.harness.inputs.source import Answer, TestInput
from semi_instruct.harness.judge.consensus import Drop, TestCase, answer_of, settle
from tests.harness.support.fake_engine import ended, printed, returned
from tests.harness.support.problem_rows import function_row, problem, stdin_row

TOKENS = Comparison("tokens")


@pytest.mark.parametrize(
    ("answers", "known", "expected"),
    [
        ([b"1"], None, None),
        ([b"1"], b"1\n", None),
        ([b"1", b"1 "], b"1", None),
        ([b"1", None], None, Drop.CRASH),
        ([None, b"1"], b"1", Drop.CRASH),
        ([b"1", b"2"], None, Drop.DISAGREE),
        ([b"1", b"1", b"2"], b"1", Drop.DISAGREE),
        ([b"1", b"1"], b"2", Drop.CONTRADICTS_EXAMPLE),
        ([b""], b"", None),
    ],
)
def test_settle(answers: list[bytes | None], known: bytes | None, expected: Drop | None) -> None:
    test_input = TestInput("example", known=None if known is None else Answer(known))
    result = settle(3, test_input, [None if a is None else Answer(a) for a in answers], TOKENS)
    if expected is None:
        assert result == TestCase(3, test_input, Answer(b"1" if answers[0] else b""), TOKENS)
    else:
        assert result is expected


@pytest.mark.parametrize(
    ("answers", "known"), [([b"10", b"10.0"], None), ([b"10", b"10"], b"10.0"), ([b"10.0", b"10"], b"10")]
)
def test_one_decimal_makes_decimals_right(answers: list[bytes], known: bytes | None) -> None:
    test_input = TestInput("example", known=None if known is None else Answer(known))
    case = settle(0, test_input, list(map(Answer, answers)), TOKENS)
    assert isinstance(case, TestCase)
    assert case.expected == Answer(b"10.0")
    assert case.accepts(Answer(b"10"))


def test_an_answer_that_equals_nothing_is_no_expected_output() -> None:
    answers = [Answer([Opaque("module.Thing")])]
    assert settle(0, TestInput("example", args=()), answers, Comparison("value")) is Drop.INCOMPARABLE


def test_only_a_value_that_came_back_is_an_answer() -> None:
    function, whole = problem(function_row()), problem(stdin_row())
    assert answer_of(function, returned(None)) == Answer(None)
    assert answer_of(function, Outcome(Status.OK, exit_code=0)) is None
    assert answer_of(whole, printed("")) == Answer(b"")
    for status in Status:
        if status is not Status.OK:
            assert answer_of(whole, ended(status, stdout=b"1")) is None
            assert answer_of(function, ended(status, returned=True, value=1)) is None
