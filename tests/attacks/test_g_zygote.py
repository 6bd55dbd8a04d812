"""G: the warm interpreter that every run is forked from."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from pathlib import Path

import psutil
import pytest

from semi_instruct.engine import (
    Engine,
    Limits,
    Outcome,
    Program,
    SandboxUnavailable,
    Status,
    cgroup,
    jail,
    runtime,
    worker,
)
from semi_instruct.engine.limits import MIB
from tests.attacks import corpus
from tests.attacks.conftest import LIMITS, Arena
from tests.attacks.host import OWN_ASPECTS, Host
from tests.attacks.hostile import REPORT
from tests.engine_processes import HELD, await_programs, part, release
from tests.missing_walls import KEEP_CAPABILITIES, KEEP_UID, Edit, inside
from tests.timing import until

DOES_NOT_APPLY: dict[str, str] = {}

_MARK = "Left9Behind"


def _zygote(engine: Engine) -> psutil.Process:
    """The zygote of an engine's one worker."""
    return part(engine, "zygote")


def _writable_memory(process: psutil.Process) -> dict[int, bytes]:
    """What a process may write and shares with nobody, by address."""
    found = {}
    with open(f"/proc/{process.pid}/mem", "rb", buffering=0) as memory:
        for line in Path(f"/proc/{process.pid}/maps").read_text().splitlines():
            addresses, rights, *_ = line.split()
            first, end = (int(each, 16) for each in addresses.split("-"))
            if rights == "rw-p":
                memory.seek(first)
                found[first] = memory.read(end - first)
    return found


def _run_without(wall: Edit, patch: pytest.MonkeyPatch, folder: Path, source: str) -> Outcome:
    wall(patch, folder)
    with contextlib.closing(worker.Worker(worker.plan(runtime.find(), cgroup.find()))) as weak:
        return weak.run(Program(source), b"", b"", LIMITS)


_VANDAL = f"""
{_MARK} = "{_MARK}"
import builtins, gc, os, random, signal, sys, threading
input()
os.environ["{_MARK}"] = "{_MARK}"
builtins.{_MARK} = sys.modules["{_MARK}"] = sys.modules["re"]
sys.modules["re"].compile = None
random.seed(5)
gc.disable(), gc.unfreeze()
sys.setrecursionlimit(50), sys.setswitchinterval(9), sys.path.clear(), sys.argv.clear()
signal.signal(signal.SIGTERM, signal.SIG_IGN)
threading.Thread(target=print, args=("{_MARK}",)).start()
os.umask(0o777), os.nice(5), os.chdir("/")
builtins.len = builtins.print = None
"""
_STATE = """
import builtins, gc, os, random, signal, sys
print(sorted(os.environ.items()), sorted(vars(builtins)), sorted(sys.modules), sys.path, sys.argv, os.getcwd())
print(len.__self__, print.__self__, sys.modules["re"].compile.__module__, random.random(), gc.isenabled())
print(gc.get_freeze_count() > 1000, sys.getrecursionlimit(), sys.getswitchinterval(), signal.getsignal(signal.SIGTERM))
print(oct(os.umask(0)), os.nice(0), sys.flags, sys.meta_path, sys.path_hooks, sys.gettrace(), sys.getprofile())
"""


def test_g01_no_byte_of_a_program_is_in_the_zygote(arena: Arena) -> None:
    zygote = _zygote(arena.engine)
    before = _writable_memory(zygote)
    for _ in range(10):
        assert arena.attack(_VANDAL, stdin=_MARK.encode()).status is Status.OK
        assert arena.attack("def f(x): return x * 2", entry="f", args=(_MARK,)).value == 2 * _MARK
    after = _writable_memory(zygote)
    assert any(b"/box/work/main.py" in each for each in after.values()), "this is not the memory it ought to be"
    assert not any(_MARK.encode() in each for each in after.values())
    assert before.keys() == after.keys()
    pairs = (pair for first in before for pair in zip(before[first], after[first], strict=True))
    assert sum(old != new for old, new in pairs) < 1000, "more has changed than pids, times and stack"


def test_g01_what_a_program_does_to_its_interpreter_dies_with_it(arena: Arena) -> None:
    before = arena.attack(_STATE)
    assert before.status is Status.OK
    arena.attack(_VANDAL, stdin=b"x")
    assert arena.attack(_STATE).stdout == before.stdout


_DESCRIPTORS = """
import json, os, stat
found = {}
for number in range(4096):
    try: mode = os.fstat(number).st_mode
    except OSError: continue
    found[number] = "file" if stat.S_ISREG(mode) else "pipe" if stat.S_ISFIFO(mode) else "other"
"""
_THREE = {"0": "file", "1": "pipe", "2": "pipe"}


def test_g02_descriptors() -> None:
    """Though the supervisor holds many, meant to be inherited, when its worker starts."""
    with contextlib.ExitStack() as held:
        for _ in range(50):
            os.set_inheritable(held.enter_context(open(os.devnull)).fileno(), True)
        engine = held.enter_context(Engine(workers=1))
        tells = _DESCRIPTORS + "print(json.dumps(found))"
        assert json.loads(engine.run(Program(tells)).stdout) == _THREE
        as_function = engine.run(Program(_DESCRIPTORS + "def f(): return json.dumps(found)", entry="f"))
        assert json.loads(as_function.value) == _THREE | {"3": "pipe"}
        starts_another = f"import subprocess, sys\ndef f(): subprocess.run([sys.executable, '-c', {tells!r}])"
        assert json.loads(engine.run(Program(starts_another, entry="f")).stdout) == _THREE


_FORGER = f"""
import os
for descriptor in range(3, 4096):
    try: os.write(descriptor, {REPORT!r})
    except OSError: pass
os._exit(3)
"""
_KEEP_DESCRIPTORS = inside(("_close_all_but(program, stage_end, value)", "pass"), ("os.closerange(3, 1 << 30)", "pass"))


def test_g03_forges_the_zygote_s_report(arena: Arena) -> None:
    assert arena.attack(_FORGER).status is Status.NONZERO_EXIT
    as_function = arena.attack(f"def f():\n    exec({_FORGER!r})", entry="f")
    assert (as_function.status, as_function.exit_code, as_function.returned) == (Status.NONZERO_EXIT, 3, False)


def test_g03_with_the_control_socket_the_forger_succeeds(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert _run_without(_KEEP_DESCRIPTORS, monkeypatch, tmp_path, _FORGER).status is Status.OK


def test_g04_threads(arena: Arena) -> None:
    source = """
import concurrent.futures, logging, os, threading
print(threading.active_count(), len(os.listdir("/proc/self/task")))
logging.warning("locks are free")
with concurrent.futures.ThreadPoolExecutor(4) as pool: print(sum(pool.map(int, "1234")))
if os.fork() == 0: os._exit(0)
print(os.wait()[1])
"""
    tasks = Path(f"/proc/{_zygote(arena.engine).pid}/task")
    assert len(list(tasks.iterdir())) == 1
    outcome = arena.attack(source)
    assert (outcome.status, outcome.stdout) == (Status.OK, b"1 1\n10\n0\n")
    assert b"WARNING:root:locks are free\n" in outcome.stderr
    assert len(list(tasks.iterdir())) == 1


def test_g05_nothing_of_the_zygote_is_replayed(arena: Arena) -> None:
    empty = arena.attack("pass")
    assert (empty.status, empty.stdout, empty.stderr) == (Status.OK, b"", b"")
    assert arena.attack("import atexit\nprint(atexit._ncallbacks())").stdout == b"0\n"
    assert arena.attack("import logging\nprint(logging.root.handlers)").stdout == b"[]\n"


def test_g05_what_a_zygote_left_in_its_buffer_would_be_seen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    talkative = inside(
        ("    control.send(wire.BORN)\n", "    sys.stdout.write('left over')\n    control.send(wire.BORN)\n")
    )
    assert _run_without(talkative, monkeypatch, tmp_path, "pass").stdout == b"left over"


_RANDOM = """
import os, random, secrets, uuid
print(random.random(), random.Random().random(), os.urandom(8), secrets.token_hex(), uuid.uuid4(), hash("x"))
"""


def test_g06_what_is_random_repeats_by_design(arena: Arena) -> None:
    assert len({arena.attack(_RANDOM).stdout for _ in range(3)}) == 1


def test_g06_or_differs_on_demand(arena: Arena) -> None:
    """Every word of it: nothing is inherited from the zygote by oversight."""
    runs = [arena.engine.run(Program(_RANDOM), determinism="varied").stdout.split() for _ in range(3)]
    assert all(len(set(words)) == 3 for words in zip(*runs, strict=False))


def test_g06_the_kernel_s_entropy_is_nobody_s_to_repeat(arena: Arena) -> None:
    source = "print(open('/dev/urandom', 'rb', 0).read(8), __import__('ssl').RAND_bytes(8))"
    first, second = (arena.attack(source).stdout for _ in range(2))
    assert len(first) > 20
    assert first != second


def test_g06_processes_of_one_run_have_numbers_of_their_own(arena: Arena) -> None:
    source = """
import os, random
if os.fork(): os.wait()
print(random.random(), os.urandom(8))
"""
    child, parent = arena.attack(source).stdout.splitlines()
    assert child != parent


def test_g07_address_space_is_not_limited_where_memory_is(arena: Arena) -> None:
    outcome = arena.attack("import resource\nprint(resource.getrlimit(resource.RLIMIT_AS))")
    assert outcome.stdout == b"(-1, -1)\n"


def test_g07_without_control_groups_what_the_zygote_mapped_is_allowed_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_here() -> cgroup.Hierarchy:
        raise SandboxUnavailable("cgroup", "taken away", "")

    monkeypatch.setattr(cgroup, "find", none_here)
    smallest = Limits(memory=16 * MIB)
    with Engine(workers=1, allow_degraded=True) as engine:
        honest = engine.run(Program("import collections, json\nprint(len(bytearray(1 << 20)))"), limits=smallest)
        assert (honest.status, honest.stdout) == (Status.OK, b"1048576\n")
        greedy = engine.run(Program("bytearray(100 << 20)"), limits=smallest)
        assert (greedy.status, greedy.stderr.splitlines()[-1]) == (Status.NONZERO_EXIT, b"MemoryError")


def test_g08_pages_shared_with_the_zygote_are_counted(arena: Arena) -> None:
    source = "print([line for line in open('/proc/self/status') if line.startswith('VmHWM')][0].split()[1])"
    outcome = arena.attack(source)
    assert outcome.peak_memory_bytes == pytest.approx(int(outcome.stdout) * 1024, rel=0.1)
    [only] = arena.engine._pool.alive
    assert only._slot.shared > outcome.peak_memory_bytes / 4


@pytest.mark.parametrize("source", corpus.PROGRAMS.values(), ids=corpus.PROGRAMS)
def test_g09_warm_is_as_cold(arena: Arena, tmp_path: Path, source: str) -> None:
    home = tmp_path / "box" / "work"
    home.mkdir(parents=True)
    (home / "main.py").write_bytes(source.encode())
    found = runtime.find()
    cold = subprocess.run(
        [found.executable, "-s", "-S", "-B", "main.py"],
        input=corpus.STDIN,
        capture_output=True,
        check=False,
        cwd=home,
        env=dict(each.split("=", 1) for each in jail._ENVIRONMENT),
        umask=0o22,
    )
    warm = arena.attack(source, stdin=corpus.STDIN)
    stdlib = b"/opt/python/lib/python%d.%d" % found.version
    stdout, stderr = (
        stream.replace(bytes(tmp_path), b"").replace(bytes(found.stdlib), stdlib)
        for stream in (cold.stdout, cold.stderr)
    )
    assert (warm.stdout, warm.stderr) == (stdout, stderr)
    assert (-warm.signal if warm.signal is not None else warm.exit_code) == cold.returncode


def test_g10_the_zygote_is_small(arena: Arena) -> None:
    assert _zygote(arena.engine).memory_full_info().uss < 16 * MIB
    assert int(arena.attack("import sys\nprint(len(sys.modules))").stdout) < 120


def test_g11_a_zygote_killed_between_runs_is_replaced() -> None:
    with Engine(workers=1) as engine:
        for _ in range(3):
            _zygote(engine).kill()
            assert engine.run(Program("print('served')")).stdout == b"served\n"


def test_g11_no_request_is_lost() -> None:
    program = Program(f"print(input(), flush=True)\n{HELD.source}")
    with Engine(workers=1) as engine:
        futures = [engine.submit(program, stdin=b"%d\n1000" % number) for number in range(6)]
        for number, future in enumerate(futures):
            if number in (1, 4):  # never the same run twice: that would be a sandbox_error
                await_programs(engine)
                _zygote(engine).kill()
                assert until(lambda number=number: engine.discarded_workers > number // 4, 20)
            release(engine, future)
        outcomes = [future.result() for future in futures]
    told = [(outcome.status, outcome.stdout) for outcome in outcomes]
    assert told == [(Status.OK, b"%d\n" % number) for number in range(6)]


def test_g12_a_wall_that_was_forgotten_is_noticed_before_anything_is_served(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = Host.look()
    inside(KEEP_UID, KEEP_CAPABILITIES)(monkeypatch, tmp_path)
    with pytest.raises(SandboxUnavailable):
        Engine(workers=1)
    assert not before.lasting_changes(*OWN_ASPECTS)


def test_g12_every_process_of_a_run_has_lost_everything(arena: Arena) -> None:
    """The program, its thread, a process it forks, and one that executes a file anew."""
    source = """
import os, subprocess, sys, threading
ASK = "print(open('/proc/thread-self/status').read(), end='#', flush=True)"
exec(ASK)
thread = threading.Thread(target=exec, args=(ASK,))
thread.start(), thread.join()
if os.fork() == 0: exec(ASK), os._exit(0)
os.wait()
subprocess.run([sys.executable, "-c", ASK])
"""
    outcome = arena.attack(source)
    *told, rest = outcome.stdout.decode().split("#")
    assert (outcome.status, len(told), rest) == (Status.OK, 4, "")
    for each in told:
        lines = dict(line.split(":", 1) for line in each.splitlines())
        assert lines["Uid"].split() == lines["Gid"].split() == ["1000"] * 4
        assert lines["Groups"].split() == []
        assert [int(lines[f"Cap{name}"], 16) for name in ("Inh", "Prm", "Eff", "Bnd", "Amb")] == [0] * 5
        assert (lines["NoNewPrivs"].strip(), lines["Seccomp"].strip()) == ("1", "2")
