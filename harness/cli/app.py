"""The command line ``semi-instruct``.

Every command returns its exit status: 0 done, 1 the program or candidate failed, 2 wrong usage or bad input, 3 the
sandbox cannot be trusted here, 4 the machine failed. What is wrong is said in one line on stderr.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Annotated, Any, TextIO, cast

import typer

from semi_instruct.engine import Determinism, EngineError, SandboxUnavailable
from semi_instruct.harness.cli import build as build_command
from semi_instruct.harness.cli import doctor as doctor_command
from semi_instruct.harness.cli import fuzz as fuzz_command
from semi_instruct.harness.cli import generate as generate_command
from semi_instruct.harness.cli import run as run_command
from semi_instruct.harness.cli import serve as serve_command
from semi_instruct.harness.cli import verify as verify_command
from semi_instruct.harness.cli.exit_status import ExitStatus
from semi_instruct.harness.compare.specification import read_option
from semi_instruct.harness.dataset.settings import MODES
from semi_instruct.harness.errors import BadRequest, HarnessError, Interrupted, MachineFailed
from semi_instruct.harness.inputs.plan import PLANNED_INPUTS
from semi_instruct.harness.output.log import log_on_stderr
from semi_instruct.harness.parallel.machine_faults import is_of_the_machine, naming
from semi_instruct.harness.search.fuzz import INPUTS
from semi_instruct.harness.search.fuzz_request import Asked
from semi_instruct.harness.synthesis.plan import Plan
from semi_instruct.harness.text import one_line

NAME = "semi-instruct"

app = typer.Typer(
    name=NAME,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Runs programs nobody trusts, and decides which of them are right.",
)


@app.command()
def run(
    program: Annotated[Path, typer.Argument(help="The file of the program.")],
    language: Annotated[str, typer.Option(help="The language it is written in.")] = "python",
    stdin: Annotated[str | None, typer.Option(metavar="FILE|-", help="What it reads; - is our own stdin.")] = None,
    entry: Annotated[str | None, typer.Option(metavar="NAME", help="Call this function instead.")] = None,
    args: Annotated[str | None, typer.Option(metavar="JSON", help="Its arguments, as a JSON list.")] = None,
    cpu_time: Annotated[float | None, typer.Option(metavar="S", help="Limit of CPU time, seconds.")] = None,
    wall_time: Annotated[float | None, typer.Option(metavar="S", help="Limit of wall time, seconds.")] = None,
    memory: Annotated[int | None, typer.Option(metavar="MIB", help="Limit of memory, MiB.")] = None,
    output: Annotated[int | None, typer.Option(metavar="KIB", help="Limit of stdout and of stderr, KiB.")] = None,
    processes: Annotated[int | None, typer.Option(metavar="N", help="Limit of processes and threads.")] = None,
    determinism: Annotated[Determinism, typer.Option(help="Whether runs are alike, or differ.")] = Determinism.FIXED,
    clock: Annotated[float | None, typer.Option(metavar="S", help="Its clock starts S seconds after 1970.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON, alone.")] = False,
) -> int:
    """Run one program in a sandbox. Exit status 0 if its status is ok (and a function returned), else 1."""
    limits = run_command.limits(cpu_time, wall_time, memory, output, processes)
    request = run_command.request(program, language, stdin, entry, args, determinism, clock)
    with log_on_stderr():
        return run_command.execute(request, limits, as_json)


@app.command()
def verify(
    problems: Annotated[Path, typer.Argument(metavar="PROBLEMS.jsonl", help="One problem a line.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="VERDICTS.jsonl", help="Write the verdicts here.")
    ] = None,
    budget: Annotated[
        float, typer.Option(metavar="S", help="CPU seconds a problem, about, then no more test cases.")
    ] = verify_command.BUDGET_S,
    inputs: Annotated[
        int, typer.Option(metavar="N", min=0, help="Inputs to plan for a whole program, about; 0: its examples alone.")
    ] = PLANNED_INPUTS,
    seed: Annotated[int, typer.Option(metavar="N", help="For whatever is chosen at random.")] = 0,
    workers: Annotated[int | None, typer.Option(metavar="N", min=1, help="Sandboxes; one a core if not given.")] = None,
    shrink: Annotated[bool, typer.Option(help="Make counterexamples minimal.")] = True,
    suites: Annotated[
        Path | None, typer.Option(metavar="FILE.jsonl", help="Keep a few test cases of each problem here.")
    ] = None,
    compare: Annotated[
        str | None, typer.Option(metavar="KIND|JSON", help="How answers compare where the problem does not say.")
    ] = None,
    resume: Annotated[
        Path | None, typer.Option(metavar="VERDICTS.jsonl", help="Keep what is decided there; judge the rest.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the verdicts as JSON lines, alone.")] = False,
) -> int:
    """Judge candidates against oracles.

    Without -o the verdicts go to stdout. With --suites a few test cases of each problem are kept, in a file that verify
    reads: they kill, cover and reject what all of them do. With --resume the candidates that are missing in a file of
    verdicts, or whose verdict there is sandbox_error, are judged, and all other rows stay as they are; a run that was
    cut off goes on with --resume VERDICTS.jsonl -o VERDICTS.jsonl. Exit status 0 when all is judged, whatever the
    verdicts; 1 if rows say what verdict to expect and another came out; 2 if there were bad rows, when all the others
    are judged; 4 if the machine failed, as by a full disk.
    """
    comparison = read_option(compare) if compare is not None else None
    options = verify_command.Options(
        problems, output, budget, inputs, seed, workers, as_json, comparison, shrink, suites, resume
    )
    with log_on_stderr():
        return verify_command.execute(options)


@app.command()
def fuzz(
    problems: Annotated[
        Path | None, typer.Argument(metavar="[PROBLEMS.jsonl]", help="One problem a line, as for verify.")
    ] = None,
    problem: Annotated[str | None, typer.Option(metavar="ID", help="Search this problem only.")] = None,
    candidate: Annotated[
        list[str] | None, typer.Option(metavar="ID|FILE", help="This candidate: its id, or without a file its program.")
    ] = None,
    oracle: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="A program known to be right; may be said again.")
    ] = None,
    example: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="An input of it: what it reads, or with --entry a JSON list of arguments."),
    ] = None,
    entry: Annotated[str | None, typer.Option(metavar="NAME", help="The programs define this function.")] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="For whatever is chosen at random.")] = 0,
    runs: Annotated[int, typer.Option(metavar="N", min=1, help="Inputs to try for a problem, at most.")] = INPUTS,
    budget: Annotated[
        float | None, typer.Option(metavar="S", help="CPU seconds a problem, then no more inputs.")
    ] = None,
    show_format: Annotated[
        bool, typer.Option("--show-format", help="Print the format of the inputs, to be edited; search nothing.")
    ] = False,
    format_file: Annotated[
        Path | None, typer.Option("--format", metavar="FILE", help="Draw inputs of this format, not of the inferred.")
    ] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write the rows here.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON row a candidate, alone.")] = False,
) -> int:
    """Look for inputs on which a candidate differs from the oracles, and show the smallest found.

    Either name a problem file, or the programs in files of their own: semi-instruct fuzz --oracle right.py --candidate
    mine.py --example input.txt. What is shown was run in fresh sandboxes, and all oracles agree on it. Exit status 0 if
    no difference was found; 1 if one was; 2 if what was given cannot be used, or the oracles agree on no input at all;
    3 if a fault of ours left something unsearched.
    """
    asked = Asked(problems, problem, candidate or (), oracle or (), example or (), entry, format_file)
    options = fuzz_command.Options(asked, seed, runs, budget, show_format, output, as_json)
    with log_on_stderr():
        return fuzz_command.execute(options)


@app.command()
def build(
    corpus: Annotated[Path, typer.Argument(metavar="CORPUS", help="JSONL, Parquet, or a folder of a data set.")],
    folder: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="The build's own folder.")],
    mode: Annotated[str, typer.Option(metavar="semi|self|natural", help="What the pairs are made of.")] = "natural",
    seed: Annotated[int, typer.Option(metavar="N", help="For whatever is chosen at random.")] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the build in DIR.")] = False,
    layout: Annotated[str, typer.Option(metavar="NAME", help="Of the corpus, if its fields do not tell.")] = "auto",
    columns: Annotated[Path | None, typer.Option(metavar="FILE.toml", help="Which column holds what.")] = None,
    licence: Annotated[str, typer.Option(metavar="NAME", help="Of the corpus, if it does not say.")] = "",
    strict: Annotated[bool, typer.Option("--strict", help="Stop at the first bad row.")] = False,
    decontaminate: Annotated[bool, typer.Option(help="Drop what HumanEval and other benchmarks hold.")] = True,
    benchmark: Annotated[
        list[str] | None, typer.Option(metavar="NAME=FILE", help="Another benchmark, as mbpp=mbpp.jsonl.")
    ] = None,
    budget: Annotated[float, typer.Option(metavar="S", help="CPU seconds for the judging of a task, about.")] = 20.0,
    planned: Annotated[
        int, typer.Option(metavar="N", min=0, help="Inputs that the harness plans for a whole program.")
    ] = PLANNED_INPUTS,
    near: Annotated[float, typer.Option(metavar="SHARE", help="Similarity of near duplicates.")] = 0.8,
    embeddings: Annotated[
        Path | None, typer.Option(metavar="FILE.whl|DIR", help="Drop instructions of the same meaning, by this model.")
    ] = None,
    alike: Annotated[float, typer.Option(metavar="COSINE", help="From which two mean the same.")] = 0.95,
    least_cases: Annotated[int, typer.Option(metavar="N", min=1, help="Test cases that a pair needs.")] = 3,
    least_killed: Annotated[float, typer.Option(metavar="SHARE", help="Mutants that they have to kill.")] = 0.5,
    pairs_a_task: Annotated[int, typer.Option(metavar="N", min=0, help="At most; 0 for all.")] = 0,
    limit: Annotated[int, typer.Option(metavar="N", min=0, help="Pairs in all, the best; 0 for all.")] = 0,
    model: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Proposes, in semi and self mode; named as for generate."),
    ] = None,
    cache: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Keep what it writes here; in DIR if not given.")
    ] = None,
    codes_a_task: Annotated[
        int, typer.Option(metavar="N", min=0, help="Natural codes of a task to propose codes for; 0 for all.")
    ] = 0,
    samples: Annotated[
        int, typer.Option(metavar="N", min=1, help="Codes to ask for, of a natural code or an instruction.")
    ] = 4,
    functions: Annotated[
        int, typer.Option(metavar="N", min=0, help="Functions with adapters to ask for, of a whole program.")
    ] = 0,
    inputs: Annotated[
        int, typer.Option(metavar="N", min=0, help="Inputs to ask for, of a natural code.")
    ] = Plan().inputs,
    repairs: Annotated[
        int, typer.Option(metavar="N", min=0, help="Rounds in which rejected codes are given back.")
    ] = 0,
    round_trip: Annotated[
        float, typer.Option(metavar="SHARE", help="Codes written from the instruction alone that have to pass.")
    ] = 0.0,
    lanes: Annotated[int | None, typer.Option(metavar="N", min=1, help="Requests to the model at a time.")] = None,
    per_minute: Annotated[
        float | None, typer.Option(metavar="N", help="Requests a minute that a server is sent, at most.")
    ] = None,
    workers: Annotated[int | None, typer.Option(metavar="N", min=1, help="Sandboxes; one a core if not given.")] = None,
) -> int:
    """Make a dataset of instruction-code pairs from natural codes: filter, validate, retain, export, report.

    Natural mode takes the codes as they are. In semi mode a model writes an instruction and a code for each, judged by
    the natural codes; in self mode it invents tasks, and independent codes and tests have to agree.

    DIR/dataset holds the pairs as Parquet and JSONL with their test cases, and problems.jsonl, which verify accepts;
    DIR/report.html is for people. Killed at any moment, it goes on with --resume and ends with the same dataset.
    Needs the extra [build].
    """
    if mode not in MODES:
        raise BadRequest(f"--mode {mode}: expected {', '.join(MODES)}")
    options = build_command.Options(
        corpus=corpus,
        folder=folder,
        mode=mode,
        seed=seed,
        resume=resume,
        layout=layout,
        columns=columns,
        licence=licence,
        strict=strict,
        decontaminate=decontaminate,
        benchmarks=tuple(benchmark or ()),
        budget=budget,
        planned=planned,
        near=near,
        embeddings=embeddings,
        alike=alike,
        least_cases=least_cases,
        least_killed=least_killed,
        pairs_a_task=pairs_a_task,
        limit=limit,
        model=model,
        cache=cache,
        codes_a_task=codes_a_task,
        samples=samples,
        functions=functions,
        listed=inputs,
        repairs=repairs,
        least_round_trip=round_trip,
        lanes=lanes,
        per_minute=per_minute,
        workers=workers,
    )
    with log_on_stderr():
        return build_command.execute(options)


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="The address to listen on; only loopback needs no token.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 for any that is free.")] = 8080,
    token_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Holds the token that every client must show.")
    ] = None,
    workers: Annotated[int | None, typer.Option(metavar="N", min=1, help="Sandboxes; one a core if not given.")] = None,
    queue: Annotated[int, typer.Option(metavar="N", min=1, help="Runs that may wait for one.")] = 1024,
    queue_time: Annotated[float, typer.Option(metavar="S", min=0.1, help="How long one may wait, seconds.")] = 300.0,
    max_time: Annotated[float, typer.Option(metavar="S", min=1, max=86_400, help="The longest run, seconds.")] = 300.0,
    max_memory: Annotated[
        int | None, typer.Option(metavar="MIB", min=16, help="The most memory of a run; a worker's share if not given.")
    ] = None,
    max_body: Annotated[int, typer.Option(metavar="MIB", min=1, help="The largest request.")] = 32,
    client_deadline: Annotated[
        float | None,
        typer.Option(
            metavar="S", min=0.1, help="How long clients wait for an answer; no busy machine's run outlasts that."
        ),
    ] = None,
    drain: Annotated[float, typer.Option(metavar="S", min=0, help="Time that runs have to end on SIGTERM.")] = 30.0,
    allow_degraded: Annotated[
        bool, typer.Option("--allow-degraded", help="Serve without control groups where there are none.")
    ] = False,
) -> int:
    """Run programs for others, over HTTP: in SandboxFusion's words, in Piston's, and in our own.

    Needs the extra: pip install 'semi-instruct[serve]'. A page at / shows what is going on, /docs what can be asked.
    """
    options = serve_command.Options(
        host=host,
        port=port,
        token_file=token_file,
        workers=workers,
        queue=queue,
        queue_time=queue_time,
        client_deadline=client_deadline,
        max_time=max_time,
        max_memory=max_memory,
        max_body=max_body,
        drain=drain,
        allow_degraded=allow_degraded,
    )
    return serve_command.execute(options)


@app.command()
def generate(
    problems: Annotated[Path, typer.Argument(metavar="PROBLEMS.jsonl", help="One problem a line, as for verify.")],
    model: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="llamacpp:FILE.gguf, transformers:HUB_ID_OR_FOLDER or openai:MODEL@URL."),
    ] = None,
    cache: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Keep what the model writes here, and take it from here.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="PAIRS.jsonl", help="Write a row a problem here.")
    ] = None,
    samples: Annotated[int, typer.Option(metavar="N", min=0, help="Pairs to ask for, each problem.")] = Plan().samples,
    at_once: Annotated[
        int, typer.Option(metavar="N", min=1, help="Pairs to ask for at a time, and no more once one is accepted.")
    ] = Plan().at_once,
    inputs: Annotated[int, typer.Option(metavar="N", min=0, help="Inputs to ask for, in one list.")] = Plan().inputs,
    feedback: Annotated[
        int, typer.Option(metavar="N", min=0, help="Rounds in which the model is told what became of its inputs.")
    ] = Plan().feedback,
    edge_cases: Annotated[int, typer.Option(metavar="N", min=0, help="Edge cases to ask for.")] = 0,
    programs: Annotated[int, typer.Option(metavar="N", min=0, help="Input programs to ask for.")] = 0,
    repairs: Annotated[
        int, typer.Option(metavar="N", min=0, help="Rounds of repair while nothing is accepted.")
    ] = Plan().repairs,
    budget: Annotated[float, typer.Option(metavar="S", help="CPU seconds of verification a problem, about.")] = 20.0,
    planned: Annotated[
        int, typer.Option(metavar="N", min=0, help="Inputs that the harness plans itself.")
    ] = Plan().planned,
    seed: Annotated[int, typer.Option(metavar="N", help="For the model and all that is chosen at random.")] = 0,
    limit: Annotated[int | None, typer.Option(metavar="N", min=1, help="Problems to take, at most.")] = None,
    lanes: Annotated[int | None, typer.Option(metavar="N", min=1, help="Requests to the model at a time.")] = None,
    per_minute: Annotated[
        float | None, typer.Option(metavar="N", help="Requests a minute that a server is sent, at most.")
    ] = None,
    workers: Annotated[int | None, typer.Option(metavar="N", min=1, help="Sandboxes; one a core if not given.")] = None,
    prompts: Annotated[Path | None, typer.Option(metavar="DIR", help="Prompt files of your own.")] = None,
    show: Annotated[int, typer.Option(metavar="N", min=0, help="Accepted pairs to print.")] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="Print funnel and rates as JSON, alone.")] = False,
) -> int:
    """Have a model write inputs, instructions and code for natural codes, and verify what it writes.

    The natural code of a problem is its first oracle. Without --model all is taken from the cache, and nothing is asked
    of anybody. Exit status 0 when all is done, however little is accepted; 2 if there were bad rows.
    """
    plan = Plan(inputs, feedback, edge_cases, programs, samples, at_once, repairs, planned, budget, seed)
    options = generate_command.Options(
        problems, model, cache, output, plan, limit, lanes, workers, prompts, show, as_json, per_minute
    )
    with log_on_stderr():
        return generate_command.execute(options)


@app.command()
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print the layers as JSON, alone.")] = False,
) -> int:
    """Say which walls of the sandbox stand on this machine. Exit status 0 if all do, else 3."""
    return doctor_command.execute(as_json)


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
    except SandboxUnavailable as error:
        return _say(str(error), ExitStatus.UNTRUSTED)
    except typer.TyperException as error:
        return _say(error.format_message(), ExitStatus.BAD_INPUT)
    except Interrupted as error:
        return _say(str(error), ExitStatus.INTERRUPTED)
    except (SystemExit, BrokenPipeError):
        # Typer turns a closed pipe into SystemExit. Whoever read our output has seen enough; nothing more is said.
        _forget_stdout()
        return ExitStatus.BROKEN_PIPE
    except MachineFailed as error:
        _forget_what_stdout_does_not_take()
        return _say(str(error), ExitStatus.MACHINE_FAILED)
    except (HarnessError, EngineError) as error:
        return _say(str(error), ExitStatus.BAD_INPUT)
    except OSError as error:
        if not is_of_the_machine(error):
            return _say(str(error), ExitStatus.BAD_INPUT)
        _forget_what_stdout_does_not_take()
        return _say(str(error), ExitStatus.MACHINE_FAILED)
    except (KeyboardInterrupt, typer.Abort):
        status = ExitStatus.INTERRUPTED
    if status == ExitStatus.INTERRUPTED:  # which is also what Typer makes of Ctrl-C
        return _say("interrupted", ExitStatus.INTERRUPTED)
    return int(status or 0)


class _Named:
    """Standard output, or its buffer. What the machine fails on there is said of it, as the system does not."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, data: Any) -> Any:
        """Write.

        Raises:
            MachineFailed: the disk is full, or the like.
        """
        with naming("standard output"):
            return self._stream.write(data)

    def flush(self) -> None:
        """Write what has not been written yet.

        Raises:
            MachineFailed: the disk is full, or the like.
        """
        with naming("standard output"):
            self._stream.flush()

    @property
    def buffer(self) -> _Named:
        """What takes bytes."""
        return _Named(self._stream.buffer)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _say(message: str, status: ExitStatus) -> int:
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
