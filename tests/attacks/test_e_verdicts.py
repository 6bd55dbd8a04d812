"""E: forging results and verdicts."""

from __future__ import annotations

import ast
import errno
import json
from pathlib import Path
from typing import Any

import pytest

from semi_instruct import engine as engine_room
from semi_instruct import harness
from semi_instruct.engine import Engine, Limits, Outcome, Status
from semi_instruct.engine.limits import MIB
from semi_instruct.harness.inputs.sources import Sources
from semi_instruct.harness.problems.schema import parse_row
from semi_instruct.harness.problems.verdicts import Verdict, VerdictRow
from semi_instruct.harness.verification.scheduler import verify
from semi_instruct.harness.verification.session import VARIED_INPUTS_OF_ONE
from tests.attacks.conftest import LIMITS, Arena
from tests.timing import allow_seconds

DOES_NOT_APPLY: dict[str, str] = {}

_SECONDS = Limits(cpu_time=allow_seconds(0.3), wall_time=allow_seconds(0.6), memory=64 * MIB)


def judge(engine: Engine, source: str, **row: Any) -> VerdictRow:
    """The verdict on a candidate for ``f(x) = x * x + 1``, of whose cases the first is visible and two are hidden."""
    function = {
        "id": "square",
        "kind": "function",
        "entry": "f",
        "time_limit_s": 0.02,
        "oracles": ["def f(x): return x * x + 1", "def f(x): return x ** 2 + 1"],
        "examples": [{"input": [3], "output": 10}, {"input": [-12]}, {"input": [257]}],
        "candidates": [{"id": "forger", "source": source}],
    }
    [judged] = verify([parse_row(json.dumps(function | row), "square", 1)], engine, sources=Sources.EXAMPLES)
    return judged


def judge_printed(engine: Engine, source: str, **row: Any) -> VerdictRow:
    """The verdict on a candidate that is to print the numbers it reads, doubled, a line each."""
    stdin: dict[str, Any] = {
        "kind": "stdin",
        "oracles": ["for x in input().split(): print(2 * int(x))", "for x in input().split(): print(int(x) + int(x))"],
        "examples": [{"input": "1 2 3\n", "output": "2\n4\n6\n"}, {"input": "21 40 7\n"}, {"input": "-5 0 13\n"}],
    }
    return judge(engine, source, **({"entry": None} | stdin | row))


def attack_function(arena: Arena, source: str, *args: Any, limits: Limits = LIMITS) -> Outcome:
    """Call ``f`` of a hostile program."""
    return arena.attack(source, entry="f", args=args or (3,), limits=limits)


@pytest.mark.parametrize("leave", ["sys.exit(0)", "os._exit(0)", "exit()", "quit()", "raise SystemExit"])
def test_e01_leaves_before_the_answer(arena: Arena, leave: str) -> None:
    at_import = f"import os, sys\n{leave}\n"
    in_function = f"import os, sys\ndef f(x):\n    {leave}\n"
    for source in (at_import, in_function):
        outcome = attack_function(arena, source)
        assert (outcome.status, outcome.exit_code, outcome.returned) == (Status.OK, 0, False)
        assert judge(arena.engine, source).verdict is Verdict.RUNTIME_ERROR
    assert judge_printed(arena.engine, at_import).verdict is Verdict.WRONG_ANSWER


@pytest.mark.parametrize(
    "source",
    [
        "import atexit, os\natexit.register(os._exit, 0)\ndef f(x): raise ValueError",
        "import os, threading, time\ndef f(x):\n    threading.Timer(0.01, os._exit, (0,)).start()\n    time.sleep(9)",
        "import os\ndef f(x):\n    if os.fork(): os._exit(0)\n    import time; time.sleep(9)",
        "import os, signal\nsignal.signal(10, lambda *_: os._exit(0))\ndef f(x): os.kill(os.getpid(), 10)",
    ],
    ids=["atexit", "thread", "fork", "signal"],
)
def test_e02_something_else_leaves_for_it(arena: Arena, source: str) -> None:
    outcome = attack_function(arena, source)
    assert (outcome.status, outcome.exit_code, outcome.returned) == (Status.OK, 0, False)
    assert judge(arena.engine, source).verdict is Verdict.RUNTIME_ERROR


@pytest.mark.parametrize("base", ["object", "int", "float", "str", "list", "dict", "tuple", "set", "bytes", "complex"])
def test_e03_equal_to_everything(arena: Arena, base: str) -> None:
    source = f"""
class Equal({base}):
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __hash__(self): return 0
    def __bool__(self): return True
    def __len__(self): return 3
    def __sub__(self, other): return 0
    __rsub__ = __sub__
    def __abs__(self): return 0
    def strip(self, *_): return self
assert Equal() == 5 and 5 == Equal() and not Equal() != 5
def f(x): return Equal()
"""
    outcome = attack_function(arena, source)
    assert outcome.returned
    assert type(outcome.value).__name__ == "Opaque"
    assert outcome.value != 10
    assert judge(arena.engine, source).verdict is Verdict.WRONG_ANSWER


def test_e04_patched_comparisons(arena: Arena) -> None:
    source = """
import builtins, math, operator, unittest
yes = lambda *_, **__: True
builtins.any = builtins.issubclass = math.isclose = operator.eq = yes
builtins.sum = builtins.abs = builtins.round = builtins.max = lambda *_: 0
unittest.TestCase.assertEqual = unittest.TestCase.assertTrue = yes
def f(x): return 'patched' if any([]) and math.isclose(1, 2) and not abs(-3) else 'not patched'
"""
    assert attack_function(arena, source).value == "patched"
    assert judge(arena.engine, source).verdict is Verdict.WRONG_ANSWER


# Reads every readable byte of the process and counts where one text follows another. They are never put together, so
# that the scan does not find itself. ``control`` is a text that is put together: not to find it would prove nothing.
_SCAN = """
import ctypes, re
control = ''.join(['a text that ', 'is there'])
def f(first, second):
    size, found, controls = 0, 0, 0
    for line in open('/proc/self/maps').read().splitlines():
        if line.split()[1][0] == 'r' and '[v' not in line:
            start, end = (int(number, 16) for number in line.split()[0].split('-'))
            memory = ctypes.string_at(start, end - start)
            size += len(memory)
            found += follows(memory, first.encode(), second.encode())
            controls += follows(memory, b'a text that ', b'is there')
    return [size, found, controls]
def follows(memory, first, second):
    return sum(memory.startswith(second, match.end()) for match in re.finditer(re.escape(first), memory))
"""


def test_e05_expected_output_is_nowhere_in_memory(arena: Arena) -> None:
    oracle = "def f(first, second): return first + second"
    row = judge(
        arena.engine,
        _SCAN,
        oracles=[oracle, oracle + "\n"],
        examples=[{"input": ["the answer ", "of the oracle"], "output": "the answer of the oracle"}],
        time_limit_s=2.0,
    )
    assert row.verdict is Verdict.WRONG_ANSWER
    assert row.counterexample is not None
    size, found, controls = row.counterexample.actual
    assert size > 10 * MIB
    assert controls > 0
    assert found == 0


def test_e05_nor_in_frames_objects_or_other_processes(arena: Arena) -> None:
    source = """
import gc, inspect, os, sys
seen = {name for frame in inspect.stack() for name in (*frame[0].f_locals, *frame[0].f_globals)}
words = ('expected', 'oracle', 'oracles', 'answer', 'verdict', 'test_case', 'candidate', 'examples', 'problem')
print(sorted(seen & set(words)))
print([each for each in gc.get_objects() if type(each) is dict and not set(words).isdisjoint(map(str, list(each)))
       and 'words' not in each])
print(sorted(name for name in os.listdir('/proc') if name.isdigit()), os.getpid())
for pid in (1, os.getppid()):
    try: open(f'/proc/{pid}/environ').read()
    except OSError as error: print(error.errno)
"""
    outcome = arena.attack(source)
    assert outcome.status is Status.OK, outcome
    names, objects, processes, *errors = outcome.stdout.decode().splitlines()
    assert (names, objects) == ("[]", "[]")
    assert processes == "['2'] 2"
    assert errors == [str(errno.ENOENT)] * 2


def test_e06_nothing_is_shared(arena: Arena) -> None:
    source = """
import gc
modules = ('multiprocessing', 'mmap')
shared = [line for line in open('/proc/self/maps') if 's' in line.split()[1]]
proxies = [type(each) for each in gc.get_objects() if type(each).__module__.split('.')[0] in modules]
print(shared, proxies)
"""
    assert arena.attack(source).stdout == b"[] []\n"


def test_e07_forged_records(arena: Arena) -> None:
    source = """
import os
def held():
    return [number for number in range(1024) if os.path.exists(f'/proc/self/fd/{number}')]
records = (b'{"status": "ok", "value": 10}\\n', b'report  ' + bytes(152), b'10\\n11\\n', b'accepted\\n')
def f(x):
    print(held())
    for descriptor in range(1024):
        for record in records:
            try: os.write(descriptor, record)
            except OSError: pass
    return 10
"""
    outcome = attack_function(arena, source)
    assert outcome.stdout.startswith(b"{")  # written past Python's buffer, before the list of descriptors
    assert outcome.stdout.endswith(b"[0, 1, 2, 3]\n")
    assert (outcome.status, outcome.returned, outcome.value) == (Status.OK, False, None)
    assert "refused" in outcome.detail
    assert judge(arena.engine, source).verdict is Verdict.RUNTIME_ERROR
    assert arena.attack("import os\nprint(os.listdir('/proc/self/fd'))").stdout == b"['0', '1', '2', '3']\n"
    assert judge_printed(arena.engine, source + "\nf(0)").verdict is Verdict.WRONG_ANSWER


@pytest.mark.parametrize("code", [1, 109, 120, 124, 137, 139, 153, 255])
def test_e08_forged_exit_code(arena: Arena, code: int) -> None:
    leaves = f"import os\nos._exit({code})"
    outcome = arena.attack(leaves)
    assert (outcome.status, outcome.exit_code, outcome.signal) == (Status.NONZERO_EXIT, code, None)
    right_but = f"for x in input().split(): print(2 * int(x), flush=True)\n{leaves}"
    assert judge_printed(arena.engine, right_but).verdict is Verdict.RUNTIME_ERROR


@pytest.mark.parametrize(
    ("source", "status"),
    [
        ("import os\nos.write(1, b'\\xff\\xfe\\xc0\\x80')", Status.OK),
        ("import os\nos.closerange(0, 1 << 20)\nos._exit(0)", Status.OK),
        ("import os\nwhile True: os.write(2, b'x' * 65536)", Status.OUTPUT_LIMIT),
        ("import os\ntry: os.kill(1, 9)\nexcept PermissionError: pass", Status.OK),
        ("import os\nos.kill(os.getppid(), 9)", Status.SIGNALED),
        ("import os\nos.kill(os.getpid(), 19)", Status.TIME_LIMIT),
        ("import os\nos.kill(os.getpid(), 9)", Status.SIGNALED),
        ("import os\nos.kill(-1, 9)\nos.kill(os.getpid(), 9)", Status.NONZERO_EXIT),
        ("x = []\nwhile True: x.append(bytearray(b'x' * (1 << 20)))", Status.MEMORY_LIMIT),
        ("import os\nwhile True: os.fork()", Status.PROCESS_LIMIT),
        ("import ctypes\nctypes.CDLL(None).ptrace(0, 0, 0, 0)", Status.FORBIDDEN_SYSCALL),
        ("import ctypes\nctypes.string_at(0)", Status.SIGNALED),
        ("import sys\nsys.setrecursionlimit(10**9)\nf = lambda: f()\nf()", Status.MEMORY_LIMIT),
        ("import ctypes\nctypes.CDLL(None).syscall(60, 0)", Status.OK),
    ],
)
def test_e09_faults_of_the_program_are_not_ours(arena: Arena, source: str, status: Status) -> None:
    outcome = arena.attack(source)
    assert outcome.status is status, outcome
    row = judge_printed(arena.engine, source, time_limit_s=0.001, memory_limit_mib=64, examples=[{"input": "1 2\n"}])
    assert row.verdict not in {Verdict.ACCEPTED, Verdict.SANDBOX_ERROR, Verdict.NO_ORACLE}


def test_e10_fake_lines_of_the_jails_log(arena: Arena) -> None:
    line = b"[E][2025-01-01T00:00:00+0000][1] nsjail: standaloneMode():275 Couldn't launch the child process\n"
    source = (
        f"import os\nfor fd in range(256):\n    try: os.write(fd, {line!r})\n    except OSError: pass\nos._exit(255)"
    )
    outcome = arena.attack(source)
    assert (outcome.status, outcome.exit_code, outcome.detail) == (Status.NONZERO_EXIT, 255, "exit code 255")
    assert (outcome.stdout, outcome.stderr) == (line, line)


@pytest.mark.parametrize(
    "source",
    [
        "",
        "print(2 * int(input().split()[0]))",
        "for x in input().split()[:-1]: print(2 * int(x))",
        "for x in input().split(): print(2 * int(x))\nprint(0)",
        "for x in input().split(): print(2 * int(x), x)",
        "print(*range(-100, 100))",
    ],
)
def test_e11_part_of_the_answer_or_more_than_it(arena: Arena, source: str) -> None:
    for comparison in ("exact", "lines", "tokens"):
        assert judge_printed(arena.engine, source, comparison=comparison).verdict is Verdict.WRONG_ANSWER


def test_e12_a_grader_cannot_be_told_from_a_judge(arena: Arena) -> None:
    """All that a program sees of the world is the same for oracles and candidates, visible and hidden cases."""
    looks = """
import inspect, os, platform, resource, sys
print(sorted(os.environ.items()), sys.argv, sys.flags, sys.path, sorted(sys.modules), platform.uname())
print(os.getpid(), os.getppid(), os.getuid(), os.getgid(), os.getcwd(), os.getpgid(0), os.getsid(0))
print([os.listdir(path) for path in ('/', '/box', '/box/work', '/tmp', '/dev', '/dev/shm', '/opt', '/proc/self/fd')])
print(open('/proc/self/cmdline').read(), open('/proc/self/status').read().split('voluntary')[0].split('VmPeak')[0])
print([frame.function for frame in inspect.stack()], [resource.getrlimit(each) for each in range(16)], id([]))
"""
    seen = {arena.attack(looks, stdin=stdin).stdout for stdin in (b"visible", b"hidden\n" * 1000)}
    [text] = seen
    assert b"PATH" in text
    row = judge_printed(
        arena.engine, looks, oracles=[looks, looks], examples=[{"input": "1"}, {"input": "2"}, {"input": "2 3"}]
    )
    # What they print is not a function of the input, which is seen on the first ones, on which oracles are varied.
    assert (row.verdict, row.passed, row.dropped_inputs) == (Verdict.ACCEPTED, 1, {"nondeterministic": 2})


def test_e13_nothing_is_cached_over_runs(arena: Arena) -> None:
    source = """
import contextlib, os, socket, sys
places = [place + '/left' for place in ('/tmp', '/var/tmp', '/dev/shm', '/run', '/box', '/box/work', '/opt/runtime')]
places += [os.path.join(os.path.dirname(os.__file__), 'left')]
places += ['__pycache__/left.pyc', os.path.expanduser('~/.left')]
found = [place for place in places if os.path.exists(place)]
made = 0
for place in places:
    with contextlib.suppress(OSError):  # a wall; what was made is counted
        open(place, 'w').write('left behind')
        made += 1
for name in ('\\0left', '/tmp/socket'):
    try: socket.socket(socket.AF_UNIX).bind(name)
    except OSError as error: found.append((name, error.errno))
print(found, made > 2)
"""
    for _ in range(3):
        assert arena.attack(source).stdout == b"[] True\n"
    key = "import ctypes\nprint(ctypes.CDLL(None).syscall(248, b'user', b'left', b'x', 1, -3), flush=True)"
    outcome = arena.attack(key)
    assert (outcome.status, outcome.detail) == (Status.FORBIDDEN_SYSCALL, "add_key")


def test_e14_time_is_measured_outside(arena: Arena) -> None:
    source = """
import os, time
true = time.monotonic
time.time = time.monotonic = time.perf_counter = time.process_time = lambda: 0.0
time.sleep = lambda _: None
os.environ['LD_PRELOAD'] = 'libfaketime.so.1'
started = true()
while true() < started + {seconds}: pass
"""
    outcome = arena.attack(source.format(seconds=9), limits=Limits(cpu_time=0.3, wall_time=20))
    assert outcome.status is Status.TIME_LIMIT
    assert outcome.cpu_time_s >= 0.3
    outcome = arena.attack(source.format(seconds=0.2), limits=Limits())
    assert outcome.status is Status.OK
    assert outcome.wall_time_s >= 0.2
    assert judge_printed(arena.engine, source.format(seconds=9)).verdict is Verdict.TIME_LIMIT
    outcome = arena.attack("import time\ntime.clock_settime(time.CLOCK_REALTIME, 0.0)")
    assert (outcome.status, outcome.detail) == (Status.FORBIDDEN_SYSCALL, "clock_settime")


def test_e15_code_cannot_be_overwritten(arena: Arena) -> None:
    source = """
import json, os, sys
for path in (os.__file__, json.__file__, sys.executable or '/opt/python/bin/python3', '/opt/runtime/evil.pth'):
    for act in (lambda: open(path, 'a'), lambda: os.remove(path), lambda: os.rename(__file__, path)):
        try: print('done', path, act())
        except OSError as error: print(error.errno)
open(__file__, 'w').write('print(42)')
"""
    outcome = arena.attack(source)
    assert outcome.status is Status.OK, outcome
    codes = {int(code) for code in outcome.stdout.split()}
    assert codes <= {errno.EROFS, errno.EXDEV, errno.EACCES, errno.ENOENT}
    assert errno.EROFS in codes
    assert arena.attack("import json\nprint(open(__file__).read())").stdout.startswith(b"import json")


def test_e16_hooks(arena: Arena) -> None:
    source = """
import builtins, codecs, json, os, sys
for name in ('sitecustomize.py', 'usercustomize.py', 'json.py', 'values.py', 'atexit.py', 'evil.pth'):
    open(name, 'w').write("import os; os.write(3, b'10\\\\n'); os._exit(0)")
os.environ['PYTHONSTARTUP'] = os.environ['PYTHONPATH'] = '/box/work/sitecustomize.py'
fired = []
class Finder:
    def find_spec(name, path=None, target=None): fired.append(name)
sys.meta_path.insert(0, Finder)
codecs.register(lambda name: fired.append(name))
sys.settrace(lambda *_: fired.append('trace'))
sys.setprofile(lambda *_: fired.append('profile'))
builtins.__import__ = lambda *_, **__: fired.append('import')
def f(x):
    sys.settrace(None), sys.setprofile(None)
    return sorted(set(fired) & {'trace', 'profile'})
"""
    assert attack_function(arena, source).value == ["profile", "trace"]
    assert judge(arena.engine, source).verdict is Verdict.WRONG_ANSWER


@pytest.mark.parametrize(
    ("source", "verdict"),
    [
        ("class Late:\n    def __del__(self): os.write(3, b'10\\n')\ndef f(x): return Late()", Verdict.RUNTIME_ERROR),
        ("class Late:\n    def __del__(self): os._exit(0)\ndef f(x): return Late()", Verdict.WRONG_ANSWER),
        ("kept = set()\nweakref.finalize(kept, os.write, 3, b'10\\n')\ndef f(x): return 9", Verdict.RUNTIME_ERROR),
        ("gc.callbacks.append(lambda *_: os.write(3, b'10\\n'))\ndef f(x): return 9", Verdict.RUNTIME_ERROR),
        ("atexit.register(os.write, 3, b'10\\n')\ndef f(x): return 9", Verdict.RUNTIME_ERROR),
    ],
)
def test_e17_callbacks_after_the_answer(arena: Arena, source: str, verdict: Verdict) -> None:
    source = f"import atexit, gc, os, weakref\n{source}"
    assert attack_function(arena, source).status is Status.OK
    assert judge(arena.engine, source).verdict is verdict


@pytest.mark.parametrize(
    ("source", "stdout", "stderr"),
    [
        ("import io, sys\nsys.stdout = io.StringIO()\nprint('lost')", b"", b""),
        ("import os\nos.close(1)\nos._exit(0)", b"", b""),
        ("import os\nos.dup2(2, 1)\nprint('moved')", b"", b"moved\n"),
        ("open('/proc/self/fd/1', 'w').write('reopened')", b"reopened", b""),
        ("import builtins, os\nbuiltins.print = os.write = None\nopen(1, 'w').write('kept')", b"kept", b""),
        ("import sys\nsys.stdout.close()\nopen('/dev/stdout', 'w').write('kept')", b"kept", b""),
    ],
)
def test_e18_streams_replaced(arena: Arena, source: str, stdout: bytes, stderr: bytes) -> None:
    outcome = arena.attack(source)
    assert (outcome.status, outcome.stdout, outcome.stderr) == (Status.OK, stdout, stderr)
    assert judge_printed(arena.engine, source).verdict is Verdict.WRONG_ANSWER


@pytest.mark.parametrize(
    ("returned", "value"),
    [
        ("float('nan')", "nan"),
        ("-1e400", "-inf"),
        ("'\\ud800'", repr("\ud800")),
        ("-(1 << 100_000)", None),
        ("{1: 'a', True: 'b', 2.5: [(), set()]}", "{1: 'b', 2.5: [(), set()]}"),
    ],
)
def test_e19_odd_values_cross_as_they_are(arena: Arena, returned: str, value: str | None) -> None:
    outcome = attack_function(arena, f"def f(x): return {returned}")
    assert (outcome.status, outcome.returned) == (Status.OK, True)
    if value is None:
        assert outcome.value == -(1 << 100_000)
    else:
        assert repr(outcome.value) == value
    json.dumps(outcome.to_json())
    assert judge(arena.engine, f"def f(x): return {returned}").verdict is Verdict.WRONG_ANSWER


@pytest.mark.parametrize(
    ("returned", "status"),
    [
        ("x = []\n    for _ in range(10**5): x = [x]\n    return x", Status.NONZERO_EXIT),
        ("x = []; x.append(x); return x", Status.NONZERO_EXIT),
        ("return 'x' * (9 << 20)", Status.OUTPUT_LIMIT),
        ("os.write(3, b'[' * 60_000 + b'\\n'); os._exit(0)", Status.OK),
        ("os.write(3, b'9' * 60_000 + b'\\n'); os._exit(0)", Status.OK),
        ("os.write(3, b'\\xff\\n'); os._exit(0)", Status.OK),
        ("os.write(3, b'NaN\\n'); os._exit(0)", Status.OK),
        ("os.write(3, b'[1, 2\\n'); os._exit(0)", Status.OK),
        ("return {((1 << 61) - 1) * n: 0 for n in range(1000)}", Status.OK),
        ("return [0] * 510_000", Status.OK),
    ],
)
def test_e19_values_that_would_harm_their_reader_are_refused(arena: Arena, returned: str, status: Status) -> None:
    source = f"import os\ndef f(x):\n    {returned}"
    outcome = attack_function(arena, source, limits=Limits())
    assert (outcome.status, outcome.returned, outcome.value) == (status, False, None)
    assert ("refused" in outcome.detail) == (status is Status.OK)
    assert judge(arena.engine, source, time_limit_s=5.0).verdict in {Verdict.RUNTIME_ERROR, Verdict.OUTPUT_LIMIT}


def test_e20_nothing_is_unpickled(arena: Arena, tmp_path: Path) -> None:
    trace = tmp_path / "unpickled"
    source = f"""
import marshal, os, pickle
class Evil:
    def __reduce__(self): return os.mkdir, ({str(trace)!r},)
payloads = [pickle.dumps(Evil(), protocol) for protocol in range(6)] + [marshal.dumps([Evil.__reduce__.__code__])]
def f(n):
    os.write(3, payloads[n] + b'\\n')
    os._exit(0)
"""
    for number in range(7):
        outcome = attack_function(arena, source, number)
        assert (outcome.status, outcome.returned) == (Status.OK, False)
        assert "refused" in outcome.detail
    assert not trace.exists()
    assert judge(arena.engine, source).verdict is Verdict.RUNTIME_ERROR


def test_e20_no_reader_of_ours_can_unpickle() -> None:
    # Between processes of ours. What a sandbox wrote has been read before, by the other readers. Of the last two, one
    # sends requests and the other reads them; what comes back is JSON.
    root = Path(next(iter(harness.__path__)))
    between_ours = {root / "parallel/processes.py", root / "analysis/helper_process.py", root / "analysis/helper.py"}
    readers = {"pickle", "_pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "torch", "yaml"}
    for room in (engine_room, harness):
        for file in Path(next(iter(room.__path__))).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                imported = {alias.name for alias in node.names} if isinstance(node, ast.Import) else set()
                imported |= {node.module} if isinstance(node, ast.ImportFrom) else set()
                assert not imported & readers or (file in between_ours and imported == {"pickle"}), file
                called = node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""
                assert called != "eval", file
    assert "pickle.load" not in (root / "analysis/helper_process.py").read_text()


@pytest.mark.parametrize(
    "data",
    [b"\xff\xfe\xc0\x80\xed\xa0\x80", b"a\0b\0", b"\x1b[2J\x1b]0;x\x07\x9b", b"a\r\nb\rc", "\ufeff\u202e".encode()],
)
def test_e21_odd_bytes_are_kept(arena: Arena, data: bytes) -> None:
    source = f"import os\nos.write(1, {data!r}); os.write(2, {data!r})"
    outcome = arena.attack(source)
    assert (outcome.status, outcome.stdout, outcome.stderr) == (Status.OK, data, data)
    json.dumps(outcome.to_json()).encode()
    row = judge_printed(arena.engine, source)
    assert row.verdict is Verdict.WRONG_ANSWER
    json.dumps(row.to_json()).encode()


@pytest.mark.parametrize(
    ("source", "status", "stdout"),
    [
        (b"print(1)\0print(2)", Status.COMPILE_ERROR, b""),
        ("print('\ud800')", Status.COMPILE_ERROR, b""),
        (b"# coding: rot13\ncevag(1)", Status.COMPILE_ERROR, b""),
        (b"# coding: \0", Status.COMPILE_ERROR, b""),
        (b"# coding: no-such-thing\nprint(1)", Status.COMPILE_ERROR, b""),
        (b"\xff\xfep\0r\0i\0n\0t\0(\x001\0)\0", Status.COMPILE_ERROR, b""),
        (b"\xef\xbb\xbf# coding: utf-8\nprint(1)", Status.OK, b"1\n"),
        (b"# coding: latin-1\nprint(ascii('\xe9'))", Status.OK, b"'\\xe9'\n"),
        (b"# coding: unicode_escape\n\\x70rint(1)", Status.OK, b"1\n"),
        (b"\x0c\x0cprint(1)\r\nprint(2)\rprint(3)", Status.OK, b"1\n2\n3\n"),
        (b"#" + b"x" * 10_000_000 + b"\nprint(1)", Status.OK, b"1\n"),
    ],
    ids=["nul", "surrogate", "rot13", "nul cookie", "unknown", "utf-16", "bom", "latin-1", "escapes", "ff", "10 MB"],
)
def test_e22_odd_source_text(arena: Arena, source: str | bytes, status: Status, stdout: bytes) -> None:
    outcome = arena.attack(source, limits=Limits(memory=128 * MIB))
    assert (outcome.status, outcome.stdout) == (status, stdout), outcome
    if isinstance(source, str):
        assert judge_printed(arena.engine, source).verdict is Verdict.COMPILE_ERROR


def test_e22_a_source_larger_than_is_taken_is_not_excused(arena: Arena) -> None:
    row = judge(arena.engine, "def f(x): return x * x + 1\n#" + "x" * (33 * MIB))
    assert row.verdict is Verdict.COMPILE_ERROR
    assert "refused" in row.detail


@pytest.mark.parametrize(
    "source",
    [
        "def f(x): 1 / 0",
        "def f(x): return g(x)\ndef g(x): raise ValueError(x)",
        "import json\ndef f(x): json.loads('{')",
        "def f(): pass",
        "def g(x): pass",
        "raise SystemError",
        "def f(x):\n    y = []\n    y.append(y)\n    return y",
        "def f(x):\n    raise SystemExit(1) from ValueError()",
        "def f(:",
    ],
)
def test_e23_tracebacks_show_the_program_alone(arena: Arena, source: str) -> None:
    outcome = attack_function(arena, source, 4242)
    assert outcome.status in {Status.NONZERO_EXIT, Status.COMPILE_ERROR}
    text = outcome.stderr.decode()
    for ours in ("python_program", "sandbox.py", "zygote", "values.py", "be_child", "_guard", f'"{Path.cwd()}/'):
        assert ours not in text, text
    row = judge(arena.engine, source)
    assert row.verdict in {Verdict.RUNTIME_ERROR, Verdict.COMPILE_ERROR}
    assert "66050" not in row.detail  # what the oracles say to the last input


@pytest.mark.parametrize(
    ("method", "status"),
    [
        ("while True: pass", Status.TIME_LIMIT),
        ("raise self", Status.NONZERO_EXIT),
        ("import os; os._exit(0)", Status.OK),
        ("return 'x' * (2 << 20)", Status.OUTPUT_LIMIT),
        ("return 7", Status.NONZERO_EXIT),
        ("return '\\ud800\\x00'", Status.NONZERO_EXIT),
    ],
)
def test_e24_evil_exceptions(arena: Arena, method: str, status: Status) -> None:
    source = f"""
class Evil(BaseException):
    def __str__(self):
        {method}
    __repr__ = __reduce__ = __str__
    __class__ = property(lambda self: SystemExit)
def f(x): raise Evil
"""
    outcome = attack_function(
        arena, source, limits=Limits(cpu_time=allow_seconds(0.3), wall_time=allow_seconds(0.6), output=1 * MIB)
    )
    assert (outcome.status, outcome.returned) == (status, False)
    failing = {Verdict.RUNTIME_ERROR, Verdict.TIME_LIMIT, Verdict.OUTPUT_LIMIT}
    assert judge(arena.engine, source, time_limit_s=0.001).verdict in failing


def test_e25_every_exception_is_swallowed(arena: Arena) -> None:
    source = """
import signal
for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
    signal.signal(number, signal.SIG_IGN)
def f(x):
    while True:
        try:
            while True: pass
        except BaseException: pass
"""
    outcome = attack_function(arena, source, limits=_SECONDS)
    assert (outcome.status, outcome.returned) == (Status.TIME_LIMIT, False)
    assert judge(arena.engine, source).verdict is Verdict.TIME_LIMIT


@pytest.mark.parametrize(
    ("source", "verdict"),
    [
        ("async def f(x):\n    while True: pass", Verdict.WRONG_ANSWER),
        ("def f(x):\n    while True: yield x", Verdict.WRONG_ANSWER),
        ("def f(x): return list(iter(int, 1))", Verdict.MEMORY_LIMIT),
    ],
)
def test_e26_answers_that_never_finish(arena: Arena, source: str, verdict: Verdict) -> None:
    attack_function(arena, source, limits=_SECONDS)
    assert judge(arena.engine, source, time_limit_s=1.0, memory_limit_mib=64).verdict is verdict


def test_e26_threads_that_outlive_the_answer(arena: Arena) -> None:
    source = (
        "import threading, time\ndef f(x):\n    threading.Thread(target=time.sleep, args=(99,)).start()\n    return 10"
    )
    outcome = attack_function(arena, source, limits=_SECONDS)
    assert outcome.status is Status.TIME_LIMIT
    assert judge(arena.engine, source, examples=[{"input": [3]}]).verdict is Verdict.TIME_LIMIT


def test_e27_what_one_case_prints_is_not_the_next_ones(arena: Arena) -> None:
    source = """
import os
known = dict(zip((1, 21, -5), ('2\\n4\\n6', '42\\n80\\n14', '-10\\n0\\n26')))
first = int(input().split()[0])
for number, answer in known.items():
    print('### test', number, 'passed\\n' + answer + '\\n\\0\\x1e--- END ---')
"""
    assert arena.attack(source, stdin=b"1 2 3\n").stdout.count(b"--- END ---") == 3
    assert judge_printed(arena.engine, source).verdict is Verdict.WRONG_ANSWER


def test_e28_each_case_is_tried_once_and_counts(arena: Arena) -> None:
    hangs_on_hidden = "def f(x):\n    while x != 3: pass\n    return 10"
    row = judge(arena.engine, hangs_on_hidden)
    assert (row.verdict, row.passed, row.test_cases) == (Verdict.TIME_LIMIT, 1, 3)

    lucky = "import time\ndef f(x): return x * x + 1 if time.perf_counter_ns() & 8 else 0"
    row = judge(arena.engine, lucky, examples=[{"input": [number]} for number in range(40)])
    assert row.verdict is Verdict.WRONG_ANSWER
    assert 0 < row.passed < 40
    runs = []
    problem = {
        "id": "luck",
        "kind": "function",
        "entry": "f",
        "oracles": ["def f(x): return x"],
        "examples": [{"input": [number]} for number in range(10)],
        "candidates": [{"id": "fails", "source": "import os\ndef f(x): os._exit(137)"}],
    }
    [row] = verify(
        [parse_row(json.dumps(problem), "luck", 1)], arena.engine, sources=Sources.EXAMPLES, on_run=runs.append
    )
    assert row.verdict is Verdict.RUNTIME_ERROR
    assert len(runs) == 20 + VARIED_INPUTS_OF_ONE
