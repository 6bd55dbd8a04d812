"""The walls stand, and the probes that say so bite: each is shown to fail when the one wall it is for is taken away."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from semi_instruct.engine import Engine, Limits, Program, SandboxUnavailable, Status, cgroup, probe, runtime, worker
from semi_instruct.engine.limits import MIB
from tests.missing_walls import (
    KEEP_CAPABILITIES,
    KEEP_DESCRIPTORS,
    KEEP_IPC_NAMESPACE,
    KEEP_UID,
    NO_INNER_FILTER,
    NO_LAST_FILTER,
    NO_OUTER_FILTER,
    Edit,
    allowing,
    config,
    inside,
    together,
    with_etc,
    without_cpu_account,
    without_group_limits,
)
from tests.timing import allow_seconds


def test_every_wall_stands() -> None:
    missing = [layer for layer in probe.examine() if not layer.stands]
    assert missing == []


@pytest.mark.parametrize(
    ("layer", "edit"),
    [
        ("net", config(clone_newnet=False)),
        ("uts", config(clone_newuts=False)),
        ("ipc", together(config(clone_newipc=False), inside(KEEP_IPC_NAMESPACE))),
        ("uid", inside(KEEP_UID)),
        ("capabilities", inside(KEEP_UID, KEEP_CAPABILITIES)),
        ("descriptors", inside(*KEEP_DESCRIPTORS)),
        ("seccomp", inside(NO_OUTER_FILTER)),
        ("seccomp", inside(NO_INNER_FILTER)),
        ("seccomp", inside(NO_LAST_FILTER)),
        ("read-only root", with_etc),
        ("forbidden calls", allowing("ptrace", of="program")),
        ("memory", without_group_limits),
        ("pids", without_group_limits),
        ("cpu", without_cpu_account),
    ],
)
def test_a_missing_wall_is_noticed(layer: str, edit: Edit, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    edit(monkeypatch, tmp_path)
    broken = worker.Worker(worker.plan(runtime.find(), cgroup.find()))
    try:
        stands = {each.name: each.stands for each in probe.probe(broken, limited=True)}
    finally:
        broken.close()
    assert stands[layer] is False
    with pytest.raises(SandboxUnavailable):
        Engine(workers=1)


@pytest.fixture
def one_core() -> Iterator[None]:
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    yield
    os.sched_setaffinity(0, cores)


@pytest.mark.usefixtures("one_core")
def test_on_one_core_a_killed_run_never_disturbs_the_next() -> None:
    with Engine(workers=1) as engine:
        for _ in range(100):
            assert engine.run(Program("while True: pass"), limits=Limits(cpu_time=0.01)).status is Status.TIME_LIMIT
            assert engine.run(Program("print(1)")).stdout == b"1\n"


def test_orphans_are_reaped_though_init_runs_no_code(engine: Engine) -> None:
    source = """
import os
for _ in range(300):
    if os.fork() == 0:
        if os.fork() == 0: os._exit(0)
        os._exit(0)
    os.wait()
print("done")
"""
    outcome = engine.run(Program(source), limits=Limits(cpu_time=allow_seconds(10), processes=10))
    assert (outcome.status, outcome.stdout) == (Status.OK, b"done\n")


_HOSTILE = {
    "fork bomb that swallows errors": """
import os
while True:
    try: os.fork()
    except OSError: pass
""",
    "thread bomb": """
import threading
def spin():
    while True: pass
while True:
    try: threading.Thread(target=spin).start()
    except RuntimeError: pass
""",
    "memory in many children": """
import os, time
for _ in range(8):
    if os.fork() == 0:
        kept = bytearray(20 << 20)
        time.sleep(9)
os.wait()
""",
    "ignores every signal": """
import signal
for number in range(1, 65):
    try: signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError): pass
while True: pass
""",
    "kills everybody": "import os\nos.kill(-1, 9)",
    "kills init": "import os\nos.kill(1, 9)",
    "raises its limits": "import resource\nresource.setrlimit(resource.RLIMIT_CPU, (-1, -1))",
    "becomes root": "import os\nos.setuid(0)",
    "hides from the out-of-memory killer": "open('/proc/self/oom_score_adj', 'w').write('-1000')",
    "reads init's environment": "open('/proc/1/environ').read()",
    "writes outside its box": "import os; os.mkdir('/opt/x')",
    "talks to the hypervisor": "import socket; socket.socket(40, socket.SOCK_STREAM)",
    "opens all descriptors": "import os\nwhile True: os.open('/dev/null', 0)",
    "floods inodes": "import os\nfor n in range(10**6): os.close(os.open(f'/tmp/{n}', os.O_CREAT | os.O_WRONLY))",
    "sparse file": "open('/tmp/x', 'wb').truncate(1 << 50)",
    "is adopted by the zygote": """
import ctypes, os
sibling = ctypes.CDLL(None).syscall(56, 0x8000 | 17, 0, 0, 0, 0)
os._exit(1 if sibling == -1 else 0)
""",
    "watches files at the host's expense": "import ctypes, os; os._exit(ctypes.CDLL(None).inotify_init() == -1)",
    "keeps memory beyond its end": "import ctypes, os; os._exit(ctypes.CDLL(None).shmget(0, 1 << 20, 0o1600) == -1)",
    "forges a report": "import os\nos.write(3, b'report')",
}


@pytest.mark.parametrize("source", _HOSTILE.values(), ids=_HOSTILE)
def test_hostile_programs_fail_and_the_next_run_is_clean(source: str) -> None:
    with Engine(workers=1) as engine:
        limits = Limits(cpu_time=allow_seconds(0.5), wall_time=allow_seconds(1), memory=64 * MIB, processes=16)
        outcome = engine.run(Program(source), limits=limits)
        assert outcome.status not in {Status.OK, Status.SANDBOX_ERROR}, outcome
        assert outcome.wall_time_s < allow_seconds(2)
        after = engine.run(Program("import os; print(os.listdir('/tmp'), input())"), stdin=b"clean")
        assert (after.status, after.stdout) == (Status.OK, b"[] clean\n")
