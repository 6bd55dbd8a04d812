"""The number of codes and pairs that each stage kept, and why it dropped the others."""

from __future__ import annotations

from dataclasses import dataclass

from semi_instruct.harness.dataset.stages import DIVERSIFY, EXPORT, FILTERS, PROPOSE, REPLAY, RETAIN, VALIDATE
from semi_instruct.harness.dataset.stages.agreement import Inventions
from semi_instruct.harness.dataset.stages.replaying import Replayed
from semi_instruct.harness.dataset.stages.retention import Retained
from semi_instruct.harness.dataset.stages.stage import Build, Kept
from semi_instruct.harness.dataset.stages.validation import judged_at
from semi_instruct.harness.synthesis.proposals import Proposals


@dataclass(frozen=True, slots=True)
class Step:
    """A stage of the funnel.

    Attributes:
        stage: its name.
        what: the things that are counted, such as ``natural codes`` or ``pairs``.
        left: how many the stage kept.
        tasks: the number of tasks that they belong to.
        dropped: how many the stage dropped, by reason, the most frequent first.
    """

    stage: str
    what: str
    left: int
    tasks: int
    dropped: dict[str, int]


def funnel(build: Build, exported: int) -> list[Step]:
    """The steps of a build in order.

    Args:
        exported: number of pairs in the dataset.
    """
    state = build.state
    dropped: dict[str, dict[str, int]] = {}
    for stage, reason, count in sorted(state.drop_counts(), key=lambda one: (-one[2], one[1])):
        dropped.setdefault(stage, {})[reason] = count
    steps = []
    for stage in FILTERS:
        sizes = [len(kept.codes) for index in state.done(stage) if (kept := state.get(stage, index, Kept))]
        steps.append(Step(stage, "natural codes", sum(sizes), sum(map(bool, sizes)), dropped.get(stage, {})))
    if build.generator is not None or build.settings.mode != "natural":
        steps.append(_proposed(build, dropped.get(PROPOSE, {})))
    sizes = [len(judged_at(build, index).pairs) for index in state.done(VALIDATE)]
    steps.append(Step(VALIDATE, "pairs judged", sum(sizes), sum(map(bool, sizes)), {}))
    for stage in (RETAIN, DIVERSIFY):
        sizes = [len(found.pairs) for index in state.done(stage) if (found := state.get(stage, index, Retained))]
        steps.append(Step(stage, "pairs", sum(sizes), sum(map(bool, sizes)), dropped.get(stage, {})))
    sizes = [len(done.pairs) for index in state.done(REPLAY) if (done := state.get(REPLAY, index, Replayed))]
    steps.append(Step(REPLAY, "pairs", sum(sizes), sum(map(bool, sizes)), dropped.get(REPLAY, {})))
    over = sum(sizes) - exported
    steps.append(Step(EXPORT, "pairs", exported, sum(map(bool, sizes)), {"over_the_limit": over} if over else {}))
    return steps


def _proposed(build: Build, dropped: dict[str, int]) -> Step:
    state = build.state
    if build.settings.mode == "self":
        found = [state.get(PROPOSE, index, Inventions) for index in state.done(PROPOSE)]
        sizes = [sum(len(one.sources) for one in each.found) for each in found if each]
    else:
        given = [state.get(PROPOSE, index, Proposals) for index in state.done(PROPOSE)]
        sizes = [len(each.codes) for each in given if each]
    return Step(PROPOSE, "codes proposed", sum(sizes), sum(map(bool, sizes)), dropped)


def funnel_lines(steps: list[Step]) -> list[str]:
    """The funnel as lines of text."""
    width = max(len(step.stage) for step in steps)
    return [f"{step.stage:<{width}}  {step.left:>7} {step.what}, {step.tasks} tasks{_reasons(step)}" for step in steps]


def _reasons(step: Step) -> str:
    if not step.dropped:
        return ""
    return " (dropped: " + ", ".join(f"{count} {reason}" for reason, count in step.dropped.items()) + ")"
