"""Sources of a problem's inputs.

:func:`inputs` lists the sources that do not depend on earlier results: the problem's own examples and, for functions,
``harness.inputs.calls``. To add a source, write a module that yields inputs for a problem and a seed, choose a
``provenance`` for it, and add a line to :func:`inputs`. Inputs that depend on the results of earlier ones are in
``harness.inputs.plan``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from semi_instruct.engine.inside.values import decode
from semi_instruct.harness.inputs.calls.in_helper import limited_calls
from semi_instruct.harness.inputs.calls.ordering import identity
from semi_instruct.harness.inputs.sources import ALL_SOURCES, Sources
from semi_instruct.harness.problems.schema import Example, Problem
from semi_instruct.harness.text import shown_bytes, shown_value

# Further calls are drawn this many times. Of each draw, only the share of calls with the smallest values is used.
_FURTHER_TURNS = 8
_NEAR_SHARE = 0.7


EXAMPLE = "example"  # provenance of the problem's own examples


@dataclass(frozen=True, slots=True)
class Answer:
    """A program's actual or expected answer: bytes of stdout, or a decoded value (None is a value)."""

    content: Any


@dataclass(frozen=True, slots=True)
class TestInput:
    """One input of a problem, not yet a test case.

    Attributes:
        provenance: the source it is from; ``example`` for the problem's own examples. For the other values see
            ``harness.inputs.calls.Call`` and ``harness.inputs.stdin.planning.Planned``.
        stdin: the standard input of a whole program.
        args: the arguments of a function call; None for a whole program.
        known: the expected output, if the source gives one. The oracles must agree with it.
        probe: whether only the oracles run it, to learn what valid inputs look like. A probe is never a test case.
        beyond: whether it is larger or less regular than the examples.
    """

    __test__ = False  # the name starts with "Test", but this is not a test class for pytest to collect

    provenance: str
    stdin: bytes = b""
    args: tuple[Any, ...] | None = None
    known: Answer | None = None
    probe: bool = False
    beyond: bool = False

    @property
    def size(self) -> int:
        """Bytes of stdin, or characters of the arguments as JSON."""
        return len(self.stdin) if self.args is None else len(identity(list(self.args)))

    def shown(self) -> Any:
        """The input in readable form: text, or arguments as JSON data."""
        return shown_bytes(self.stdin) if self.args is None else shown_value(list(self.args))


def inputs(problem: Problem, seed: int, sources: Sources = ALL_SOURCES) -> Iterator[TestInput]:
    """Yield the inputs of a problem lazily. The same seed gives the same inputs in the same order.

    Args:
        seed: seed for sources that choose at random. Examples do not depend on it.
    """
    for example in problem.examples:
        yield _from_example(problem, example)
    if problem.kind == "function" and not problem.examples_only:
        yield from _called(problem, seed, sources)


def _called(problem: Problem, seed: int, sources: Sources) -> Iterator[TestInput]:
    """Calls of the problem's function in addition to its examples."""
    for call in limited_calls(problem, f"{seed} {problem.id}", known=len(problem.examples), sources=sources):
        yield TestInput(call.provenance, args=call.arguments)


def further_calls(problem: Problem, seed: int) -> Iterator[TestInput]:
    """Calls of the problem's function beyond those of :func:`inputs`, without the ones with the largest values."""
    if problem.kind != "function":
        return
    seen = {identity(call.arguments) for call in limited_calls(problem, f"{seed} {problem.id}")}
    for turn in range(_FURTHER_TURNS):
        fresh = limited_calls(problem, f"{seed} {problem.id} {turn}")
        for call in fresh[: int(len(fresh) * _NEAR_SHARE)]:
            key = identity(call.arguments)
            if key not in seen:
                seen.add(key)
                yield TestInput(call.provenance, args=call.arguments)


def _from_example(problem: Problem, example: Example) -> TestInput:
    if problem.kind == "function":
        known = None if example.output is msgspec.UNSET else Answer(decode(example.output))
        return TestInput(EXAMPLE, args=tuple(decode(example.input)), known=known, beyond=example.beyond)
    known = Answer(as_bytes(example.output)) if isinstance(example.output, str) else None
    return TestInput(EXAMPLE, stdin=as_bytes(example.input), known=known, beyond=example.beyond)


def largest_example(problem: Problem) -> int:
    """The size of the largest example that is not marked ``beyond``; 0 if there is none."""
    inputs_given = (_from_example(problem, example) for example in problem.examples if not example.beyond)
    return max((given.size for given in inputs_given), default=0)


def as_bytes(text: str) -> bytes:
    """Encode the text of stdin."""
    # JSON can contain a lone surrogate. It must not stop the other problems.
    return text.encode("utf-8", "surrogatepass")
