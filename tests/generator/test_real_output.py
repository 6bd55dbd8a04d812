"""What real models wrote is read today as it was when it was recorded and looked over.

``data/real_outputs.jsonl`` has texts of Qwen2.5-Coder-0.5B (4-bit) for the bundled corpus, under several prompts, good
and bad: what was asked about, the raw text, and what was found in it when it was recorded.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from semi_instruct.generator.model import Finish, Text
from semi_instruct.generator.parsing.code import Wanted
from semi_instruct.generator.parsing.inputs import inputs_in
from semi_instruct.generator.parsing.pairs import instruction_of, pair_in
from semi_instruct.generator.parsing.sources import tree_of
from semi_instruct.generator.tasks import NaturalCode, Tasks

ROOT = Path(__file__).parents[2]
OUTPUTS = [json.loads(line) for line in (Path(__file__).parent / "data" / "real_outputs.jsonl").open()]
CORPUS = {row["id"]: row for row in map(json.loads, (ROOT / "examples" / "corpus.jsonl").open())}


def read(output: dict[str, Any]) -> tuple[str | None, Any]:
    """The fault, and how many inputs, the instruction, or the code."""
    text = Text(output["text"], Finish(output["finish"]))
    if output["task"] == "instruction":
        asked = Tasks().instruction("", None, [], 0).messages
        instruction = instruction_of(text, asked)
        return instruction.fault, instruction.value
    problem = CORPUS[output["problem"]]
    if output["task"] == "inputs":
        found = inputs_in(text, None)
        return found.fault, len(found.value.inputs) if found.value else 0
    prompt = Tasks().documented(NaturalCode(problem["oracles"][0]), 1, 0).messages
    pair = pair_in(text, Wanted(prompt, not_these=tuple(problem["oracles"])))
    return pair.fault, pair.value.code if pair.value else None


@pytest.mark.parametrize("output", OUTPUTS, ids=lambda output: f"{output['problem']}-{output['task']}")
def test_each_text_is_read_as_it_should_be(output: dict[str, Any]) -> None:
    fault, found = read(output)
    assert fault == output["fault"]
    if output["task"] in ("inputs", "instruction"):
        assert found == output["read"]
    elif found is not None:
        assert found.splitlines()[0] == output["read"]
        assert tree_of(found) is not None
        assert "```" not in found


def test_the_texts_are_ugly_enough() -> None:
    faults = Counter(output["fault"] for output in OUTPUTS)
    assert {"cut_off", "no_code", "prompt_repeated", "copied", "not_python"} <= set(faults)
    assert faults[None] > 20
