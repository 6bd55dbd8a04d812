"""Many inputs for one program in one sandbox: answered as in sandboxes of their own, and harmless if not."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import pytest

from semi_instruct.engine import Determinism, Engine, Limits, Outcome, Program, Status
from semi_instruct.harness.inputs.source import Answer, TestInput
from semi_instruct.harness.judge.batch import MAX_ENDINGS, MAX_INPUTS, Unconfirmed, run_batches
from semi_instruct.harness.judge.consensus import Drop, TestCase
from semi_instruct.harness.judge.rules import Rules
from semi_instruct.harness.runs import Runner, Submits
from tests.harness.support.problem_rows import function_row, problem, stdin_row

LIMITS = Limits(cpu_time=1.0)
NUMBERS = [b"1\n", b"22\n", b"-3\n"]


@dataclass
class Spy:
    """An engine that keeps what it was asked for."""

    engine: Engine
    asked: list[tuple[bytes, bytes]] = field(default_factory=list)

    def submit(
        self,
        program: Program,
        stdin: bytes = b"",
        args: Sequence[Any] = (),
        limits: Limits = LIMITS,
        *,
        determinism: Determinism = Determinism.FIXED,
    ) -> Future[Outcome]:
        self.asked.append((program.source_bytes, stdin))
        return self.engine.submit(program, stdin=stdin, args=args, limits=limits, determinism=determinism)


def results(
    engine: Submits,
    program: Program,
    inputs: Sequence[TestInput],
    limits: Limits = LIMITS,
    max_endings: int = MAX_ENDINGS,
) -> list[Unconfirmed | None]:
    [result] = Runner(engine).run(run_batches([program], inputs, limits, max_endings=max_endings))
    assert len(result.answers) == len(inputs)
    return result.answers


def answers(engine: Submits, program: Program, inputs: Sequence[TestInput]) -> list[Any]:
    """What is seen of each input: the answer, ``"failed"`` or ``"unknown"``."""
    found = results(engine, program, inputs)
    return ["unknown" if one is None else one.answer.content if one.answer else "failed" for one in found]


def texts(*stdins: bytes) -> list[TestInput]:
    return [TestInput("test", stdin=stdin) for stdin in stdins]


def calls(*arguments: tuple[Any, ...]) -> list[TestInput]:
    return [TestInput("test", args=each) for each in arguments]


@pytest.mark.parametrize(
    "source",
    [
        "print(int(input()) * 2)",
        "print(int(open(0).read()) * 2)",
        "import sys\nsys.stdout.write(str(int(sys.stdin.buffer.readline()) * 2) + '\\n')",
        "import os\nos.write(1, b'%d\\n' % (int(os.read(0, 99)) * 2))",
        "import sys\nprint(int(input()) * 2)\nsys.exit()",
        "import threading\nthreading.Thread(target=lambda: print(int(input()) * 2)).start()",
        "import atexit\natexit.register(lambda: print(int(input()) * 2))",
        "if __name__ == '__main__':\n    seen = globals().get('seen', 0) + 1\n    print(int(input()) * 2 * seen)",
        "import sys\nprint(int(input()) * 2, flush=True)\nsys.stdout.close()",
        "from dataclasses import dataclass\n@dataclass\nclass N:\n    n: 'int'\nprint(N(int(input())).n * 2)",
    ],
)
def test_whole_programs_answer_as_in_sandboxes_of_their_own(engine: Engine, source: str) -> None:
    alone = [engine.run(Program(source), stdin=stdin).stdout for stdin in NUMBERS]
    assert alone == [b"2\n", b"44\n", b"-6\n"]
    assert answers(engine, Program(source), texts(*NUMBERS)) == alone


@pytest.mark.parametrize("ending", ["1 / 0", "raise SystemExit(2)", "import sys; sys.exit('no')", "exit(1)"])
def test_a_failure_is_that_of_one_input(engine: Engine, ending: str) -> None:
    program = Program(f"n = int(input())\nprint(n)\nif n == 22:\n    {ending}")
    assert answers(engine, program, texts(*NUMBERS)) == [b"1\n", "failed", b"-3\n"]


def test_functions_are_called_with_values_of_every_type(engine: Engine) -> None:
    program = Program("def same(*values):\n    print('noise')\n    return values", entry="same")
    arguments = [(1, 2.5), ([{"a": (1, None)}],), ({1, 2}, b"x", float("inf")), ()]
    assert answers(engine, program, calls(*arguments)) == arguments


def test_a_function_that_fails_or_lives_in_a_class(engine: Engine) -> None:
    program = Program("class S:\n    @staticmethod\n    def f(n):\n        return 6 // n", entry="S.f")
    assert answers(engine, program, calls((3,), (0,), (2,))) == [2, "failed", 3]


def test_after_an_input_that_ends_the_sandbox_the_others_are_answered(engine: Engine) -> None:
    program = Program("import os\ndef f(n):\n    if n == 1:\n        os._exit(0)\n    return n", entry="f")
    assert answers(engine, program, calls((0,), (1,), (2,), (3,))) == [0, "unknown", 2, 3]


def test_a_program_that_never_survives_is_not_asked_without_end(engine: Engine) -> None:
    spy = Spy(engine)
    program = Program("import os\nos.kill(os.getpid(), 9)")
    assert answers(spy, program, texts(*(b"%d" % number for number in range(9)))) == ["unknown"] * 9
    assert len(spy.asked) == 3


def test_a_time_limit_leaves_what_was_answered_before(engine: Engine) -> None:
    program = Program("def f(n):\n    while n == 1:\n        pass\n    return n", entry="f")
    found = results(engine, program, calls((0,), (1,), (2,)), Limits(cpu_time=0.3), max_endings=1)
    assert found == [Unconfirmed(Answer(0)), None, None]


@pytest.mark.parametrize(
    "line", ["nonsense", "[true]", "[true, 1]", '["true", "x"]', '[true, {"$opaque": 1}]', "\\xff"]
)
def test_a_program_that_writes_results_of_its_own_is_not_understood(engine: Engine, line: str) -> None:
    source = (
        f"import os\nfor fd in range(3, 20):\n    try:\n        os.write(fd, b'{line}\\n')\n    except OSError: pass"
    )
    for answer in answers(engine, Program(source), texts(*NUMBERS)):
        assert answer in ("unknown", b"")


def test_an_input_nested_as_deeply_as_can_cross(engine: Engine) -> None:
    deepest: list[Any] = []
    for _ in range(99):
        deepest = [deepest]
    program = Program("def f(value):\n    return len(value)", entry="f")
    assert engine.run(program, args=(deepest,)).value == 1
    assert answers(engine, program, calls((deepest,), ([1, 2],))) == ["unknown", 2]


def test_many_and_large_inputs_are_told_in_parts(engine: Engine) -> None:
    spy = Spy(engine)
    program = Program("print(len(input()))")
    lengths = [1] * (MAX_INPUTS + 1) + [300_000] * 3
    assert answers(spy, program, texts(*(b"x" * n for n in lengths))) == [b"%d\n" % n for n in lengths]
    assert 3 <= len(spy.asked) <= 5


def test_a_sandbox_holds_one_program_and_no_expected_answer(engine: Engine) -> None:
    spy = Spy(engine)
    row = problem(stdin_row(oracles=["print('ex' + 'pected')", "print('exp' + 'ected')"]))
    for source in row.oracles:
        results(spy, row.program(source), texts(*NUMBERS))
    for source, told in zip(row.oracles, spy.asked, strict=True):
        assert repr(source.encode()).encode() in told[0]
        assert not any(other.encode() in told[0] for other in row.oracles if other != source)
        assert b"expected" not in told[1]


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        ("def f(n):\n    return n", Answer(1)),
        ("def f(n):\n    return n + 1", Drop.DISAGREE),
        ("def f(n):\n    return n // 0", Drop.CRASH),
        ("import os\ndef f(n):\n    os._exit(0)", None),
    ],
)
def test_what_the_oracles_seem_to_make_of_an_input(engine: Engine, second: str, expected: Answer | Drop | None) -> None:
    rules = Rules(problem(function_row(oracles=["def f(n):\n    return n", second])))
    [case] = Runner(engine).run(rules.unconfirmed_cases(calls((1,)), LIMITS))
    assert (case.expected if isinstance(case, TestCase) else case) == expected


def test_a_fault_of_the_sandbox_tells_nothing() -> None:
    class Broken:
        def submit(self, *_: Any, **__: Any) -> Future[Outcome]:
            future: Future[Outcome] = Future()
            future.set_result(Outcome(Status.SANDBOX_ERROR, stdout=b"[true,1]\n"))
            return future

    assert results(Broken(), Program("def f(): pass", entry="f"), calls(())) == [None]
