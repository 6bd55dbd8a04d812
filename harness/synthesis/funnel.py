"""How much of what a model writes is left at each step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from semi_instruct.harness.synthesis.problem import Generated
from semi_instruct.harness.synthesis.proposing import Round

FIRST, FEEDBACK = "inputs", "feedback"


@dataclass(slots=True)
class Lists:
    """Input lists of one task.

    Attributes:
        asked, parsed, whole: lists; ``parsed`` are those of which some inputs could be used, ``whole`` all of them.
        known: inputs that were no new ones.
        proposed, valid: the others.
    """

    asked: int = 0
    parsed: int = 0
    whole: int = 0
    known: int = 0
    proposed: int = 0
    valid: int = 0

    def count(self, one: Round) -> None:
        """Add a list."""
        self.asked += 1
        self.parsed += one.parsed
        self.whole += one.whole
        self.known += one.known
        self.proposed += one.proposed
        self.valid += one.valid

    def to_json(self) -> dict[str, int]:
        """Plain JSON data."""
        return {name: getattr(self, name) for name in ("asked", "parsed", "whole", "known", "proposed", "valid")}


@dataclass(slots=True)
class Funnel:
    """Running totals over problems.

    Attributes:
        natural_codes: problems that are finished.
        lists: by task.
        list_faults, code_faults, instruction_faults: bad output, by kind.
        replaced: invalid inputs of the first round that a round of feedback put others in place of.
        texts: samples and repairs; ``pairs`` those with code, ``doubles`` left out of them.
        verdicts: of the pairs.
        accepted: pairs whose code is right and that have an instruction.
        documented: accepted pairs.
        repaired: accepted pairs that are repairs.
        with_sample: natural codes with a pair that was accepted without repair.
        with_pair: natural codes with an accepted pair.
        killed: shares of mutants that the kept suites kill, one for each natural code that has a rating.
    """

    natural_codes: int = 0
    lists: dict[str, Lists] = field(default_factory=dict)
    list_faults: Counter[str] = field(default_factory=Counter)
    code_faults: Counter[str] = field(default_factory=Counter)
    replaced: int = 0
    instruction_faults: Counter[str] = field(default_factory=Counter)
    texts: int = 0
    doubles: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    accepted: int = 0
    documented: int = 0
    repaired: int = 0
    with_sample: int = 0
    with_pair: int = 0
    killed: list[float] = field(default_factory=list)

    def count(self, one: Generated) -> None:
        """Add a problem."""
        self.natural_codes += 1
        self._count_lists(one.inputs.rounds)
        pairs = one.pairs.pairs
        self.texts += one.pairs.texts
        self.doubles += one.pairs.doubles
        self.code_faults.update(one.pairs.faults)
        self.verdicts.update(pair.row.verdict.value for pair in pairs)
        self.instruction_faults.update(one.pairs.instruction_faults)
        accepted = [pair for pair in pairs if pair.accepted]
        self.accepted += len(accepted)
        self.documented += sum(pair.documented for pair in accepted)
        self.repaired += sum(pair.repaired is not None for pair in accepted)
        self.with_sample += any(pair.repaired is None for pair in accepted)
        self.with_pair += bool(accepted)
        facts = one.pairs.suite.suite if one.pairs.suite is not None else None
        if facts is not None and facts.strength.mutants_killed is not None:
            self.killed.append(facts.strength.mutants_killed)

    def _count_lists(self, rounds: Iterable[Round]) -> None:
        rounds = list(rounds)
        for one in rounds:
            self.lists.setdefault(one.task, Lists()).count(one)
            if one.fault:
                self.list_faults[one.fault] += 1
        if any(one.task == FEEDBACK for one in rounds):
            invalid = sum(one.proposed - one.valid for one in rounds if one.task == FIRST)
            self.replaced += min(invalid, sum(one.proposed for one in rounds if one.task == FEEDBACK))

    @property
    def valid_after_feedback(self) -> tuple[int, int]:
        """Valid inputs and all inputs, where those of a feedback round stand for the invalid ones before it."""
        first, second = self.lists.get(FIRST, Lists()), self.lists.get(FEEDBACK, Lists())
        return first.valid + second.valid, first.proposed - self.replaced + second.proposed

    def to_json(self) -> dict[str, Any]:
        """Plain JSON data."""
        valid, of = self.valid_after_feedback
        return {
            "natural_codes": self.natural_codes,
            "lists": {task: lists.to_json() for task, lists in self.lists.items()},
            "list_faults": dict(self.list_faults),
            "valid_after_feedback": [valid, of],
            "instruction_faults": dict(self.instruction_faults),
            "texts": self.texts,
            "code_faults": dict(self.code_faults),
            "doubles": self.doubles,
            "pairs": sum(self.verdicts.values()),
            "verdicts": dict(self.verdicts),
            "accepted": self.accepted,
            "documented": self.documented,
            "repaired": self.repaired,
            "with_sample": self.with_sample,
            "with_pair": self.with_pair,
            "mutants_killed": round(sum(self.killed) / len(self.killed), 3) if self.killed else None,
        }
