"""``docs/how-to/add-a-corpus.md`` can be followed: its files exist and its layout works."""

from __future__ import annotations

import json
import re
import textwrap
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from semi_instruct.harness.dataset import corpora
from semi_instruct.harness.dataset.corpora import ROW_LAYOUTS
from semi_instruct.harness.dataset.corpora.fields import Unusable
from semi_instruct.harness.dataset.tasks import Task
from semi_instruct.harness.problems.schema import Example

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/how-to/add-a-corpus.md").read_text()


def block(language: str) -> str:
    [found] = re.findall(rf"^ *```{language}\n(.*?)^ *```$", PAGE, re.MULTILINE | re.DOTALL)
    return textwrap.dedent(found)


def layout_of_page() -> Any:
    module = ModuleType("puzzles")
    exec(block("python"), vars(module))
    return module


@pytest.mark.checkout
def test_the_files_and_names_of_the_page_exist() -> None:
    paths = re.findall(r"`((?:harness|tests|docs)/[^`]+)`", PAGE)
    assert len(paths) >= 7
    for path in paths:
        assert (ROOT / path).exists(), path
    for name in ("Layout", "ROW_LAYOUTS", "Unusable"):
        assert f"`{name}`" in PAGE
    assert hasattr(corpora, "ROW_LAYOUTS")


def test_the_layout_of_the_page_makes_a_task_of_its_row() -> None:
    row, layout = json.loads(block("json")), layout_of_page()
    assert layout.recognises(row)
    assert not [name for name, other in ROW_LAYOUTS.items() if other.recognises(row)]
    task: Task = layout.task(row)
    assert (task.id, task.examples) == ("puzzle-double", (Example("4\n", "8\n"),))
    assert task.problem([code.source for code in task.codes], ()).id == task.id
    with pytest.raises(Unusable):
        layout.task({**row, "answer": 3})


def test_one_line_in_the_table_is_enough_to_be_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "corpus.jsonl"
    path.write_text(block("json"))
    layout = layout_of_page()
    monkeypatch.setitem(ROW_LAYOUTS, "puzzles", layout)
    corpus = corpora.Corpus(path)
    # The helper process that makes tasks does not see the patched table.
    monkeypatch.setattr(corpora, "call_limited", lambda function, *arguments: function(*arguments))
    [read] = corpus.read()
    assert isinstance(read.task, Task)
    assert (read.task.corpus, corpus.layout) == ("puzzles", "puzzles")
