"""The dataset card: contents, origin and licences."""

from __future__ import annotations

import re
from collections import Counter
from importlib.metadata import version

from semi_instruct.harness.dataset.report.funnel import Step, funnel_lines
from semi_instruct.harness.dataset.stages import REPLAY
from semi_instruct.harness.dataset.stages.contamination import BENCHMARKS
from semi_instruct.harness.dataset.stages.replaying import retained_pairs
from semi_instruct.harness.dataset.stages.stage import Build
from semi_instruct.harness.text import lines_of_text, markdown_fenced, markdown_text, yaml_scalar

_LICENCE_NAME = re.compile("[a-z0-9][a-z0-9.+-]{0,63}")  # in the form of hubs and SPDX
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


def card(build: Build, count: int, steps: list[Step]) -> str:
    """The text of README.md, with the front matter that dataset hubs read."""
    settings = build.settings
    licences: Counter[str] = Counter()
    evidence: Counter[str] = Counter()
    for index in build.state.done(REPLAY):
        for pair in retained_pairs(build, index):
            licences[pair.licence or "unknown"] += 1
            evidence[pair.evidence.value] += 1
    named = sorted(licences)
    size = next((name for most, name in _SIZES if count < most), "n>1M")
    front = [
        "---",
        f"pretty_name: {yaml_scalar(f'Semi-Instruct, {settings.mode} mode, from {settings.corpus}')}",
        "language:\n- en",
        *_licence(named),
        f"task_categories:\n- text-generation\nsize_categories:\n- {size}",
        "tags:\n- code\n- instruction-tuning\n- execution-verified",
        "configs:",
        "- config_name: pairs\n  default: true\n  data_files: data/pairs.parquet",
        "- config_name: test_cases\n  data_files: data/test_cases.parquet",
        "---",
    ]
    benchmarks = build.state.fact(BENCHMARKS, {})
    looked_for = [f"{markdown_text(name)} ({tasks} tasks)" for name, tasks in sorted(benchmarks.items())]
    free = ", ".join(looked_for) or "none: not asked for"
    body = f"""
# {count} pairs of instruction and code, {settings.mode} mode

Made by `semi-instruct build` from {markdown_text(settings.corpus)}. Every code was run in a sandbox and answers every
test case of `test_cases` as expected; `semi-instruct verify problems.jsonl` shows it again, by these test cases alone.

- `pairs`: `messages` and `instruction`/`output` for tuning, `evidence`, `passed` of `test_cases`, strength, licence and
  where each is from.
- `test_cases`: input, expected output and comparison of each test case (`role` is `test_case`), and on what candidates
  failed that are not here (`counterexample`). Values of functions are JSON.
- `problems.jsonl`: the pairs as problems for `semi-instruct verify`.

| evidence | pairs | the code |
| --- | --- | --- |
| consensus | {evidence["consensus"]} | answers as several natural codes do that agree |
| oracle | {evidence["oracle"]} | answers as one other natural code does |
| agreement | {evidence["agreement"]} | agrees with independent candidates and model-written tests |
| executed | {evidence["executed"]} | runs, always with the same answer, and reproduces the examples |

## How it came about

{markdown_fenced(lines_of_text(chr(10).join(funnel_lines(steps))))}

{build.state.count_bad_rows()} rows of the corpus could not be used. Kept free of: {free}.

| setting | value |
| --- | --- |
| seed | {settings.seed} |
| generator | {markdown_text(settings.generator or "none")} |
| budget | {settings.budget:g} CPU seconds a task |
| inputs planned | {settings.planned} a task |
| near duplicates | from {settings.near:g} |
| retained | from {settings.least_cases} test cases that kill {settings.least_killed:.0%} of the mutants |
| semi-instruct | {version("semi-instruct")} |

## Licences

{_listed(licences)}
"""
    return "\n".join(front) + body


def _licence(named: list[str]) -> list[str]:
    """The licence in the front matter: by name, if hubs can know it."""
    if len(named) != 1 or named[0] == "unknown":
        return ["license: other"]
    if _LICENCE_NAME.fullmatch(name := named[0].lower()):
        return [f"license: {yaml_scalar(name)}"]
    return ["license: other", f"license_name: {yaml_scalar(named[0])}"]


def _listed(licences: Counter[str]) -> str:
    return "\n".join(f"- {markdown_text(name)}: {count} pairs" for name, count in sorted(licences.items())) or "none"
