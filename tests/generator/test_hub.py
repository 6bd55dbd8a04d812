"""What needs no torch of the transformers backend; ``make test-llm`` runs the rest."""

from __future__ import annotations

from semi_instruct.generator.hub import _without_system
from semi_instruct.generator.model import Message

SYSTEM, USER, ANSWER = Message("system", "Be short."), Message("user", "Why?"), Message("assistant", "So.")


def test_where_a_template_knows_no_system_the_user_says_it() -> None:
    merged = [Message("user", "Be short.\n\nWhy?"), ANSWER, USER]
    assert _without_system((SYSTEM, USER, ANSWER, USER)) == merged
    assert _without_system((USER, ANSWER)) == [USER, ANSWER]
    assert _without_system((SYSTEM,)) == [SYSTEM]
