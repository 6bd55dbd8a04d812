"""No forger is accepted, none is excused, and none spoils it for the honest one that is judged beside it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from semi_instruct.engine import Engine
from semi_instruct.harness.inputs.sources import Sources
from semi_instruct.harness.problems.verdicts import Verdict
from semi_instruct.harness.verification.scheduler import verify
from tests.attacks.forging.forgers import Forger, forgers, honest
from tests.attacks.forging.problems import TASKS, Task

FORGERS = tuple(forgers())
_NEVER = {Verdict.ACCEPTED, Verdict.SANDBOX_ERROR, Verdict.NO_ORACLE}


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    """Not the one all tests share: that would live on beside the arena, which counts this process's descendants."""
    with Engine(workers=2) as made:
        yield made


def test_there_are_many_forgers() -> None:
    assert len(FORGERS) >= 100
    assert not any(_NEVER & forger.truth for forger in FORGERS)


@pytest.mark.parametrize("forger", FORGERS, ids=str)
def test_a_forger_is_neither_accepted_nor_excused(engine: Engine, forger: Forger) -> None:
    tasks = _tasks(forger)
    problems = [task.problem({"honest": honest(task.id), "forger": forger.source}) for task in tasks]
    rows = verify(problems, engine, sources=Sources.EXAMPLES)
    judged = {(row.problem, row.candidate): row for row in rows}
    for task in tasks:
        beside, forged = judged[task.id, "honest"], judged[task.id, "forger"]
        assert (beside.verdict, beside.passed) == (Verdict.ACCEPTED, 1 + len(task.hidden)), beside
        assert forged.verdict not in _NEVER, forged
        assert forged.verdict in forger.truth, forged


def _tasks(forger: Forger) -> list[Task]:
    """All tasks of its kind; one, where it uses up the time limit of every case."""
    tasks = [task for task in TASKS if task.kind == forger.kind]
    return tasks[:1] if forger.truth == {Verdict.TIME_LIMIT} else tasks
