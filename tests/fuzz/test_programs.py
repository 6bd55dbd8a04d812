"""Programs made of whatever bytes and objects: what Python itself makes of them is what the engine says."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from semi_instruct.engine import Engine, InvalidRequest, Outcome, Program, Status
from tests.fuzz.example_counts import examples

_fragments = st.sampled_from(
    [
        *(
            b"\n",
            b"\r",
            b"\r\n",
            b"\f",
            b"\v",
            b"\t",
            b" ",
            b"\\\n",
            b"\\",
            b"\0",
            b"\x1a",
            b";",
            b"#",
            b"\xef\xbb\xbf",
        ),
        *(b"# coding: latin-1\n", b"# -*- coding: rot13 -*-\n", b"# coding: utf-16\n", b"# coding: none such\n"),
        *(b"print(1)", b"print('\xe9')", b"print('\xc3\xa9')", b"print('\xed\xa0\x80')", b"x = '''", b'"""', b"f'{x}'"),
        *(
            b"if 1:",
            b"    pass\n",
            b"\tpass\n",
            b"else:",
            b"def f(",
            b"):",
            b"return",
            b"yield",
            b"await x",
            b"lambda: 0",
        ),
        *(b"raise SystemExit(3)", b"exit('no')", b"1/0", b"import no_such_module", b"assert 0", b"raise KeyError(1)"),
        *(b"(" * 300, b"-" * 5_000 + b"1", b"9" * 5_000, b"x" * 5_000 + b" = 1", b"from __future__ import braces"),
        *(
            b"\xce\xbb = 1",
            b"\xf0\x9f\x98\x80",
            b"'\\N{no such name}'",
            b"0777",
            b"1_000",
            b"match x:",
            b"type X = int",
        ),
    ]
)
_sources = st.lists(_fragments, max_size=8).map(b"".join) | st.binary(max_size=30)
_streams = st.binary(max_size=200) | st.builds(
    lambda byte, size: byte * size, st.binary(min_size=1), st.integers(0, 30_000)
)
_names = st.text(max_size=6) | st.sampled_from(
    ["f", "Solution.solve", "f.", ".f", "f..g", "__import__", "print", "a" * 9000]
)
_objects = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.lists(st.text(), max_size=2)
)


def _plain_python(source: bytes, folder: Path) -> tuple[int, bool]:
    """The exit code of ``python main.py``, and whether the file compiles there."""
    main = folder / "main.py"
    main.write_bytes(source)
    command = [sys.executable, "-s", "-S", "-P", "-B"]
    ran = subprocess.run([*command, main], capture_output=True, stdin=subprocess.DEVNULL, cwd=folder, timeout=60)
    # Whatever else a file that compiles may do, it does it after this line.
    compiled = subprocess.run([*command, "-m", "py_compile", main], capture_output=True, cwd=folder, timeout=60)
    return ran.returncode, compiled.returncode == 0


def _engine_says(outcome: Outcome) -> tuple[int | None, bool]:
    return outcome.exit_code, outcome.status is not Status.COMPILE_ERROR


@examples(40)
@given(source=_sources)
def test_any_source_ends_as_it_does_in_a_plain_interpreter(
    engine: Engine, tmp_path_factory: pytest.TempPathFactory, source: bytes
) -> None:
    folder = tmp_path_factory.getbasetemp()
    assert _engine_says(engine.run(Program(source))) == _plain_python(source, folder)


@examples(100)
@given(stdin=_streams)
def test_any_input_is_echoed_exactly(engine: Engine, stdin: bytes) -> None:
    echo = "import sys; data = sys.stdin.buffer.read(); sys.stdout.buffer.write(data); sys.stderr.buffer.write(data)"
    outcome = engine.run(Program(echo), stdin=stdin)
    assert (outcome.status, outcome.stdout, outcome.stderr) == (Status.OK, stdin, stdin)


@examples(40)
@given(text=st.text(st.characters(codec=None), max_size=50))
@example(text="\ud800")
def test_any_text_as_source_is_run_or_does_not_compile(engine: Engine, text: str) -> None:
    outcome = engine.run(Program("# " + text))
    assert outcome.status in {Status.OK, Status.COMPILE_ERROR, Status.NONZERO_EXIT}, outcome
    assert (outcome.status is Status.OK) == (outcome.stderr == b"")


@examples(40)
@given(entry=_names, args=st.lists(_objects, max_size=3))
def test_any_entry_is_called_or_refused(engine: Engine, entry: str, args: list[Any]) -> None:
    with contextlib.suppress(InvalidRequest):  # refused, and by nothing else
        program = Program("def f(*args): return list(args)", entry=entry)
        outcome = engine.run(program, args=args)
        if entry == "f":
            assert outcome.status is Status.OK
            assert repr(outcome.value) == repr(args)
        else:
            assert outcome.status in {Status.OK, Status.NONZERO_EXIT}, outcome


@examples(200)
@given(source=_objects, language=_objects | st.just("python"), entry=_objects)
def test_any_objects_make_a_program_or_are_refused(source: Any, language: Any, entry: Any) -> None:
    with contextlib.suppress(InvalidRequest):  # refused, and by nothing else
        made = Program(source, language, entry)
        assert isinstance(made.source_bytes, bytes)
        assert made.language == "python"


@examples(100)
@given(program=_objects, stdin=_objects, args=_objects, limits=_objects)
def test_any_objects_make_a_request_or_are_refused(
    engine: Engine, program: Any, stdin: Any, args: Any, limits: Any
) -> None:
    for request in (
        {"program": program},
        {"program": Program("pass"), "stdin": stdin},
        {"program": Program("def f(*args): pass", entry="f"), "args": args},
        {"program": Program("pass"), "limits": limits},
    ):
        try:
            assert engine.run(**request).status is Status.OK
        except InvalidRequest:
            continue
