"""Figures held against the marks they have to reach."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rich.table import Table


@dataclass(frozen=True, slots=True)
class Claim:
    """One measured figure and the mark it is held against."""

    name: str
    figure: str
    mark: str
    holds: bool


def at_least(name: str, value: float, mark: float) -> Claim:
    """A claim that holds when the value reaches the mark."""
    return Claim(name, f"{value:.2f}", f"at least {mark:.4g}", value >= mark)


def at_most(name: str, value: float, mark: float) -> Claim:
    """A claim that holds when the value does not exceed the mark."""
    return Claim(name, f"{value:.2f}", f"at most {mark:.4g}", value <= mark)


def table_of(claims: Iterable[Claim]) -> Table:
    """The claims as people read them."""
    table = Table("claim", "measured", "mark", "")
    for claim in claims:
        table.add_row(claim.name, claim.figure, claim.mark, "holds" if claim.holds else "MISSED")
    return table
