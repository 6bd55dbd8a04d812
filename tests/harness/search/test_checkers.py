"""Problems judged by a checker program are searched and shrunk as others are."""

from __future__ import annotations

from typing import Any

import pytest

from semi_instruct.engine import Engine, Outcome, Program, Status
from semi_instruct.harness.problems.verdicts import Verdict
from semi_instruct.harness.search.fuzz import Finding, Search, Settings
from semi_instruct.harness.verification.scheduler import verify
from tests.harness.support.fake_engine import ScriptedEngine, ended, printed
from tests.harness.support.problem_rows import function_row, problem, stdin_row

# Any divisor of the number that is read is right.
CHECKER = """
import json, sys
asked = json.load(sys.stdin)
number, output = int(asked["input"]), int(asked["output"])
print("accepted" if output > 0 and number % output == 0 else "wrong")
"""
# In a fresh sandbox as CHECKER; where one sandbox judges many answers, it rejects all but the first ones.
FORGETFUL = CHECKER.replace("import json, sys", "import json, sys\nsys.seen = getattr(sys, 'seen', 0) + 1").replace(
    "output > 0", "output > 0 and sys.seen < 3"
)
ORACLE = "n = int(input())\nprint(next(d for d in range(1, n + 1) if n % d == 0))"
LARGEST = "print(int(input()))"
WRONG = "n = int(input())\nprint(n // 2 if n > 20 else n)"
CRASHING_THE_CHECKER = "n = int(input())\nprint('x' if n > 20 else n)"
RIGHT_IN_BATCHES_ONLY = """
import sys
n = int(input())
print(n if "run_repeatedly" in repr(sys._getframe(1).f_code if sys._getframe().f_back else "") else n + 1)
"""


def row(*sources: str, checker: str = CHECKER, **changes: Any) -> dict[str, Any]:
    candidates = [{"id": f"c{number}", "source": source} for number, source in enumerate(sources)]
    examples = [{"input": "12\n"}, {"input": "9\n"}, {"input": "40\n"}]
    comparison = {"kind": "checker", "checker": checker}
    return stdin_row(oracles=[ORACLE], examples=examples, candidates=candidates, comparison=comparison, **changes)


def search(engine: Engine, found: dict[str, Any], **settings: Any) -> list[Finding]:
    one = problem(found)
    return Search(one, one.candidates, engine, Settings(**({"inputs": 60} | settings))).findings()


def smallest(finding: Finding) -> Any:
    assert finding.difference is not None
    return finding.difference.row.counterexample and finding.difference.row.counterexample.input


def test_fuzz_finds_what_the_checker_rejects_and_nothing_else(engine: Engine) -> None:
    right, wrong, crashing = search(engine, row(LARGEST, WRONG, CRASHING_THE_CHECKER))
    assert (right.verdict, right.undecided) == (None, "")
    assert wrong.verdict is crashing.verdict is Verdict.WRONG_ANSWER
    assert smallest(wrong) == smallest(crashing) == "21\n"
    assert crashing.difference is not None
    assert crashing.difference.row.detail.startswith("the checker failed")


@pytest.mark.parametrize("checker", [CHECKER, FORGETFUL])
def test_what_batches_of_answers_show_is_confirmed(engine: Engine, checker: str) -> None:
    right, lying = search(engine, row(LARGEST, RIGHT_IN_BATCHES_ONLY, checker=checker))
    assert (right.verdict, right.undecided) == (None, "")
    assert lying.verdict is Verdict.WRONG_ANSWER


def test_a_checker_that_rejects_the_oracles_leaves_no_test_case(engine: Engine) -> None:
    [finding] = search(engine, row(LARGEST, checker="print('wrong')"))
    assert finding.test_cases == 0
    assert set(finding.dropped_inputs) == {"incomparable"}


def test_counterexamples_of_verify_are_shrunk(engine: Engine) -> None:
    changes = {"candidates": [{"id": "c", "source": "def f(numbers: list) -> int:\n    return numbers[-1] + 1"}]}
    checker = """
import json, sys
asked = json.load(sys.stdin)
print("accepted" if asked["output"] in asked["input"][0] else "wrong")
"""
    oracle = "def f(numbers: list) -> int:\n    return numbers[0]"
    examples = [{"input": [[5, 6, 7]]}, {"input": [[1, 2, 3, 8]]}]
    comparison = {"kind": "checker", "checker": checker}
    one = problem(function_row(oracles=[oracle], examples=examples, comparison=comparison, **changes))
    [as_found] = verify([one], engine)
    [minimal] = verify([one], engine, shrink=True)
    assert as_found.verdict is minimal.verdict is Verdict.WRONG_ANSWER
    assert minimal.counterexample is not None
    assert minimal.counterexample.input == [[1]]
    assert as_found.counterexample is not None
    assert as_found.counterexample.input != [[1]]


def test_a_checker_that_sleeps_ends_the_taking_of_inputs() -> None:
    def script(program: Program, stdin: bytes, args: tuple[Any, ...]) -> Outcome:
        return ended(Status.TIME_LIMIT) if program.source == "checker" else printed("1")

    with ScriptedEngine(script) as engine:
        [judged] = verify([problem(row("right", checker="checker"))], engine, planned=60)
        assert sum(source == "checker" for source, *_ in engine.asked) < 12
    assert judged.verdict is Verdict.SANDBOX_ERROR


def test_an_oracle_that_the_checker_rejects_is_not_called_nondeterministic(engine: Engine) -> None:
    [judged] = verify([problem(row(LARGEST, checker="print('wrong')"))], engine, planned=0)
    assert judged.verdict is Verdict.NO_ORACLE
    assert "nondeterministic" not in judged.detail
