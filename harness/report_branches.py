"""Runs in the sandbox, in front of a program: says on stderr, in the last line, which branches the program took.

``harness.coverage`` takes the text of this function; it must need nothing but Python and leave nothing behind in the
program's namespace.
"""

from __future__ import annotations

from types import CodeType
from typing import Any


def run_and_report(source: bytes, namespace: dict[str, Any], marker: str) -> None:
    """Run a program in a namespace, watched by ``sys.monitoring``.

    Args:
        marker: the beginning of the line with the report; a JSON object follows, ``sites`` (number of the code object,
            offset and line of every instruction that branches) and ``taken`` (code object, offset, destination).
    """
    import atexit
    import dis
    import json
    import os
    import sys

    del namespace["run_and_report"]
    branching = {"FOR_ITER", "POP_JUMP_IF_FALSE", "POP_JUMP_IF_TRUE", "POP_JUMP_IF_NONE", "POP_JUMP_IF_NOT_NONE"}
    monitoring = sys.monitoring
    program = compile(source, namespace.get("__file__", "main.py"), "exec", dont_inherit=True)
    numbers: dict[CodeType, int] = {}
    in_line = [program]
    sites = []
    for code in in_line:
        number = in_line.index(code)
        numbers[code] = number
        in_line.extend(constant for constant in code.co_consts if isinstance(constant, CodeType))
        line = code.co_firstlineno
        for instruction in dis.get_instructions(code):
            line = (instruction.positions.lineno if instruction.positions else None) or line
            if instruction.opname in branching:
                sites.append((number, instruction.offset, line))
    taken: dict[tuple[int, int], set[int]] = {}

    def on_branch(code: CodeType, offset: int, destination: int) -> object:
        seen = taken.setdefault((numbers[code], offset), set())
        seen.add(destination)
        # Disabling is for both ways, so not before both are known.
        return monitoring.DISABLE if len(seen) > 1 else None

    def report() -> None:
        monitoring.set_events(monitoring.COVERAGE_ID, 0)
        ways = sorted((*place, destination) for place, seen in taken.items() for destination in seen)
        text = f"\n{marker}{json.dumps({'sites': sites, 'taken': ways})}\n"
        sys.stderr.flush()
        os.write(2, text.encode())

    monitoring.use_tool_id(monitoring.COVERAGE_ID, "semi-instruct")
    monitoring.register_callback(monitoring.COVERAGE_ID, monitoring.events.BRANCH, on_branch)
    for code in in_line:
        monitoring.set_local_events(monitoring.COVERAGE_ID, code, monitoring.events.BRANCH)
    atexit.register(report)
    exec(program, namespace)  # noqa: S102  running programs is the point, and this is the sandbox
