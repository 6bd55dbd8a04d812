"""The domain of a function: what is known about its arguments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from semi_instruct.engine.inside.values import decode
from semi_instruct.harness.inputs.calls.documented import Documented, documented
from semi_instruct.harness.inputs.calls.inference import fit
from semi_instruct.harness.inputs.calls.prose import names_no_negatives, shape_in_words
from semi_instruct.harness.inputs.calls.relations import Arguments, Relation, relations
from semi_instruct.harness.inputs.calls.shapes import Anything, Shape
from semi_instruct.harness.inputs.calls.signature import Parameter, Signature, signature_of
from semi_instruct.harness.problems.schema import Problem


@dataclass(frozen=True, slots=True)
class Domain:
    """What is known about the arguments of a function.

    Attributes:
        shapes: the shape of each argument, in order.
        arities: possible numbers of arguments, in ascending order.
        calls: arguments of the examples, followed by those in the documentation.
        relations: relations between arguments that hold in all calls.
        numbers, words: numbers and words that occur in the documentation.
        unsigned: whether the documentation says that no number is negative.
    """

    shapes: tuple[Shape, ...]
    arities: tuple[int, ...]
    calls: tuple[Arguments, ...] = ()
    relations: tuple[Relation, ...] = ()
    numbers: tuple[int | float, ...] = ()
    words: tuple[str, ...] = ()
    unsigned: bool = False


def domain_of(problem: Problem) -> Domain | None:
    """The domain according to type hints, examples and documentation; None if they say nothing."""
    signature = signature_of(problem.oracles, problem.entry or "")
    examples = [tuple(decode(example.input)) for example in problem.examples]
    if signature is None and not examples:
        return None
    return _domain(signature or _as_called(examples), problem.entry or "", examples)


def _as_called(examples: Sequence[Arguments]) -> Signature:
    """The signature of a function whose source is not available, such as an imported one."""
    least, most = min(map(len, examples), default=0), max(map(len, examples), default=0)
    return Signature(tuple(Parameter(f"argument {index}", required=index < least) for index in range(most)))


def _domain(signature: Signature, entry: str, examples: Sequence[Arguments]) -> Domain | None:
    documentation = documented(signature, entry)
    calls = [*examples, *documentation.calls]
    count = max([len(signature.parameters), *map(len, calls)])
    shapes = tuple(_shape(index, signature, documentation, calls) for index in range(count))
    if not calls and all(isinstance(shape, Anything) for shape in shapes) and shapes:
        return None
    return Domain(
        shapes,
        tuple(sorted({len(call) for call in calls} or {count})),
        tuple(calls),
        relations(calls),
        documentation.numbers,
        documentation.words,
        names_no_negatives(signature.documentation),
    )


def _shape(index: int, signature: Signature, documentation: Documented, calls: Sequence[Arguments]) -> Shape:
    values = [call[index] for call in calls if index < len(call)]
    if not values:
        values = [value for where, value in documentation.partly if where == index]
    if index >= len(signature.parameters):
        return fit(None, values)
    parameter = signature.parameters[index]
    values += parameter.default
    if parameter.hint is None and not values:
        return shape_in_words(signature.documentation, parameter.name) or Anything()
    return fit(parameter.hint, values)
