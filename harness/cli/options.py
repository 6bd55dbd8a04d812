"""Options of the command line, each declared once: as the field of a command's dataclass, with its default and help.

An option that several commands have is declared here, so that its name means the same in all of them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import MISSING, Field, dataclass, fields
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer
from typer.core import TyperCommand

from semi_instruct.harness.errors import BadRequest
from semi_instruct.harness.output.log import log_on_stderr

JUDGING, MODEL, OUTPUT, RUNNING = "Judging", "Model", "Output", "Running"

Problems = Annotated[Path, typer.Argument(metavar="PROBLEMS.jsonl", help="One problem per line; - is stdin.")]
Out = Annotated[
    Path | None,
    typer.Option(
        "-o", "--out", metavar="FILE", help="Write the rows to this file; - is stdout.", rich_help_panel=OUTPUT
    ),
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print JSON alone on stdout, and no summary.", rich_help_panel=OUTPUT)
]
Seed = Annotated[int, typer.Option(metavar="N", help="Seed of everything that is chosen at random.")]
Budget = Annotated[
    float,
    typer.Option(
        metavar="S", help="CPU seconds per problem. After them, no test case is added.", rich_help_panel=JUDGING
    ),
]
PlannedInputs = Annotated[
    int,
    typer.Option(
        metavar="N", min=0, help="Inputs to plan per problem; 0: its examples alone.", rich_help_panel=JUDGING
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(metavar="N", min=1, help="Sandboxes. Default: one per core.", rich_help_panel=RUNNING),
]
Runtime = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR", help="Virtual environment whose packages programs may import.", rich_help_panel=RUNNING
    ),
]
ModelName = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="NAME",
        help="llamacpp:FILE.gguf, transformers:ID_OR_FOLDER or openai:MODEL@URL.",
        rich_help_panel=MODEL,
    ),
]
Cache = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Keep the texts of the model here and reuse them.", rich_help_panel=MODEL),
]
ModelInputs = Annotated[
    int,
    typer.Option(metavar="N", min=0, help="Inputs to ask the model for, per problem.", rich_help_panel=MODEL),
]
Concurrency = Annotated[
    int | None,
    typer.Option(metavar="N", min=1, help="Requests to the model at a time.", rich_help_panel=MODEL),
]
RequestsPerMinute = Annotated[
    float | None,
    typer.Option(metavar="N", help="Most requests per minute to a server.", rich_help_panel=MODEL),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Common:
    """The options that every command has."""

    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Print no progress and no summary.")] = False
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Log what the engine and the harness do.")] = False


def command_of[O: Common](
    options: type[O], execute: Callable[[O], int], name: str, description: str, *, has_own_log: bool = False
) -> TyperCommand:
    """A command whose options are the fields of a dataclass.

    Args:
        options: its fields are annotated with ``typer.Option`` or ``typer.Argument``.
        execute: called with an instance; returns the exit status.
        description: shown by ``--help``.
        has_own_log: the command writes what is logged itself, in its own form.
    """
    hints = get_type_hints(options, include_extras=True)

    def call(**given: Any) -> int:
        wanted = options(**given)
        if has_own_log:
            return execute(wanted)
        with log_on_stderr(quiet=wanted.quiet, verbose=wanted.verbose):
            return execute(wanted)

    parameters = [
        inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, default=_default(field), annotation=hints[field.name]
        )
        for field in fields(options)
    ]
    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # read by Typer
    call.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich")
    app.command(name=name, help=inspect.cleandoc(description))(call)
    command = typer.main.get_command(app)
    assert isinstance(command, TyperCommand)
    return command


def _default(field: Field[Any]) -> Any:
    return inspect.Parameter.empty if field.default is MISSING else field.default


def read_from(path: Path) -> Path:
    """The path to read: standard input for ``-``."""
    return Path("/dev/stdin") if str(path) == "-" else path


def written_to(path: Path | None) -> Path | None:
    """The file to write; None for standard output, which ``-`` names."""
    return None if path is None or str(path) == "-" else path


def check_budget(budget: float | None) -> None:
    """Refuse a budget that is none.

    Raises:
        BadRequest: it is not more than 0.
    """
    if budget is not None and not budget > 0:
        raise BadRequest(f"--budget: expected more than 0 seconds, not {budget:g}")
