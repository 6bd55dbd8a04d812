"""Semi-Instruct: rewrite natural codes, propose inputs, judge, repair what was rejected, write the instructions.

:func:`semi_instruct` is the order of the steps, as a generator: it yields a step and is sent its result. ``generate``
runs it from beginning to end for one problem after another. ``build`` runs one step for all tasks before the next one
and stores every result; it replays the flow from the stored results to find the next step of a task. Both perform the
steps that ask a generator with the functions below. Where the commands differ, :class:`Rules` says how.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from semi_instruct.harness.problems.schema import Problem
from semi_instruct.harness.problems.verdicts import Verdict
from semi_instruct.harness.synthesis.proposals import Generator as Proposer
from semi_instruct.harness.synthesis.proposals import (
    Instructions,
    Proposal,
    Proposals,
    Rejection,
    Repair,
    Subject,
    Written,
)


class JudgedCode(Protocol):
    """A proposal with its verdict."""

    @property
    def proposal(self) -> Proposal:
        """The code that was judged."""

    @property
    def verdict(self) -> Verdict:
        """The verdict on it."""

    @property
    def rejection(self) -> Rejection:
        """The verdict with its counterexample."""


class Rules[Judged: JudgedCode](Protocol):
    """Where the flow differs between commands.

    Attributes:
        batches: for each request for samples, how many were asked for before it and how many it asks for.
        repairs: rounds of repair.
        retellings: codes to write from the instruction of each right code alone; 0 for none.
    """

    @property
    def batches(self) -> Sequence[tuple[int, int]]: ...

    @property
    def repairs(self) -> int: ...

    @property
    def retellings(self) -> int: ...

    def is_enough(self, rounds: Sequence[Sequence[Judged]]) -> bool:
        """Whether no more samples and repairs are asked for, given the judged codes of each round so far."""

    def to_repair(self, rounds: Sequence[Sequence[Judged]], turn: int) -> Sequence[Repair]:
        """The rejected codes to repair in a turn, counted from 0."""

    def best(self, codes: Sequence[Judged]) -> Judged:
        """The code to write an instruction for, among right codes that are called the same way."""

    def name(self, subject: Subject, first: int, number: int) -> str:
        """The id of a sample.

        Args:
            first: samples asked for before those of its batch.
            number: of the sample in its batch.
        """

    def fresh(self, proposals: Sequence[Proposal], known: frozenset[str]) -> list[Proposal]:
        """The proposals that are not there twice.

        Args:
            known: sources that were proposed before.
        """

    def is_usable(self, *texts: str) -> bool:
        """Whether texts of a generator go any further."""


@dataclass(frozen=True, slots=True)
class Propose:
    """Ask for samples, and for inputs with the first batch. The result is :class:`Proposals`; see :func:`propose`.

    Attributes:
        first: samples asked for before.
        known: sources proposed before.
    """

    first: int
    samples: int
    known: frozenset[str]


@dataclass(frozen=True, slots=True)
class Judge:
    """Judge codes. The result is a sequence of :class:`JudgedCode`.

    Attributes:
        inputs: proposed inputs that they are judged on too.
    """

    codes: tuple[Proposal, ...]
    inputs: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Repairs:
    """Ask for repaired codes. The result is :class:`Proposals`; see :func:`repair`."""

    repairs: tuple[Repair, ...]
    known: frozenset[str]


@dataclass(frozen=True, slots=True)
class Instruct:
    """Ask for instructions. The result is :class:`Instructions`; see :func:`instruct`.

    Attributes:
        groups: right codes without an instruction, those that are called the same way together: they do the same, so
            one instruction is written for the first of a group and holds for all.
    """

    groups: tuple[tuple[Proposal, ...], ...]


@dataclass(frozen=True, slots=True)
class Retell:
    """Ask for codes from the instructions of right codes. The result is :class:`Proposals`; see :func:`retell`."""

    codes: tuple[Proposal, ...]
    samples: int


type Step = Propose | Judge | Repairs | Instruct | Retell
type Flow = Generator[Step, Any, None]


def semi_instruct[Judged: JudgedCode](rules: Rules[Judged]) -> Flow:
    """Yield the steps for one problem in order. Each has to be answered with its result."""
    rounds: list[Sequence[Judged]] = []
    inputs: tuple[object, ...] = ()
    known: frozenset[str] = frozenset()
    for first, samples in rules.batches:
        proposals: Proposals = yield Propose(first, samples, known)
        inputs = inputs or proposals.inputs
        known |= {one.source for one in proposals.codes}
        rounds.append((yield Judge(proposals.codes, inputs)))
        if rules.is_enough(rounds):
            break
    for turn in range(rules.repairs):
        if rules.is_enough(rounds):
            break
        proposals = yield Repairs(tuple(rules.to_repair(rounds, turn)), known)
        known |= {one.source for one in proposals.codes}
        rounds.append((yield Judge(proposals.codes, inputs)))
    right = [one for codes in rounds for one in codes if one.verdict is Verdict.ACCEPTED]
    instructions: Instructions = yield Instruct(_groups([one for one in right if not _instruction(one)], rules))
    if rules.retellings:
        codes = tuple(_with_instruction(one.proposal, instructions) for one in right)
        proposals = yield Retell(codes, rules.retellings)
        yield Judge(proposals.codes, inputs)


def run(flow: Flow, perform: Callable[[Step], Any]) -> None:
    """Perform all steps of a flow one after the other."""
    try:
        step = next(flow)
        while True:
            step = flow.send(perform(step))
    except StopIteration:
        return


def propose(
    proposer: Proposer,
    subjects: Sequence[Subject],
    step: Propose,
    rules: Rules[Any],
    seed: int,
    inputs_of: Callable[[Subject], Sequence[object]],
) -> Proposals:
    """Ask for samples of every subject and, with the first batch, for its inputs.

    Args:
        inputs_of: proposes inputs for a subject.
    """
    codes: list[Proposal] = []
    faults: list[tuple[str, str]] = []
    inputs: list[object] = []
    doubles = 0
    for subject in subjects:
        written: Written[Proposal] = Written()
        if step.samples:
            written = proposer.rewrite(subject, step.samples, seed, step.first)
        faults += [(f"{subject.name}:{number}", fault) for number, fault in enumerate(written.faults)]
        fresh = rules.fresh(written.values, step.known)
        doubles += len(written.values) - len(fresh)
        usable = [one for one in fresh if rules.is_usable(*_texts(one))]
        codes += [one.named(rules.name(subject, step.first, number)) for number, one in enumerate(usable)]
        if not step.first:
            inputs.extend(inputs_of(subject))
    return Proposals(tuple(codes), tuple(inputs), tuple(faults), doubles)


def repair(proposer: Proposer, step: Repairs, rules: Rules[Any], seed: int) -> Proposals:
    """Ask for a repaired code for each rejected one."""
    codes: list[Proposal] = []
    faults: list[tuple[str, str]] = []
    doubles = 0
    for one in step.repairs:
        written = proposer.repair(one, seed)
        faults += [(one.name, fault) for fault in written.faults]
        ask = one.proposal.ask if one.keeps_instruction else msgspec.structs.replace(one.proposal.ask, instruction="")
        proposed = [Proposal(ask, source, one.name) for source in written.values[:1]]
        fresh = rules.fresh(proposed, step.known)
        doubles += len(proposed) - len(fresh)
        codes += [each for each in fresh if rules.is_usable(each.source)]
    return Proposals(tuple(codes), (), tuple(faults), doubles)


def instruct(proposer: Proposer, problem: Problem, step: Instruct, rules: Rules[Any], seed: int) -> Instructions:
    """Ask for one instruction for each group of codes."""
    written: dict[str, str] = {}
    faults: list[str] = []
    for group in step.groups:
        answer = proposer.instruct(problem, group[0].ask, group[0].source, seed)
        faults += answer.faults
        instruction = next(iter(answer.values), None)
        if instruction is not None and rules.is_usable(instruction):
            written |= {one.id: instruction.strip() for one in group}
    return Instructions(written, tuple(faults))


def retell(proposer: Proposer, step: Retell, rules: Rules[Any], seed: int) -> Proposals:
    """Ask for codes from instructions alone. Their ids are the id of the instruction's code, ``~`` and a number."""
    codes: list[Proposal] = []
    for one in step.codes:
        sources = [source for source in proposer.solve(one.ask, step.samples, seed) if rules.is_usable(source)]
        codes += [Proposal(one.ask, source, f"{one.id}~{number}") for number, source in enumerate(sources)]
    return Proposals(tuple(codes))


def _groups[Judged: JudgedCode](codes: Sequence[Judged], rules: Rules[Judged]) -> tuple[tuple[Proposal, ...], ...]:
    called_alike: dict[tuple[str, str | None], list[Judged]] = {}
    for one in codes:
        called_alike.setdefault((one.proposal.ask.kind, one.proposal.ask.entry), []).append(one)
    groups = []
    for group in called_alike.values():
        best = rules.best(group)
        groups.append((best.proposal, *(one.proposal for one in group if one is not best)))
    return tuple(groups)


def _instruction(code: JudgedCode) -> str:
    return code.proposal.ask.instruction


def _with_instruction(proposal: Proposal, instructions: Instructions) -> Proposal:
    instruction = instructions.written.get(proposal.id)
    if instruction is None:
        return proposal
    return msgspec.structs.replace(proposal, ask=msgspec.structs.replace(proposal.ask, instruction=instruction))


def _texts(proposal: Proposal) -> list[str]:
    ask = proposal.ask
    adapter = [] if ask.adapter is None else [ask.adapter.parse, ask.adapter.show]
    return [proposal.source, *([ask.instruction] if ask.instruction else []), *adapter]
