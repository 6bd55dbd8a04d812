"""What a completion is worth, said by the engine: it runs in a sandbox, and its answers are compared outside.

A test's ``check(candidate)`` is not run beside the candidate, which could then answer in its place. The calls of the
test are inputs; what is expected is what people's solution answers to them, in a sandbox of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from examples.tune.held_out import Task
from semi_instruct.harness.errors import HarnessError
from semi_instruct.harness.problems.schema import Candidate, Problem
from semi_instruct.harness.problems.verdicts import Verdict
from semi_instruct.harness.runs import Executor
from semi_instruct.harness.verification.scheduler import verify

_NOTHING = "    pass\n"


class NotJudged(HarnessError):
    """A run of a completion failed for reasons of ours, so nothing is known of it."""


def function_end(written: str) -> int:
    """Where the function ends that a text goes on with: at the first line that is not indented, or the text's end."""
    place = 0
    for number, line in enumerate(written.splitlines(keepends=True)):
        if number and line.strip() and not line[0].isspace():
            return place
        place += len(line)
    return len(written)


def source_of(task: Task, written: str) -> str:
    """The program that a model's text makes of a task: its prompt, and the text as far as the function goes."""
    return task.prompt.rstrip() + written[: function_end(written)].rstrip() + "\n"


def judged(tasks: Sequence[Task], sources: Iterable[str], engine: Executor) -> list[Verdict]:
    """The verdict on one program a task.

    Raises:
        NotJudged: the sandbox failed, or a task has no test cases.
    """
    problems = (_problem(task, source) for task, source in zip(tasks, sources, strict=True))
    verdicts: list[Verdict] = []
    for row in verify(problems, engine):
        if row.verdict in (Verdict.SANDBOX_ERROR, Verdict.NO_ORACLE):
            raise NotJudged(f"{row.problem}: {row.verdict}: {row.detail or 'the solution answers no call of the test'}")
        verdicts.append(row.verdict)
    return verdicts


def usable(tasks: Sequence[Task], engine: Executor) -> list[Task]:
    """The tasks that tell right from wrong: people's solution is accepted, a function that does nothing is not."""
    problems = (_problem(task, task.prompt + task.solution, task.prompt + _NOTHING) for task in tasks)
    rows = [row.verdict is Verdict.ACCEPTED for row in verify(problems, engine)]
    return [task for task, right, idle in zip(tasks, rows[::2], rows[1::2], strict=True) if right and not idle]


def _problem(task: Task, *sources: str) -> Problem:
    return Problem(
        id=task.id,
        kind="function",
        entry=task.entry,
        oracles=(task.prompt + task.solution,),
        candidates=tuple(Candidate(str(number), source) for number, source in enumerate(sources)),
        examples=task.examples,
        examples_only=True,
    )
