"""Proposals of a generator as pairs to be judged: which source runs for each, and the pair that it becomes."""

from __future__ import annotations

from collections.abc import Sequence

from semi_instruct.harness.dataset.pairs import Evidence, Pair
from semi_instruct.harness.dataset.program_adapters import whole_program
from semi_instruct.harness.dataset.tasks import MAX_SOURCE_CHARACTERS, Task
from semi_instruct.harness.problems.verdicts import Verdict
from semi_instruct.harness.synthesis.proposals import Ask, Proposal, Subject


def subjects_of(task: Task, count: int = 0) -> list[Subject]:
    """The first natural codes of a task as subjects of a generator; all of them if ``count`` is 0."""
    if not task.codes:
        return []
    problem = task.problem([code.source for code in task.codes], ())
    codes = task.codes[: count or None]
    return [Subject(f"{task.id}/{code.id}", problem, index, code.id) for index, code in enumerate(codes)]


def is_text(*texts: str) -> bool:
    """Whether these are non-empty, valid Unicode and not too long."""
    try:
        return all(text.encode() and len(text) <= MAX_SOURCE_CHARACTERS for text in texts)
    except UnicodeEncodeError:
        return False


def runs_as(task: Task, ask: Ask, source: str) -> str | None:
    """The source that runs when a code is judged by its task; None if the code cannot answer the task."""
    if task.kind == "function":
        if ask.kind != "function" or ask.entry is None or task.entry is None:
            return None
        return source if ask.entry == task.entry else f"{source.rstrip()}\n\n\n{task.entry} = {ask.entry}\n"
    if ask.kind == "stdin":
        return source
    if ask.entry is None or ask.adapter is None:
        return None
    return whole_program(source, ask.entry, ask.adapter)


def pair_of(task: Task, proposal: Proposal, generator: str, evidence: Evidence, oracles: Sequence[str]) -> Pair:
    """A proposal as a pair that is not judged yet.

    Args:
        oracles: ids of natural codes.
    """
    ask = proposal.ask
    judged_source = runs_as(task, ask, proposal.source) or ""
    return Pair(
        task=task.id,
        code=proposal.id,
        instruction=ask.instruction.strip(),
        source=proposal.source,
        kind=ask.kind,
        evidence=evidence,
        verdict=Verdict.NO_ORACLE,
        written_by=generator,
        instruction_by=generator,
        entry=ask.entry,
        language="python",
        oracles=tuple(oracles),
        judged_source="" if judged_source == proposal.source else judged_source,
        adapter=ask.adapter,
        licence=task.licence,
    )
