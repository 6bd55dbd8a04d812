"""Problem rows: what is taken, and what is refused with file, line, field and reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from semi_instruct.engine import Limits
from semi_instruct.harness.compare.comparison import Comparison
from semi_instruct.harness.compare.specification import read_option
from semi_instruct.harness.errors import BadFile, BadRequest, BadRow
from semi_instruct.harness.inputs.source import Answer, inputs
from semi_instruct.harness.problems.reader import ProblemFile
from semi_instruct.harness.problems.schema import Problem, parse_row
from tests.harness.support.problem_rows import function_row, problem, stdin_row, write_rows


def read(path: Path) -> list[Problem | BadRow]:
    with ProblemFile(path) as file:
        return list(file.rows())


def test_a_row_and_its_defaults() -> None:
    taken = problem(stdin_row(time_limit_s=..., language=..., candidates=[]))
    assert (taken.id, taken.kind, taken.oracles, taken.candidates) == ("p1", "stdin", ("right",), ())
    assert taken.limits == Limits(cpu_time=4.5, memory=1 << 30)
    assert taken.limits.wall_seconds == 10.0
    assert taken.how_compared.kind == "tokens"
    assert problem(function_row()).how_compared.kind == "value"
    assert problem(stdin_row(comparison="lines")).how_compared.kind == "lines"


def test_a_comparison_may_be_stated_in_full() -> None:
    stated = {"kind": "tokens", "absolute_tolerance": 0, "relative_tolerance": 1e-9, "ignore_case": True}
    assert problem(stdin_row(comparison=stated)).how_compared == Comparison("tokens", 0.0, 1e-9, ignore_case=True)
    assert problem(function_row(comparison={"kind": "checker", "checker": "x"})).how_compared.checker == "x"


def test_the_users_comparison_is_for_rows_that_state_none() -> None:
    users = Comparison("unordered_lines")
    assert problem(stdin_row()).compared_by(users).how_compared == users
    assert problem(stdin_row(comparison="lines")).compared_by(users).how_compared == Comparison("lines")
    assert problem(function_row()).compared_by(users).how_compared == Comparison("value")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("lines", Comparison("lines")),
        ('{"kind": "value", "absolute_tolerance": 0.1}', Comparison("value", absolute_tolerance=0.1)),
    ],
)
def test_the_comparison_of_a_command_line(text: str, meant: Comparison) -> None:
    assert read_option(text) == meant


@pytest.mark.parametrize(
    "text",
    ["", "fuzzy", "{", "[]", "{}", '{"kind": "lines", "ignore_case": true}', "checker", '{"kind": ' + "[" * 100_000],
)
def test_a_command_line_that_states_no_comparison(text: str) -> None:
    with pytest.raises(BadRequest, match="--compare"):
        read_option(text)


def test_informative_fields_are_taken() -> None:
    candidate = {"id": "c", "source": "s", "note": "n", "expect": ["accepted", "time_limit"]}
    taken = problem(stdin_row(title="t", difficulty=2242, note="n", candidates=[candidate]))
    assert taken.candidates[0].expected_verdicts == ("accepted", "time_limit")


def test_whatever_text_is_a_source() -> None:
    taken = problem(stdin_row(oracles=["\0", "\ud800", ""], candidates=[{"id": "\ud800", "source": "\0\ud800"}]))
    assert taken.program(taken.oracles[1]).source_bytes == b"\xed\xa0\x80"


def test_inputs_of_a_stdin_problem() -> None:
    examples = [{"input": "1\n", "output": "é"}, {"input": ""}, {"input": "\ud800", "output": None}]
    first, second, third = inputs(problem(stdin_row(examples=examples)), seed=0)
    assert (first.stdin, first.known, first.provenance) == (b"1\n", Answer("é".encode()), "example")
    assert (second.stdin, second.known) == (b"", None)
    assert (third.stdin, third.known) == (b"\xed\xa0\x80", None)


def test_inputs_of_a_function_problem_are_tagged_json() -> None:
    examples = [
        {"input": [1, {"$tuple": [2, 3]}, {"$set": [4]}], "output": None},
        {"input": [10**30]},
        {"input": [], "output": {"$float": "nan"}},
    ]
    first, second, third, *others = inputs(problem(function_row(examples=examples)), seed=0)
    assert [case.provenance for case in (first, second, third)] == ["example"] * 3
    assert all(case.provenance != "example" for case in others)
    assert (first.args, first.known) == ((1, (2, 3), {4}), Answer(None))
    assert (second.args, second.known) == ((10**30,), None)
    assert third.args == ()
    assert third.known is not None
    assert third.known.content != third.known.content


REFUSED: list[tuple[str, str]] = [
    ("{", "row"),
    ("", "row"),
    ("[]", "row"),
    ("null", "row"),
    ('{"id": NaN}', "row"),
    ('{"id": "a", "id": "b"}', "row"),
    ("[" * 100_000, "row"),
    ('{"time_limit_s": ' + "9" * 5_000 + "}", "row"),
]
REFUSED_FIELDS: list[tuple[dict[str, Any], str]] = [
    (stdin_row(id=...), "id"),
    (stdin_row(id=5), "id"),
    (stdin_row(kind=...), "kind"),
    (stdin_row(kind="stdio"), "kind"),
    (stdin_row(oracles=...), "oracles"),
    (stdin_row(oracles=[]), "oracles"),
    (stdin_row(oracles="source"), "oracles"),
    (stdin_row(oracles=[None]), "oracles[0]"),
    (stdin_row(candidates=...), "candidates"),
    (stdin_row(candidates=[{"id": "c"}]), "candidates[0].source"),
    (stdin_row(candidates=[{"id": "c", "source": "", "score": 1}]), "candidates[0].score"),
    (stdin_row(candidates=[{"id": "c", "source": 1}]), "candidates[0].source"),
    (stdin_row(candidates=[{"id": "c", "source": ""}] * 2), "candidates[1].id"),
    (stdin_row(candidates=[{"id": "c", "source": "", "expect": "wrong"}]), "candidates[0].expect"),
    (stdin_row(candidates=[{"id": "c", "source": "", "expect": ["accepted", 1]}]), "candidates[0].expect[1]"),
    (stdin_row(unknown=1), "unknown"),
    (stdin_row(language="cobol"), "language"),
    (stdin_row(entry="f"), "entry"),
    (stdin_row(time_limit_s="2"), "time_limit_s"),
    (stdin_row(time_limit_s=True), "time_limit_s"),
    (stdin_row(time_limit_s=0), "time_limit_s"),
    (stdin_row(time_limit_s=-0.2), "time_limit_s"),
    (stdin_row(time_limit_s=1e308), "time_limit_s"),
    (stdin_row(memory_limit_mib=1), "memory_limit_mib"),
    (stdin_row(memory_limit_mib=1.5), "memory_limit_mib"),
    (stdin_row(memory_limit_mib=10**30), "memory_limit_mib"),
    (stdin_row(comparison="fuzzy"), "comparison"),
    (stdin_row(comparison="value"), "comparison"),
    (stdin_row(comparison="checker"), "comparison"),
    (stdin_row(comparison=5), "comparison"),
    (stdin_row(comparison={}), "comparison.kind"),
    (stdin_row(comparison={"kind": "fuzzy"}), "comparison.kind"),
    (stdin_row(comparison={"kind": "value"}), "comparison.kind"),
    (stdin_row(comparison={"kind": "tokens", "tolerance": 1}), "comparison.tolerance"),
    (stdin_row(comparison={"kind": "tokens", "absolute_tolerance": -1}), "comparison.absolute_tolerance"),
    (stdin_row(comparison={"kind": "tokens", "absolute_tolerance": "1"}), "comparison.absolute_tolerance"),
    (stdin_row(comparison={"kind": "tokens", "relative_tolerance": 1}), "comparison.relative_tolerance"),
    (stdin_row(comparison={"kind": "lines", "relative_tolerance": 0.1}), "comparison.relative_tolerance"),
    (stdin_row(comparison={"kind": "exact", "ignore_case": True}), "comparison.ignore_case"),
    (stdin_row(comparison={"kind": "tokens", "ignore_case": 1}), "comparison.ignore_case"),
    (stdin_row(comparison={"kind": "checker"}), "comparison.checker"),
    (stdin_row(comparison={"kind": "checker", "checker": 1}), "comparison.checker"),
    (stdin_row(comparison={"kind": "tokens", "checker": "print('accepted')"}), "comparison.checker"),
    (function_row(comparison={"kind": "tokens"}), "comparison.kind"),
    (function_row(comparison={"kind": "value", "ignore_case": True}), "comparison.ignore_case"),
    (stdin_row(examples=[{"input": 1}]), "examples[0].input"),
    (stdin_row(examples=[{"input": ["1"]}]), "examples[0].input"),
    (stdin_row(examples=[{"output": "1"}]), "examples[0].input"),
    (stdin_row(examples=[{"input": "1"}, {"input": "1", "output": 1}]), "examples[1].output"),
    (function_row(entry=...), "entry"),
    (function_row(entry="not a name"), "entry"),
    (function_row(comparison="tokens"), "comparison"),
    (function_row(examples=[{"input": "1"}]), "examples[0].input"),
    (function_row(examples=[{"input": {"a": 1}}]), "examples[0].input"),
    (function_row(examples=[{"input": [{"$nonsense": 1}]}]), "examples[0].input"),
    (function_row(examples=[{"input": [1], "output": {"$set": [[]]}}]), "examples[0].output"),
    (function_row(examples=[{"input": json.loads("[" * 200 + "]" * 200)}]), "examples[0].input"),
]


@pytest.mark.parametrize(
    ("text", "field"),
    REFUSED + [(json.dumps(row), field) for row, field in REFUSED_FIELDS],
    ids=[field for _, field in [*REFUSED, *REFUSED_FIELDS]],
)
def test_bad_rows_are_refused_by_field(text: str, field: str) -> None:
    with pytest.raises(BadRow) as caught:
        parse_row(text, "some.jsonl", 7)
    assert (caught.value.file, caught.value.line, caught.value.field) == ("some.jsonl", 7, field)
    assert str(caught.value).startswith(f"some.jsonl:7: {field}: ")
    assert caught.value.reason


def test_the_message_is_one_harmless_line() -> None:
    with pytest.raises(BadRow) as caught:
        parse_row(json.dumps(stdin_row(**{"a\n\x1b[31m\ud800": 1})), "some.jsonl", 7)
    assert str(caught.value).isprintable()
    assert str(caught.value).isascii()


def test_bad_rows_do_not_stop_the_others(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "p.jsonl", "{", stdin_row(), "", stdin_row(), "  ", stdin_row(id="p2"), "7")
    rows = read(path)
    assert [type(row) for row in rows] == [BadRow, Problem, BadRow, Problem, BadRow]
    assert [row.line for row in rows if isinstance(row, BadRow)] == [1, 4, 7]
    assert isinstance(rows[2], BadRow)
    assert rows[2].field == "id"
    assert "line 2" in rows[2].reason


def test_rows_are_read_lazily(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "p.jsonl", *(stdin_row(id=str(number)) for number in range(1_000)))
    with ProblemFile(path) as file:
        rows = file.rows()
        next(rows)
        assert 0 < file.position < file.size / 100


def test_a_byte_order_mark_and_a_missing_last_newline_are_fine(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(stdin_row()).encode())
    assert [type(row) for row in read(path)] == [Problem]


def test_a_row_of_any_length_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("semi_instruct.harness.problems.reader.MAX_ROW_BYTES", 1_000)
    path = write_rows(tmp_path / "p.jsonl", stdin_row(note="x" * 5_000), stdin_row())
    bad, good = read(path)
    assert isinstance(bad, BadRow)
    assert "longer" in bad.reason
    assert isinstance(good, Problem)


@pytest.mark.parametrize("content", [b"\xff\xfe{\x00", b"\x1f\x8b\x08\x00"])
def test_a_file_that_is_not_utf8(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "p.jsonl"
    path.write_bytes(content)
    [bad] = read(path)
    assert isinstance(bad, BadRow)
    assert str(bad).startswith(f"{path}:1: row: not UTF-8")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="No such file"):
        ProblemFile(tmp_path / "absent")
    with pytest.raises(BadFile, match="directory"):
        ProblemFile(tmp_path)
    with pytest.raises(BadFile):
        ProblemFile(Path("nul\0"))
