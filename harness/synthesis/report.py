"""The funnel, and accepted pairs with their test cases, as people read them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from rich.console import Console

from semi_instruct.generator.model import Cost
from semi_instruct.harness.synthesis.candidates import VerifiedPair
from semi_instruct.harness.synthesis.funnel import Funnel
from semi_instruct.harness.synthesis.problem import Generated
from semi_instruct.harness.text import one_line

_CASES_SHOWN = 3
_NAMES = {
    "inputs": "input lists",
    "feedback": "input lists after feedback",
    "edge_cases": "lists of edge cases",
    "programs": "input programs",
}


def report(funnel: Funnel, rates: dict[str, float], cost: Cost | None, console: Console) -> None:
    """Print the funnel, both rates, and what a server will want to be paid for."""
    for line in (*_about_inputs(funnel), *_about_pairs(funnel), *_about_rates(rates)):
        console.print(line, soft_wrap=True)
    if cost is not None:
        told = f"{cost.prompt_tokens} tokens read, {cost.tokens} written, {cost.retries} requests made again"
        console.print(f"{'cost':28} {told}", soft_wrap=True)


def show_pair(one: Generated, pair: VerifiedPair, console: Console) -> None:
    """Print a pair and a few of its test cases."""
    row = pair.row
    console.print(f"\n--- {one_line(one.problem.id)}: {row.passed} of {row.test_cases} test cases", soft_wrap=True)
    for line in f"Instruction: {pair.pair.instruction}\n\n{pair.pair.code}".split("\n"):
        console.print(one_line(line.expandtabs(4), longest=len(line) * 4), soft_wrap=True)
    suite = one.pairs.suite.examples if one.pairs.suite is not None else ()
    for example in suite[:_CASES_SHOWN]:
        shown = f"  {one_line(repr(example.input), 120)} -> {one_line(repr(example.output), 120)}"
        console.print(shown, soft_wrap=True)


def best_pair(one: Generated) -> VerifiedPair | None:
    """An accepted pair, rather one that is documented; None if there is none."""
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
