"""Turns ConDefects tasks into problem rows for ``semi-instruct verify``.

    python examples/condefects.py ../shared/data/condefects_dev.jsonl problems.jsonl

The samples of a task are its test cases, two of its correct programs the oracles. Candidates are all correct programs,
which should be accepted, and all faulty ones: those that fail a sample should fail, and the others, whose fault the
samples do not reach, should be accepted.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ORACLES = 2
MEMORY_LIMIT_MIB = 1024  # AtCoder's

# A faulty program may fail in any way of its own, but not by a fault of ours.
FAILURES = [
    "wrong_answer",
    "time_limit",
    "memory_limit",
    "output_limit",
    "runtime_error",
    "forbidden_syscall",
    "compile_error",
]


def problem(task: dict[str, Any]) -> dict[str, Any]:
    """One task as a problem row."""
    correct = [
        {"id": f"correct-{program['id']}", "source": program["source"], "expect": "accepted"}
        for program in task["correct"]
    ]
    faulty = [
        {
            "id": f"faulty-{program['id']}",
            "source": program["source"],
            "expect": FAILURES if program["killed_by_samples"] else "accepted",
        }
        for program in task["faulty"]
    ]
    return {
        "id": task["task"],
        "kind": "stdin",
        "language": "python",
        "difficulty": task["difficulty"],
        "time_limit_s": task["time_limit_s"],
        "memory_limit_mib": MEMORY_LIMIT_MIB,
        "oracles": [program["source"] for program in task["correct"][:ORACLES]],
        "examples": task["samples"],
        "candidates": correct + faulty,
    }


def main(source: str, target: str) -> None:
    """Convert a file."""
    with Path(source).open(encoding="utf-8") as tasks, Path(target).open("w", encoding="utf-8") as problems:
        for line in tasks:
            problems.write(json.dumps(problem(json.loads(line))) + "\n")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python examples/condefects.py IN.jsonl OUT.jsonl")
    main(*sys.argv[1:])
