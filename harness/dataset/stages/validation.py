"""Fifth: make the pairs of the mode and judge them. This takes several stages; see ``stages.mode_stages``."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from itertools import islice
from typing import Any

import msgspec

from semi_instruct.harness.dataset.judging import HowJudged
from semi_instruct.harness.dataset.pairs import JudgedTask, Pair
from semi_instruct.harness.dataset.stages import (
    DECONTAMINATE,
    INSTRUCT,
    PROPOSE,
    ROUND_TRIP,
    VALIDATE,
    again,
    mode_stages,
)
from semi_instruct.harness.dataset.stages.agreement import Inventions, SelfWork, invent, judge_self, lost_self
from semi_instruct.harness.dataset.stages.natural import NaturalWork, judge_natural, lost_natural
from semi_instruct.harness.dataset.stages.semi import (
    EveryCode,
    SemiWork,
    asked,
    judge_semi,
    lost_semi,
    round_trip_rates,
)
from semi_instruct.harness.dataset.stages.stage import Build, Kept
from semi_instruct.harness.dataset.state import Drop
from semi_instruct.harness.dataset.tasks import Task
from semi_instruct.harness.synthesis.flow import Instruct, Judge, Propose, Step, semi_instruct
from semi_instruct.harness.synthesis.proposals import Generator, Instructions, Proposals

_MAX_OTHERS = 256


def validate(build: Build) -> None:
    """Make and judge the pairs of every task."""
    match build.settings.mode:
        case "natural":
            _validate_natural(build)
        case "self":
            _validate_self(build)
        case "semi":
            _validate_semi(build)


def judged_at(build: Build, index: int) -> JudgedTask:
    """All judged pairs of a task, repairs included, with their instructions and the rates of the round trip."""
    state = build.state
    stages = [VALIDATE, *(again(turn) for turn in range(1, build.settings.repairs + 1))]
    found = [state.get(stage, index, JudgedTask) for stage in stages]
    done = JudgedTask()
    for one in found:
        done = done.with_more(one) if one is not None else done
    instructed = state.get(INSTRUCT, index, Instructions)
    if instructed is not None:
        done = msgspec.structs.replace(
            done, pairs=tuple(_with_instruction(pair, instructed.written) for pair in done.pairs)
        )
    retold = state.get(ROUND_TRIP, index, JudgedTask)
    if retold is None:
        return done
    rates = round_trip_rates(retold, done.pairs)
    pairs = tuple(_with_rate(pair, rates) for pair in done.pairs)
    return msgspec.structs.replace(done, pairs=pairs)


def task_left(build: Build, index: int) -> Task:
    """A task with the natural codes that the filters left."""
    kept = build.state.get(DECONTAMINATE, index, Kept)
    return build.state.task(index).with_codes(kept.codes if kept else ())


def _with_instruction(pair: Pair, written: dict[str, str]) -> Pair:
    return msgspec.structs.replace(pair, instruction=written[pair.code]) if pair.code in written else pair


def _with_rate(pair: Pair, rates: dict[str, float]) -> Pair:
    return msgspec.structs.replace(pair, round_trip=rates[pair.code]) if pair.code in rates else pair


def _how(build: Build) -> HowJudged:
    settings = build.settings
    return HowJudged(settings.seed, settings.budget, settings.planned)


def _validate_natural(build: Build) -> None:
    build.each_on_cores(
        VALIDATE,
        lambda index: NaturalWork(task_left(build, index), _how(build)),
        judge_natural,
        lost=lost_natural,
        drops=lambda _: (),
    )


def _validate_self(build: Build) -> None:
    generator, settings = _generator(build), build.settings
    tasks = (build.state.task(index) for index in build.state.indices())
    others = list(islice((text for task in tasks if (text := task.statement or task.title)), _MAX_OTHERS))

    def invented(task: Task) -> tuple[Inventions, Iterable[Drop]]:
        return (invent(generator, task, others, settings.samples, settings.seed) if task.codes else Inventions()), ()

    build.each_asked(PROPOSE, partial(task_left, build), invented)

    def work(index: int) -> SelfWork:
        inventions = build.state.get(PROPOSE, index, Inventions) or Inventions()
        return SelfWork(task_left(build, index), inventions, settings.generator, _how(build))

    build.each_on_cores(VALIDATE, work, judge_self, lost=lost_self, drops=lambda _: ())


def _validate_semi(build: Build) -> None:
    generator, settings = _generator(build), build.settings

    def perform(given: tuple[Task, Step]) -> tuple[Proposals | Instructions, Iterable[Drop]]:
        task, step = given
        result = asked(generator, task, step, settings)
        if isinstance(step, Propose) and isinstance(result, Proposals):
            return result, [Drop(name, fault) for name, fault in result.faults]
        return result, ()

    def to_judge(number: int, index: int) -> SemiWork:
        step = _step(build, number, index)
        assert isinstance(step, Judge)
        return SemiWork(task_left(build, index), step.codes, step.inputs, settings.generator, _how(build))

    def to_ask(number: int, index: int) -> tuple[Task, Step]:
        return task_left(build, index), _step(build, number, index)

    for number, stage in enumerate(mode_stages(settings)):
        if stage.startswith(VALIDATE) or stage == ROUND_TRIP:
            build.each_on_cores(stage, partial(to_judge, number), judge_semi, lost=lost_semi, drops=lambda _: ())
        else:
            build.each_asked(stage, partial(to_ask, number), perform)
    build.state.commit()


def _step(build: Build, number: int, index: int) -> Step:
    """The step of a task's flow that a stage performs, given the stored results of the stages before it.

    Args:
        number: of the stage among those of the mode.
    """
    flow = semi_instruct(EveryCode(build.settings))
    step = next(flow)
    for stage in mode_stages(build.settings)[:number]:
        step = flow.send(_result(build, stage, index, step))
    return step


def _result(build: Build, stage: str, index: int, step: Step) -> Any:
    match step:
        case Judge():
            return (build.state.get(stage, index, JudgedTask) or JudgedTask()).pairs
        case Instruct():
            return build.state.get(stage, index, Instructions) or Instructions()
        case _:
            return build.state.get(stage, index, Proposals) or Proposals()


def _generator(build: Build) -> Generator:
    if build.generator is None:
        raise ValueError(f"mode {build.settings.mode} needs a generator")
    return build.generator
