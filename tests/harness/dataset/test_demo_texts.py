"""`make demo` finds every text that it may ask for in the file that is shipped with it."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from semi_instruct.generator.cache import Cache, CachedModel
from semi_instruct.generator.errors import NotInCache
from semi_instruct.harness.synthesis.model_generator import ModelGenerator
from tests.harness.support.demo_texts import ROOT, SAMPLES, TEXTS, ask, tasks


def test_every_text_is_there() -> None:
    with Cache(TEXTS) as cache:
        [name] = cache.models()
        generator = ModelGenerator(CachedModel(cache, None, name))
        assert sum(ask(generator, task) for task in tasks()) > 40


def test_a_missing_text_is_noticed(tmp_path: Path) -> None:
    part = tmp_path / "part.sqlite"
    part.write_bytes(TEXTS.read_bytes())
    with closing(sqlite3.connect(part)) as file, file:
        file.execute("delete from texts where key in (select key from requests where messages like '%task that a%')")
    with Cache(part) as cache:
        generator = ModelGenerator(CachedModel(cache, None, cache.models()[0]))
        with pytest.raises(NotInCache):
            [ask(generator, task) for task in tasks()]


def test_the_demo_asks_for_these_texts() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert (
        f"DEMO_SEMI := --mode semi --cache examples/{TEXTS.name} --samples {SAMPLES} --codes-per-task 1\n" in makefile
    )
    builds = [line for line in makefile.splitlines() if "$(DEMO_SEMI)" in line]
    assert len(builds) == 2
    for line in builds:
        assert set(re.findall(r"--[a-z-]+", line)) <= {
            "--budget",
            "--inputs",
            "--resume",
        }  # no prompt depends on these
