"""Where the inputs of a problem come from.

:func:`inputs` is the one place that knows the sources that need no reports: the examples that come with the problem,
and for functions ``harness.inputs.calls``. A further source is a module that yields inputs for a problem and a seed, a
word of its own for ``provenance``, and a line in :func:`inputs`. What comes after them, planned by what became of
earlier inputs, is in ``harness.inputs.plan``.
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

# Further calls are drawn so often anew, each time without those that reach farthest.
_FURTHER_TURNS = 8
_NEAR_SHARE = 0.7


EXAMPLE = "example"  # provenance of what comes with the problem


@dataclass(frozen=True, slots=True)
class Answer:
    """What a program answered, or is said to answer: bytes of stdout, or a decoded value (None is a value)."""

    content: Any


@dataclass(frozen=True, slots=True)
class TestInput:
    """One input of a problem, not yet a test case.

    Attributes:
        provenance: which source it is from, ``example`` for the problem's own; see also ``harness.inputs.calls.Call``
            and ``harness.inputs.stdin.planning``.
        stdin: what a whole program reads.
        args: what a function is called with; None for a whole program.
        known: the output its source gives, if it gives one; the oracles must agree with it.
        probe: whether only the oracles are asked, to learn what inputs look like; it never becomes a test case.
        beyond: whether it is larger or freer than the examples are, as far as the oracles go along.
    """

    __test__ = False  # not a class of tests, whatever pytest makes of the name

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
        """The input as people read it: text, or arguments as JSON data."""
        return shown_bytes(self.stdin) if self.args is None else shown_value(list(self.args))


def inputs(problem: Problem, seed: int, sources: Sources = ALL_SOURCES) -> Iterator[TestInput]:
    """The inputs of a problem, lazily, the same ones in the same order for the same seed.

    Args:
        seed: for sources that choose at random; examples are taken as they come.
    """
    for example in problem.examples:
        yield _from_example(problem, example)
    if problem.kind == "function" and not problem.examples_only:
        yield from _called(problem, seed, sources)


def _called(problem: Problem, seed: int, sources: Sources) -> Iterator[TestInput]:
    """Further calls of the problem's function, none of which is an example."""
    for call in limited_calls(problem, f"{seed} {problem.id}", known=len(problem.examples), sources=sources):
        yield TestInput(call.provenance, args=call.arguments)


def further_calls(problem: Problem, seed: int) -> Iterator[TestInput]:
    """Calls of the problem's function after those of :func:`inputs`, of the kinds that reach least far."""
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
    """The size of the largest example that is not marked as beyond what examples show; 0 without one."""
    inputs_given = (_from_example(problem, example) for example in problem.examples if not example.beyond)
    return max((given.size for given in inputs_given), default=0)


def as_bytes(text: str) -> bytes:
    """Text of stdin as it is sent."""
    # JSON can say a lone surrogate; whatever it was meant to be, it must not stop the other problems.
    return text.encode("utf-8", "surrogatepass")
