"""The kept suite of a problem: few test cases that kill, cover and reject what all test cases do."""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import msgspec

from semi_instruct.engine.inside.values import ValueRefused, decode
from semi_instruct.harness.inputs.calls.ordering import identity
from semi_instruct.harness.inputs.source import as_bytes
from semi_instruct.harness.judge.consensus import TestCase
from semi_instruct.harness.judge.scorecard import Scorecard
from semi_instruct.harness.problems.schema import Example, Problem, SuiteFacts
from semi_instruct.harness.problems.strength import Merit, Rating, small_suite
from semi_instruct.harness.text import plain_value

# Bytes of a test case that a suite is chosen from. A larger one is kept only if it is the first that a candidate fails,
# the candidate fails no smaller one, and a card could hold it.
MAX_CHOSEN = 1 << 14


def kept_suite(
    problem: Problem, cases: Sequence[int], held: Sequence[TestCase], cards: Sequence[Scorecard], rating: Rating
) -> Problem:
    """A problem that has the kept test cases as its examples and no candidates, to be verified again.

    Without a rating, all examples that came with the problem and became test cases are kept.

    Args:
        cases: indexes of the problem's test cases, in order.
        held: test cases of at most ``MAX_CHOSEN`` bytes; some may no longer count.
        cards: of the candidates, in the order of the problem.
    """
    rejecting = [card.rejecting(cases) for card in cards]
    counted = frozenset(cases)
    small = {case.index: case for case in held if case.index in counted}
    examples = _examples(small)
    large = _first_failed(cases, cards, [failed.isdisjoint(examples) for failed in rejecting])
    examples = dict(sorted((examples | _examples(large)).items()))
    kept = _chosen(examples, rejecting, rating)
    considered = len(small | large)
    left_out = {"too_large": len(cases) - considered, "not_text": considered - len(examples)}
    facts = SuiteFacts(
        strength=rating.strength(kept),
        chosen_from=len(cases),
        left_out={reason: count for reason, count in left_out.items() if count},
        not_rejected=tuple(
            card.candidate.id
            for card, failed in zip(cards, rejecting, strict=True)
            if failed and failed.isdisjoint(kept)
        ),
    )
    return msgspec.structs.replace(
        problem,
        comparison=problem.how_compared,
        examples=tuple(examples[index] for index in kept),
        candidates=(),
        suite=facts,
    )


def nothing_kept(problem: Problem) -> Problem:
    """The empty suite of a problem."""
    return kept_suite(problem, [], [], [], Rating())


def as_example(case: TestCase) -> Example | None:
    """A test case as a row has it; None if it would be read back as another one."""
    expected = case.expected.content
    try:
        if case.input.args is None:
            example = Example(_as_text(case.input.stdin), _as_text(expected))
        else:
            example = Example(_as_tree(list(case.input.args)), _as_tree(expected))
    except (ValueError, RecursionError):  # a test case that cannot be written to a file is in no suite
        return None
    return msgspec.structs.replace(example, beyond=case.input.beyond, provenance=case.input.provenance)


def _as_text(data: bytes) -> str:
    text = data.decode("utf-8", "surrogatepass")
    # Two surrogates that were encoded separately would be read back as one character.
    if as_bytes(json.loads(json.dumps(text))) != data:
        raise ValueError("not the text of these bytes")
    return text


def _as_tree(value: Any) -> Any:
    tree = plain_value(value)
    if identity(decode(json.loads(json.dumps(tree)))) != identity(value):
        raise ValueRefused("read back as another value")
    return tree


def _examples(cases: Mapping[int, TestCase]) -> dict[int, Example]:
    written = {index: as_example(case) for index, case in cases.items()}
    return {index: example for index, example in written.items() if example is not None}


def _first_failed(cases: Sequence[int], cards: Sequence[Scorecard], wanted: Sequence[bool]) -> dict[int, TestCase]:
    """The first test cases that the candidates wanted fail, where they can be held."""
    failed = [card.failing_case(cases) for card, is_wanted in zip(cards, wanted, strict=True) if is_wanted]
    return {case.index: case for case in failed if case is not None}


def _chosen(examples: Mapping[int, Example], rejecting: Sequence[frozenset[int]], rating: Rating) -> list[int]:
    """Indexes of a small suite, in order. Of equally good test cases the first is chosen, so examples are preferred."""
    merits = [rating.merits.get(index, Merit()) for index in examples]
    achieved: list[set[Hashable]] = [
        {
            *(("branch", branch) for branch in merit.branches),
            *(("mutant", mutant) for mutant in merit.mutants),
            *(("candidate", number) for number, failed in enumerate(rejecting) if index in failed),
        }
        for index, merit in zip(examples, merits, strict=True)
    ]
    indexes = list(examples)
    is_rated = any(merit.branches or merit.mutants for merit in merits)
    always = [] if is_rated else [position for position, index in enumerate(indexes) if _came_with_it(examples[index])]
    already = set().union(*(achieved[position] for position in always))
    chosen = {*always, *small_suite([one - already for one in achieved])}
    return [indexes[position] for position in sorted(chosen)]


def _came_with_it(example: Example) -> bool:
    return example.provenance == "example"
