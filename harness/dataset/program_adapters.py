"""A function in the place of a whole program: what is read becomes its arguments, what it returns is printed.

The adapter is as little trusted as the function, and it must not be the part that solves the task. So ``parse`` and
``show`` may do little: no import but of some names for text and numbers, no name that reaches beyond them, nothing
stored in an object. On the examples ``parse`` runs alone, and what it returns has to be made of what was read; and with
functions that do nothing the whole has to fail. A ``show`` that solves the task from arguments which the function hands
on in a wrapping of its own is not seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from semi_instruct.engine import Program
from semi_instruct.harness.analysis.helper_process import AnalysisFailed, call_limited
from semi_instruct.harness.dataset.adapter_source import reaches_for
from semi_instruct.harness.dataset.tasks import Task
from semi_instruct.harness.inputs.source import inputs
from semi_instruct.harness.inputs.sources import Sources
from semi_instruct.harness.judge.consensus import why_failed
from semi_instruct.harness.judge.rules import Rules
from semi_instruct.harness.parallel.processes import Report
from semi_instruct.harness.runs import Executor, Request, Runner
from semi_instruct.harness.synthesis.proposals import Adapter

_STUBS = (
    "None",
    "0",
    "''",
    "arguments",
    "arguments[0] if arguments else None",
    "arguments[1] if len(arguments) > 1 else None",
    "arguments[-1] if arguments else None",
)
_MAX_EXAMPLES = 8


def whole_program(function: str, entry: str, adapter: Adapter) -> str:
    """The function with its adapter, each in a namespace of its own, as a program that reads stdin and prints."""
    return "\n".join(
        [
            "import sys",
            "",
            "",
            "def _part(source, name):",
            "    namespace = {'__name__': name}",
            "    exec(compile(source, name, 'exec'), namespace)",
            "    return namespace[name]",
            "",
            "",
            f"_solve = _part({function!r}, {entry!r})",
            f"_parse = _part({adapter.parse!r}, 'parse')",
            f"_show = _part({adapter.show!r}, 'show')",
            "sys.stdout.write(_show(_solve(*_parse(sys.stdin.read()))))",
            "",
        ]
    )


def adapter_fault(engine: Executor, task: Task, entry: str, adapter: Adapter, report: Report) -> str | None:
    """What is wrong with an adapter on the examples of its task, in words; None if nothing is."""
    for name, source in (("parse", adapter.parse), ("show", adapter.show)):
        try:
            beyond = call_limited(reaches_for, source)
        except AnalysisFailed as failed:
            return f"{name} cannot be looked into: {failed}"
        if beyond is not None:
            return f"{name} may not use {beyond}"
    problem = task.problem(["pass"], ())
    examples = [one for one in inputs(problem, 0, Sources.EXAMPLES) if one.known is not None][:_MAX_EXAMPLES]
    if not examples:
        return "there is no example to try it on"
    runner = Runner(engine, lambda _: report(1))
    parse = Program(adapter.parse, entry="parse")
    for number, example in enumerate(examples, 1):
        read = example.stdin.decode("utf-8", "replace")
        [outcome] = runner.make([Request(parse, args=(read,), limits=problem.limits)])
        if not outcome.returned:
            return f"parse failed on example {number}: {why_failed(outcome)}"
        if not isinstance(outcome.value, list | tuple):
            return f"parse returned no list on example {number}"
        if (made_up := next(_made_up(list(outcome.value), read), None)) is not None:
            return f"parse returned {made_up!r:.60} on example {number}, which is not in the input"
    rules = Rules(problem)
    for stub in _STUBS:
        program = problem.program(whole_program(f"def {entry}(*arguments):\n    return {stub}\n", entry, adapter))
        if all(runner.run(rules.example_result(program, example)).reproduces_it for example in examples):
            return "it solves the task without the function"
    return None


def _made_up(value: Any, read: str) -> Iterator[Any]:
    """The numbers and texts in a value that do not stand in the text it was made of."""
    match value:
        case None | bool():
            return
        case str():
            if value not in read and value not in read.split() and value != "":
                yield value
        case int() | float():
            if not any(_is_number(word, value) for word in _words(read)):
                yield value
        case dict():
            for key, inner in value.items():
                yield from _made_up(key, read)
                yield from _made_up(inner, read)
        case list() | tuple() | set() | frozenset():
            for inner in value:
                yield from _made_up(inner, read)
        case _:
            yield value


def _words(read: str) -> list[str]:
    """What may be numbers: words, their parts between marks, and single digits."""
    words = read.split()
    parts = [part for word in words for part in "".join(c if c.isalnum() or c in ".-+" else " " for c in word).split()]
    return [*words, *parts, *(letter for letter in read if letter.isdigit())]


def _is_number(word: str, value: float) -> bool:
    try:
        return float(word) == value
    except (ValueError, OverflowError):
        return False
