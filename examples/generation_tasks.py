"""Makes problem rows for ``semi-instruct generate`` from ConDefects tasks.

    python examples/generation_tasks.py ../shared/data/condefects_dev.jsonl tasks.jsonl 40

The natural code of a task is the shortest of its correct programs; tasks whose shortest has more than 800 characters
are passed over, being too long for small models. The first so many of the others are taken.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

LONGEST = 800


def problem(task: dict[str, Any]) -> dict[str, Any]:
    """One task as a problem row without candidates."""
    return {
        "id": task["task"],
        "kind": "stdin",
        "time_limit_s": task["time_limit_s"],
        "oracles": [min((program["source"] for program in task["correct"]), key=len)],
        "examples": task["samples"],
        "candidates": [],
    }


def main(source: str, target: str, count: int) -> None:
    """Convert the first tasks of a file."""
    with Path(source).open(encoding="utf-8") as tasks:
        rows = [problem(json.loads(line)) for line in tasks]
    short = [row for row in rows if len(row["oracles"][0]) <= LONGEST]
    Path(target).write_text("".join(json.dumps(row) + "\n" for row in short[:count]), encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit("usage: python examples/generation_tasks.py IN.jsonl OUT.jsonl COUNT")
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
