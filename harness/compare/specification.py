"""Parses a comparison: the name of a kind, or an object with the fields of ``Comparison``."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Literal

import msgspec

from semi_instruct.engine import InvalidRequest, Program
from semi_instruct.harness.compare.comparison import MEASURING_KINDS, OUTPUT_KINDS, VALUE_KINDS, WORD_KINDS, Comparison
from semi_instruct.harness.errors import BadRequest

ProblemKind = Literal["stdin", "function"]
# With this relative tolerance, any two positive numbers would be equal.
_RELATIVE_BELOW = 1.0


def resolve_comparison(stated: str | Comparison | None, problem_kind: ProblemKind) -> Comparison:
    """The stated comparison, or the default for this kind of problem.

    Raises:
        msgspec.ValidationError: an unknown kind.
    """
    if isinstance(stated, Comparison):
        return stated
    return msgspec.convert({"kind": stated or usual_kind(problem_kind)}, Comparison)


def usual_kind(problem_kind: ProblemKind) -> str:
    """The default kind of comparison."""
    return "tokens" if problem_kind == "stdin" else "value"


def faults(stated: str | Comparison | None, problem_kind: ProblemKind) -> Iterator[tuple[str, str]]:
    """Faults of a comparison: the field (empty for the comparison as a whole) and what is expected."""
    if stated is None:
        return
    kinds = OUTPUT_KINDS if problem_kind == "stdin" else VALUE_KINDS
    if isinstance(stated, str):
        if stated not in kinds:
            yield "", f"expected {' or '.join(kinds)} for a {problem_kind} problem"
        elif stated == "checker":
            yield "", 'expected the checker\'s source with it: {"kind": "checker", "checker": "SOURCE"}'
        return
    if stated.kind not in kinds:
        yield "kind", f"expected {' or '.join(kinds)} for a {problem_kind} problem"
    yield from _field_faults(stated)


def read_option(text: str) -> Comparison:
    """Parse a command-line option: the name of a kind, or a JSON object.

    Raises:
        BadRequest: it is neither, or has a fault.
    """
    try:
        stated = json.loads(text) if text.lstrip().startswith("{") else {"kind": text}
        comparison = msgspec.convert(stated, Comparison)
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"--compare: {error}; expected {_kinds()}, or an object in JSON") from None
    problem_kind: ProblemKind = "stdin" if comparison.kind in OUTPUT_KINDS else "function"
    for field, reason in faults(comparison, problem_kind):
        raise BadRequest(f"--compare: {field}: {reason}")
    return comparison


def _kinds() -> str:
    return " or ".join(dict.fromkeys(OUTPUT_KINDS + VALUE_KINDS))


def _field_faults(stated: Comparison) -> Iterator[tuple[str, str]]:
    for field, most in (("absolute_tolerance", math.inf), ("relative_tolerance", _RELATIVE_BELOW)):
        value = getattr(stated, field)
        if not 0 <= value < most:
            yield field, "expected at least 0" + ("" if math.isinf(most) else f" and less than {most:g}")
        elif stated.kind not in MEASURING_KINDS and value != getattr(Comparison(stated.kind), field):
            yield field, f"only {' or '.join(MEASURING_KINDS)} has one"
    if stated.ignore_case and stated.kind not in WORD_KINDS:
        yield "ignore_case", f"only {' or '.join(WORD_KINDS)} has it"
    if stated.decimals and stated.kind not in WORD_KINDS:
        yield "decimals", f"only {' or '.join(WORD_KINDS)} has it"
    if (stated.checker is not None) != (stated.kind == "checker"):
        yield "checker", "expected the source of a program where kind is `checker`, and nowhere else"
    if stated.checker is not None:
        try:
            Program(stated.checker)
        except InvalidRequest as error:
            yield "checker", str(error)
