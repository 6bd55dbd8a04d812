"""How many there were at each stage, and why the others went no further."""

from __future__ import annotations

from dataclasses import dataclass

from semi_instruct.harness.dataset.candidates import Proposals
from semi_instruct.harness.dataset.stages.agreement import Inventions
from semi_instruct.harness.dataset.stages.contamination import DECONTAMINATE
from semi_instruct.harness.dataset.stages.diversity import DIVERSIFY
from semi_instruct.harness.dataset.stages.duplicates import DEDUPLICATE
from semi_instruct.harness.dataset.stages.reading import READ
from semi_instruct.harness.dataset.stages.replaying import REPLAY, Replayed
from semi_instruct.harness.dataset.stages.retention import RETAIN, Retained
from semi_instruct.harness.dataset.stages.screening import SCREEN
from semi_instruct.harness.dataset.stages.stage import Build, Kept
from semi_instruct.harness.dataset.stages.validation import PROPOSE, VALIDATE, judged_at

FILTERS = (READ, SCREEN, DEDUPLICATE, DECONTAMINATE)


@dataclass(frozen=True, slots=True)
class Step:
    """A stage of the funnel.

    Attributes:
        stage: its name.
        what: what is counted, ``natural codes`` or ``pairs``.
        left: how many went on.
        tasks: of how many tasks.
        dropped: how many went no further, by reason, the commonest first.
    """

    stage: str
    what: str
    left: int
    tasks: int
    dropped: dict[str, int]


def funnel(build: Build, exported: int) -> list[Step]:
    """The steps of a build in order.

    Args:
        exported: pairs in the dataset.
    """
    state = build.state
    dropped: dict[str, dict[str, int]] = {}
    for stage, reason, count in sorted(state.drop_counts(), key=lambda one: (-one[2], one[1])):
        dropped.setdefault(stage, {})[reason] = count
    steps = []
    for stage in FILTERS:
        sizes = [len(kept.codes) for place in state.done(stage) if (kept := state.get(stage, place, Kept))]
        steps.append(Step(stage, "natural codes", sum(sizes), sum(map(bool, sizes)), dropped.get(stage, {})))
    if build.generator is not None or build.settings.mode != "natural":
        steps.append(_proposed(build, dropped.get(PROPOSE, {})))
    sizes = [len(judged_at(build, place).pairs) for place in state.done(VALIDATE)]
    steps.append(Step(VALIDATE, "pairs judged", sum(sizes), sum(map(bool, sizes)), {}))
    for stage in (RETAIN, DIVERSIFY):
        sizes = [len(found.pairs) for place in state.done(stage) if (found := state.get(stage, place, Retained))]
        steps.append(Step(stage, "pairs", sum(sizes), sum(map(bool, sizes)), dropped.get(stage, {})))
    sizes = [len(done.pairs) for place in state.done(REPLAY) if (done := state.get(REPLAY, place, Replayed))]
    steps.append(Step(REPLAY, "pairs", sum(sizes), sum(map(bool, sizes)), dropped.get(REPLAY, {})))
    over = sum(sizes) - exported
    steps.append(Step("export", "pairs", exported, sum(map(bool, sizes)), {"over_the_limit": over} if over else {}))
    return steps


def _proposed(build: Build, dropped: dict[str, int]) -> Step:
    state = build.state
    if build.settings.mode == "self":
        found = [state.get(PROPOSE, place, Inventions) for place in state.done(PROPOSE)]
        sizes = [sum(len(one.sources) for one in each.found) for each in found if each]
    else:
        given = [state.get(PROPOSE, place, Proposals) for place in state.done(PROPOSE)]
        sizes = [len(each.codes) for each in given if each]
    return Step(PROPOSE, "codes proposed", sum(sizes), sum(map(bool, sizes)), dropped)


def shown(steps: list[Step]) -> list[str]:
    """The funnel as lines of text."""
    width = max(len(step.stage) for step in steps)
    return [f"{step.stage:<{width}}  {step.left:>7} {step.what}, {step.tasks} tasks{_reasons(step)}" for step in steps]


def _reasons(step: Step) -> str:
    if not step.dropped:
        return ""
    return " (dropped: " + ", ".join(f"{count} {reason}" for reason, count in step.dropped.items()) + ")"
