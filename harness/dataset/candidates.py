"""Proposals of a generator on their way to judgement: what is run in the place of each, and what each becomes."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from semi_instruct.harness.dataset.pairs import Evidence, Pair
from semi_instruct.harness.dataset.program_adapters import whole_program
from semi_instruct.harness.dataset.proposing import Ask, Proposal
from semi_instruct.harness.dataset.state import Drop
from semi_instruct.harness.dataset.tasks import MAX_SOURCE_CHARACTERS, Task
from semi_instruct.harness.problems.verdicts import Verdict
from semi_instruct.harness.synthesis.steps import Rejection


class Proposed(msgspec.Struct, frozen=True):
    """A proposal that has a name.

    Attributes:
        id: unique within its task.
    """

    id: str
    ask: Ask
    source: str


class Proposals(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was proposed for a task.

    Attributes:
        inputs: of natural codes, as ``harness.problems.schema.Example.input``.
    """

    codes: tuple[Proposed, ...] = ()
    inputs: tuple[object, ...] = ()
    dropped: tuple[Drop, ...] = ()


def usable(proposals: Sequence[Proposal]) -> list[Proposal]:
    """Those that are text of sensible size; whatever else a generator says goes no further."""
    return [one for one in proposals if is_text(one.source, one.ask.instruction or "none yet", *_adapter_of(one.ask))]


def _adapter_of(ask: Ask) -> tuple[str, ...]:
    return () if ask.adapter is None else (ask.adapter.parse, ask.adapter.show)


def is_text(*texts: str) -> bool:
    """Whether these are whole characters, some, and not too many."""
    try:
        return all(text.encode() and len(text) <= MAX_SOURCE_CHARACTERS for text in texts)
    except UnicodeEncodeError:
        return False


def runs_as(task: Task, ask: Ask, source: str) -> str | None:
    """What is run in the place of a code where the task is judged; None if nothing can be."""
    if task.kind == "function":
        if ask.kind != "function" or ask.entry is None or task.entry is None:
            return None
        return source if ask.entry == task.entry else f"{source.rstrip()}\n\n\n{task.entry} = {ask.entry}\n"
    if ask.kind == "stdin":
        return source
    if ask.entry is None or ask.adapter is None:
        return None
    return whole_program(source, ask.entry, ask.adapter)


def pair_of(task: Task, proposed: Proposed, generator: str, evidence: Evidence, oracles: Sequence[str]) -> Pair:
    """A proposal as a pair that is not judged yet.

    Args:
        oracles: ids of natural codes.
    """
    ask = proposed.ask
    judged_source = runs_as(task, ask, proposed.source) or ""
    return Pair(
        task=task.id,
        code=proposed.id,
        instruction=ask.instruction.strip(),
        source=proposed.source,
        kind=ask.kind,
        evidence=evidence,
        verdict=Verdict.NO_ORACLE,
        written_by=generator,
        instruction_by=generator,
        entry=ask.entry,
        language="python",
        oracles=tuple(oracles),
        judged_source="" if judged_source == proposed.source else judged_source,
        adapter=ask.adapter,
        licence=task.licence,
    )


def rejection_of(pair: Pair) -> Rejection:
    """Why a pair was rejected."""
    shown = pair.counterexample or {}
    return Rejection(pair.verdict, shown.get("input"), shown.get("expected"), shown.get("actual"), pair.detail)


def ask_of(pair: Pair) -> Ask:
    """What was asked for the code of a pair."""
    return Ask(pair.instruction, pair.kind, pair.entry, pair.adapter)
