"""The order of the steps, whoever performs them, and where the rules of the commands decide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from semi_instruct.harness.problems.verdicts import Verdict
from semi_instruct.harness.synthesis.flow import Instruct, Judge, Propose, Repairs, Retell, Step, run, semi_instruct
from semi_instruct.harness.synthesis.proposals import (
    Ask,
    Instructions,
    Proposal,
    Proposals,
    Rejection,
    Repair,
    Subject,
)

ASK = Ask("", "stdin")


@dataclass(frozen=True)
class Judged:
    proposal: Proposal
    verdict: Verdict

    @property
    def rejection(self) -> Rejection:
        return Rejection(self.verdict)


@dataclass(frozen=True)
class Simple:
    """Rules that stop at a right code, and repair all of the last round."""

    batches: Sequence[tuple[int, int]] = ((0, 2), (2, 2))
    repairs: int = 2
    retellings: int = 0
    stops: bool = True

    def is_enough(self, rounds: Sequence[Sequence[Judged]]) -> bool:
        return self.stops and any(one.verdict is Verdict.ACCEPTED for codes in rounds for one in codes)

    def to_repair(self, rounds: Sequence[Sequence[Judged]], turn: int) -> Sequence[Repair]:
        wrong = [one for one in rounds[-1] if one.verdict is not Verdict.ACCEPTED]
        return [Repair(one.proposal, one.rejection, f"{one.proposal.id}r") for one in wrong]

    def best(self, codes: Sequence[Judged]) -> Judged:
        return codes[-1]

    def name(self, subject: Subject, first: int, number: int) -> str:
        return f"{first + number}"

    def fresh(self, proposals: Sequence[Proposal], known: frozenset[str]) -> list[Proposal]:
        return list(proposals)

    def is_usable(self, *texts: str) -> bool:
        return True


def performed(rules: Simple, rounds: Sequence[Sequence[tuple[str, Verdict]]]) -> list[Step]:
    """The steps of a flow in which each request for codes gives the next of these rounds."""
    coming = iter(rounds)
    verdicts: dict[str, Verdict] = {}
    steps: list[Step] = []

    def perform(step: Step) -> Any:
        steps.append(step)
        match step:
            case Propose() | Repairs() | Retell():
                codes = next(coming)
                verdicts.update(codes)
                found = tuple(Proposal(ASK, f"source of {name}", name) for name, _ in codes)
                return Proposals(found, ("input",) if isinstance(step, Propose) and not step.first else ())
            case Judge():
                return [Judged(one, verdicts[one.id]) for one in step.codes]
            case Instruct():
                return Instructions({one.id: "Do it." for group in step.groups for one in group})

    run(semi_instruct(rules), perform)
    return steps


def names(steps: Sequence[Step]) -> list[str]:
    return [type(step).__name__ for step in steps]


RIGHT, WRONG = Verdict.ACCEPTED, Verdict.WRONG_ANSWER


@pytest.mark.parametrize(
    ("stops", "rounds", "order"),
    [
        (True, [[("a", RIGHT)]], ["Propose", "Judge", "Instruct"]),
        (True, [[("a", WRONG)], [("b", RIGHT)]], [*["Propose", "Judge"] * 2, "Instruct"]),
        (
            True,
            [[("a", WRONG)], [("b", WRONG)], [("br", RIGHT)]],
            [*["Propose", "Judge"] * 2, "Repairs", "Judge", "Instruct"],
        ),
        (False, [[("a", RIGHT)]] * 4, [*["Propose", "Judge"] * 2, *["Repairs", "Judge"] * 2, "Instruct"]),
    ],
)
def test_the_rules_decide_how_many_samples_and_repairs_there_are(
    stops: bool, rounds: list[list[tuple[str, Verdict]]], order: list[str]
) -> None:
    assert names(performed(Simple(stops=stops), rounds)) == order


def test_the_inputs_of_the_first_batch_judge_all_codes() -> None:
    steps = performed(Simple(), [[("a", WRONG)], [("b", WRONG)], [("br", WRONG)], [("brr", WRONG)]])
    assert [step.inputs for step in steps if isinstance(step, Judge)] == [("input",)] * 4
    assert [sorted(step.known) for step in steps if isinstance(step, Propose | Repairs)] == [
        [],
        ["source of a"],
        ["source of a", "source of b"],
        ["source of a", "source of b", "source of br"],
    ]
    assert [one.name for step in steps if isinstance(step, Repairs) for one in step.repairs] == ["br", "brr"]


def test_one_instruction_is_asked_for_the_best_of_the_right_codes() -> None:
    steps = performed(Simple(), [[("a", RIGHT), ("b", WRONG), ("c", RIGHT)]])
    [instruct] = [step for step in steps if isinstance(step, Instruct)]
    assert [[one.id for one in group] for group in instruct.groups] == [["c", "a"]]


def test_the_round_trip_begins_with_the_written_instructions() -> None:
    steps = performed(Simple(retellings=3), [[("a", RIGHT), ("b", WRONG)], [("a~0", RIGHT)]])
    assert names(steps)[-3:] == ["Instruct", "Retell", "Judge"]
    [retell] = [step for step in steps if isinstance(step, Retell)]
    assert [(one.id, one.ask.instruction, retell.samples) for one in retell.codes] == [("a", "Do it.", 3)]
