"""``verify --resume``: what is decided stays, the rest is judged, and nothing that was decided is ever lost."""

from __future__ import annotations

import fcntl
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from semi_instruct.engine import Outcome, Program, Status
from semi_instruct.harness.cli import app
from semi_instruct.harness.output.rows import row_output
from tests.harness.support.fake_engine import ScriptedEngine, SubprocessEngine, ended, printed
from tests.harness.support.problem_rows import stdin_row, write_rows
from tests.timing import allow_seconds

ROOT = Path(__file__).parents[3]
RIGHT, OTHER, WRONG = "right", "right, too", "wrong"


def rows(count: int = 4) -> list[dict[str, Any]]:
    sources = {"a": RIGHT, "b": WRONG, "c": OTHER}
    return [
        stdin_row(
            id=f"p{number}",
            oracles=[RIGHT],
            examples=[{"input": "1\n", "output": "1\n"}, {"input": "2\n"}],
            candidates=[{"id": name, "source": source} for name, source in sources.items()],
        )
        for number in range(count)
    ]


def answer(program: Program, stdin: bytes, _: tuple[Any, ...]) -> Outcome:
    return printed("?" if program.source == WRONG else stdin.decode())


class Verify:
    """``verify`` on a file of problems, with an engine that answers at once."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.engines: list[ScriptedEngine] = []
        self.answer: Callable[[Program, bytes, tuple[Any, ...]], Outcome] = answer
        self.problems = write_rows(folder / "problems.jsonl", *rows())

        def open_engine(workers: int, runtime: object = None) -> ScriptedEngine:
            self.engines.append(ScriptedEngine(lambda *run: self.answer(*run), workers))
            return self.engines[-1]

        monkeypatch.setattr("semi_instruct.harness.cli.verify.Engine", open_engine)

    def __call__(self, *options: str, output: str = "v.jsonl") -> int:
        self.engines.clear()
        command = ["verify", str(self.problems), "-o", str(self.folder / output), "--workers", "1"]
        return app.main([*command, "--inputs", "0", "--no-shrink", *options])

    def resume(self, *options: str, of: str = "v.jsonl", output: str = "v.jsonl") -> int:
        return self("--resume", str(self.folder / of), *options, output=output)

    @property
    def judged(self) -> list[str]:
        """The sources that were run, each once."""
        return sorted({source for engine in self.engines for source, _, _ in engine.asked})

    def lines(self, name: str = "v.jsonl") -> list[str]:
        """The rows of a file but for the time that they took."""
        text = (self.folder / name).read_text()
        return [re.sub(r'"seconds": [0-9.]+', '"seconds": 0', line) for line in text.splitlines()]

    def write(self, lines: list[str], name: str = "v.jsonl") -> None:
        (self.folder / name).write_text("".join(f"{line}\n" for line in lines))

    @property
    def files(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir())


@pytest.fixture
def verify(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Verify:
    return Verify(tmp_path, monkeypatch)


@pytest.fixture
def whole(verify: Verify) -> list[str]:
    """The rows of a run that nothing disturbs."""
    assert verify() == 0
    lines = verify.lines()
    assert [json.loads(line)["verdict"] for line in lines[:3]] == ["accepted", "wrong_answer", "accepted"]
    return lines


def fault(line: str) -> str:
    return json.dumps(json.loads(line) | {"verdict": "sandbox_error", "detail": "no memory", "passed": 0})


def test_what_is_decided_is_kept_as_it_is_and_nothing_is_run(verify: Verify, whole: list[str]) -> None:
    before = (verify.folder / "v.jsonl").read_bytes().replace(b'": ', b'":  ')  # as no writer of ours does
    (verify.folder / "v.jsonl").write_bytes(before)
    assert verify.resume() == 0
    assert verify.judged == []
    assert (verify.folder / "v.jsonl").read_bytes() == before
    assert verify.files == ["problems.jsonl", "v.jsonl"]


def test_what_is_missing_or_a_fault_of_ours_is_judged_again(
    verify: Verify, whole: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    left = [fault(whole[0]), *whole[1:4], *whole[6:10], whole[11]]
    verify.write([left[-1], *left[:-1]])  # in whatever order
    assert verify.resume() == 0
    assert verify.lines() == whole
    said = capsys.readouterr()
    assert "8 verdicts kept, 4 judged" in said.err
    assert "4 problems, 12 verdicts" in said.out


def test_a_candidate_that_is_decided_is_not_judged_beside_others_of_its_problem(
    verify: Verify, whole: list[str]
) -> None:
    verify.write([*whole[:2], fault(whole[2]), *whole[3:]])
    assert verify.resume(output="w.jsonl") == 0
    assert verify.judged == [RIGHT, OTHER]  # the oracle, and the one that was not decided
    assert verify.lines("w.jsonl") == whole
    assert verify.lines()[2] == fault(whole[2])


def test_rows_go_to_stdout_in_order(verify: Verify, whole: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    verify.write(whole[2:7])
    capsys.readouterr()
    assert (
        app.main(
            ["verify", str(verify.problems), "--resume", str(verify.folder / "v.jsonl"), "--inputs", "0", "--no-shrink"]
        )
        == 0
    )
    out = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["digest"] for line in out] == [json.loads(line)["digest"] for line in whole]
    assert verify.lines() == whole[2:7]


@pytest.mark.parametrize("cut", [0, 1, 40])
def test_a_last_line_that_was_cut_off_is_judged_again(verify: Verify, whole: list[str], cut: int) -> None:
    verify.write(whole[:5])
    with (verify.folder / "v.jsonl").open("a") as file:
        file.write(whole[5][: len(whole[5]) - cut])
    assert verify.resume() == 0
    assert verify.judged == [RIGHT, OTHER, WRONG]
    assert verify.lines() == whole
    (verify.folder / "v.jsonl").rename(verify.folder / "v.jsonl.partial")
    (verify.folder / "v.jsonl.partial").write_text((whole[0] + "\n" + whole[1])[: -cut or None])
    assert verify.resume() == 0
    assert verify.lines() == whole


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{"problem": "p0", "candi', "v.jsonl:2: row: not JSON"),
        ("[1]", "v.jsonl:2: row: no row that verify wrote"),
        ('{"problem": "p0", "candidate": "a"}', "verdict"),
        ('{"problem": "p0", "candidate": "a", "verdict": "fine"}', "v.jsonl:2: row: no row that verify wrote"),
        ("[" * 100_000, "v.jsonl:2: row: not JSON: nested too deeply"),
        ('{"problem": "p9", "candidate": "a", "verdict": "accepted"}', "v.jsonl:2: problem: 'p9' is not in "),
        (
            '{"problem": "p0", "candidate": "z", "verdict": "sandbox_error"}',
            "v.jsonl:2: candidate: 'z' of problem 'p0' is not in ",
        ),
    ],
)
def test_a_row_that_is_none_or_belongs_to_no_candidate_is_an_error(
    verify: Verify, whole: list[str], line: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    verify.write([whole[0], line, *whole[1:]])
    before = (verify.folder / "v.jsonl").read_bytes()
    capsys.readouterr()
    assert verify.resume() == 2
    [said] = capsys.readouterr().err.splitlines()
    assert words in said
    assert (verify.judged, verify.files) == ([], ["problems.jsonl", "v.jsonl"])
    assert (verify.folder / "v.jsonl").read_bytes() == before


def test_rows_on_a_problem_that_cannot_be_read_stay(
    verify: Verify, whole: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """It is the problem's row that is told. Once it is mended, nothing is judged again."""
    good = rows()
    suites = str(verify.folder / "s.jsonl")
    assert verify("--suites", suites) == 0
    whole, kept = verify.lines(), sorted(verify.lines("s.jsonl"))
    write_rows(verify.problems, good[0], good[1] | {"oracles": 7}, *good[2:])
    capsys.readouterr()
    assert verify.resume("--suites", suites) == 2
    told, about = capsys.readouterr().err.splitlines()
    assert told.startswith(f"{verify.problems}:2: oracles")
    assert about == "9 verdicts kept, 0 judged; 3 rows on problems that cannot be read kept too"
    assert (sorted(verify.lines()), sorted(verify.lines("s.jsonl"))) == (sorted(whole), kept)
    write_rows(verify.problems, *good)
    assert verify.resume("--suites", suites) == 0
    assert (verify.lines(), sorted(verify.lines("s.jsonl")), verify.judged) == (whole, kept, [])


def test_problems_that_cannot_be_read_are_told_before_a_row_that_belongs_to_none(
    verify: Verify, whole: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    good = rows()
    write_rows(
        verify.problems, good[0] | {"candidates": good[0]["candidates"][:1]}, good[1] | {"oracles": 7}, *good[2:]
    )
    before = (verify.folder / "v.jsonl").read_bytes()
    capsys.readouterr()
    assert verify.resume() == 2
    told, blamed = capsys.readouterr().err.splitlines()
    assert told.startswith(f"{verify.problems}:2: oracles")
    assert "v.jsonl:2: candidate: 'b' of problem 'p0' is not in" in blamed
    assert "(nor is that of 1 other row): mend first what cannot be read there (1 row)" in blamed
    assert (verify.folder / "v.jsonl").read_bytes() == before


def test_no_id_steers_the_terminal(verify: Verify, capsys: pytest.CaptureFixture[str]) -> None:
    row = rows(1)[0]
    write_rows(verify.problems, row | {"id": "p\x1b[2J\n0"})
    assert verify() == 0
    write_rows(verify.problems, row | {"id": "p\x1b[2J\n0", "oracles": [RIGHT, OTHER]})
    capsys.readouterr()
    assert verify.resume() == 0
    [said] = capsys.readouterr().err.splitlines()
    assert "3 of these again" in said
    assert said.isprintable()


def test_what_has_changed_is_judged_again_and_said(
    verify: Verify, whole: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    changed = rows()
    changed[1]["candidates"][0] = {"id": "a", "source": WRONG}
    changed[2]["examples"][0] = {"input": "7\n", "output": "7\n"}
    changed[3]["note"] = "for people"
    write_rows(verify.problems, *changed)
    capsys.readouterr()
    assert verify.resume() == 0
    assert "8 verdicts kept, 4 judged; 4 of these again, as" in (said := capsys.readouterr().err)
    assert "p1 a, p2 a, p2 b, ..." in said
    resumed = verify.lines()
    assert verify() == 0
    assert verify.lines() == resumed != whole
    assert verify.resume("--seed", "1") == 0
    assert "0 verdicts kept, 12 judged; 12 of these again" in capsys.readouterr().err


def test_rows_without_a_digest_belong_by_their_ids(verify: Verify, whole: list[str]) -> None:
    bare = [json.dumps({key: value for key, value in json.loads(line).items() if key != "digest"}) for line in whole]
    verify.write(bare[:-1])
    assert verify.resume() == 0
    assert verify.lines() == [*bare[:-1], whole[-1]]


def test_what_was_expected_counts_for_kept_rows_too(verify: Verify, capsys: pytest.CaptureFixture[str]) -> None:
    marked = rows()
    marked[0]["candidates"][1] = {"id": "b", "source": WRONG, "expect": "accepted"}
    write_rows(verify.problems, *marked)
    assert verify() == 1
    assert verify.resume() == 1
    assert "p0 b: expected accepted, is wrong_answer" in capsys.readouterr().out


def test_a_run_that_ends_early_and_another_that_does_lose_nothing(verify: Verify, whole: list[str]) -> None:
    (verify.folder / "v.jsonl").unlink()

    def until(problem: int) -> Callable[[Program, bytes, tuple[Any, ...]], Outcome]:
        def act(program: Program, stdin: bytes, args: tuple[Any, ...]) -> Outcome:
            if stdin == f"stop {problem}".encode():
                raise KeyboardInterrupt
            return answer(program, stdin, args)

        return act

    stopping = [row | {"examples": [{"input": f"stop {number}"}]} for number, row in enumerate(rows(40))]
    write_rows(verify.problems, *stopping)
    assert verify() == 0
    undisturbed = verify.lines()
    (verify.folder / "v.jsonl").unlink()
    seen = 0
    for problem in (20, 35):
        verify.answer = until(problem)
        assert verify.resume() == 130
        assert verify.files == ["problems.jsonl", "v.jsonl.partial"]
        assert undisturbed[: 3 * problem - 60] == verify.lines("v.jsonl.partial")[: 3 * problem - 60]
        assert len(verify.lines("v.jsonl.partial")) > seen
        seen = len(verify.lines("v.jsonl.partial"))
    verify.answer = answer
    assert verify.resume() == 0
    assert verify.lines() == undisturbed
    assert len(verify.engines[0].asked) <= 20 * 4
    assert verify.files == ["problems.jsonl", "v.jsonl"]


@pytest.mark.parametrize("cut", [0, 1, 40])
def test_new_rows_are_whole_behind_a_line_that_was_cut_off(verify: Verify, cut: int) -> None:
    write_rows(verify.problems, *rows(40))
    assert verify() == 0
    whole = verify.lines()
    (verify.folder / "v.jsonl").unlink()
    (verify.folder / "v.jsonl.partial").write_text("\n".join(whole[:5])[: -cut or None])

    def stop_late(program: Program, stdin: bytes, args: tuple[Any, ...]) -> Outcome:
        if len(verify.engines[0].asked) > 100:
            raise KeyboardInterrupt
        return answer(program, stdin, args)

    verify.answer = stop_late
    assert verify.resume() == 130
    assert len(verify.lines("v.jsonl.partial")) > 5
    verify.answer = answer
    assert verify.resume() == 0
    assert verify.lines() == whole


def test_rows_of_both_files_are_read(verify: Verify, whole: list[str]) -> None:
    verify.write([*whole[:3], fault(whole[3])])
    verify.write(whole[3:6], "v.jsonl.partial")
    verify.write(whole[6:9], "w.jsonl.partial")
    assert verify.resume(output="w.jsonl") == 0
    assert len(verify.engines[0].asked) == 2 * 4
    assert verify.lines("w.jsonl") == whole
    assert verify.files == ["problems.jsonl", "v.jsonl", "v.jsonl.partial", "w.jsonl"]


def test_suites_stay_those_of_their_rows(verify: Verify) -> None:
    suites = verify.folder / "s.jsonl"
    assert verify("--suites", str(suites)) == 0
    whole, kept = verify.lines(), verify.lines("s.jsonl")
    assert verify.resume("--suites", str(suites)) == 0
    assert (verify.judged, verify.lines(), verify.lines("s.jsonl")) == ([], whole, kept)

    verify.write([*whole[:4], fault(whole[4]), *whole[5:]])  # a suite is chosen for all candidates
    nothing = json.loads(kept[1])
    nothing["suite"] |= {"chosen_from": 0}
    verify.write([kept[0], json.dumps(nothing), kept[2]], "s.jsonl")
    assert verify.resume("--suites", str(suites)) == 0
    assert (verify.lines(), verify.lines("s.jsonl")) == (whole, kept)
    assert len(verify.engines[0].asked) == 2 * 2 * 4  # of both problems that have none
    assert verify.files == ["problems.jsonl", "s.jsonl", "v.jsonl"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--resume", "none.jsonl", "-o", "v.jsonl"], "none.jsonl: no such file of verdicts"),
        (["--resume", "none.jsonl"], "none.jsonl: no such file of verdicts"),
        (["--resume", "."], "no such file of verdicts"),
        (["--resume", "v.jsonl", "--suites", "v.jsonl"], "is where the verdicts of --resume are"),
        (["--resume", "v.jsonl", "--suites", "v.jsonl.partial"], "is where the verdicts of --resume are"),
        (["--resume", "problems.jsonl"], "problems.jsonl:1: row: no row that verify wrote"),
    ],
)
def test_a_file_that_cannot_be_gone_on_with(
    verify: Verify, options: list[str], words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(verify.folder)
    verify.write([])
    assert app.main(["verify", "problems.jsonl", *options]) == 2
    assert words in capsys.readouterr().err


def test_the_first_run_may_say_it_already(verify: Verify) -> None:
    assert verify.resume() == 0
    assert len(verify.lines()) == 12


TWICE = "Write a function `twice` that doubles a number."
PAIRS = [
    {"instruction": TWICE, "output": "def twice(n: int) -> int:\n    return n + n\n", "id": "sum"},
    {"instruction": TWICE, "output": "def twice(n: int) -> int:\n    return n << 1\n", "id": "shift"},
    {"instruction": "Print 1.", "output": "print(1)", "id": "one"},
    {"instruction": "Print 2.", "output": "print(2)", "id": "two"},
]


def test_pairs(verify: Verify, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    engines: list[ScriptedEngine] = []

    def open_engine(workers: int, runtime: object = None) -> ScriptedEngine:
        engines.append(SubprocessEngine(workers))
        return engines[-1]

    monkeypatch.setattr("semi_instruct.harness.cli.verify.Engine", open_engine)
    write_rows(verify.problems, *PAIRS)
    assert verify("--budget", "0.1") == 0
    whole = verify.lines()
    assert [json.loads(line)["candidate"] for line in whole] == ["sum", "shift", "one", "two"]
    engines.clear()
    assert verify.resume("--budget", "0.1") == 0
    assert (verify.lines(), [engine.asked for engine in engines]) == (whole, [[]])

    verify.write([whole[3], whole[0], fault(whole[1])])
    assert verify.resume("--budget", "0.1") == 0
    assert [json.loads(line)["candidate"] for line in verify.lines()] == ["sum", "shift", "one", "two"]
    assert (verify.lines()[0], verify.lines()[3]) == (whole[0], whole[3])
    assert "2 verdicts kept, 2 judged" in capsys.readouterr().err
    verify.write([whole[0].replace('"sum"', '"product"')])
    assert verify.resume("--budget", "0.1") == 2
    assert "v.jsonl:1: candidate: 'product' of problem '1' is not in" in capsys.readouterr().err

    verify.write(whole)
    write_rows(verify.problems, PAIRS[0], PAIRS[1] | {"output": 7}, *PAIRS[2:])
    assert verify.resume("--budget", "0.1") == 2
    told, blamed = capsys.readouterr().err.splitlines()
    assert told.startswith("problems.jsonl:2: output")
    assert "mend first what cannot be read there (1 row)" in blamed
    assert verify.lines() == whole


def test_a_program_whose_run_the_sandbox_did_not_make_is_no_failing_pair(
    verify: Verify, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(workers: int, runtime: object = None) -> ScriptedEngine:
        return ScriptedEngine(lambda *_: ended(Status.SANDBOX_ERROR, detail="no memory"), workers)

    monkeypatch.setattr("semi_instruct.harness.cli.verify.Engine", failing)
    write_rows(verify.problems, *PAIRS)
    assert verify() == 0
    found = [json.loads(line) for line in verify.lines()]
    assert {row["verdict"] for row in found} == {"sandbox_error"}
    assert all("no memory" in row["detail"] for row in found)


SLOW = """
import sys, time
sys.path.insert(0, {tests!r})
from tests.harness.support.fake_engine import ScriptedEngine, printed
from semi_instruct.harness.cli import app, verify

def answer(program, stdin, args):
    time.sleep(0.01)
    return printed("?" if program.source == "wrong" else stdin.decode())

verify.Engine = lambda workers, runtime=None: ScriptedEngine(answer, 1)
sys.exit(app.main({arguments!r}))
"""


def test_killed_again_and_again_it_ends_with_the_same_rows(verify: Verify) -> None:
    """By SIGKILL, wherever it is; no verdict that reached the file is judged again."""
    write_rows(verify.problems, *rows(30))
    output, suites = verify.folder / "v.jsonl", verify.folder / "s.jsonl"
    assert verify("--suites", str(suites)) == 0
    whole, kept = verify.lines(), verify.lines("s.jsonl")
    output.unlink()
    suites.unlink()
    command = [
        "verify",
        str(verify.problems),
        "-o",
        str(output),
        "--suites",
        str(suites),
        "--inputs",
        "0",
        "--no-shrink",
    ]
    arguments = [*command, "--workers", "1", "--resume", str(output)]
    code = SLOW.format(tests=str(ROOT), arguments=arguments)
    partial, kills = output.with_name("v.jsonl.partial"), 0
    # A kill between the last two steps leaves the finished file and a partial one, which the next run takes away.
    while verify.files != ["problems.jsonl", "s.jsonl", "v.jsonl"]:
        before = _size(partial)
        with subprocess.Popen(
            [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        ) as process:
            deadline = time.monotonic() + allow_seconds(60)
            while process.poll() is None and _size(partial) < before + 4_000 and time.monotonic() < deadline:
                time.sleep(0.005)
            if process.poll() is None:
                process.kill()
                kills += 1
            assert process.stderr is not None
            assert (process.wait(), said := process.stderr.read())[0] in (0, -signal.SIGKILL), said
        assert output.exists() or _size(partial) > before, "what was decided is lost"
    assert kills >= 3
    assert (verify.lines(), verify.lines("s.jsonl")) == (whole, kept)


@pytest.mark.parametrize("resumes", [False, True])
def test_two_runs_do_not_write_one_file(
    resumes: bool, verify: Verify, whole: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    output = verify.folder / "v.jsonl"
    verify.write(whole[:4])
    with row_output(output, to_stdout=False, resumes=resumes) as write:
        write.keep(whole[4])
        write(json.loads(whole[5]))
        before = {path.name: path.read_bytes() for path in verify.folder.iterdir()}
        for another in (verify, verify.resume):
            capsys.readouterr()
            assert another() == 2
            assert capsys.readouterr().err == f"semi-instruct: {output}: another run is writing it\n"
        assert {path.name: path.read_bytes() for path in verify.folder.iterdir()} == before
    verify.write(whole[:4])
    assert verify.resume() == 0
    assert verify.lines() == whole


def test_a_file_that_was_put_in_place_meanwhile_is_not_written(
    verify: Verify, whole: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    partial, output = verify.folder / "v.jsonl.partial", verify.folder / "v.jsonl"
    output.rename(partial)
    lock, before = fcntl.flock, partial.read_bytes()

    def put_in_place_first(file: Any, how: int) -> None:
        if not output.exists():
            partial.rename(output)
        lock(file, how)

    monkeypatch.setattr(fcntl, "flock", put_in_place_first)
    with pytest.raises(KeyError), row_output(output, to_stdout=False):
        raise KeyError
    assert output.read_bytes() == before


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


@pytest.fixture
def full_disk(verify: Verify) -> Path:
    """A path that takes nothing."""
    path = verify.folder / "full"
    path.symlink_to("/dev/full")
    return path


def test_a_full_disk_is_named(verify: Verify, full_disk: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert app.main(["verify", str(verify.problems), "-o", str(full_disk), "--inputs", "0"]) == 4
    assert f"semi-instruct: {full_disk}: No space left on device" in capfd.readouterr().err


def test_full_standard_output_is_named(verify: Verify) -> None:
    code = SLOW.format(tests=str(ROOT), arguments=["verify", str(verify.problems), "--json"])
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (ended.returncode, ended.stderr) == (4, "semi-instruct: standard output: No space left on device\n")


def test_what_was_decided_before_the_disk_was_full_is_kept(verify: Verify, whole: list[str]) -> None:
    output = verify.folder / "v.jsonl"
    output.unlink()
    arguments = ["verify", str(verify.problems), "-o", str(output), "--inputs", "0", "--no-shrink", "--workers", "1"]
    code = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (1500, 1500))\n"
    code += SLOW.format(tests=str(ROOT), arguments=arguments)
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (4, f"semi-instruct: {output}: File too large\n")
    kept = len(verify.lines("v.jsonl.partial")) - 1
    assert kept >= 3
    assert verify.resume() == 0
    assert verify.lines() == whole
    assert len(verify.engines[0].asked) == 2 * (4 - kept // 3 + len(whole) - kept)
