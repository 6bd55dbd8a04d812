"""The problem rows that ``verify`` reads. Validation is strict: unknown fields are errors."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import partial
from typing import Any, Literal, NoReturn, get_args

import msgspec

from semi_instruct.engine import InvalidRequest, Limits, Program, ValueRefused
from semi_instruct.engine.inside.values import decode
from semi_instruct.harness import strict_json
from semi_instruct.harness.compare.comparison import Comparison, ComparisonKind, shows_decimals
from semi_instruct.harness.compare.specification import faults as comparison_faults
from semi_instruct.harness.compare.specification import resolve_comparison
from semi_instruct.harness.errors import BadRow
from semi_instruct.harness.problems.strength import Strength
from semi_instruct.harness.problems.verdicts import Verdict

MIB = 1 << 20

# Contest limits are wall times on other machines. A program within the limit there must be within the limit here.
TIME_LENIENCY = 2.0
TIME_FLOOR_S = 0.5


class Example(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """An example input of a problem.

    Attributes:
        input: text of stdin, or a list of arguments in the tagged JSON of ``engine.inside.values``.
        output: the printed text or the returned value, in the same format; optional. Null means None for a function and
            a missing output for stdin.
        beyond: whether a limit exceeded on it may be excused (``harness.inputs.source.TestInput``).
        provenance: the source of a kept test case; for people, ignored.
    """

    input: Any
    output: Any = msgspec.UNSET
    beyond: bool = False
    provenance: str | None = None


class SuiteFacts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Facts about examples that are a kept suite (``harness.judge.suite``).

    Attributes:
        strength: the strength of the kept test cases.
        chosen_from: the number of test cases to choose from.
        left_out: the number of test cases that could not be kept, by reason.
        not_rejected: ids of the rejected candidates that fail none of the examples.
    """

    strength: Strength
    chosen_from: int
    left_out: dict[str, int]
    not_rejected: tuple[str, ...]


class Candidate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Code whose correctness is in question.

    Attributes:
        expect: the expected verdict or verdicts, which the summary compares with the actual ones.
        note: any text; ignored.
    """

    id: str
    source: str
    expect: str | tuple[str, ...] | None = None
    note: str | None = None

    @property
    def expected_verdicts(self) -> tuple[Verdict, ...] | None:
        """``expect`` as verdicts.

        Raises:
            ValueError: a word is not a verdict.
        """
        if self.expect is None:
            return None
        words = (self.expect,) if isinstance(self.expect, str) else self.expect
        return tuple(Verdict(word) for word in words)


class Problem(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A task with correct code (oracles) and code to judge (candidates).

    Attributes:
        kind: ``stdin`` for whole programs, ``function`` for a function that is called with arguments.
        entry: name of that function.
        time_limit_s: time limit of the task in seconds; :attr:`cpu_time_s` is the limit of a run.
        memory_limit_mib: memory of a run, including the interpreter.
        comparison: a kind of ``Comparison`` or a whole one. The default is ``tokens`` for printed output and ``value``
            for returned values.
        suite: facts about a problem whose examples were kept by ``verify``; ignored.
        examples_only: whether the examples are the only test cases. No inputs are generated and nothing is searched, so
            that pairs are judged again as before (``semi-instruct build`` writes such rows).
        title, difficulty, note: for people; ignored.
    """

    id: str
    kind: Literal["stdin", "function"]
    oracles: tuple[str, ...]
    candidates: tuple[Candidate, ...]
    language: str = "python"
    entry: str | None = None
    time_limit_s: float = 2.0
    memory_limit_mib: int = 1024
    comparison: str | Comparison | None = None
    examples: tuple[Example, ...] = ()
    suite: SuiteFacts | None = None
    examples_only: bool = False
    title: str | None = None
    difficulty: str | int | float | None = None
    note: str | None = None

    @property
    def cpu_time_s(self) -> float:
        """CPU seconds of a run: ``TIME_LENIENCY`` times the task's time limit plus ``TIME_FLOOR_S``."""
        return self.time_limit_s * TIME_LENIENCY + TIME_FLOOR_S

    @property
    def limits(self) -> Limits:
        """The limits of every run. The wall time is the engine's default: twice the CPU time plus one second."""
        return Limits(cpu_time=self.cpu_time_s, memory=self.memory_limit_mib * MIB)

    @property
    def how_compared(self) -> Comparison:
        """The comparison of the test cases. If the output of an example is a decimal, all numbers may be decimals."""
        comparison = resolve_comparison(self.comparison, self.kind)
        if self.comparison is not None or self.kind != "stdin":
            return comparison
        outputs = [example.output for example in self.examples if isinstance(example.output, str)]
        decimals = any(shows_decimals(output.encode("utf-8", "surrogatepass")) for output in outputs)
        return msgspec.structs.replace(comparison, decimals=decimals)

    def compared_by(self, comparison: Comparison) -> Problem:
        """This problem with the user's comparison, if its row states none and the comparison fits its kind."""
        if self.comparison is not None or any(comparison_faults(comparison, self.kind)):
            return self
        return msgspec.structs.replace(self, comparison=comparison)

    def program(self, source: str) -> Program:
        """A program with a source of this problem."""
        return Program(source, self.language, self.entry)

    def to_json(self) -> dict[str, Any]:
        """The row, as plain JSON data."""
        row = {name: value for name, value in msgspec.to_builtins(self).items() if value is not None}
        if not self.examples_only:
            del row["examples_only"]
        return row | ({"comparison": self.comparison.to_json()} if isinstance(self.comparison, Comparison) else {})


def parse_row(text: str, file: str, line: int) -> Problem:
    """Parse one line as a problem.

    Raises:
        BadRow: malformed JSON, a missing or unknown field, a wrong type, or inconsistent fields.
    """
    refuse = partial(_refuse, file, line)
    try:
        data = strict_json.loads(text)
        problem = msgspec.convert(data, Problem)
    except msgspec.ValidationError as error:
        refuse(*_explain(str(error)))
    except RecursionError:
        refuse("row", "not JSON that can be read: nested too deeply")
    except ValueError as error:
        refuse("row", f"not JSON: {error}")
    for field, reason in _faults(problem):
        refuse(field, reason)
    return problem


def _refuse(file: str, line: int, field: str, reason: str) -> NoReturn:
    raise BadRow(file, line, field, reason) from None


def _explain(message: str) -> tuple[str, str]:
    """Field and reason from the text of a msgspec error."""
    reason, _, path = message.partition(" - at `$")
    field = path.rstrip("`").removeprefix(".")
    if name := re.fullmatch(r"Object (missing required|contains unknown) field `(.*)`", reason, re.DOTALL):
        named = f"{field}.{name[2]}" if field else name[2]
        return named, "is required" if name[1] == "missing required" else "is not a field that is known here"
    if field == "kind":
        return field, "expected `stdin` or `function`"
    if field == "comparison.kind":
        return field, f"expected {' or '.join(get_args(ComparisonKind))}"
    return field or "row", reason[:1].lower() + reason[1:]


def _faults(problem: Problem) -> Iterable[tuple[str, str]]:
    """Inconsistencies, as field and reason, the most serious first."""
    yield from _entry_faults(problem)
    yield from _limit_faults(problem)
    if not problem.oracles:
        yield "oracles", "at least one source is required"
    for field, reason in comparison_faults(problem.comparison, problem.kind):
        yield f"comparison.{field}" if field else "comparison", reason
    for index, example in enumerate(problem.examples):
        yield from _example_faults(problem.kind, f"examples[{index}]", example)
    yield from _candidate_faults(problem.candidates)


def _entry_faults(problem: Problem) -> Iterable[tuple[str, str]]:
    try:
        Program("", problem.language)
    except InvalidRequest as error:
        yield "language", str(error)
    if problem.kind == "function" and problem.entry is None:
        yield "entry", "is required: the name of the function, since kind is `function`"
    if problem.kind == "stdin" and problem.entry is not None:
        yield "entry", "only a problem of kind `function` has one"
    try:
        problem.program("")
    except InvalidRequest as error:
        yield "entry", str(error)


def _limit_faults(problem: Problem) -> Iterable[tuple[str, str]]:
    if problem.time_limit_s <= 0:
        yield "time_limit_s", "expected more than 0 seconds"
    try:
        Limits(cpu_time=problem.cpu_time_s)
    except InvalidRequest as error:
        yield "time_limit_s", f"{error} (that is {TIME_LENIENCY} times the time limit plus {TIME_FLOOR_S} s)"
    try:
        Limits(memory=problem.memory_limit_mib * MIB)
    except InvalidRequest as error:
        yield "memory_limit_mib", f"{error} bytes"


def _example_faults(kind: str, field: str, example: Example) -> Iterable[tuple[str, str]]:
    if kind == "stdin":
        if not isinstance(example.input, str):
            yield f"{field}.input", "expected text, since kind is `stdin`"
        if example.output is not msgspec.UNSET and not isinstance(example.output, str | None):
            yield f"{field}.output", "expected text, since kind is `stdin`"
        return
    if not isinstance(example.input, list):
        yield f"{field}.input", "expected a list of arguments, since kind is `function`"
    for name, tree in (("input", example.input), ("output", example.output)):
        try:
            if tree is not msgspec.UNSET:
                decode(tree)
        except ValueRefused as error:
            yield f"{field}.{name}", str(error)


def _candidate_faults(candidates: Iterable[Candidate]) -> Iterable[tuple[str, str]]:
    seen: set[str] = set()
    for index, candidate in enumerate(candidates):
        if candidate.id in seen:
            yield f"candidates[{index}].id", f"{candidate.id!r} is the id of an earlier candidate too"
        seen.add(candidate.id)
        try:
            candidate.expected_verdicts  # noqa: B018  asked for the exception
        except ValueError as error:
            yield f"candidates[{index}].expect", f"{error}: expected {', '.join(Verdict)}"
