"""Programs for long series: hostile ones with limits so small that they are over soon, and honest ones."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random
from typing import Any

from semi_instruct.engine import Limits, Outcome, Program, Status
from semi_instruct.engine.limits import MIB
from tests.soak import kernel_attacks

_TINY = Limits(
    cpu_time=0.5, wall_time=10.0, memory=48 * MIB, output=32 << 10, file_size=1 * MIB, processes=8, open_files=32
)
_AT_THE_KERNEL = replace(_TINY, memory=64 * MIB, cpu_time=1.0, file_size=64 * MIB)
_HASTY = replace(_TINY, wall_time=0.15)
_GENEROUS = Limits(cpu_time=10, wall_time=30)


@dataclass(frozen=True, slots=True)
class Case:
    """A program, its input, and how it has to end.

    Attributes:
        statuses: the true ones. More than one where two limits are reached at the same time.
        stdout: all that it prints, or None where it is cut off somewhere.
        value: what its function returns.
    """

    name: str
    program: Program
    statuses: frozenset[Status]
    stdout: bytes | None = b""
    stdin: bytes = b""
    args: tuple[Any, ...] = ()
    value: Any = None
    limits: Limits = _TINY

    def wrong(self, outcome: Outcome) -> str:
        """What about the outcome is not as it has to be; empty when all is right."""
        if outcome.status not in self.statuses:
            return f"{self.name}: {outcome}"
        if self.stdout is not None and outcome.stdout != self.stdout:
            return f"{self.name}: printed {outcome.stdout[:200]!r}, stderr {outcome.stderr[-500:]!r}"
        if outcome.peak_memory_bytes > self.limits.memory:
            return f"{self.name}: {outcome.peak_memory_bytes} bytes of memory at a limit of {self.limits.memory}"
        return f"{self.name}: returned {outcome.value!r}" if outcome.value != self.value else ""


def _hostile(name: str, source: str | bytes, *statuses: Status, **others: Any) -> Case:
    return Case(name, Program(source), frozenset(statuses), **others)


HOSTILE = (
    _hostile("fork bomb", "import os\nwhile True: os.fork()", Status.PROCESS_LIMIT, Status.TIME_LIMIT),
    _hostile(
        "fork bomb that goes on",
        "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass",
        Status.TIME_LIMIT,
        limits=replace(_HASTY, memory=128 * MIB),  # of the tiny limit eight interpreters have just about 6 MiB each
    ),
    _hostile(
        "thread bomb",
        "import threading, time\nwhile True: threading.Thread(target=time.sleep, args=(60,), daemon=True).start()",
        Status.PROCESS_LIMIT,
    ),
    _hostile(
        "zombies",
        "import os\nfor _ in range(100):\n    if os.fork() == 0: os._exit(0)",
        Status.PROCESS_LIMIT,
    ),
    _hostile("memory bomb", "kept = bytearray(1 << 30)", Status.MEMORY_LIMIT),
    _hostile(
        "memory of children",
        "import os\nfor _ in range(3):\n    if os.fork() == 0: break\nkept = bytearray(20 << 20)\nos.wait()",
        Status.MEMORY_LIMIT,
    ),
    _hostile("flood of stdout", "while True: print('x' * 4096)", Status.OUTPUT_LIMIT, stdout=None),
    _hostile("flood of stderr", "import os\nwhile True: os.write(2, b'x' * 65536)", Status.OUTPUT_LIMIT),
    _hostile(
        "big file",
        "import errno\ntry: open('big', 'wb').write(bytes(1 << 22))\n"
        "except OSError as e: print(errno.errorcode[e.errno])",
        Status.OK,
        stdout=b"EFBIG\n",
    ),
    _hostile(
        "full disk",
        "import errno\ntry:\n    for n in range(100): open(f'/dev/shm/{n}', 'wb').write(bytes(1 << 20))\n"
        "except OSError as e: print(errno.errorcode[e.errno])",
        Status.OK,
        stdout=b"ENOSPC\n",
        limits=replace(_TINY, memory=128 * MIB),
    ),
    _hostile(
        "no inodes",
        "import errno, os\ntry:\n    for n in range(5000): os.symlink('x', f'/tmp/{n}')\n"
        "except OSError as e: print(errno.errorcode[e.errno])",
        Status.OK,
        stdout=b"ENOSPC\n",
    ),
    _hostile(
        "no descriptors",
        "import errno, os\ntry:\n    while True: os.dup(0)\nexcept OSError as e: print(errno.errorcode[e.errno])",
        Status.OK,
        stdout=b"EMFILE\n",
    ),
    _hostile(
        "kills whatever it can",
        "import os, signal\n"
        "for pid in (-1, 1, *range(3, 100)):\n"
        "    try: os.kill(pid, signal.SIGKILL)\n"
        "    except OSError as e: print(pid, e.strerror) if pid < 3 else None",
        Status.OK,
        stdout=b"-1 No such process\n1 Operation not permitted\n",
    ),
    _hostile("kills itself", "import os; os.kill(os.getpid(), 9)", Status.SIGNALED),
    _hostile("crashes", "import ctypes; ctypes.string_at(0)", Status.SIGNALED),
    _hostile("stops itself", "import os; os.kill(0, 19)", Status.TIME_LIMIT, limits=_HASTY),
    _hostile("traces", "import ctypes; ctypes.CDLL(None).ptrace(0, 0, 0, 0)", Status.FORBIDDEN_SYSCALL),
    _hostile(
        "traces from a child",
        "import ctypes, os, time\nif os.fork() == 0: ctypes.CDLL(None).ptrace(0, 0, 0, 0)\ntime.sleep(60)",
        Status.FORBIDDEN_SYSCALL,
    ),
    _hostile("mounts", "import ctypes; ctypes.CDLL(None).mount(b'', b'/', b'', 0, 0)", Status.FORBIDDEN_SYSCALL),
    _hostile("recursion", "def f(): f()\nf()", Status.NONZERO_EXIT),
    _hostile(
        "recursion without end",
        "import sys\nsys.setrecursionlimit(10**9)\ndef f(): f()\nf()",
        Status.MEMORY_LIMIT,
    ),
    _hostile(
        "daemon",
        "import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0: time.sleep(60)\n    os._exit(0)\n"
        "print('done')",
        Status.OK,
        stdout=b"done\n",
    ),
    _hostile("spins", "while True: pass", Status.TIME_LIMIT, limits=replace(_TINY, cpu_time=0.1)),
    _hostile(
        "ignores signals and spins",
        "import signal\nfor n in set(range(1, 32)) - {9, 19}: signal.signal(n, signal.SIG_IGN)\nwhile True: pass",
        Status.TIME_LIMIT,
        limits=replace(_TINY, cpu_time=0.1),
    ),
    _hostile("sleeps", "import time; time.sleep(60)", Status.TIME_LIMIT, limits=_HASTY),
    _hostile("never ends in C", "10 ** 10 ** 8", Status.TIME_LIMIT, Status.MEMORY_LIMIT, limits=_HASTY),
    _hostile("null byte", b"print(1)\0", Status.COMPILE_ERROR),
    _hostile("parentheses", "(" * 10_000, Status.COMPILE_ERROR),
    _hostile("pretends to be killed", "import sys; sys.exit(137)", Status.NONZERO_EXIT),
    _hostile("closes everything", "import os; os.closerange(0, 64); os._exit(0)", Status.OK),
    _hostile("does not read", "pass", Status.OK, stdin=bytes(1 << 20)),
    Case(
        "returns too deep a value",
        Program("def f():\n    x = []\n    for _ in range(1000): x = [x]\n    return x", entry="f"),
        frozenset({Status.NONZERO_EXIT}),
    ),
)


KERNEL = tuple(
    Case(name, Program(kernel_attacks.source(name)), statuses, limits=_AT_THE_KERNEL)
    for name, (_, statuses) in kernel_attacks.ATTACKS.items()
)
"""Attacks on what the kernel allocates, and on what the whole host shares."""


def honest(random: Random, seconds: float = 0.0) -> Case:
    """A program of which we know what it does; half of the programs sleep for up to ``seconds``."""
    number = random.randrange(10**9)
    nap = f"import time; time.sleep({random.uniform(0, seconds)})\n" if random.random() < 0.5 and seconds else ""
    if random.random() < 0.3:
        program = Program(nap + "def f(a, b): return {'sum': a + b, 'pair': (a, b)}", entry="f")
        value = {"sum": 2 * number, "pair": (number, number)}
        return Case(
            "honest function", program, frozenset({Status.OK}), args=(number, number), value=value, limits=_GENEROUS
        )
    program = Program(nap + "n = int(input())\nprint(n, sum(divmod(n, 1000)), open(__file__).read().count('n'))")
    stdout = b"%d %d %d\n" % (number, sum(divmod(number, 1000)), program.source_bytes.count(b"n"))
    return Case("honest", program, frozenset({Status.OK}), stdout, b"%d\n" % number, limits=_GENEROUS)
