"""Shows people what ``fuzz`` found: input, expected and actual output side by side, and where the outputs differ."""

from __future__ import annotations

import json
from difflib import unified_diff
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from semi_instruct.harness.search.fuzz import Finding
from semi_instruct.harness.text import one_line

_MAX_LINES = 60
_MAX_LINE_LENGTH = 400


def report(finding: Finding, console: Console) -> None:
    """Print a finding."""
    console.print(Text(_headline(finding)), soft_wrap=True)
    difference = finding.difference
    if difference is None or difference.row.counterexample is None:
        return
    shown = difference.row.counterexample
    is_text = finding.problem.kind == "stdin"
    has_actual = is_text or difference.outcome.returned
    actual = _as_text(shown.actual, is_text) if has_actual else ""
    if difference.row.detail:
        actual = f"{actual.rstrip()}\n({difference.row.detail})".lstrip()
    expected = _as_text(shown.expected, is_text)
    table = Table("input", "expected", "candidate", show_lines=True)
    table.add_row(_safe(_as_text(shown.input, is_text)), _safe(expected), _safe(actual))
    console.print(table)
    changes = _changes(expected, actual)
    if changes is not None:
        console.print(changes)


def _headline(finding: Finding) -> str:
    name = one_line(f"{finding.problem.id} {finding.candidate.id}")
    if finding.fault:
        return f"{name}: not searched: {one_line(finding.fault)}"
    tried = f"{finding.inputs} inputs tried, {finding.test_cases} of them test cases"
    if finding.undecided:
        return f"{name}: undecided: {one_line(finding.undecided)} ({tried})"
    if finding.difference is None:
        why = f"; {one_line(finding.detail)}" if finding.detail else ""
        return f"{name}: no difference found ({tried}{why})"
    row = finding.difference.row
    blame = "" if row.counterexample else f": {one_line(row.detail)}"
    found_by = f", found by {finding.found_on.provenance}" if finding.found_on else ""
    return f"{name}: {row.verdict}{blame} ({tried}{found_by})"


def _as_text(shown: Any, is_text: bool) -> str:
    """Text as it is; values as JSON."""
    return str(shown) if is_text else json.dumps(shown)


def _safe(text: str) -> Text:
    """Text whose control characters are escaped, cut where long."""
    lines = text.split("\n")
    safe = [one_line(line, _MAX_LINE_LENGTH) for line in lines[:_MAX_LINES]]
    if len(lines) > _MAX_LINES:
        safe.append(f"... [{len(lines) - _MAX_LINES} more lines]")
    return Text("\n".join(safe).rstrip("\n"))


def _changes(expected: str, actual: str) -> RenderableType | None:
    """The lines that differ, as ``diff`` shows them."""
    lines = list(unified_diff(expected.splitlines(), actual.splitlines(), "expected", "candidate", lineterm="", n=2))
    if not lines:
        return None
    styles = {"+": "green", "-": "red", "@": "cyan"}
    shown = [Text(one_line(line, _MAX_LINE_LENGTH), styles.get(line[:1], "")) for line in lines[:_MAX_LINES]]
    return Panel(Group(*shown), title="diff", title_align="left", expand=False)
