"""K: one row against the whole job."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import batched
from pathlib import Path
from typing import Any

import psutil
import pytest

from semi_instruct.engine import Engine
from semi_instruct.engine.limits import MIB
from semi_instruct.generator.cache import Cache, CachedModel
from semi_instruct.generator.model import Request, Text
from semi_instruct.harness.problems.schema import parse_row
from semi_instruct.harness.synthesis import Plan, generate
from semi_instruct.harness.synthesis.meter import Meter
from tests.timing import allow_seconds

DOES_NOT_APPLY: dict[str, str] = {}

# A command that meets its limits a few times takes a minute; the limits of the tests are in ``_measured``.
pytestmark = pytest.mark.timeout(allow_seconds(600))

_HERE = str(Path(__file__).parents[2])
_DOUBLE = "n = int(input())\nprint(n * 2)\n"
_JOB_SECONDS = 240.0
_HOSTILE_TOGETHER = 4
_JOB_BYTES = 1536 * MIB


@dataclass(frozen=True, slots=True)
class Job:
    """What came of a command.

    Attributes:
        rows: of its output, if it has one.
        seconds, peak_bytes: what it took; the peak of its largest process.
    """

    status: int
    rows: list[dict[str, Any]]
    stderr: str
    seconds: float
    peak_bytes: int

    def verdicts(self) -> dict[tuple[str, str], str]:
        return {(row["problem"], row["candidate"]): row["verdict"] for row in self.rows}


def _job(*arguments: str, output: Path | None = None) -> Job:
    """Run a command of ours and wait for it."""
    return _measured([sys.executable, "-m", "semi_instruct", *arguments], Path(arguments[1]).parent / "stderr", output)


def _measured(command: Sequence[str], stderr: Path, output: Path | None = None) -> Job:
    """Run a command and wait for it, looking at the memory of its processes meanwhile."""
    started, peak = time.monotonic(), 0
    with stderr.open("wb") as said_to, open(os.devnull, "wb") as nothing:
        process = subprocess.Popen(command, stdin=nothing, stdout=nothing, stderr=said_to, cwd=_HERE)
        while process.poll() is None:
            peak = max(peak, _peak_bytes(process.pid))
            if time.monotonic() - started > allow_seconds(_JOB_SECONDS):
                process.kill()
            time.sleep(0.05)
    said = stderr.read_text("utf-8", "replace")
    lines = output.read_text().splitlines() if output is not None and output.exists() else []
    job = Job(process.returncode, [json.loads(line) for line in lines], said, time.monotonic() - started, peak)
    assert "Traceback" not in said, said
    assert job.seconds < allow_seconds(_JOB_SECONDS), said
    assert job.peak_bytes < _JOB_BYTES
    return job


def _peak_bytes(pid: int) -> int:
    """The most memory that a process, or one of its descendants, has had so far."""
    most = 0
    with suppress(psutil.NoSuchProcess):
        for each in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True)):
            with suppress(OSError, psutil.NoSuchProcess):
                for line in Path(f"/proc/{each.pid}/status").read_text().splitlines():
                    if line.startswith("VmHWM:"):
                        most = max(most, int(line.split()[1]) << 10)
    return most


def _written(path: Path, rows: Sequence[dict[str, Any] | str | bytes]) -> Path:
    with path.open("wb") as file:
        for row in rows:
            line = json.dumps(row) if isinstance(row, dict) else row
            file.write((line.encode() if isinstance(line, str) else line) + b"\n")
    return path


def _problem(name: str, oracle: str = _DOUBLE, candidate: str = _DOUBLE, **more: Any) -> dict[str, Any]:
    return {
        "id": name,
        "kind": "stdin",
        "oracles": [oracle],
        "examples": [{"input": "4\n", "output": "8\n"}, {"input": "-3\n", "output": "-6\n"}],
        "candidates": [{"id": "c", "source": candidate}],
        **more,
    }


def _function(name: str, source: str, examples: list[Any] | None = None) -> dict[str, Any]:
    examples = [{"input": [4]}] if examples is None else examples
    candidates = [{"id": "c", "source": source}]
    return {
        "id": name,
        "kind": "function",
        "entry": "f",
        "oracles": [source],
        "examples": examples,
        "candidates": candidates,
    }


def _verified(tmp_path: Path, hostile: Sequence[dict[str, Any] | str | bytes], bad: Sequence[str | bytes] = ()) -> Job:
    """``verify`` of a file in which usual rows stand before, between and after hostile ones; all usual ones are right.

    Args:
        bad: of the hostile rows, those that are to be refused as rows.
    """
    usual: list[dict[str, Any]] = []
    rows: list[dict[str, Any] | str | bytes] = []
    for number, row in enumerate([*hostile, None]):
        if number % _HOSTILE_TOGETHER == 0 or row is None:
            usual.append(_problem(f"usual {number}"))
            rows.append(usual[-1])
        if row is not None:
            rows.append(row)
    path, output = _written(tmp_path / "problems.jsonl", rows), tmp_path / "verdicts.jsonl"
    job = _job("verify", str(path), "-o", str(output), "--inputs", "8", "--budget", "4", output=output)
    verdicts = job.verdicts()
    assert {(row["id"], "c"): "accepted" for row in usual}.items() <= verdicts.items(), job.stderr
    bad_lines = [number for number, row in enumerate(rows, 1) if row in bad]
    named = {int(line.split(":")[1]) for line in job.stderr.splitlines() if line.startswith(f"{path}:")}
    assert named == set(bad_lines), job.stderr
    assert "sandbox_error" not in verdicts.values(), job.rows  # no wall but that of the helper has been needed
    judged = {row["id"] for number, row in enumerate(rows, 1) if isinstance(row, dict) and number not in bad_lines}
    assert {problem for problem, _ in verdicts} == judged
    return job


def _pairs_verified(tmp_path: Path, codes: Sequence[str]) -> Job:
    """``verify`` of pairs of instruction and code: every usual one is judged, and each hostile one has a verdict."""
    rows = []
    for number, code in enumerate(codes):
        rows.append({"instruction": f"Do {number}.", "output": code})
        rows.append({"instruction": f"Print number {number}.", "output": f"print({number})\n"})
    path, output = _written(tmp_path / "pairs.jsonl", rows), tmp_path / "pairs.out.jsonl"
    job = _job("verify", str(path), "-o", str(output), "--inputs", "10", output=output)
    bad = sum(line.startswith("pairs.jsonl:") for line in job.stderr.splitlines())
    assert len(job.rows) == len(rows) - bad, job.stderr
    usual = [row for row in job.rows if row["verdict"] == "accepted"]
    assert len(usual) >= len(codes), job.rows
    return job


class _Writes:
    """A model that writes one text to whatever it is asked."""

    lanes = 1
    cost = None

    def __init__(self, name: str, code: str) -> None:
        self.name = name
        self._text = f"Instruction: Read a number and print its double.\n```python\n{code}\n```"

    def generate(self, requests: Sequence[Request]) -> list[list[Text]]:
        return [[Text(self._text, tokens=40)] * request.count for request in requests]

    def close(self) -> None:
        pass


def _generated(tmp_path: Path, codes: Sequence[str]) -> None:
    """``generate`` with texts of a model: each hostile one is counted, and a usual one after it makes a pair."""
    problem = parse_row(json.dumps(_problem("double") | {"candidates": []}), "p", 1)
    right = 'def double(n):\n    """Twice n."""\n    return n + n\n\n\nprint(double(int(input())))\n'
    plan = Plan(inputs=0, samples=1, planned=0, repairs=0)
    with Engine(workers=1) as engine, Cache(tmp_path / "texts.sqlite") as cache:
        for number, code in enumerate([*codes, right]):
            model = CachedModel(cache, _Writes(f"model {number}", code))
            [done] = generate([problem], model, engine, plan, Meter())
            made = [one.is_right for one in done.pairs.pairs]
            assert done.pairs.texts == 1
            assert len(made) + done.pairs.faults.total() == 1
    assert made == [True]


_LITERAL = f"x = 0x{'f' * 4000}\n"
_DEEP = {
    "terms": f"x = {' + '.join(['1'] * 1200)}\n",
    "named terms": f"a = 1\nx = {' + '.join(['a'] * 1200)}\n",
    "elifs": "y = 3\nif y == 0:\n    pass\n" + "".join(f"elif y == {n}:\n    pass\n" for n in range(1, 1201)),
    "attributes": f"def g(a):\n    return a{'.real' * 900}\n",
    "brackets": f"x = {'(' * 5000}1{')' * 5000}\n",
    "lists": f"x = {'[' * 5000}{']' * 5000}\n",
    "keywords": f"def g(**given):\n    return given\nx = g({', '.join(f'a{n}=1' for n in range(10_000))})\n",
    "unary": f"x = {'-' * 5000}1\n",
    "lambdas": f"x = {'lambda: ' * 3000}1\n",
}


_WITH_LITERAL = f"def f(x):\n    {_LITERAL}    return x + 1\n"


def test_k01_a_literal_of_thousands_of_digits_in_a_problem(tmp_path: Path) -> None:
    _verified(
        tmp_path,
        [
            _problem("oracle", _LITERAL + _DOUBLE),
            _problem("candidate", _DOUBLE, _LITERAL + _DOUBLE),
            _function("function", _WITH_LITERAL),
            _function("default", f"def f(x=0x{'f' * 4000}):\n    return 1\n"),
            _function("documented", f'def f(x):\n    """f(0x{"f" * 4000}) and f(3)."""\n    return 1\n'),
        ],
    )


def test_k01_a_literal_of_thousands_of_digits_in_a_pair(tmp_path: Path) -> None:
    asserted = f"{_WITH_LITERAL}\nassert f(0x{'f' * 4000}) == 0x{'f' * 4000} + 1\n"
    _pairs_verified(tmp_path, [_LITERAL, _WITH_LITERAL, asserted])


def test_k01_a_literal_of_thousands_of_digits_in_a_model_s_text(tmp_path: Path) -> None:
    _generated(tmp_path, [_LITERAL + _DOUBLE])


def test_k01_an_example_of_thousands_of_digits(tmp_path: Path) -> None:
    digits = "9" * 5000
    _verified(
        tmp_path,
        [
            _problem("digits", "print(input())", "print(input())", examples=[{"input": f"{digits}\n"}] * 2),
            _problem("places", "print(input())", "print(input())", examples=[{"input": f"1.{digits}\n"}] * 2),
            _problem("wrong", "print(input())", "print(input()[1:])", examples=[{"input": f"2 {digits}\n"}] * 2),
            _function("tagged", "def f(x):\n    return 1\n", [{"input": [{"$int": f"0x{'f' * 9000}"}]}] * 2),
        ],
    )


def _in_function(hostile: str) -> str:
    return f"def f(x):\n    {hostile.rstrip().replace(chr(10), chr(10) + '    ')}\n    return x + 1\n"


@pytest.mark.parametrize("kinds", batched(_DEEP, 3), ids="/".join)
def test_k02_what_is_deep_or_long_in_a_problem(tmp_path: Path, kinds: Sequence[str]) -> None:
    rows = [
        row
        for kind in kinds
        for row in (
            _problem(f"{kind} oracle", _DEEP[kind] + _DOUBLE),
            _problem(f"{kind} candidate", _DOUBLE, _DEEP[kind] + _DOUBLE),
            _function(f"{kind} function", _in_function(_DEEP[kind])),
        )
    ]
    _verified(tmp_path, rows)


def test_k02_what_is_deep_or_long_in_a_pair(tmp_path: Path) -> None:
    _pairs_verified(tmp_path, [*_DEEP.values(), *map(_in_function, _DEEP.values())])


def test_k02_what_is_deep_or_long_in_a_model_s_text(tmp_path: Path) -> None:
    _generated(tmp_path, [hostile + _DOUBLE for hostile in _DEEP.values()])


def test_k02_examples_that_take_inference_hours(tmp_path: Path) -> None:
    numbers = " ".join(map(str, range(60_000)))
    many = "def f(*x):\n    return len(x)\n"
    _verified(
        tmp_path,
        [
            _problem("long", "print(len(input()))", "print(len(input()))", examples=[{"input": f"60000\n{numbers}\n"}]),
            _function("arguments", many, [{"input": [1] * 20_000}]),
            _function("grid", "def f(x):\n    return 1\n", [{"input": [[[0] * 700] * 700]}]),
        ],
    )


def test_k02_a_corpus_of_hostile_rows_is_built(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    tripled = ["n = int(input())\nprint(n * 3)\n", "n = int(input())\nprint(n + n + n)\n"]
    examples = [{"input": f"{n}\n", "output": f"{3 * n}\n"} for n in (4, -3, 10)]
    usual = _problem("usual") | {"oracles": tripled, "examples": examples, "candidates": []}
    kinds = ("terms", "brackets", "elifs", "keywords")
    hostile = [_problem(kind, _DEEP[kind] + _DOUBLE) | {"candidates": []} for kind in kinds]
    path = _written(tmp_path / "corpus.jsonl", [*hostile[:2], usual, *hostile[2:]])
    job = _job("build", str(path), "-o", str(tmp_path / "built"), "--budget", "4")
    assert job.status == 0, job.stderr
    kept = [json.loads(line)["id"] for line in (tmp_path / "built" / "dataset" / "pairs.jsonl").open()]
    assert any(name.startswith("usual/") for name in kept), kept


def test_k03_json_that_does_not_end(tmp_path: Path) -> None:
    base = json.dumps(_problem("x"))[:-1]
    lines = [
        base + ', "note": ' + "9" * 1_000_000 + "}",
        base + ', "difficulty": 1' + "0" * 1_000_000 + ".5}",
        base + ', "note": ' + "[" * 1_000_000 + "]" * 1_000_000 + "}",
        base + ', "note": [' + "[]," * 12_000_000 + "1]}",
        base + ', "note": {' + '"a":{' * 200_000 + "1" + "}" * 200_000 + "}",
        b"\xff\xfe not text",
        b"\x1f\x8b\x08\x00",
    ]
    _verified(tmp_path, lines, bad=lines)


_READ_CORPUS = """
import json, sys
from pathlib import Path
from semi_instruct.harness.dataset.corpora import Corpus
from semi_instruct.harness.errors import BadRow
with open(sys.argv[2], "w") as output:
    for read in Corpus(Path(sys.argv[1]), "pairs").read():
        said = str(read.task)[:100] if isinstance(read.task, BadRow) else read.task.id
        output.write(json.dumps({"said": said}) + "\\n")
"""


def _corpus_lines(path: Path) -> list[str]:
    """What a reader of corpora makes of each row: its id, or what is wrong with it."""
    output = path.with_suffix(".read")
    job = _measured([sys.executable, "-c", _READ_CORPUS, str(path), str(output)], path.with_suffix(".stderr"), output)
    assert job.status == 0, job.stderr
    return [row["said"] for row in job.rows]


def _pair_row(name: str, text: str = "print(1)") -> dict[str, Any]:
    return {"id": name, "instruction": f"Do {name}.", "output": text}


def test_k03_a_parquet_file_that_unfolds(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    megabyte = "x" * MIB
    path = tmp_path / "bomb.parquet"
    rows = [_pair_row(f"r{number}") | {"extra": []} for number in range(9)]
    rows[4]["extra"] = [megabyte] * 1500
    parquet.write_table(pyarrow.Table.from_pylist(rows), path, compression="zstd")
    assert path.stat().st_size < 20_000
    found = _corpus_lines(path)
    assert found[4].startswith("bomb.parquet:5: row: ")
    assert found[:4] + found[5:] == [f"r{number}" for number in range(9) if number != 4]

    sizes = [1] * 4 + [70_000_000] + [1] * 4
    offsets = pyarrow.array([sum(sizes[:number]) for number in range(len(sizes) + 1)], pyarrow.int32())
    column = pyarrow.ListArray.from_arrays(offsets, pyarrow.repeat(0, sum(sizes)))
    table = pyarrow.Table.from_pylist([_pair_row(f"r{n}") for n in range(9)]).append_column("extra", column)
    parquet.write_table(table, path, compression="zstd", row_group_size=3)
    del table, column, offsets
    found = _corpus_lines(path)
    assert [found[number] for number in (0, 1, 2, 6, 7, 8)] == ["r0", "r1", "r2", "r6", "r7", "r8"]
    assert found[4].startswith("bomb.parquet:5: row: ")


def test_k03_a_parquet_file_that_is_none(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    whole = tmp_path / "whole.parquet"
    parquet.write_table(pyarrow.Table.from_pylist([_pair_row(f"r{n}") for n in range(50)]), whole)
    data = whole.read_bytes()
    for number, spoilt in enumerate([data[:-100], data[:200] + b"\xff" * 200 + data[400:], b"PAR1" * 100]):
        path = tmp_path / f"{number}.parquet"
        path.write_bytes(spoilt)
        job = _job("verify", str(path), "-o", str(tmp_path / f"{number}.out"))
        assert job.status == 2
        assert f"{number}.parquet" in job.stderr


def test_k03_compressed_bombs(tmp_path: Path) -> None:
    path = tmp_path / "bomb.jsonl.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(json.dumps(_pair_row("r1")).encode() + b"\n")
        file.write(b'{"id": "')
        for _ in range(300):
            file.write(b"x" * MIB)
        file.write(b'"}\n' + json.dumps(_pair_row("r3")).encode() + b"\n")
    found = _corpus_lines(path)
    assert [found[0], found[2]] == ["r1", "r3"]
    assert found[1].startswith("bomb.jsonl.gz:2: row: longer than")

    zstd = tmp_path / "bomb.jsonl.zst"
    zstd.write_bytes(b"\x28\xb5\x2f\xfd\x04\x58" + b"\x00" * 100 + b"\n")
    [bad] = _corpus_lines(zstd)
    assert bad.startswith("bomb.jsonl.zst:1: row: ")
