"""The funnel of ``generate``, as numbers and as text, and accepted pairs with their test cases."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console

from semi_instruct.generator.model import Cost
from semi_instruct.harness.synthesis.generation import Generated, VerifiedPair
from semi_instruct.harness.synthesis.inputs import InputRound
from semi_instruct.harness.text import one_line

FIRST, FEEDBACK = "inputs", "feedback"
_CASES_SHOWN = 3
_NAMES = {
    "inputs": "input lists",
    "feedback": "input lists after feedback",
    "edge_cases": "lists of edge cases",
    "programs": "input programs",
}


@dataclass(slots=True)
class Lists:
    """Input lists of one task.

    Attributes:
        asked, parsed, whole: lists; ``parsed`` are those of which some inputs could be used, ``whole`` all of them.
        known: inputs that were known before.
        proposed, valid: other inputs.
    """

    asked: int = 0
    parsed: int = 0
    whole: int = 0
    known: int = 0
    proposed: int = 0
    valid: int = 0

    def count(self, one: InputRound) -> None:
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
        replaced: invalid inputs of the first round that a feedback round replaced.
        texts: samples and repairs that were asked for.
        doubles: codes left out because they were proposed before.
        verdicts: of the judged codes.
        accepted: pairs whose code is right and that have an instruction.
        documented: accepted pairs whose code has a docstring.
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

    def _count_lists(self, rounds: Iterable[InputRound]) -> None:
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
        """Valid inputs and all inputs, where those of a feedback round replace the invalid ones before it."""
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


def report(funnel: Funnel, rates: dict[str, float], cost: Cost | None, console: Console) -> None:
    """Print the funnel, both rates, and what a server charges for."""
    for line in (*_about_inputs(funnel), *_about_pairs(funnel), *_about_rates(rates)):
        console.print(line, soft_wrap=True)
    if cost is not None:
        counts = f"{cost.prompt_tokens} tokens read, {cost.tokens} written, {cost.retries} requests made again"
        console.print(f"{'cost':28} {counts}", soft_wrap=True)


def show_pair(one: Generated, pair: VerifiedPair, console: Console) -> None:
    """Print a pair and a few of its test cases."""
    row = pair.row
    console.print(f"\n--- {one_line(one.problem.id)}: {row.passed} of {row.test_cases} test cases", soft_wrap=True)
    for line in f"Instruction: {pair.instruction}\n\n{pair.code}".split("\n"):
        console.print(one_line(line.expandtabs(4), longest=len(line) * 4), soft_wrap=True)
    suite = one.pairs.suite.examples if one.pairs.suite is not None else ()
    for example in suite[:_CASES_SHOWN]:
        shown = f"  {one_line(repr(example.input), 120)} -> {one_line(repr(example.output), 120)}"
        console.print(shown, soft_wrap=True)


def best_pair(one: Generated) -> VerifiedPair | None:
    """The first accepted pair that is documented, or else the first accepted one; None if there is none."""
    accepted = [pair for pair in one.pairs.pairs if pair.accepted]
    return max(accepted, key=lambda pair: pair.documented, default=None)


def _about_inputs(funnel: Funnel) -> Iterator[str]:
    for task, lists in funnel.lists.items():
        yield (
            f"{_NAMES[task]:28} {lists.asked:5} asked, {lists.parsed} parsed {_part(lists.parsed, lists.asked)}, "
            f"{lists.whole} of them whole; {lists.known} known inputs, {lists.proposed} new, {lists.valid} valid "
            f"{_part(lists.valid, lists.proposed)}"
        )
    if "inputs" in funnel.lists:
        valid, of = funnel.valid_after_feedback
        yield f"{'inputs after feedback':28} {of:5} in place, {valid} valid {_part(valid, of)}"
    if funnel.list_faults:
        yield f"{'bad lists':28} {_counted(funnel.list_faults)}"


def _about_pairs(funnel: Funnel) -> Iterator[str]:
    if not funnel.texts:
        return
    pairs = sum(funnel.verdicts.values())
    yield f"{'texts with code asked for':28} {funnel.texts:5}"
    if funnel.code_faults:
        yield f"{'  of no use':28} {funnel.code_faults.total():5} {_counted(funnel.code_faults)}"
    if funnel.instruction_faults:
        yield f"{'  bad instructions':28} {funnel.instruction_faults.total():5} {_counted(funnel.instruction_faults)}"
    yield f"{'  doubles':28} {funnel.doubles:5}"
    yield f"{'  codes verified':28} {pairs:5} {_counted(funnel.verdicts)}"
    yield (
        f"{'  pairs accepted':28} {funnel.accepted:5} {_part(funnel.accepted, funnel.texts)} of the texts; "
        f"{funnel.documented} documented, {funnel.repaired} repaired; instructions are not checked"
    )
    yield (
        f"{'natural codes':28} {funnel.natural_codes:5} {funnel.with_sample} with a pair by the samples alone, "
        f"{funnel.with_pair} with repairs {_part(funnel.with_pair, funnel.natural_codes)}"
    )


def _about_rates(rates: dict[str, float]) -> Iterator[str]:
    yield (
        f"{'generation':28} {rates['tokens_per_s']:5} tokens/s, {rates['texts_per_s']} texts/s; "
        f"busy {rates['model_busy']:.0%} of {rates['elapsed_s']} s"
    )
    yield f"{'execution':28} {rates['runs_per_s']:5} runs/s; sandboxes busy {rates['sandboxes_busy']:.0%}"


def _part(some: int, of: int) -> str:
    return f"({some / of:.0%})" if of else "(-)"


def _counted(counter: Counter[str]) -> str:
    return ", ".join(f"{one_line(name)} {count}" for name, count in counter.most_common())
