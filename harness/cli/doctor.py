"""``semi-instruct doctor``: which walls of the sandbox stand here."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.table import Table

from semi_instruct.engine.probe import examine
from semi_instruct.harness.cli.exit_status import ExitStatus
from semi_instruct.harness.cli.options import AsJson, Common, command_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Options(Common):
    """The options of ``doctor``."""

    as_json: AsJson = False


def execute(options: Options) -> ExitStatus:
    """Print the layers. Returns the exit status."""
    layers = examine()
    trusted = all(layer.stands for layer in layers)
    status = ExitStatus.DONE if trusted else ExitStatus.UNTRUSTED
    if options.as_json:
        print(json.dumps({"trusted": trusted, "layers": [asdict(layer) for layer in layers]}))
        return status
    table = Table("layer", "", "detail", "remedy")
    for layer in layers:
        table.add_row(layer.name, "stands" if layer.stands else "missing", layer.detail, layer.remedy)
    console = Console(file=sys.stdout, markup=False, highlight=False, emoji=False)
    console.print(table)
    console.print("every wall stands" if trusted else "this machine cannot be trusted to run programs", soft_wrap=True)
    return status


command = command_of(
    Options,
    execute,
    "doctor",
    """
    Show which walls of the sandbox this machine can raise.

    Exit status 0 if it can raise all, else 3.
    """,
)
