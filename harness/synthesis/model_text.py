"""The parsers of what models write (``generator.parsing``), called in a helper process.

A text that exceeds the limits (``harness.analysis.helper_process``) is bad output of the model, like any other text
that cannot be read: ``Fault.BEYOND_LIMITS``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from semi_instruct.generator.model import Message, Text
from semi_instruct.generator.parsing import adapted, code, examples, inputs, instructions, pairs, programs, sources
from semi_instruct.generator.parsing.adapted import Adapted
from semi_instruct.generator.parsing.code import Wanted
from semi_instruct.generator.parsing.inputs import InputList
from semi_instruct.generator.parsing.pairs import Pair
from semi_instruct.generator.parsing.parsed import Fault, Parsed
from semi_instruct.generator.tasks import Example
from semi_instruct.harness.analysis.helper_process import AnalysisFailed, call_limited


def adapted_in(text: Text, wanted: Wanted) -> Parsed[Adapted]:
    """See ``generator.parsing.adapted``."""
    return _parsed(Adapted, adapted.adapted_in, text, wanted)


def code_in(text: Text, wanted: Wanted) -> Parsed[str]:
    """See ``generator.parsing.code``."""
    return _parsed(str, code.code_in, text, wanted)


def examples_in(text: Text, entry: str | None) -> Parsed[tuple[Example, ...]]:
    """See ``generator.parsing.examples``."""
    return _parsed(tuple[Example, ...], examples.examples_in, text, entry)


def inputs_in(text: Text, arity: int | None) -> Parsed[InputList]:
    """See ``generator.parsing.inputs``."""
    return _parsed(InputList, inputs.inputs_in, text, arity)


def instructions_in(text: Text, known: frozenset[str] = frozenset()) -> Parsed[tuple[str, ...]]:
    """See ``generator.parsing.instructions``."""
    return _parsed(tuple[str, ...], instructions.instructions_in, text, known)


def pair_in(text: Text, wanted: Wanted) -> Parsed[Pair]:
    """See ``generator.parsing.pairs``."""
    return _parsed(Pair, pairs.pair_in, text, wanted)


def instruction_of(text: Text, prompt: Sequence[Message]) -> Parsed[str]:
    """See ``generator.parsing.pairs``."""
    return _parsed(str, pairs.instruction_of, text, prompt)


def programs_in(text: Text, wanted: Wanted) -> Parsed[str]:
    """See ``generator.parsing.programs``."""
    return _parsed(str, programs.programs_in, text, wanted)


def is_documented(source: str) -> bool:
    """See ``generator.parsing.sources``; False beyond the limits."""
    try:
        return call_limited(sources.is_documented, source) is True
    except AnalysisFailed:
        return False


def _parsed(kind: Any, parse: Callable[..., Parsed[Any]], *arguments: Any) -> Parsed[Any]:
    try:
        value, fault = call_limited(_read, parse, *arguments)
        return Parsed(None if value is None else msgspec.convert(value, kind), None if fault is None else Fault(fault))
    except (AnalysisFailed, TypeError, ValueError):
        return Parsed(fault=Fault.BEYOND_LIMITS)


def _read(parse: Callable[..., Parsed[Any]], *arguments: Any) -> tuple[Any, Any]:
    """Run in a helper: the result of a parser as plain JSON data."""
    read = parse(*arguments)
    return msgspec.to_builtins(read.value), read.fault
