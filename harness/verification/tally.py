"""Counts the results of ``verify`` and reports them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from rich.console import Console
from rich.table import Table

from semi_instruct.harness.problems.verdicts import Verdict
from semi_instruct.harness.text import one_line

_MAX_LINES_LISTED = 50


class Counted(Protocol):
    """The fields of a row that are counted: of a ``VerdictRow``, or of a row of an earlier run."""

    @property
    def problem(self) -> str:
        """The id of its problem."""

    @property
    def candidate(self) -> str:
        """The id of its candidate."""

    @property
    def verdict(self) -> Verdict:
        """The verdict of the candidate."""

    @property
    def dropped_inputs(self) -> Mapping[str, int]:
        """Inputs of the problem that are not test cases, by reason."""

    @property
    def detail(self) -> str:
        """The reason in words."""

    @property
    def expect(self) -> tuple[Verdict, ...] | None:
        """The verdicts that are expected, or None."""

    @property
    def as_expected(self) -> bool:
        """Whether the verdict is expected; true if the row expects none."""

    @property
    def proposed_comparison(self) -> object | None:
        """A comparison under which the oracles would disagree less; its text is reported."""


@dataclass(slots=True)
class Tally:
    """Running totals.

    Attributes:
        runs: programs run.
        problems: problems with at least one verdict.
        verdicts: candidates by verdict.
        dropped: inputs that are not test cases, by reason.
        judged_by_people: candidates whose row says which verdict is expected.
        proposals: proposed comparisons, one line per problem.
        surprises: candidates with another verdict than expected, one line each.
    """

    started: float = field(default_factory=time.monotonic)
    runs: int = 0
    problems: int = 0
    verdicts: Counter[Verdict] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    judged_by_people: int = 0
    proposals: list[str] = field(default_factory=list)
    surprises: list[str] = field(default_factory=list)
    _last_problem: str | None = None

    def count_runs(self, more: int) -> None:
        """Count runs."""
        self.runs += more

    def count_row(self, row: Counted) -> None:
        """Count a verdict. The rows of one problem must be consecutive."""
        if row.problem != self._last_problem:
            self._last_problem = row.problem
            self.problems += 1
            self.dropped.update(row.dropped_inputs)
            if row.proposed_comparison is not None:
                self.proposals.append(one_line(f"{row.problem}: {row.proposed_comparison}"))
        self.verdicts[row.verdict] += 1
        if row.expect is None:
            return
        self.judged_by_people += 1
        if not row.as_expected:
            wanted = " or ".join(row.expect)
            self.surprises.append(
                one_line(f"{row.problem} {row.candidate}: expected {wanted}, is {row.verdict} {row.detail}".rstrip())
            )

    def line(self) -> str:
        """The totals in one line."""
        seconds = time.monotonic() - self.started
        rate = self.runs / seconds if seconds else 0.0
        return (
            f"{self.problems} problems, {self.verdicts.total()} verdicts, {self.runs} runs in {seconds:.1f} s "
            f"({rate:.1f} runs/s)"
        )

    def report(self, console: Console) -> None:
        """The totals, as lines for people."""
        table = Table("verdict", "candidates")
        table.columns[1].justify = "right"
        for verdict in Verdict:
            if self.verdicts[verdict]:
                table.add_row(verdict.value, str(self.verdicts[verdict]))
        if self.verdicts:
            console.print(table)
        console.print(self.line(), soft_wrap=True)
        if self.dropped:
            reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(self.dropped.items()))
            console.print(f"dropped inputs: {reasons}", soft_wrap=True)
        if self.judged_by_people:
            fine = self.judged_by_people - len(self.surprises)
            console.print(f"{fine} of {self.judged_by_people} as expected", soft_wrap=True)
        _list(console, self.surprises)
        if self.proposals:
            console.print("comparisons proposed (not used unless you say so):", soft_wrap=True)
            _list(console, self.proposals)


def _list(console: Console, lines: list[str]) -> None:
    for line in lines[:_MAX_LINES_LISTED]:
        console.print(f"  {line}", soft_wrap=True)
    if len(lines) > _MAX_LINES_LISTED:
        console.print(f"  and {len(lines) - _MAX_LINES_LISTED} more", soft_wrap=True)
