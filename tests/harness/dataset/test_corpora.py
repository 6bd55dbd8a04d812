"""Corpora of every layout become tasks; what cannot be used is named by its line and passed over."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from pyarrow import parquet

from semi_instruct.harness.dataset.corpora import Corpus
from semi_instruct.harness.dataset.corpora.mapped import read_mapping
from semi_instruct.harness.dataset.corpora.rows import MAX_ROW_BYTES
from semi_instruct.harness.dataset.tasks import Task
from semi_instruct.harness.errors import BadFile, BadRequest, BadRow
from semi_instruct.harness.problems.schema import Example
from tests.harness.support import corpus_rows
from tests.harness.support.corpus_rows import DOUBLE, task_row, write_corpus


def tasks(corpus: Corpus) -> list[Task]:
    found = [each.task for each in corpus.read()]
    assert all(isinstance(one, Task) for one in found), found
    return [one for one in found if isinstance(one, Task)]


def only(path: Path, row: dict[str, Any]) -> Task:
    corpus = Corpus(write_corpus(path / "corpus.jsonl", row))
    [task] = tasks(corpus)
    assert task.corpus == corpus.layout
    return task


def faults(path: Path, **more: Any) -> list[tuple[int, str]]:
    return [(each.line, str(each.task)) for each in Corpus(path, **more).read() if isinstance(each.task, BadRow)]


def test_apps(tmp_path: Path) -> None:
    task = only(tmp_path, corpus_rows.APPS)
    assert (task.corpus, task.id, task.licence, task.difficulty) == ("apps", "apps-7", "MIT", "introductory")
    assert [code.source for code in task.codes] == [DOUBLE, "n = int(input())\nprint(n + n)\n"]
    assert task.examples == (Example("4\n", "8\n"), Example("5\n", "10\n"))
    assert task.statement is not None
    assert task.statement.startswith("Double the number.")
    assert (task.file, task.line, task.codes[0].origin) == ("corpus.jsonl", 1, "https://example.org/7")


def test_functions_of_apps_have_their_methods_called(tmp_path: Path) -> None:
    method = "class Solution:\n    def twice(self, n):\n        return n * 2\n"
    tests = {"fn_name": "twice", "inputs": [[4], [5]], "outputs": [8, [10]]}
    row = {**corpus_rows.APPS, "solutions": json.dumps([method]), "input_output": json.dumps(tests)}
    task = only(tmp_path, row)
    assert (task.kind, task.entry) == ("function", "twice")
    scope: dict[str, Any] = {}
    exec(task.codes[0].source, scope)
    assert scope["twice"](4) == 8
    # An answer in a list may be wrapped or not, so it is left to the oracles.
    assert task.examples == (Example([4], 8), Example([5]))


def test_taco_has_a_time_limit_in_words(tmp_path: Path) -> None:
    task = only(tmp_path, corpus_rows.TACO)
    assert (task.corpus, task.time_limit_s, task.licence) == ("taco", 3.5, "Apache-2.0")
    assert task.id == only(tmp_path, corpus_rows.TACO).id != only(tmp_path, corpus_rows.TACO | {"question": "x"}).id


def test_code_contests_gives_python_3_alone(tmp_path: Path) -> None:
    task = only(tmp_path, corpus_rows.CODE_CONTESTS)
    assert (task.corpus, task.id, task.time_limit_s, task.difficulty) == ("codecontests", "1_A. Double", 1.5, 800)
    assert [code.source for code in task.codes] == [DOUBLE]
    assert [example.input for example in task.examples] == ["4\n", "5\n", "6\n"]
    without = {**corpus_rows.CODE_CONTESTS, "solutions": {"language": [2], "solution": ["int main(){}"]}}
    [(line, why)] = faults(write_corpus(tmp_path / "none.jsonl", without))
    assert (line, why) == (1, "none.jsonl:1: solutions: none is Python 3")


def test_human_eval(tmp_path: Path) -> None:
    task = only(tmp_path, corpus_rows.HUMAN_EVAL)
    assert (task.corpus, task.entry) == ("humaneval", "double")
    assert task.examples == (Example([2], 4), Example([-3], -6))
    assert task.codes[0].source.endswith("    return n * 2\n")


def test_human_eval_as_its_package_carries_it() -> None:
    folder = Path(next(iter(__import__("human_eval").__path__)))
    found = tasks(Corpus(folder / "data" / "HumanEval.jsonl.gz"))
    assert len(found) == 164
    assert sum(bool(task.examples) for task in found) > 140
    assert found[0].entry == "has_close_elements"
    assert found[0].examples[0] == Example([[1.0, 2.0, 3.9, 4.0, 5.0, 2.2], 0.3], True)


def test_mbpp_calls_what_its_assertions_call(tmp_path: Path) -> None:
    task = only(tmp_path, corpus_rows.MBPP)
    assert (task.corpus, task.id, task.entry) == ("mbpp", "mbpp-601", "double")
    assert task.examples == (Example([2], 4), Example([0], 0))
    assert "\r" not in task.codes[0].source
    sanitized = {name: value for name, value in corpus_rows.MBPP.items() if name != "text"} | {"prompt": "Double it."}
    assert only(tmp_path, sanitized).statement == "Double it."


def test_con_defects_has_samples_and_many_codes(tmp_path: Path) -> None:
    task = only(tmp_path, corpus_rows.CON_DEFECTS)
    assert (task.corpus, task.id, [code.id for code in task.codes]) == ("condefects", "abc900_a", ["1"])
    assert task.statement is None


def test_rows_of_verify_keep_their_comparison(tmp_path: Path) -> None:
    task = only(tmp_path, task_row("t", DOUBLE, comparison={"kind": "lines"}))
    assert task.corpus == "problems"
    assert task.problem([DOUBLE], ()).how_compared.kind == "lines"


def test_code_net(tmp_path: Path) -> None:
    for folder in ("metadata", "data/p00001/Python", "problem_descriptions", "derived/input_output/data/p00001"):
        (tmp_path / folder).mkdir(parents=True)
    head = "submission_id,problem_id,user_id,date,language,original_language,filename_ext,status\n"
    rows = [("s1", "Python", "Accepted"), ("s2", "Python", "Wrong Answer"), ("s3", "C++", "Accepted")]
    table = head + "".join(f"{name},p00001,u1,1,{kind},{kind},py,{status}\n" for name, kind, status in rows)
    (tmp_path / "metadata" / "p00001.csv").write_text(table)
    (tmp_path / "metadata" / "p00002.csv").write_text(head)
    (tmp_path / "metadata" / "problem_list.csv").write_text("id\n")
    for name, _, _ in rows:
        (tmp_path / "data" / "p00001" / "Python" / f"{name}.py").write_text(DOUBLE)
    (tmp_path / "problem_descriptions" / "p00001.html").write_text("<h1>Double</h1><p>Print 2 &lt; n.</p>")
    for name, text in (("input", "4\n"), ("output", "8\n")):
        (tmp_path / "derived" / "input_output" / "data" / "p00001" / f"{name}.txt").write_text(text)
    first, second = Corpus(tmp_path).read()
    assert isinstance(first.task, Task)
    assert [code.id for code in first.task.codes] == ["s1"]
    assert first.task.statement == "Double\n\nPrint 2 < n."
    assert first.task.examples == (Example("4\n", "8\n"),)
    assert "no Python submission is accepted" in str(second.task)
    assert [each.line for each in Corpus(tmp_path).read(after=1)] == [2]


@pytest.mark.parametrize("layout", ["APPS", "TACO", "CODE_CONTESTS", "HUMAN_EVAL", "MBPP", "CON_DEFECTS"])
def test_parquet_says_the_same_as_jsonl(tmp_path: Path, layout: str) -> None:
    row = getattr(corpus_rows, layout)
    table = pyarrow.Table.from_pylist([row] * 3)
    parquet.write_table(table, tmp_path / "corpus.parquet", row_group_size=2)
    first, *others = Corpus(tmp_path / "corpus.parquet").read()
    assert isinstance(first.task, Task)
    expected = only(tmp_path, row)
    assert (first.task.codes, first.task.examples, first.task.id) == (expected.codes, expected.examples, expected.id)
    assert [each.line for each in others] == [2, 3]
    assert Corpus(tmp_path / "corpus.parquet").size == others[-1].position == 3


def test_a_folder_that_datasets_saved(tmp_path: Path) -> None:
    import datasets

    rows = [corpus_rows.APPS | {"problem_id": number} for number in range(5)]
    datasets.Dataset.from_list(rows).save_to_disk(tmp_path / "saved", num_shards=2)
    corpus = Corpus(tmp_path / "saved")
    assert [task.id for task in tasks(corpus)] == [f"apps-{number}" for number in range(5)]
    assert [each.line for each in corpus.read(after=3)] == [4, 5]


def test_columns_are_mapped_by_a_file(tmp_path: Path) -> None:
    (tmp_path / "columns.toml").write_text(
        'kind = "stdin"\nlicence = "CC0-1.0"\n[columns]\nid = "key"\ncodes = "answer.text"\n'
        'statement = "ask"\ninputs = "tests.in"\noutputs = "tests.out"\ntime_limit_s = "limit"\n'
    )
    row = {
        "key": 3,
        "answer": {"text": DOUBLE},
        "ask": "Double.",
        "tests": {"in": '["4\\n"]', "out": ["8\n"]},
        "limit": 1,
    }
    path = write_corpus(tmp_path / "mine.jsonl", row, {"key": 4, "answer": None})
    first, second = Corpus(path, mapping=read_mapping(tmp_path / "columns.toml")).read()
    assert isinstance(first.task, Task)
    assert (first.task.id, first.task.licence, first.task.time_limit_s) == ("3", "CC0-1.0", 1.0)
    assert first.task.examples == (Example("4\n", "8\n"),)
    assert str(second.task) == "mine.jsonl:2: codes: expected a list of sources"


@pytest.mark.parametrize(
    "text", ["kind = ", 'kind = "stdin"\n[columns]\ncode = "x"', 'kind = "function"\n[columns]\ncodes = "x"']
)
def test_a_mapping_that_says_something_else_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "columns.toml").write_text(text)
    with pytest.raises(BadRequest, match=r"columns\.toml: "):
        read_mapping(tmp_path / "columns.toml")


def test_bad_rows_are_named_and_passed_over(tmp_path: Path) -> None:
    good = json.dumps(task_row("good", DOUBLE)).encode()
    lines = [
        good,
        b"{broken",
        json.dumps({"id": "x", "kind": "stdin", "oracles": [], "candidates": []}).encode(),
        '{"id": "é"}'.encode("latin-1"),
        good.decode().encode("utf-16"),
        json.dumps(task_row("long", "#" * (50 << 20))).encode(),
        b"[" * 100_000,
        b'{"id": "x", "n": NaN}',
        json.dumps(task_row("half", "\ud800")).encode(),
        b"",
        b" " * 1000 + json.dumps(task_row("last", DOUBLE)).encode(),
    ]
    path = tmp_path / "corpus.jsonl"
    path.write_bytes(b"\n".join(lines))
    read = list(Corpus(path).read())
    assert [each.task.id for each in read if isinstance(each.task, Task)] == ["good", "last"]
    found = dict(faults(path))
    assert "not JSON" in found[2]
    assert "oracles: at least one" in found[3]
    assert "not UTF-8" in found[4]
    assert "longer than 262144 characters (52428800)" in found[6]
    assert "nested too deeply" in found[7]
    assert "NaN is no JSON number" in found[8]
    assert "half a character" in found[9]
    assert all(why.startswith("corpus.jsonl:") for why in found.values())


def test_a_code_that_is_too_long_leaves_the_others(tmp_path: Path) -> None:
    [read] = Corpus(write_corpus(tmp_path / "c.jsonl", task_row("t", "#" * 300_000, DOUBLE))).read()
    assert isinstance(read.task, Task)
    assert ([code.id for code in read.task.codes], read.too_long) == (["1"], ("0",))


def test_a_row_beyond_all_bounds_is_never_held(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "c.jsonl.gz", "wb", compresslevel=1) as file:
        file.write(json.dumps(task_row("good", DOUBLE)).encode() + b"\n")
        for _ in range(MAX_ROW_BYTES // (1 << 20) + 2):
            file.write(b" " * (1 << 20))
        file.write(b"\n" + json.dumps(task_row("last", DOUBLE)).encode() + b"\n")
    first, long, last = Corpus(tmp_path / "c.jsonl.gz").read()
    assert (first.line, long.line, last.line) == (1, 2, 3)
    assert "longer than" in str(long.task)


def test_reading_goes_on_behind_a_line(tmp_path: Path) -> None:
    path = write_corpus(tmp_path / "c.jsonl", *(task_row(f"t{number}", DOUBLE) for number in range(5)))
    assert [(each.line, each.position) for each in Corpus(path).read(3)] == [
        (each.line, each.position) for each in list(Corpus(path).read())[3:]
    ]


def test_what_is_no_corpus_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="No such file"):
        Corpus(tmp_path / "none.jsonl")
    with pytest.raises(BadRequest, match="expected auto"):
        Corpus(tmp_path, layout="else")
    with pytest.raises(BadRequest, match="no layout has the fields a, b"):
        list(Corpus(write_corpus(tmp_path / "c.jsonl", {"a": 1, "b": 2})).read())
    (tmp_path / "c.parquet").write_bytes(b"PAR1nothing")
    with pytest.raises(BadFile, match=r"c\.parquet"):
        list(Corpus(tmp_path / "c.parquet", "apps").read())
    (tmp_path / "c.jsonl.gz").write_bytes(gzip.compress(json.dumps(task_row("t", DOUBLE)).encode())[:-12])
    with pytest.raises(BadFile, match=r"c\.jsonl\.gz"):
        list(Corpus(tmp_path / "c.jsonl.gz").read())
