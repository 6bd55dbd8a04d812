"""F: ways out of Python. The language is no boundary: every way out of it ends at the same walls."""

from __future__ import annotations

import signal

import pytest

from semi_instruct.engine import Status
from tests.attacks.conftest import Arena
from tests.attacks.hostile import TOOLS, ask

DOES_NOT_APPLY = {
    "f07": "Programs run on CPython in a sandbox of the kernel's; there is no Pyodide and no JavaScript host."
}

_UNSHARE = "import ctypes; ctypes.CDLL(None).unshare(0x10000000)"


def test_f01_finds_os_from_an_empty_tuple(arena: Arena) -> None:
    source = f"""
[wrapper] = [each for each in ().__class__.__base__.__subclasses__() if each.__name__ == "_wrap_close"]
os = wrapper.__init__.__globals__
print(os["system"]("id > /tmp/id"), os["listdir"]("/tmp"), os["environ"].get("USER"))
python = os["sys"].executable
print("found", flush=True)
os["execv"](python, [python, "-c", {_UNSHARE!r}])
"""
    outcome = arena.attack(source)
    assert (outcome.status, outcome.detail) == (Status.FORBIDDEN_SYSCALL, "unshare")
    assert outcome.stdout == b"32512 [] None\nfound\n"  # 127: there is no shell


def test_f02_ctypes_and_machine_code(arena: Arena) -> None:
    for crash in ("ctypes.string_at(0)", "ctypes.memset(id(None), 255, 64); print(None)"):
        outcome = arena.attack(f"{TOOLS}\n{crash}")
        assert (outcome.status, outcome.signal) == (Status.SIGNALED, signal.SIGSEGV)
    # mov eax, 165 (mount); syscall; ret
    mounts = bytes.fromhex("b8a5000000 0f05 c3")
    outcome = arena.attack(f"{TOOLS}\nprint('answered:', run_machine_code({mounts!r}))")
    assert (outcome.status, outcome.detail, outcome.stdout) == (Status.FORBIDDEN_SYSCALL, "mount", b"")


def test_f03_undoes_what_a_guard_in_python_would_do(arena: Arena) -> None:
    source = f"""
import builtins, importlib, os, sys
os.system = os.fork = os.execv = None
del __builtins__
importlib.reload(os)
import posix, _posixsubprocess
read, write = posix.pipe()
argument = [os.fsencode(each) for each in (sys.executable, "-c", {_UNSHARE!r})]
print(os.system is posix.system, flush=True)
child = _posixsubprocess.fork_exec(
    argument, [argument[0]], True, (write,), None, None, -1, -1, -1, -1, -1, -1, read, write, True, False, -1, None,
    None, None, -1, None, True,
)
posix.waitpid(child, 0)
"""
    outcome = arena.attack(source)
    assert (outcome.status, outcome.detail) == (Status.FORBIDDEN_SYSCALL, "unshare"), outcome.stderr.decode()
    assert outcome.stdout == b"True\n"


@pytest.mark.parametrize(
    "crash",
    [
        "f = lambda: 0; f.__code__ = f.__code__.replace(co_code=bytes([100, 255] * 50)); f()",
        "import ctypes; print(ctypes.cast(0x41414141, ctypes.py_object).value)",
        "import ctypes, sys; fake = b'\\x01' * 64; print(ctypes.cast(id(fake) + 32, ctypes.py_object).value)",
        "import ctypes; ctypes.pythonapi.PyObject_Repr(ctypes.c_void_p(8))",
    ],
    ids=["bytecode", "wild pointer", "fake object", "C API"],
)
def test_f04_corrupts_the_interpreter(arena: Arena, crash: str) -> None:
    outcome = arena.attack(f"print('here', flush=True)\n{crash}\nprint('survived')")
    assert outcome.stdout == b"here\n"
    assert (outcome.status, outcome.signal) == (Status.SIGNALED, signal.SIGSEGV)


def test_f04_recurses_beyond_the_stack(arena: Arena) -> None:
    source = """
import sys
sys.setrecursionlimit(10**9)
class Deep:
    def __repr__(self): return repr(self)
repr(Deep())
"""
    outcome = arena.attack(source)
    assert outcome.status in {Status.SIGNALED, Status.MEMORY_LIMIT, Status.NONZERO_EXIT}
    if outcome.status is Status.SIGNALED:
        assert outcome.signal == signal.SIGSEGV
    if outcome.status is Status.NONZERO_EXIT:
        assert b"RecursionError" in outcome.stderr


@pytest.mark.parametrize(
    "source",
    [
        "import pickle; pickle.loads(b'cctypes\\nCDLL\\n(NtR.')",
        "import marshal; exec(marshal.loads(marshal.dumps(compile('import ctypes', '', 'exec'))))",
        "class Reduced:\n    def __reduce__(self): return (__import__, ('ctypes',))\n"
        "import pickle; pickle.loads(pickle.dumps(Reduced()))",
        "@eval\n@lambda _: '__import__(\"ctypes\")'\nclass Decorated: pass",
        "__\uff49mport__('ctypes')",
        "'{0.__class__.__init__.__globals__}'.format(__import__('os').environ)",
    ],
    ids=["pickle", "marshal", "reduce", "decorator", "identifier", "format"],
)
def test_f05_gets_at_everything_and_nowhere(arena: Arena, source: str) -> None:
    outcome = arena.attack(f"{source}\nprint('there', flush=True)\n{_UNSHARE}\nprint('out')")
    assert (outcome.status, outcome.detail) == (Status.FORBIDDEN_SYSCALL, "unshare"), outcome.stderr.decode()
    assert outcome.stdout == b"there\n"


def test_f05_walks_the_frames_beneath_it(arena: Arena) -> None:
    """It finds the frames of what forked it, and the socket's object; the descriptor behind it is closed."""
    walk = """
import socket, sys
frames, reached = [], []
try:
    raise KeyError
except KeyError as error:
    frame = error.__traceback__.tb_frame
while frame is not None:
    frames.append(frame)
    frame = frame.f_back
for each in frames:
    reached += [value for value in each.f_locals.values() if isinstance(value, socket.socket)]
"""
    answers = ask(
        arena,
        "[each.f_code.co_name for each in frames][-2:]",
        "{attempt(each.send, b'report  ' + bytes(152)) for each in reached}",
        "{attempt(os.write, number, b'report  ') for number in range(3, 64)}",
        setup=walk,
    )
    assert answers[0] == ["main", "<module>"]
    assert answers[1:] == [{"EBADF"}, {"EBADF"}]


def test_f06_audit_hooks(arena: Arena) -> None:
    """The engine hears nothing by them: a program that floods or breaks them floods or breaks itself."""
    flood = "import os, sys\nsys.addaudithook(lambda *event: os.write(2, b'x' * 4096))\nwhile True: open('main.py')"
    assert arena.attack(flood).status is Status.OUTPUT_LIMIT
    refuse = (
        "import sys\ndef hook(*event): raise RuntimeError\nprint('on', flush=True)\nsys.addaudithook(hook)\nopen('x')"
    )
    outcome = arena.attack(refuse)
    assert (outcome.status, outcome.stdout) == (Status.NONZERO_EXIT, b"on\n")
    assert b"RuntimeError" in outcome.stderr
