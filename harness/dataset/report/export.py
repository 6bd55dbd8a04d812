"""Last stage: write the dataset as files. They depend on the state alone.

dataset/README.md                 the card
dataset/data/pairs.parquet        one row per pair, in the formats that TRL's SFTTrainer reads
dataset/data/test_cases.parquet   one row per test case and one per counterexample
dataset/pairs.jsonl, dataset/test_cases.jsonl   the same rows
dataset/problems.jsonl            the pairs as problems that ``verify`` judges, by these test cases alone
"""

from __future__ import annotations

import heapq
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from semi_instruct.harness.dataset.pairs import JudgedTask, Pair
from semi_instruct.harness.dataset.report.card import card
from semi_instruct.harness.dataset.report.funnel import funnel
from semi_instruct.harness.dataset.report.tables import PAIR_COLUMNS, TEST_CASE_COLUMNS, table
from semi_instruct.harness.dataset.stages import EXPORT, REPLAY
from semi_instruct.harness.dataset.stages.replaying import problem_rows, retained_pairs
from semi_instruct.harness.dataset.stages.retention import score
from semi_instruct.harness.dataset.stages.stage import Build
from semi_instruct.harness.dataset.stages.validation import judged_at
from semi_instruct.harness.errors import OutputUnusable
from semi_instruct.harness.problems.verdicts import REJECTIONS
from semi_instruct.harness.text import markdown_fenced

DATASET = "dataset"
OVER_LIMIT = "pairs over the limit"

type Write = Callable[[Mapping[str, Any]], None]


def export(build: Build, folder: Path) -> int:
    """Write the dataset atomically. Returns the number of its pairs.

    Raises:
        OutputUnusable: it cannot be written.
    """
    target, making = folder / DATASET, folder / f"{DATASET}.partial"
    try:
        shutil.rmtree(making, ignore_errors=True)
        (making / "data").mkdir(parents=True)
        count = _write(build, making)
        (making / "README.md").write_text(card(build, count, funnel(build, count)), "utf-8")
        shutil.rmtree(target, ignore_errors=True)
        os.replace(making, target)
    except OSError as error:
        raise OutputUnusable(f"{target}: {error.strerror or error}") from None
    return count


def chosen(build: Build) -> frozenset[str] | None:
    """Ids of the best pairs if their number is limited; None if it is not."""
    limit = build.settings.limit
    if not limit:
        return None
    scored = (
        (-score(pair), index, number, pair.id)
        for index in build.state.done(REPLAY)
        for number, pair in enumerate(retained_pairs(build, index))
    )
    return frozenset(name for *_, name in heapq.nsmallest(limit, scored))


def _write(build: Build, folder: Path) -> int:
    wanted = chosen(build)
    count = over = 0
    with ExitStack() as stack:
        write_pair, write_case = (
            _both(stack, folder, name, columns)
            for name, columns in (("pairs", PAIR_COLUMNS), ("test_cases", TEST_CASE_COLUMNS))
        )
        problems = stack.enter_context((folder / "problems.jsonl").open("w", encoding="ascii"))
        more = stack.enter_context(build.stage(EXPORT, build.state.count_done(REPLAY)))
        for index in build.state.done(REPLAY):
            pairs = retained_pairs(build, index)
            kept = [pair for pair in pairs if wanted is None or pair.id in wanted]
            over += len(pairs) - len(kept)
            if kept:
                task = build.state.task(index)
                judged = judged_at(build, index)
                rows = problem_rows(judged, [pair.id for pair in kept])
                for pair in kept:
                    write_pair(_pair_row(pair, build.settings.mode, task.corpus, task.file, task.line, task.difficulty))
                for row in (*_test_case_rows(rows, kept), *_counterexample_rows(judged, kept)):
                    write_case(row)
                problems.writelines(json.dumps(row) + "\n" for row in rows)
                count += len(kept)
            more(1, 0)
    build.state.note(OVER_LIMIT, over)
    return count


def _both(stack: ExitStack, folder: Path, name: str, columns: Mapping[str, str]) -> Write:
    """A function that writes a row to a Parquet and a JSONL file."""
    write_parquet = stack.enter_context(table(folder / "data" / f"{name}.parquet", columns))
    lines = stack.enter_context((folder / f"{name}.jsonl").open("w", encoding="utf-8"))

    def write(row: Mapping[str, Any]) -> None:
        write_parquet(row)
        lines.write(json.dumps(row, ensure_ascii=False) + "\n")

    return write


def _pair_row(
    pair: Pair, mode: str, corpus: str, file: str, line: int, difficulty: str | int | float | None
) -> dict[str, Any]:
    output = markdown_fenced(pair.source.rstrip(), pair.language)
    return {
        "id": pair.id,
        "messages": [{"role": "user", "content": pair.instruction}, {"role": "assistant", "content": output}],
        "instruction": pair.instruction,
        "output": pair.source,
        "mode": mode,
        "task": pair.task,
        "kind": pair.kind,
        "entry": pair.entry,
        "language": pair.language,
        "evidence": pair.evidence.value,
        "oracles": list(pair.oracles),
        "verdict": pair.verdict.value,
        "passed": pair.passed,
        "test_cases": pair.test_cases,
        "branch_coverage": pair.branch_coverage,
        "mutants_killed": pair.mutants_killed,
        "score": score(pair),
        "pass_rate": pair.pass_rate,
        "round_trip": pair.round_trip,
        "difficulty": None if difficulty is None else str(difficulty),
        "written_by": pair.written_by,
        "instruction_by": pair.instruction_by,
        "adapter": None if pair.adapter is None else {"parse": pair.adapter.parse, "show": pair.adapter.show},
        "licence": pair.licence,
        "corpus": corpus,
        "file": file,
        "line": line,
        "origin": pair.origin,
    }


def _test_case_rows(rows: list[dict[str, Any]], kept: list[Pair]) -> Iterator[dict[str, Any]]:
    """The test cases that the kept pairs pass."""
    for row in rows:
        names = [candidate["id"] for candidate in row["candidates"]]
        for number, example in enumerate(row["examples"]):
            yield {
                "problem": row["id"],
                "number": number,
                "role": "test_case",
                "input": _as_text(row, example["input"]),
                "expected": _as_text(row, example.get("output")),
                "comparison": json.dumps(row.get("comparison"), sort_keys=True),
                "provenance": example.get("provenance"),
                "beyond": bool(example.get("beyond", False)),
                "candidates": names,
                "verdict": "accepted",
                "actual": None,
                "detail": None,
            }


def _counterexample_rows(judged: JudgedTask, kept: list[Pair]) -> Iterator[dict[str, Any]]:
    """The counterexamples of rejected candidates of these tasks, as text for people."""
    tasks = frozenset(pair.task for pair in kept)
    for number, pair in enumerate(judged.pairs):
        if pair.verdict in REJECTIONS and pair.task in tasks and pair.counterexample is not None:
            found = pair.counterexample
            yield {
                "problem": pair.task,
                "number": number,
                "role": "counterexample",
                "input": _text(found["input"]),
                "expected": _text(found["expected"]),
                "comparison": json.dumps(judged.suites[pair.suite].get("comparison"), sort_keys=True),
                "provenance": found["provenance"],
                "beyond": False,
                "candidates": [pair.id],
                "verdict": pair.verdict.value,
                "actual": _text(found["actual"]),
                "detail": pair.detail,
            }


def _as_text(row: Mapping[str, Any], value: Any) -> str:
    """Text of stdin or stdout as it is, any other value as JSON."""
    return value if row["kind"] == "stdin" else json.dumps(value, ensure_ascii=False)


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text.encode("utf-8", "backslashreplace").decode()
