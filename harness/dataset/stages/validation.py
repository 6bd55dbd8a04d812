"""Fifth stage: the mode's pairs, judged. What it takes to propose, repair and tell again are stages too."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from itertools import islice

import msgspec

from semi_instruct.harness.dataset.candidates import Proposals
from semi_instruct.harness.dataset.judging import HowJudged
from semi_instruct.harness.dataset.pairs import JudgedTask, Pair
from semi_instruct.harness.dataset.proposing import Generator
from semi_instruct.harness.dataset.stages.agreement import Inventions, SelfWork, invent, judge_self, lost_self
from semi_instruct.harness.dataset.stages.contamination import DECONTAMINATE
from semi_instruct.harness.dataset.stages.natural import NaturalWork, judge_natural, lost_natural
from semi_instruct.harness.dataset.stages.semi import (
    Instructions,
    SemiWork,
    instruct,
    judge_semi,
    lost_semi,
    propose,
    repair,
    retell,
    round_trip_rates,
)
from semi_instruct.harness.dataset.stages.stage import Build, Kept
from semi_instruct.harness.dataset.state import Drop
from semi_instruct.harness.dataset.tasks import Task

PROPOSE = "propose"
VALIDATE = "validate"
INSTRUCT = "instruct"
RETELL = "retell"
ROUND_TRIP = "round trip"
_MAX_OTHERS = 256


def validate(build: Build) -> str:
    """Make and judge the pairs of every task. Returns the last stage that did, behind which :func:`judged_at` reads."""
    match build.settings.mode:
        case "natural":
            _validate_natural(build)
            return VALIDATE
        case "self":
            _validate_self(build)
            return VALIDATE
        case "semi":
            return _validate_semi(build)


def judged_at(build: Build, place: int) -> JudgedTask:
    """All that validation has made of a task, repairs included, with the rates of the round trip."""
    state = build.state
    stages = [VALIDATE, *(_again(number) for number in range(1, build.settings.repairs + 1))]
    found = [state.get(stage, place, JudgedTask) for stage in stages]
    done = JudgedTask()
    for one in found:
        done = done.with_more(one) if one is not None else done
    instructed = state.get(INSTRUCT, place, Instructions)
    if instructed is not None:
        done = msgspec.structs.replace(
            done, pairs=tuple(_with_instruction(pair, instructed.written) for pair in done.pairs)
        )
    told = state.get(ROUND_TRIP, place, JudgedTask)
    if told is None:
        return done
    rates = round_trip_rates(told, done.pairs)
    pairs = tuple(_with_rate(pair, rates) for pair in done.pairs)
    return msgspec.structs.replace(done, pairs=pairs)


def task_left(build: Build, place: int) -> Task:
    """A task with the natural codes that the filters left."""
    kept = build.state.get(DECONTAMINATE, place, Kept)
    return build.state.task(place).with_codes(kept.codes if kept else ())


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
        DECONTAMINATE,
        lambda place: NaturalWork(task_left(build, place), _how(build)),
        judge_natural,
        lost=lost_natural,
        drops=lambda _: (),
    )


def _validate_self(build: Build) -> None:
    generator, settings = _generator(build), build.settings
    tasks = (build.state.task(place) for place in build.state.places())
    others = list(islice((text for task in tasks if (text := task.statement or task.title)), _MAX_OTHERS))

    def asked(task: Task) -> tuple[Inventions, Iterable[Drop]]:
        return (invent(generator, task, others, settings.samples, settings.seed) if task.codes else Inventions()), ()

    build.each_asked(PROPOSE, DECONTAMINATE, partial(task_left, build), asked)

    def work(place: int) -> SelfWork:
        inventions = build.state.get(PROPOSE, place, Inventions) or Inventions()
        return SelfWork(task_left(build, place), inventions, settings.generator, _how(build))

    build.each_on_cores(VALIDATE, PROPOSE, work, judge_self, lost=lost_self, drops=lambda _: ())


def _validate_semi(build: Build) -> str:
    generator, settings, state = _generator(build), build.settings, build.state

    def asked(task: Task) -> tuple[Proposals, Iterable[Drop]]:
        proposals = propose(generator, task, settings)
        return proposals, proposals.dropped

    build.each_asked(PROPOSE, DECONTAMINATE, partial(task_left, build), asked)

    def repaired(before: JudgedTask) -> tuple[Proposals, Iterable[Drop]]:
        return repair(generator, before, settings.seed), ()

    _judge_proposals(build, PROPOSE, VALIDATE)
    last = VALIDATE
    for number in range(1, settings.repairs + 1):
        repairing, again = f"repair {number}", _again(number)
        build.each_asked(repairing, last, partial(_last_judged, build, last), repaired)
        _judge_proposals(build, repairing, again)
        last = again

    def instructed(given: tuple[Task, JudgedTask]) -> tuple[Instructions, Iterable[Drop]]:
        return instruct(generator, *given, settings.seed), ()

    build.each_asked(INSTRUCT, last, lambda place: (task_left(build, place), judged_at(build, place)), instructed)
    last = INSTRUCT
    if settings.least_round_trip > 0:

        def told(judged: JudgedTask) -> tuple[Proposals, Iterable[Drop]]:
            return retell(generator, judged, settings.samples, settings.seed), ()

        build.each_asked(RETELL, last, partial(judged_at, build), told)
        _judge_proposals(build, RETELL, ROUND_TRIP)
        last = ROUND_TRIP
    state.commit()
    return last


def _again(number: int) -> str:
    return f"{VALIDATE} {number}"


def _last_judged(build: Build, last: str, place: int) -> JudgedTask:
    return build.state.get(last, place, JudgedTask) or JudgedTask()


def _judge_proposals(build: Build, asked: str, stage: str) -> None:
    inputs = PROPOSE

    def work(place: int) -> SemiWork:
        given = build.state.get(asked, place, Proposals) or Proposals()
        first = build.state.get(inputs, place, Proposals) or Proposals()
        both = Proposals(given.codes, first.inputs)
        return SemiWork(task_left(build, place), both, build.settings.generator, _how(build))

    build.each_on_cores(stage, asked, work, judge_semi, lost=lost_semi, drops=lambda _: ())


def _generator(build: Build) -> Generator:
    if build.generator is None:
        raise ValueError(f"mode {build.settings.mode} needs a generator")
    return build.generator
