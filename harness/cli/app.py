"""The command line ``semi-instruct``.

Every command returns its exit status: 0 done, 1 the program or candidate failed, 2 wrong usage or bad input, 3 the
sandbox cannot be trusted here, 4 the machine failed. Errors are printed in one line on stderr.

A command is a module beside this one, with a ``command``. It is imported when it is called, so that ``--help`` and
``run`` do not wait for what only other commands need.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from importlib import import_module
from typing import Annotated, Any, NoReturn, TextIO, cast

import typer
from typer.core import TyperCommand, TyperGroup

from semi_instruct.harness.cli.exit_status import ExitStatus

NAME = "semi-instruct"

# Each command is ``harness/cli/NAME.py``; the text is the first sentence of its help.
COMMANDS = {
    "run": "Run one program in a sandbox.",
    "verify": "Judge candidates against reference solutions.",
    "fuzz": "Search for inputs on which a candidate differs from the oracles, and print the smallest found.",
    "generate": "Have a model write inputs, instructions and code for natural codes, and verify what it writes.",
    "build": "Make a dataset of instruction-code pairs from natural codes: filter, validate, retain, export, report.",
    "serve": "Run programs over HTTP: in the dialects of SandboxFusion and Piston, and in the native one.",
    "doctor": "Show which walls of the sandbox this machine can raise.",
}


class _LazyGroup(TyperGroup):
    """The commands of ``COMMANDS``, each imported when it is called."""

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]  # Typer's own context
        """The names, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: typer.Context, cmd_name: str) -> TyperCommand | None:  # type: ignore[override]
        """The command of a name, or None.

        Raises:
            MissingExtra: the command needs an extra that is not installed.
        """
        if cmd_name not in COMMANDS:
            return None
        try:
            command: TyperCommand = import_module(f"semi_instruct.harness.cli.{cmd_name}").command
        except ModuleNotFoundError as error:
            from semi_instruct.harness.extras import explain

            explain(cmd_name, error)
            raise
        return command

    def format_commands(self, ctx: typer.Context, formatter: Any) -> None:  # type: ignore[override]
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


app = typer.Typer(
    name=NAME,
    cls=_LazyGroup,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Run untrusted code in a sandbox and check it against reference solutions.",
)


def _version(wanted: bool) -> None:
    if wanted:
        import semi_instruct

        print(f"{NAME} {semi_instruct.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status.

    Args:
        arguments: those after the command's name; None for ``sys.argv``'s.
    """
    _occupy_standard_descriptors()
    command = typer.main.get_command(app)
    given = None if arguments is None else list(arguments)
    try:
        with redirect_stdout(cast(TextIO, _Named(sys.stdout))):
            status = command.main(args=given, prog_name=NAME, standalone_mode=False)
            sys.stdout.flush()
    except (SystemExit, BrokenPipeError):
        # Typer turns a closed pipe into SystemExit. The reader of our output has gone, so there is no message.
        _forget_stdout()
        return ExitStatus.BROKEN_PIPE
    except (KeyboardInterrupt, typer.Abort):
        status = ExitStatus.INTERRUPTED
    except Exception as error:
        ended = _status_of(error)
        if ended is None:
            raise
        return _say(error.format_message() if isinstance(error, typer.TyperException) else str(error), ended)
    if status == ExitStatus.INTERRUPTED:  # which is also what Typer makes of Ctrl-C
        return _say("interrupted", ExitStatus.INTERRUPTED)
    return int(status or 0)


def _status_of(error: Exception) -> ExitStatus | None:
    """The exit status that an exception of a command means; None for a fault in our code."""
    from semi_instruct.engine import EngineError, SandboxUnavailable
    from semi_instruct.harness.errors import HarnessError, Interrupted, MachineFailed
    from semi_instruct.harness.parallel.machine_faults import is_of_the_machine

    if isinstance(error, SandboxUnavailable):
        return ExitStatus.UNTRUSTED
    if isinstance(error, Interrupted):
        return ExitStatus.INTERRUPTED
    if isinstance(error, MachineFailed) or (isinstance(error, OSError) and is_of_the_machine(error)):
        _forget_what_stdout_does_not_take()
        return ExitStatus.MACHINE_FAILED
    if isinstance(error, HarnessError | EngineError | OSError | typer.TyperException):
        return ExitStatus.BAD_INPUT
    return None


class _Named:
    """Standard output, or its buffer. Errors of the system on it are raised with its name."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, data: Any) -> Any:
        """Write.

        Raises:
            MachineFailed: the disk is full, or the like.
        """
        try:
            return self._stream.write(data)
        except OSError as error:
            _raise_named(error)

    def flush(self) -> None:
        """Write what has not been written yet.

        Raises:
            MachineFailed: the disk is full, or the like.
        """
        try:
            self._stream.flush()
        except OSError as error:
            _raise_named(error)

    @property
    def buffer(self) -> _Named:
        """What takes bytes."""
        return _Named(self._stream.buffer)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _raise_named(error: OSError) -> NoReturn:
    """Raise the error; with the name of standard output, if the machine is at fault."""
    from semi_instruct.harness.errors import MachineFailed
    from semi_instruct.harness.parallel.machine_faults import is_of_the_machine

    if is_of_the_machine(error):
        raise MachineFailed(f"standard output: {error.strerror or error}") from error
    raise error


def _say(message: str, status: ExitStatus) -> int:
    from semi_instruct.harness.text import one_line

    print(f"{NAME}: {one_line(' '.join(message.split()), longest=2_000)}", file=sys.stderr)
    return status


def _occupy_standard_descriptors() -> None:
    """Open what the caller has closed of 0, 1 and 2, so that no file of ours is taken for one of them."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(number, True)
    os.close(number)
    sys.stdin, sys.stdout, sys.stderr = (
        stream if stream is not None else os.fdopen(number, mode, closefd=False)
        for number, (stream, mode) in enumerate(((sys.stdin, "r"), (sys.stdout, "w"), (sys.stderr, "w")))
    )


def _forget_what_stdout_does_not_take() -> None:
    """Forget what is still buffered for stdout if that is what failed; the interpreter would fail again at its end."""
    try:
        sys.stdout.flush()
    except OSError:
        _forget_stdout()


def _forget_stdout() -> None:
    """Let what is still buffered for stdout go nowhere, or the interpreter complains about it when it ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
