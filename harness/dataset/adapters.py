"""A function in the place of a whole program: what is read becomes its arguments, what it returns is printed.

The adapter is as little trusted as the function. It is a part of the program that is judged; and it must not be the
part that solves the task, so with a function that does nothing it has to fail.
"""

from __future__ import annotations

from harness.dataset.proposing import Adapter
from harness.dataset.tasks import Task
from harness.inputs import inputs
from harness.oracles import answer_of, why_failed
from harness.processes import Tell
from harness.sources import Sources
from harness.verify import Executor

_STUBS = (
    "def {entry}(*arguments):\n    return None\n",
    "def {entry}(*arguments):\n    return arguments[0] if arguments else None\n",
    "def {entry}(*arguments):\n    return arguments\n",
)
_MOST_EXAMPLES = 8


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


def adapter_fault(engine: Executor, task: Task, entry: str, adapter: Adapter, tell: Tell) -> str | None:
    """What is wrong with an adapter on the examples of its task, in words; None if nothing is."""
    problem = task.problem(["pass"], ())
    examples = list(inputs(problem, 0, Sources.EXAMPLES))[:_MOST_EXAMPLES]
    if not examples:
        return "there is no example to try it on"
    for stub in _STUBS:
        program = problem.program(whole_program(stub.format(entry=entry), entry, adapter))
        right = 0
        for number, example in enumerate(examples, 1):
            outcome = engine.submit(program, stdin=example.stdin, limits=problem.limits).result()
            tell(1)
            answer = answer_of(problem, outcome)
            if answer is None and "in parse" in outcome.stderr.decode("utf-8", "replace"):
                return f"parse failed on example {number}: {why_failed(outcome)}"
            right += (
                answer is not None
                and example.known is not None
                and problem.how_compared.agree(example.known.content, answer.content)
            )
        if right == len(examples):
            return "it solves the task without the function"
    return None
