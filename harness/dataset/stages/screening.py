"""Second stage: is a natural code a program, does it run, and does it reproduce the examples of its own task?"""

from __future__ import annotations

import ast

from semi_instruct.engine import Status
from semi_instruct.harness.analysis.helper_process import AnalysisFailed, call_limited
from semi_instruct.harness.analysis.source import definition, parse
from semi_instruct.harness.dataset.stages import SCREEN
from semi_instruct.harness.dataset.stages.stage import Build, Kept
from semi_instruct.harness.dataset.state import Drop
from semi_instruct.harness.dataset.tasks import NaturalCode, Task
from semi_instruct.harness.inputs.source import inputs
from semi_instruct.harness.inputs.sources import Sources
from semi_instruct.harness.judge.consensus import why_failed
from semi_instruct.harness.judge.rules import Rules
from semi_instruct.harness.parallel.processes import Report
from semi_instruct.harness.runs import Executor, Runner


def screen(build: Build) -> None:
    """Screen every task."""
    build.each_on_cores(
        SCREEN,
        build.state.task,
        screened,
        lost=lambda task, why: _none(task, "sandbox_error", why),
        drops=lambda kept: kept.dropped,
    )


def screened(engine: Executor, task: Task, report: Report) -> Kept:
    """What is left of the codes of a task."""
    kept: list[str] = []
    dropped: list[Drop] = []
    for code in task.codes:
        fault = _cannot_be(task, code) or _fails(engine, task, code, report)
        if fault is None:
            kept.append(code.id)
        else:
            dropped.append(fault)
    return Kept(tuple(kept), tuple(dropped))


def _none(task: Task, reason: str, why: str) -> Kept:
    return Kept((), tuple(Drop(code.id, reason, why) for code in task.codes))


def _cannot_be(task: Task, code: NaturalCode) -> Drop | None:
    if task.language != "python":
        return None
    try:
        reason = call_limited(_why_not, code.source, task.entry)
    except AnalysisFailed as failed:
        return Drop(code.id, "does_not_parse", str(failed))
    if reason == "no_entry":
        return Drop(code.id, "no_entry", f"defines no function {task.entry}")
    return None if reason is None else Drop(code.id, "does_not_parse")


def _why_not(source: str, entry: str | None) -> str | None:
    """In a helper process: the reason why a source cannot be a code of a task with this entry; None if it can."""
    tree = parse(source)
    if tree is None:
        return "does_not_parse"
    if entry is not None and "." not in entry and not _binds(tree, entry):
        return "no_entry"
    return None


def _binds(tree: ast.Module, entry: str) -> bool:
    """Whether a program gives something that name: a definition, an assignment (of a lambda, say) or an import."""
    return definition(tree, entry) is not None or any(
        (isinstance(node, ast.Name) and node.id == entry and isinstance(node.ctx, ast.Store))
        or (isinstance(node, ast.alias) and (node.asname or node.name) == entry)
        for node in ast.walk(tree)
    )


def _fails(engine: Executor, task: Task, code: NaturalCode, report: Report) -> Drop | None:
    """How a code fails on the examples; None if it does not."""
    problem = task.problem([code.source], ())
    rules = Rules(problem)
    runner = Runner(engine, lambda _: report(1))
    program = problem.program(code.source)
    for number, example in enumerate(inputs(problem, 0, Sources.EXAMPLES), 1):
        result = runner.run(rules.example_result(program, example))
        if result.outcome.status is Status.SANDBOX_ERROR:
            return Drop(code.id, "sandbox_error", why_failed(result.outcome))
        if result.answer is None:
            return Drop(code.id, "does_not_run", f"example {number}: {why_failed(result.outcome)}")
        if example.known is not None and not result.reproduces_it:
            return Drop(code.id, "contradicts_example", f"example {number}")
    return None
