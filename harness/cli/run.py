"""``semi-instruct run``: one program, one run."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from semi_instruct.engine import (
    Determinism,
    Engine,
    InvalidRequest,
    Limits,
    Outcome,
    Program,
    Status,
    ValueRefused,
)
from semi_instruct.engine.inside.values import decode
from semi_instruct.engine.limits import MIB, RANGES
from semi_instruct.harness import strict_json
from semi_instruct.harness.cli.exit_status import ExitStatus
from semi_instruct.harness.cli.options import AsJson, Common, Runtime, command_of
from semi_instruct.harness.errors import BadRequest
from semi_instruct.harness.text import one_line, plain_value

KIB = 1 << 10
LIMITS = "Limits"


DEFAULTS = Limits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Options(Common):
    """The options of ``run``."""

    program: Annotated[Path, typer.Argument(help="The file of the program; - is stdin.")]
    language: Annotated[str, typer.Option(help="The language that it is written in.")] = "python"
    stdin: Annotated[str | None, typer.Option(metavar="FILE", help="What the program reads; - is stdin.")] = None
    entry: Annotated[str | None, typer.Option(metavar="NAME", help="Call this function of the program.")] = None
    args: Annotated[str | None, typer.Option(metavar="JSON", help="Its arguments, as a JSON list.")] = None
    runtime: Runtime = None
    cpu_time: Annotated[float, typer.Option(metavar="S", help="CPU time, in seconds.", rich_help_panel=LIMITS)] = (
        DEFAULTS.cpu_time
    )
    wall_time: Annotated[
        float | None,
        typer.Option(metavar="S", help="Wall time, in seconds. Default: 2 x CPU time + 1 s.", rich_help_panel=LIMITS),
    ] = None
    memory: Annotated[
        int, typer.Option(metavar="MIB", help="Memory, in MiB, the interpreter included.", rich_help_panel=LIMITS)
    ] = DEFAULTS.memory // MIB
    output: Annotated[
        int, typer.Option(metavar="KIB", help="Bytes of stdout, and of stderr, in KiB.", rich_help_panel=LIMITS)
    ] = DEFAULTS.output // KIB
    processes: Annotated[int, typer.Option(metavar="N", help="Processes and threads.", rich_help_panel=LIMITS)] = (
        DEFAULTS.processes
    )
    determinism: Annotated[Determinism, typer.Option(help="Whether two runs are alike, or differ.")] = Determinism.FIXED
    clock: Annotated[
        float | None, typer.Option(metavar="S", help="The program's clock starts S seconds after 1970.")
    ] = None
    as_json: AsJson = False

    @property
    def limits(self) -> Limits:
        """The limits of the run.

        Raises:
            BadRequest: one is out of range; in the unit of its option.
        """
        given = {"cpu_time": self.cpu_time, "wall_time": self.wall_time, "processes": self.processes}
        for name, value in given.items():
            if value is not None:
                _limit(name, value, 1)
        return Limits(
            cpu_time=self.cpu_time,
            wall_time=self.wall_time,
            memory=_limit("memory", self.memory, MIB),
            output=_limit("output", self.output, KIB),
            processes=self.processes,
        )


def _limit(name: str, value: float, unit: int) -> Any:
    """A limit in the unit of the engine.

    Raises:
        BadRequest: it is out of range.
    """
    try:
        Limits(**{name: value * unit})  # type: ignore[arg-type]  # whole where they have to be
    except InvalidRequest:
        low, high = (f"{bound / unit:.12g}" for bound in RANGES[name])
        suffix = {MIB: " MiB", KIB: " KiB"}.get(unit, "")
        option = name.replace("_", "-")
        raise BadRequest(f"--{option} {value:g}: expected {low} to {high}{suffix}") from None
    return value * unit


def execute(options: Options) -> ExitStatus:
    """Run the program and print the outcome. Returns the exit status.

    Raises:
        BadRequest: a file that cannot be read, arguments that are no JSON list or have no function to go to.
        InvalidRequest: an unknown language, or an entry that is not a name.
        SandboxUnavailable: a wall of the sandbox is missing.
    """
    if options.args is not None and options.entry is None:
        raise BadRequest("--args is for a function: name it with --entry")
    if str(options.program) == "-" and options.stdin == "-":
        raise BadRequest("--stdin -: the program itself is read from stdin")
    limits = options.limits
    program = Program(_content(str(options.program)), options.language, options.entry)
    args = _arguments(options.args) if options.args is not None else ()
    stdin = b"" if options.stdin is None else _content(options.stdin)
    with Engine(workers=1, runtime=options.runtime) as engine:
        outcome = engine.run(program, stdin, args, limits, determinism=options.determinism, clock=options.clock)
    is_function = program.entry is not None
    if options.as_json:
        print(json.dumps(outcome.to_json() | {"value": plain_value(outcome.value)}))
    else:
        _print(outcome, is_function, options.quiet)
    succeeded = outcome.ok and (outcome.returned or not is_function)
    return ExitStatus.DONE if succeeded else ExitStatus.FAILED


command = command_of(
    Options,
    execute,
    "run",
    """
    Run one program in a sandbox.

    Exit status 0 if the run ends as ok (and a function returns), else 1.
    """,
)


def _content(name: str) -> bytes:
    """What a file holds, or for ``-`` standard input."""
    return sys.stdin.buffer.read() if name == "-" else _read(Path(name))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadRequest(f"{path}: {error.strerror or error}") from None
    except ValueError as error:
        raise BadRequest(f"{str(path)!r}: {error}") from None


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


def _print(outcome: Outcome, is_function: bool, quiet: bool) -> None:
    """The program's bytes where it wrote them, then the value on stdout and a summary on stderr."""
    _pass_on(sys.stdout.buffer, outcome.stdout, end_line=is_function)
    if outcome.returned:
        sys.stdout.buffer.write(json.dumps(plain_value(outcome.value)).encode("ascii") + b"\n")
    sys.stdout.buffer.flush()
    _pass_on(sys.stderr.buffer, outcome.stderr, end_line=True)
    if not quiet:
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
