"""The sources of inputs: each takes in those before it, and the first adds nothing to the examples."""

from __future__ import annotations

import pytest

from semi_instruct.engine import Engine
from semi_instruct.harness.inputs.plan import PlannedInputs
from semi_instruct.harness.inputs.sources import Sources
from semi_instruct.harness.problems.schema import Problem
from semi_instruct.harness.problems.verdicts import Verdict
from semi_instruct.harness.verification.scheduler import verify
from tests.harness.support.problem_rows import function_row, problem, stdin_row

WHOLE = problem(stdin_row(examples=[{"input": "3\n1 2 3\n"}, {"input": "2\n5 9\n"}, {"input": "4\n1 1 2 7\n"}]))
FUNCTION = problem(function_row(oracles=["def f(x):\n    '''>>> f(5)\n    6\n    '''\n    return x + 1"]))


def provenances(given: Problem, sources: Sources) -> set[str]:
    """Of all inputs there are, each reported as valid."""
    inputs = PlannedInputs(given, seed=0, planned=40, sources=sources)
    found = []
    while taken := inputs.take():
        inputs.report(len(found), valid=True)
        found.append(taken.provenance)
    return set(found)


@pytest.mark.parametrize(
    ("given", "examples", "mutations"),
    [(WHOLE, {"example"}, {"mutation"}), (FUNCTION, {"example", "documented"}, {"mutated"})],
    ids=["whole", "function"],
)
def test_each_source_adds_to_those_before_it(given: Problem, examples: set[str], mutations: set[str]) -> None:
    assert provenances(given, Sources.EXAMPLES) == examples
    assert provenances(given, Sources.MUTATION) == examples | mutations
    everything = provenances(given, Sources.FORMAT)
    assert everything > examples | mutations
    assert provenances(given, Sources.FEEDBACK) == everything  # feedback is not planned
    assert {Sources.of(name) for name in everything - examples - mutations} == {Sources.FORMAT}
    assert {Sources.of(name) for name in mutations} == {Sources.MUTATION}
    assert {Sources.of(name) for name in examples} == {Sources.EXAMPLES}


@pytest.mark.parametrize("sources", [Sources.FORMAT, Sources.FEEDBACK])
def test_only_feedback_looks_at_mutants_of_the_oracle(engine: Engine, sources: Sources) -> None:
    row = function_row(
        oracles=["def f(x):\n    return 1 if x > 3 else 0\n"], candidates=[{"id": "c", "source": "f = abs"}]
    )
    [judged] = verify([problem(row | {"examples": [{"input": [1]}]})], engine, sources=sources)
    assert judged.verdict is Verdict.WRONG_ANSWER
    assert (judged.strength.mutants_killed is not None) == (sources is Sources.FEEDBACK)
