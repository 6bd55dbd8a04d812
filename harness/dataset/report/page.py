"""The report of a build: one self-contained HTML page."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from semi_instruct.harness.dataset.pairs import Pair
from semi_instruct.harness.dataset.report.charts import bars, histogram
from semi_instruct.harness.dataset.report.funnel import Step
from semi_instruct.harness.dataset.similarity import jaccard, shingles, words_of_code
from semi_instruct.harness.dataset.stages import DECONTAMINATE, REPLAY, VALIDATE
from semi_instruct.harness.dataset.stages.contamination import BENCHMARKS
from semi_instruct.harness.dataset.stages.reading import LAYOUT
from semi_instruct.harness.dataset.stages.replaying import retained_pairs
from semi_instruct.harness.dataset.stages.stage import Build
from semi_instruct.harness.dataset.stages.validation import judged_at
from semi_instruct.harness.dataset.state import Spent
from semi_instruct.harness.problems.verdicts import REJECTIONS, Verdict
from semi_instruct.harness.text import lines_of_text

COUNTEREXAMPLES = 10
_BAD_ROWS_LISTED = 200
_CONTAMINATED_LISTED = 50
# Pairs compared with each other to measure their diversity.
_COMPARED = 300
_MAX_SHOWN_CHARACTERS = 700


@dataclass(slots=True)
class _Figures:
    """Counts over all tasks."""

    verdicts: Counter[Verdict] = field(default_factory=Counter)
    evidence: Counter[str] = field(default_factory=Counter)
    dropped_inputs: Counter[str] = field(default_factory=Counter)
    licences: Counter[str] = field(default_factory=Counter)
    killed: list[float] = field(default_factory=list)
    branches: list[float] = field(default_factory=list)
    cases: list[float] = field(default_factory=list)
    lengths: list[float] = field(default_factory=list)
    a_task: list[float] = field(default_factory=list)
    sample: list[frozenset[str]] = field(default_factory=list)
    failures: list[Pair] = field(default_factory=list)


def write_report(build: Build, steps: list[Step], path: Path) -> None:
    """Write the page."""
    import jinja2

    figures = _counted(build)
    loader = jinja2.PackageLoader("semi_instruct.harness.dataset.report", "")
    page = jinja2.Environment(loader=loader, autoescape=True, finalize=_visible, trim_blocks=True, lstrip_blocks=True)
    rendered = page.get_template("report.html.jinja").render(**_shown(build, steps, figures))
    path.write_text(rendered, "utf-8")


def _visible(value: Any) -> Any:
    """Replace control characters in text before the template escapes it. Charts are HTML already."""
    return lines_of_text(value) if type(value) is str else value


def instructive(failures: list[Pair], most: int = COUNTEREXAMPLES) -> list[Pair]:
    """The most instructive counterexamples: small ones of nearly right candidates, first one per task."""

    def dullness(pair: Pair) -> tuple[float, int, str]:
        shown = pair.counterexample or {}
        missed = 1 - pair.passed / pair.test_cases if pair.test_cases else 1.0
        return (round(missed, 2), sum(len(str(shown.get(name))) for name in ("input", "expected", "actual")), pair.id)

    ordered = sorted(failures, key=dullness)
    first: dict[str, Pair] = {}
    for pair in ordered:
        first.setdefault(pair.task, pair)
    rest = [pair for pair in ordered if first[pair.task] is not pair]
    return [*first.values(), *rest][:most]


def _counted(build: Build) -> _Figures:
    figures = _Figures()
    for index in build.state.done(VALIDATE):
        judged = judged_at(build, index)
        figures.dropped_inputs.update(judged.dropped_inputs)
        for pair in judged.pairs:
            figures.verdicts[pair.verdict] += 1
            if pair.verdict in REJECTIONS and pair.counterexample:
                figures.failures.append(pair)
        # A large corpus has more than fit in memory.
        if len(figures.failures) > 50 * COUNTEREXAMPLES:
            figures.failures = instructive(figures.failures)
    for index in build.state.done(REPLAY):
        pairs = retained_pairs(build, index)
        figures.a_task += [float(len(pairs))] if pairs else []
        for pair in pairs:
            figures.evidence[pair.evidence.value] += 1
            figures.licences[pair.licence or "unknown"] += 1
            figures.cases.append(float(pair.test_cases))
            figures.lengths.append(float(pair.source.count("\n") + 1))
            figures.killed += [pair.mutants_killed] if pair.mutants_killed is not None else []
            figures.branches += [pair.branch_coverage] if pair.branch_coverage is not None else []
            if len(figures.sample) < _COMPARED:
                figures.sample.append(shingles(words_of_code(pair.source)))
    return figures


def _shown(build: Build, steps: list[Step], figures: _Figures) -> dict[str, Any]:
    spent = build.state.spent()
    failures = instructive(figures.failures)
    nearest = _nearest(figures.sample)
    exported = steps[-1].left
    return {
        "settings": build.settings,
        "layout": build.state.fact(LAYOUT, ""),
        "exported": exported,
        "read": steps[0],
        "tasks": len(figures.a_task),
        "seconds": sum(each.wall_s for each in spent.values()),
        "runs": sum(each.runs for each in spent.values()),
        "texts": sum(each.usage.texts for each in spent.values()),
        "tokens": sum(each.usage.tokens for each in spent.values()),
        "prompt_tokens": sum(each.usage.prompt_tokens for each in spent.values()),
        "steps": steps,
        "funnel": bars([(step.stage, step.left, f"{step.left} {step.what}") for step in steps]),
        "verdicts": bars(
            [(v.value.replace("_", " "), n, str(n)) for v, n in figures.verdicts.most_common()],
            "bar verdict",
            {Verdict.ACCEPTED.value: "bar evidence"},
        ),
        "evidence": bars([(name, n, str(n)) for name, n in figures.evidence.most_common()], "bar evidence"),
        "inputs": bars(
            [(name.replace("_", " "), n, str(n)) for name, n in figures.dropped_inputs.most_common()], "bar quiet"
        ),
        "strength": [
            histogram(figures.killed, "share of mutants killed"),
            histogram(figures.branches, "share of branches taken"),
            histogram(figures.cases, "test cases a pair", 0, _round_up(figures.cases)),
        ],
        "diversity": [
            histogram(nearest, f"similarity to the nearest ({len(nearest)} compared)"),
            histogram(figures.a_task, "pairs a task", 0, _round_up(figures.a_task)),
            histogram(figures.lengths, "lines of code", 0, _round_up(figures.lengths)),
        ],
        "counterexamples": [(pair, _cut(pair.counterexample or {})) for pair in failures],
        "spent": _in_order(spent, steps),
        "bad_rows": build.state.bad_rows(_BAD_ROWS_LISTED),
        "bad_row_count": build.state.count_bad_rows(),
        "benchmarks": build.state.fact(BENCHMARKS, {}),
        "contaminated": [
            (build.state.task(index).id, drop) for index, drop in build.state.drops(DECONTAMINATE, _CONTAMINATED_LISTED)
        ],
        "licences": sorted(figures.licences.items()),
    }


def _in_order(spent: dict[str, Spent], steps: list[Step]) -> list[tuple[str, Spent]]:
    """The cost of each stage in the order of the funnel; stages that are not in it come last."""
    positions = {step.stage: index for index, step in enumerate(steps)}
    ordered = sorted(spent, key=lambda stage: (positions.get(stage, len(positions)), stage))
    return [(stage, spent[stage]) for stage in ordered]


def _nearest(sample: list[frozenset[str]]) -> list[float]:
    """For each, the similarity to the most similar other one."""
    return [
        max((jaccard(one, other) for index, other in enumerate(sample) if index != own), default=0.0)
        for own, one in enumerate(sample)
    ]


def _round_up(values: list[float]) -> float:
    most = max(values, default=1.0)
    scale = 10 ** max(0, len(str(int(most))) - 1)
    return float(-(-most // scale) * scale) or 1.0


def _cut(shown: dict[str, Any]) -> dict[str, str]:
    texts = {name: value if isinstance(value, str) else repr(value) for name, value in shown.items()}
    return {name: _beginning(text) for name, text in texts.items()}


def _beginning(text: str) -> str:
    return text if len(text) <= _MAX_SHOWN_CHARACTERS else f"{text[:_MAX_SHOWN_CHARACTERS]} ..."
