"""Runs a program in the sandbox and reports, on the last line of stderr, which branches it took.

``harness.analysis.coverage`` prepends the text of this file to the program, so it may import only the standard library.
"""

from __future__ import annotations

import atexit
import dis
import json
import os
import sys
from types import CodeType
from typing import Any

BRANCHING = {"FOR_ITER", "POP_JUMP_IF_FALSE", "POP_JUMP_IF_TRUE", "POP_JUMP_IF_NONE", "POP_JUMP_IF_NOT_NONE"}


def run_and_report(source: bytes, namespace: dict[str, Any], marker: str) -> None:
    """Run a program in a namespace, and report its branches when it exits.

    Args:
        source: the program.
        namespace: its globals.
        marker: start of the line with the report. A JSON object follows it: ``sites`` (number of the code object,
            offset and line of every branch instruction) and ``taken`` (code object, offset, destination).
    """
    program = compile(source, namespace.get("__file__", "main.py"), "exec", dont_inherit=True)
    codes = all_codes(program)
    numbers = {id(code): number for number, code in enumerate(codes)}
    taken: dict[tuple[int, int], set[int]] = {}

    def on_branch(code: CodeType, offset: int, destination: int) -> object:
        seen = taken.setdefault((numbers[id(code)], offset), set())
        seen.add(destination)
        # An event is disabled for both destinations, so not before both have been taken.
        return sys.monitoring.DISABLE if len(seen) > 1 else None

    def report() -> None:
        sys.monitoring.register_callback(tool, branches, None)
        ways = sorted((*site, destination) for site, seen in taken.items() for destination in seen)
        sites = [site for number, code in enumerate(codes) for site in all_sites(number, code)]
        sys.stderr.flush()
        os.write(2, f"\n{marker}{json.dumps({'sites': sites, 'taken': ways})}\n".encode())

    tool, branches = sys.monitoring.COVERAGE_ID, sys.monitoring.events.BRANCH
    sys.monitoring.use_tool_id(tool, "semi-instruct")
    sys.monitoring.register_callback(tool, branches, on_branch)
    for code in codes:
        sys.monitoring.set_local_events(tool, code, branches)
    # Registered first, so called last: after the program's own exit handlers.
    atexit.register(report)
    exec(program, namespace)  # noqa: S102  running programs is the point, and this is the sandbox


def all_codes(program: CodeType) -> list[CodeType]:
    """The code objects of a module and of all functions, classes and comprehensions in it."""
    codes = [program]
    for code in codes:
        codes.extend(constant for constant in code.co_consts if isinstance(constant, CodeType))
    return codes


def all_sites(number: int, code: CodeType) -> list[tuple[int, int, int]]:
    """Number, offset and line of each branch instruction."""
    return [
        (number, instruction.offset, (instruction.positions and instruction.positions.lineno) or code.co_firstlineno)
        for instruction in dis.get_instructions(code)
        if instruction.opname in BRANCHING
    ]
