"""From natural codes to verified pairs, with what Qwen2.5-Coder-0.5B wrote, recorded by ``make demo-llm``.

``tests/generator/record.py`` says how, and when it has to be done again.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from semi_instruct.engine import Engine
from semi_instruct.generator.cache import Cache, CachedModel
from semi_instruct.harness.synthesis import generate
from semi_instruct.harness.synthesis.meter import Meter
from semi_instruct.harness.synthesis.report import Funnel
from tests.generator.record import PLAN, problems

RECORDED = Path(__file__).parents[1] / "data" / "recorded.sql"


def test_recorded_texts_end_as_they_did(tmp_path: Path, engine: Engine) -> None:
    path = tmp_path / "recorded.sqlite"
    with sqlite3.connect(path) as file:
        file.executescript(RECORDED.read_text(encoding="utf-8"))
    funnel = Funnel()
    with Cache(path) as cache:
        [name] = cache.models()
        for one in generate(problems(), CachedModel(cache, None, name), engine, PLAN, Meter()):
            funnel.count(one)
    told = funnel.to_json()
    del told["mutants_killed"]  # of a budget of CPU seconds
    assert told == {
        "natural_codes": 2,
        "lists": {
            "inputs": {"asked": 2, "parsed": 2, "whole": 2, "known": 3, "proposed": 5, "valid": 5},
            "feedback": {"asked": 2, "parsed": 2, "whole": 2, "known": 5, "proposed": 0, "valid": 0},
        },
        "list_faults": {},
        "valid_after_feedback": [5, 5],
        "instruction_faults": {"prompt_repeated": 1},
        "texts": 16,
        "code_faults": {},
        "doubles": 6,
        "pairs": 10,
        "verdicts": {"wrong_answer": 7, "accepted": 3},
        "accepted": 3,
        "documented": 3,
        "repaired": 0,
        "with_sample": 2,
        "with_pair": 2,
    }
