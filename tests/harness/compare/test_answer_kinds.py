"""Which answers are unlike all known ones."""

from __future__ import annotations

import pytest

from semi_instruct.harness.compare.answer_kinds import AnswerKind, kinds_of


@pytest.mark.parametrize(
    ("answer", "kinds"),
    [
        (b"", {AnswerKind.NOTHING}),
        (b" \n", {AnswerKind.NOTHING}),
        (b"3 -4\n", {AnswerKind.NUMBER}),
        (b"2.50\n1e-05\n", {AnswerKind.NUMBER}),
        (b"nan\n", {AnswerKind.WORD}),
        (b"Yes\n1 2\n", {AnswerKind.WORD, AnswerKind.NUMBER}),
        ("\u00a4\n".encode(), {AnswerKind.FOREIGN}),
        (b"1-2\n", {AnswerKind.WORD}),
    ],
)
def test_the_kinds_of_an_answer(answer: bytes, kinds: set[AnswerKind]) -> None:
    assert kinds_of([answer]) == kinds


def test_the_kinds_of_several_answers_are_those_of_each() -> None:
    assert kinds_of([b"1", b""]) == {AnswerKind.NUMBER, AnswerKind.NOTHING}
    assert kinds_of([]) == frozenset()
