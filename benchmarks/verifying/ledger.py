"""Results written as they come, so that work that was cut off goes on where it stopped."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

import msgspec

from benchmarks.verifying.judging import TaskResult

_ROOT = Path(__file__).parents[2]
# What verdicts depend on, beside data and settings.
_CODE = ("engine", "harness", "seccomp", "requirements", "examples", "benchmarks/verifying")


def fingerprint(data: Path, settings: Iterable[object]) -> str:
    """A word for data, settings and code: results of another one are not comparable."""
    digest = hashlib.sha256(data.read_bytes())
    digest.update(repr(tuple(settings)).encode())
    for folder in _CODE:
        for file in sorted((_ROOT / folder).rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts:
                digest.update(f"{file.relative_to(_ROOT)} {file.stat().st_size}\n".encode())
                digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


class Ledger:
    """A JSONL file of results.

    Attributes:
        results: by key, from this start and those before.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self.results = {result.key: result for result in self._kept()}

    def add(self, result: TaskResult) -> None:
        """Keep a result, whatever happens after."""
        # Not msgspec's encoder: counterexamples may hold whole numbers and text that it refuses.
        line = json.dumps(msgspec.to_builtins(result)) + "\n"
        with self._path.open("ab") as file:
            file.write(line.encode())
        self.results[result.key] = result

    def _kept(self) -> list[TaskResult]:
        """The whole lines of the file. A last one that is not whole is cut off: its task is judged again."""
        if not self._path.exists():
            return []
        lines = self._path.read_bytes().splitlines(keepends=True)
        if lines and not lines[-1].endswith(b"\n"):
            lines.pop()
            self._path.write_bytes(b"".join(lines))
        return [msgspec.convert(json.loads(line), TaskResult) for line in lines]
