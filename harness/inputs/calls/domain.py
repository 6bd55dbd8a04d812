"""What is known of the arguments of a problem's function."""

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
    """What is known.

    Attributes:
        shapes: of the arguments, in order.
        arities: how many arguments a call may give, least first.
        calls: those of the examples, then those that the documentation shows.
        relations: what holds between the arguments of all calls.
        numbers, words: what the documentation names.
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
    """What hints, examples and documentation say; None if all of them are silent."""
    signature = signature_of(problem.oracles, problem.entry or "")
    examples = [tuple(decode(example.input)) for example in problem.examples]
    if signature is None and not examples:
        return None
    return _domain(signature or _as_called(examples), problem.entry or "", examples)


def _as_called(examples: Sequence[Arguments]) -> Signature:
    """The parameters of a function whose source says nothing, such as an imported one."""
    least, most = min(map(len, examples), default=0), max(map(len, examples), default=0)
    return Signature(tuple(Parameter(f"argument {place}", required=place < least) for place in range(most)))


def _domain(signature: Signature, entry: str, examples: Sequence[Arguments]) -> Domain | None:
    shown = documented(signature, entry)
    calls = [*examples, *shown.calls]
    count = max([len(signature.parameters), *map(len, calls)])
    shapes = tuple(_shape(place, signature, shown, calls) for place in range(count))
    if not calls and all(isinstance(shape, Anything) for shape in shapes) and shapes:
        return None
    return Domain(
        shapes,
        tuple(sorted({len(call) for call in calls} or {count})),
        tuple(calls),
        relations(calls),
        shown.numbers,
        shown.words,
        names_no_negatives(signature.documentation),
    )


def _shape(place: int, signature: Signature, shown: Documented, calls: Sequence[Arguments]) -> Shape:
    values = [call[place] for call in calls if place < len(call)]
    if not values:
        values = [value for where, value in shown.partly if where == place]
    if place >= len(signature.parameters):
        return fit(None, values)
    parameter = signature.parameters[place]
    values += parameter.default
    if parameter.hint is None and not values:
        return shape_in_words(signature.documentation, parameter.name) or Anything()
    return fit(parameter.hint, values)
