"""``semi-instruct run``: one program, one run."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from semi_instruct.engine import Determinism, Engine, Limits, Outcome, Program, Status, ValueRefused
from semi_instruct.engine.inside.values import decode
from semi_instruct.harness import strict_json
from semi_instruct.harness.cli.exit_status import ExitStatus
from semi_instruct.harness.errors import BadRequest
from semi_instruct.harness.text import one_line, plain_value

KIB = 1 << 10
MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be run."""

    program: Program
    stdin: bytes
    args: tuple[Any, ...]
    determinism: str = Determinism.FIXED
    clock: float | None = None


def limits(
    cpu_time: float | None, wall_time: float | None, memory: int | None, output: int | None, processes: int | None
) -> Limits:
    """The limits asked for, the engine's own where nothing is asked.

    Args:
        cpu_time: seconds.
        wall_time: seconds.
        memory: MiB.
        output: KiB.
        processes: how many at one time.

    Raises:
        InvalidRequest: out of range.
    """
    asked: dict[str, Any] = {
        "cpu_time": cpu_time,
        "wall_time": wall_time,
        "memory": None if memory is None else memory * MIB,
        "output": None if output is None else output * KIB,
        "processes": processes,
    }
    return Limits(**{name: value for name, value in asked.items() if value is not None})


def request(
    path: Path,
    language: str,
    stdin: str | None,
    entry: str | None,
    args: str | None,
    determinism: str,
    clock: float | None,
) -> Request:
    """Read what the options name.

    Raises:
        BadRequest: a file that cannot be read, arguments that are no JSON list or have no function to go to.
        InvalidRequest: an unknown language, or an entry that is no name.
    """
    if args is not None and entry is None:
        raise BadRequest("--args is for a function: name it with --entry")
    program = Program(_read(path), language, entry)
    return Request(program, _stdin(stdin), _arguments(args) if args is not None else (), determinism, clock)


def execute(wanted: Request, within: Limits, as_json: bool) -> ExitStatus:
    """Run it and print the outcome. Returns the exit status.

    Raises:
        SandboxUnavailable: nothing is run without the walls.
    """
    with Engine(workers=1) as engine:
        outcome = engine.run(
            wanted.program,
            stdin=wanted.stdin,
            args=wanted.args,
            limits=within,
            determinism=wanted.determinism,
            clock=wanted.clock,
        )
    is_function = wanted.program.entry is not None
    if as_json:
        print(json.dumps(outcome.to_json() | {"value": plain_value(outcome.value)}))
    else:
        _print(outcome, is_function)
    succeeded = outcome.status is Status.OK and (outcome.returned or not is_function)
    return ExitStatus.DONE if succeeded else ExitStatus.FAILED


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadRequest(f"{path}: {error.strerror or error}") from None
    except ValueError as error:
        raise BadRequest(f"{str(path)!r}: {error}") from None


def _stdin(name: str | None) -> bytes:
    if name is None:
        return b""
    return sys.stdin.buffer.read() if name == "-" else _read(Path(name))


def _arguments(text: str) -> tuple[Any, ...]:
    try:
        data = strict_json.loads(text)
        if not isinstance(data, list):
            raise BadRequest(f"--args: expected a JSON list, not {type(data).__name__}")
        return tuple(decode(data))
    except BadRequest:
        raise
    except ValueRefused as error:
        raise BadRequest(f"--args: {error}") from None
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"--args: not JSON: {error}") from None


def _print(outcome: Outcome, is_function: bool) -> None:
    """The program's bytes where it wrote them, then the value on stdout and a summary on stderr."""
    _pass_on(sys.stdout.buffer, outcome.stdout, end_line=is_function)
    if outcome.returned:
        sys.stdout.buffer.write(json.dumps(plain_value(outcome.value)).encode("ascii") + b"\n")
    sys.stdout.buffer.flush()
    _pass_on(sys.stderr.buffer, outcome.stderr, end_line=True)
    print(_summary(outcome, is_function), file=sys.stderr)


def _pass_on(stream: Any, data: bytes, end_line: bool) -> None:
    stream.write(data)
    if end_line and data and not data.endswith(b"\n"):
        stream.write(b"\n")
    stream.flush()


def _summary(outcome: Outcome, is_function: bool) -> str:
    parts = [
        f"status {outcome.status}",
        f"cpu {outcome.cpu_time_s:.3f} s",
        f"wall {outcome.wall_time_s:.3f} s",
        f"memory {outcome.peak_memory_bytes / MIB:.1f} MiB",
    ]
    if outcome.exit_code and outcome.status is not Status.NONZERO_EXIT:  # whose detail says it
        parts.append(f"exit code {outcome.exit_code}")
    if outcome.signal is not None:
        parts.append(f"signal {outcome.signal}")
    if outcome.stdout_truncated:
        parts.append("stdout truncated")
    if outcome.stderr_truncated:
        parts.append("stderr truncated")
    if is_function and outcome.status is Status.OK and not outcome.returned:
        parts.append("the program ended before its function returned")
    if outcome.detail:
        parts.append(one_line(outcome.detail))
    return ", ".join(parts)
