"""The forgers: a file each, that says in its docstring what it tries and what is true of it.

After the docstring's first paragraph come fields, one a line:

    Truth: the verdicts that say the truth about it, with "or" between them.
    Unboxed: why it is never run without a sandbox; for most there is no such line.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from semi_instruct.harness.problems.verdicts import Verdict

FOLDER = Path(__file__).parent
_FIELD = re.compile(r"^(\w+): (.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Forger:
    """One forger.

    Attributes:
        kind: ``function`` or ``stdin``.
        truth: the verdicts that say the truth about it.
        unboxed: why it must not be run without a sandbox, or None if it may.
    """

    name: str
    kind: str
    source: str
    truth: frozenset[Verdict]
    unboxed: str | None

    def __str__(self) -> str:
        return f"{self.kind}-{self.name}"


def forgers() -> Iterator[Forger]:
    """All of them."""
    for path in sorted(FOLDER.glob("function/*.py")) + sorted(FOLDER.glob("stdin/*.py")):
        source = path.read_text()
        fields = dict(_FIELD.findall(ast.get_docstring(ast.parse(source)) or ""))
        truth = frozenset(Verdict(word) for word in fields["Truth"].split(" or "))
        yield Forger(path.stem, path.parent.name, source, truth, fields.get("Unboxed"))


def honest(task: str) -> str:
    """The source of a program that solves a task."""
    return (FOLDER / "honest" / f"{task}.py").read_text()
