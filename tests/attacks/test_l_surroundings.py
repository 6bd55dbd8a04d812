"""L: what surrounds the program: its files, the paths that clients name, and the text that others wrote."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import yaml
from markdown_it import MarkdownIt
from markdown_it.token import Token

from semi_instruct.engine import Engine, Limits, Program, Status
from semi_instruct.engine.limits import MIB
from semi_instruct.harness.cli import app
from semi_instruct.harness.serve.errors import Unprocessable
from semi_instruct.harness.serve.files import max_copy_out_bytes, plan_files, with_copied_files, with_copy_program
from semi_instruct.harness.serve.metrics import Metrics
from semi_instruct.harness.serve.request_log import LogWriter
from semi_instruct.harness.serve.work import Done, Work
from semi_instruct.harness.text import html_text, lines_of_text, markdown_fenced, markdown_text, yaml_scalar
from tests.attacks.host import Host
from tests.timing import allow_seconds

DOES_NOT_APPLY = {"l04": "the sandbox has no loopback yet; it comes, with its test, with the issue on fidelity"}

LIMITS = Limits(cpu_time=allow_seconds(4), wall_time=allow_seconds(5), memory=256 * MIB, output=1 * MIB)
_FORGED = b'{"files":[[0,{"$bytes":"Zm9yZ2Vk"}]],"compiled":true,"refused":[]}\n'
# Where the descriptor of the value is to be had, it is the driver's: then the file and the status are forged.
_FORGER = f"""
import os
for number in range(3, 32):
    try:
        os.write(number, {_FORGED!r})
    except OSError:
        continue
    os._exit(0)
""".encode()
_WARNS = "x = 1 is 1\nopen('out', 'w').write('true')\nraise SystemExit(3)\n"
_RAISES = "open('out', 'w').write('true')\n1 / 0\n"
_INTERRUPTED = "open('out', 'w').write('true')\nraise KeyboardInterrupt\n"
_UNCOMPILED = "# coding: utf-8\nx = 1 is 1\nprint('open\n"


@pytest.fixture(scope="module")
def one_engine() -> Iterator[Engine]:
    """One worker, so that a run finds what the one before it left."""
    with Engine(workers=1) as made:
        yield made


def _run(
    engine: Engine,
    source: str,
    files: Mapping[str, bytes] | None = None,
    fetch: Sequence[str] = ("out",),
    limits: Limits = LIMITS,
    determinism: str = "fixed",
    **changes: str,
) -> Done:
    """Run a program with files; ``changes`` are made to the text of ``copy_files``, from, to."""
    planned = plan_files(files or {}, fetch)
    work = with_copy_program(Work(Program(source), limits, files=planned))
    if changes:
        text = work.program.source_bytes.decode()
        assert text.count(changes["old"]) == 1
        work = replace(work, program=Program(text.replace(changes["old"], changes["new"]), entry="copy_and_run"))
    outcome = engine.run(work.program, work.stdin, work.args, work.limits, determinism=determinism)
    return with_copied_files(outcome, planned)


def _library() -> list[dict[str, bytes]]:
    """A forger for each name of the standard library, in as many lots as a request's bound on files makes them."""
    names = [f"{name}.py" for name in sorted(sys.stdlib_module_names) if name not in ("encodings", "json")]
    names += ["encodings/__init__.py", "encodings/utf_8.py", "json/__init__.py", "json/encoder.py"]
    return [dict.fromkeys(names[start : start + 200], _FORGER) for start in range(0, len(names), 200)]


@pytest.mark.parametrize(
    ("source", "status", "code", "files"),
    [
        (_WARNS, Status.NONZERO_EXIT, 3, {"out": b"true"}),
        (_RAISES, Status.NONZERO_EXIT, 1, {"out": b"true"}),
        (_INTERRUPTED, Status.SIGNALED, None, {"out": b"true"}),
        (_UNCOMPILED, Status.COMPILE_ERROR, 1, {}),
    ],
)
@pytest.mark.parametrize("determinism", ["fixed", "varied"])
def test_l01_files_named_like_the_standard_library(
    one_engine: Engine, source: str, status: Status, code: int | None, files: dict[str, bytes], determinism: str
) -> None:
    """None of them runs where it could forge, whatever the program does to have them imported."""
    for lot in _library():
        done = _run(one_engine, source, lot, determinism=determinism)
        assert (done.outcome.status, done.outcome.exit_code, done.files) == (status, code, files), done


def test_l01_a_driver_that_compiles_is_forged_by_unless_it_can_import_nothing(one_engine: Engine) -> None:
    """The wall bites: a driver with a mistake in it, as it once had, imports a forger where it still can."""
    forgers = {"linecache.py": _FORGER, "tokenize.py": _FORGER, "warnings.py": _FORGER}
    fork = "    child = os.fork()\n"
    mistake = "    compile(source, 'main.py', 'exec')\n" + fork
    kept = _run(one_engine, _WARNS, forgers, old=fork, new=mistake)
    assert (kept.outcome.status, kept.files) == (Status.NONZERO_EXIT, {"out": b"true"}), kept
    importing = "    sys.path[:], sys.meta_path[:], sys.path_hooks[:] = ['/box/work', *trusted], *importing[1:]\n"
    forged = _run(one_engine, _WARNS, forgers, old=fork, new=importing.replace("*trusted", "*importing[0]") + mistake)
    assert (forged.outcome.status, forged.files) == (Status.OK, {"out": b"forged"}), forged


def test_l01_an_honest_program_imports_its_own_files(one_engine: Engine) -> None:
    """Also those that are named like what the sandbox, or a warning, has imported beforehand; and a run without files
    ends alike."""
    source = (
        "x = 1 is 1\nimport re, linecache, random, collections\nprint(re.X, linecache.X, random.X, collections.X)\n"
    )
    files = {f"{name}.py": b"X = 5" for name in ("re", "linecache", "random", "heapq")}
    done = _run(one_engine, source.replace("collections.X", "collections.Counter.__name__"), files, ())
    assert (done.outcome.status, done.outcome.stdout) == (Status.OK, b"5 5 5 Counter\n"), done
    packages = {"collections/__init__.py": b"X = 6", "re/notes.txt": b"", "linecache.py": b"X = 7"}
    done = _run(one_engine, source.replace("random.X", "re.I"), packages, ())
    assert done.outcome.stdout == b"re.VERBOSE 7 re.IGNORECASE 6\n", done
    for source in (_WARNS, _RAISES, _INTERRUPTED, _UNCOMPILED, "import os\nos.abort()", "import sys\nsys.exit('why')"):
        alone, beside = one_engine.run(Program(source), limits=LIMITS), _run(one_engine, source).outcome
        assert (beside.status, beside.exit_code, beside.signal) == (alone.status, alone.exit_code, alone.signal)
        assert (beside.stdout, beside.stderr) == (alone.stdout, alone.stderr)


@pytest.mark.parametrize("determinism", ["fixed", "varied"])
def test_l01_processes_left_behind_change_no_file(one_engine: Engine, determinism: str) -> None:
    """They end before the first file is read: of two that are written in turn, the last is never ahead of the first."""
    source = """
import os, time
files = [os.open(name, os.O_WRONLY) for name in ("first", "last")]
for _ in range(3):
    if os.fork() == 0:
        os.setsid()
        time.sleep(100)
if os.fork() == 0:
    os.setsid()
    number = 0
    while True:
        number += 1
        for file in files:
            os.pwrite(file, b"%020d" % number, 0)
while not int(open("last").read()):
    pass
"""
    between = {f"between{number}": bytes(1 << 15) for number in range(20)}
    files = {"first": b"0" * 20, "last": b"0" * 20, **between}
    done = _run(one_engine, source, files, ["first", *between, "last"], determinism=determinism)
    assert done.outcome.status is Status.OK, done.outcome
    assert set(done.files) == set(files)
    assert 0 <= int(done.files["first"]) - int(done.files["last"]) <= 1


_EVERYWHERE = """
import os
os.makedirs("/tmp/deep")
for path in ("plain", "/mnt/data/absolute", "/tmp/deep/temporary"):
    with open(path, "w") as file:
        file.write(path)
os.symlink("/opt/engine/zygote.py", "link")
os.symlink("nowhere", "dangling")
os.symlink("/proc/self", "process")
os.symlink("plain", "inner")
os.mkfifo("fifo")
os.mkdir("folder")
with open("unreadable", "w") as file:
    os.chmod("unreadable", 0)
with open("sparse", "w") as file:
    file.truncate(1 << 24)
os.remove("given")
os.symlink("/opt/engine/zygote.py", "given")
print(open("/tmp/in").read(), open("/mnt/data/in").read(), open("in").read())
"""
_FETCHED = {
    "plain": b"plain",
    "./plain": b"plain",
    "nowhere/../plain": b"plain",
    ".//plain": b"plain",
    "/box/work/plain": b"plain",
    "/mnt/data/plain": b"plain",
    "absolute": b"/mnt/data/absolute",
    "//mnt/./data//absolute": b"/mnt/data/absolute",
    "/tmp/deep/temporary": b"/tmp/deep/temporary",
    "/var/tmp/deep/../deep/temporary": b"/tmp/deep/temporary",
}
_UNFETCHED = [
    *("missing", "plain/x", "link", "dangling", "process/environ", "inner", "fifo", "folder", "folder/", "unreadable"),
    *("sparse", "given", "/etc/passwd", "/proc/1/environ", "/opt/engine/zygote.py", "../../etc/passwd", "..", "", "/"),
    *("/tmp/../etc/passwd", "/tmpfile", "a\0b", "a\x1b[2Jb", "x" * 300, "x/" * 40 + "x", "/mnt/data", "/dev/zero"),
]


def test_l02_paths_are_taken_or_left_out_and_named(one_engine: Engine) -> None:
    files = {"/tmp/in": b"tmp", "/mnt/data/./in": b"data", "given": b"given"}
    before = Host.look()
    done = _run(one_engine, _EVERYWHERE, files, [*_UNFETCHED, *_FETCHED])
    assert (done.outcome.status, done.outcome.stdout) == (Status.OK, b"tmp data data\n"), done
    assert done.files == _FETCHED
    assert set(done.refused) == set(_UNFETCHED)
    assert all(done.refused.values())
    assert not before.lasting_changes()
    after = _run(one_engine, "import os\nprint(os.listdir('/tmp'), os.listdir('/mnt/data'))", {}, ())
    assert after.outcome.stdout in (b"[] ['main.py']\n", b"['main.py']\n[]\n"), after


def test_l02_files_that_would_lie_outside_are_refused_by_name() -> None:
    for path in (
        "/etc/x",
        "../x",
        "/tmp/../x",
        "a/../../x",
        "/mnt/x",
        "//x",
        "..",
        "",
        "/tmp",
        "a/",
        "a\nb",
        "/dev/shm/x",
    ):
        with pytest.raises(Unprocessable) as refused:
            plan_files({path: b""}, ())
        assert repr(path) in str(refused.value)
        assert refused.value.status == 422


def test_l02_the_status_does_not_depend_on_what_is_fetched(one_engine: Engine) -> None:
    """However little a reply may hold and however long its paths: the program ended well."""
    paths = ["\u00e9" * 100 + f"/{number}" for number in range(200)]
    for output in (0, 100, 8_000, 8_192, 20_000):
        limits = replace(LIMITS, output=output)
        done = _run(one_engine, "open('out', 'wb').write(bytes(3000))", {}, [*paths, "out"], limits)
        assert (done.outcome.status, done.outcome.exit_code) == (Status.OK, 0), (output, done)
        assert (done.files == {"out": bytes(3000)}) == (max_copy_out_bytes(limits) >= 3000)
        assert set(done.files) | set(done.refused) == {*paths, "out"}
    little = replace(LIMITS, memory=48 * MIB, output=16 * MIB)
    done = _run(one_engine, "open('out', 'wb').write(bytes(11 << 20))", {}, ["out"], little)
    assert (done.outcome.status, len(done.files.get("out", b""))) == (Status.OK, 11 << 20), done.outcome


_HOSTILE = (
    "x\x1b]0;owned\x07\x1b[2J\r\n---\nlicense: other\n# head\n\n<script>alert(1)</script><b onload=x>"
    " | `` ``` [a](javascript:x) ![i](http://h) www.h.com \u202e\u2028\x85\x9b31m\x00"
    " =1+1 @x &lt; :warning: [red]{{ x }}"
)


class _Tags(HTMLParser):
    """The tags, attributes and text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


def _is_harmless(text: str) -> bool:
    return all(character.isprintable() or character in "\n\t" for character in text)


def _tokens(markdown: str) -> list[Token]:
    parsed = MarkdownIt("commonmark", {"linkify": False}).enable("table").parse(markdown)
    return [*parsed, *(inner for token in parsed for inner in token.children or ())]


def _text_of(markdown: str) -> str:
    return "".join(token.content for token in _tokens(markdown) if token.type in ("text", "text_special"))


def test_l03_each_kind_of_output_has_a_function_that_keeps_text_text() -> None:
    for text in (_HOSTILE, "\ud800", "", "-", "- a", "1. a", "    a", "null", "1.0", "a: b", '"', "\\", "#", "~~~"):
        assert yaml.safe_load(f"a: {yaml_scalar(text)}\n") == {"a": text.replace("\ud800", "\ufffd")}
        assert "\n" not in yaml_scalar(text)
        for around in ("{}", "- {}: 1", "| a | b |\n| --- | --- |\n| {} | 1 |", "from {}."):
            tokens, plain = _tokens(around.format(markdown_text(text))), _tokens(around.format("word"))
            assert [token.type for token in tokens if "text" not in token.type] == [
                token.type for token in plain if "text" not in token.type
            ] or not text
        [fence] = MarkdownIt().parse(markdown_fenced(text.replace("\0", ""), "python"))
        assert (fence.type, fence.info) == ("fence", "python")
        page = _Tags(f"<p title='{html_text(text)}'>{html_text(text)}</p>")
        assert (page.tags, page.attributes, page.text) == ({"p"}, {"title"}, lines_of_text(text))
        assert _is_harmless(lines_of_text(text))
    assert "<script>alert(1)</script>" in _text_of(markdown_text(_HOSTILE))


def test_l03_a_dataset_of_hostile_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Card, report, exported Markdown, and what ``build``, ``verify`` and ``fuzz`` say of them."""
    comment = "".join(f"# {line}\n" for line in _HOSTILE.replace("\0", "").replace("\r", "").splitlines())
    right, wrong = f"{comment}print(int(input()) * 2)\n", f"{comment}n = int(input())\nprint(n + n + (n > 5))\n"
    again = "import sys\nvalue = int(sys.stdin.read())\nprint(value << 1)\n"
    row = {"id": _HOSTILE, "title": _HOSTILE, "kind": "stdin", "oracles": [right, again, wrong]}
    row["examples"] = [{"input": f"{number}\n"} for number in (4, -1, 2, 0, 9)]
    row["candidates"] = [{"id": _HOSTILE, "source": wrong, "expect": "accepted"}]
    corpus = tmp_path / "rows.jsonl"
    corpus.write_text(json.dumps(row | {"candidates": []}) + "\n" + _HOSTILE.replace("\n", "") + "\n")
    build = [
        "build",
        str(corpus),
        "-o",
        str(tmp_path / "b"),
        "--licence",
        f"MIT\n{_HOSTILE}",
        "--min-mutants-killed",
        "0",
    ]
    assert app.main([*build, "--inputs", "0", "--min-test-cases", "1", "--budget", "4", "--workers", "1"]) == 0
    said = capsys.readouterr()

    card = (tmp_path / "b" / "dataset" / "README.md").read_text("utf-8")
    front, _, body = card.removeprefix("---\n").partition("\n---\n")
    told = yaml.safe_load(front)
    assert (told["license"], told["license_name"], told["language"]) == ("other", f"MIT\n{_HOSTILE}", ["en"])
    assert set(told) == {
        *("pretty_name", "language", "license", "license_name", "task_categories", "size_categories", "tags", "configs")
    }
    tokens = _tokens(body)
    assert not [token for token in tokens if token.type.startswith(("html", "link", "image"))]
    assert sum(token.type == "heading_open" for token in tokens) == 3
    assert "<script>alert(1)</script>" in _text_of(body)
    assert _is_harmless(body)

    page = (tmp_path / "b" / "report.html").read_text("utf-8")
    parsed = _Tags(page)
    assert not parsed.tags & {"script", "b onload", "a", "img", "link"}
    assert not {name for name in parsed.attributes if name.startswith("on") and name != "open"}
    assert "<script>alert(1)</script>" in parsed.text
    assert _is_harmless(page)

    problems = (tmp_path / "b" / "dataset" / "problems.jsonl").read_text("utf-8")
    assert all(json.loads(line)["id"].startswith("x\x1b]0;owned") for line in problems.split("\n")[:-1])
    for line in (tmp_path / "b" / "dataset" / "pairs.jsonl").read_text("utf-8").split("\n")[:-1]:
        pair = json.loads(line)
        assert "<script>" in pair["instruction"]
        [fence] = MarkdownIt().parse(pair["messages"][1]["content"])
        assert fence.content.strip() == pair["output"].strip()

    (tmp_path / "p.jsonl").write_text(json.dumps(row) + "\n{" + _HOSTILE.replace("\n", "") + "\n")
    assert app.main(["verify", str(tmp_path / "p.jsonl"), "-o", str(tmp_path / "v"), "--inputs", "0"]) == 2
    fuzz = ["fuzz", str(tmp_path / "p.jsonl"), "--problem", _HOSTILE, "--inputs", "4", "--budget", "2"]
    assert app.main(fuzz) in (0, 1, 2)
    assert app.main(["verify", _HOSTILE.replace("\0", "")]) == 2
    answers = capsys.readouterr()
    assert (answers.out + answers.err).count(r"x\x1b]0;owned") >= 3
    for stream in (*said, *answers):
        assert _is_harmless(stream), [each for each in stream if not _is_harmless(each)]


def test_l03_log_and_metrics() -> None:
    """One line of JSON a fact, whatever is in it; labels are chosen by us. ``test_h10_logs`` asks a server."""
    stream = io.StringIO()
    log = LogWriter(stream)
    log.write("request", path=f"\x7f{_HOSTILE}", why=_HOSTILE, reasons=_HOSTILE)
    log.close()
    [line] = stream.getvalue().splitlines()
    assert line.isprintable()
    assert (json.loads(line)["why"], json.loads(line)["path"][0]) == (_HOSTILE[:200], "\x7f")
    metrics = Metrics()
    failed: Any = replace(Done(_outcome()), queue_s=1.0)
    metrics.run(failed, "python")
    metrics.request({"type": "http", "path": _HOSTILE}, "none", 404)
    text = metrics.text().decode()
    assert "owned" not in text
    assert _is_harmless(text)


def _outcome() -> Any:
    from semi_instruct.engine import Outcome

    return Outcome(Status.SANDBOX_ERROR, detail=_HOSTILE)
