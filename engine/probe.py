"""Proves that the walls are effective: probes run in a sandbox, and their reports are compared with expected values.

An engine examines its first worker before it runs programs (it fails closed). ``semi-instruct doctor`` prints the same
layers.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from semi_instruct.engine import cgroup, jail, policy
from semi_instruct.engine import runtime as runtimes
from semi_instruct.engine import worker as workers
from semi_instruct.engine.errors import EngineError, SandboxUnavailable
from semi_instruct.engine.limits import MIB, Limits
from semi_instruct.engine.outcome import Outcome, Status
from semi_instruct.engine.program import Program

_FACTS = """
import json, os, socket
NAMESPACES = ("user", "mnt", "pid", "net", "ipc", "uts", "cgroup")
status = dict(line.split(":\\t", 1) for line in open("/proc/self/status").read().splitlines() if ":\\t" in line)

def refused(action):
    try:
        action()
    except OSError as error:
        return error.strerror
    return None

print(json.dumps({
    "namespaces": {name: os.readlink(f"/proc/self/ns/{name}") for name in NAMESPACES},
    "ids": [os.getuid(), os.geteuid(), os.getgid(), os.getegid(), *os.getgroups()],
    "pid": os.getpid(),
    "capabilities": [status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")],
    "no_new_privs": status["NoNewPrivs"],
    "seccomp": status["Seccomp"],
    "filters": status.get("Seccomp_filters", "3"),  # told since Linux 5.10
    "descriptors": [number for number in range(256) if refused(lambda: os.fstat(number)) is None],
    "write_root": refused(lambda: open("/opt/mark", "w")),
    "write_library": refused(lambda: open(json.__file__, "a")),
    "read_etc": refused(lambda: open("/etc/passwd")),
    "root": sorted(os.listdir("/")),
    "connect": refused(lambda: socket.create_connection(("127.0.0.1", 9), 1)),
}))
"""
_ALLOCATE = "for size in range(1, 65): kept = bytearray(size << 20)"
_FORK = "import os, time\nfor _ in range(8):\n    if os.fork() == 0:\n        time.sleep(5)"
_SPIN = "while True: pass"
_TRACE = "import ctypes; ctypes.CDLL(None).ptrace(0, 0, 0, 0)"
_FILTERS = len(policy.NAMES)
# A busy machine may take long to give a program even a little CPU time. That does not mean that a wall is missing.
_PATIENCE_S = 20.0
_KNOWN_ROOT = {"box", "dev", "lib", "lib64", "mnt", "opt", "proc", "tmp", "usr", "var"}


@dataclass(frozen=True, slots=True)
class Layer:
    """One wall: whether it is effective, the evidence or the reason, and the remedy."""

    name: str
    stands: bool
    detail: str
    remedy: str = ""


def examine(runtime: str | os.PathLike[str] | None = None) -> list[Layer]:
    """Every layer of the sandbox on this machine, from the outside in. Stops if further layers cannot be tried."""
    layers = []
    hierarchy = None
    found: runtimes.Runtime | None = None
    try:
        path = jail.binary()
        layers.append(Layer("nsjail", True, str(path)))
        found = runtimes.find(runtime)
        packages = "standard library" if found.packages is None else f"standard library and {found.packages}"
        layers.append(Layer("runtime", True, f"Python {found.version[0]}.{found.version[1]}: {packages}"))
    except EngineError as error:
        layers.append(_missing("nsjail" if not layers else "runtime", error))
    try:
        hierarchy = cgroup.find()
        parents = ", ".join(sorted({str(parent) for parent in hierarchy.parents.values()}))
        pressure = (
            "it tells how long a run got no core"
            if hierarchy.has_pressure
            else "no cpu.pressure: wall limits are never extended"
        )
        layers.append(Layer("cgroup", True, f"version {hierarchy.version}, in {parents}; {pressure}"))
    except EngineError as error:
        layers.append(_missing("cgroup", error))
    if found is None:
        return layers
    try:
        worker = workers.Worker(workers.plan(found, hierarchy))
    except EngineError as error:
        return [*layers, _missing("jail", error)]
    try:
        return [*layers, *probe(worker, limited=hierarchy is not None)]
    finally:
        worker.close()


def _missing(name: str, error: EngineError) -> Layer:
    if isinstance(error, SandboxUnavailable):
        return Layer(error.layer, False, error.reason, error.remedy)
    return Layer(name, False, str(error), "")


def prove(worker: workers.Worker, limited: bool) -> None:
    """Check that every expected wall is effective.

    Raises:
        SandboxUnavailable: the first wall that is not.
    """
    for layer in probe(worker, limited):
        if not layer.stands:
            raise SandboxUnavailable(layer.name, layer.detail, layer.remedy)


def probe(worker: workers.Worker, limited: bool) -> Iterator[Layer]:
    """Try each wall of a worker from inside.

    Args:
        worker: a fresh worker.
        limited: whether control groups are expected to limit the worker.
    """
    outcome = _run(worker, _FACTS, Limits())
    if outcome.status is not Status.OK:
        yield Layer("probe", False, _describe(outcome), "report this: the probe itself failed")
        return
    facts = json.loads(outcome.stdout)
    for name, link in jail.NAMESPACES.items():
        inside, outside = facts["namespaces"].get(link), os.readlink(f"/proc/self/ns/{link}")
        yield _layer(name, inside not in (None, outside), f"inside {inside}, outside {outside}")
    for name, holds in _EXPECTED.items():
        yield _layer(name, holds(facts), json.dumps({key: facts[key] for key in _SHOWN[name]}))
    yield _tried(worker, "forbidden calls", _TRACE, Limits(), Status.FORBIDDEN_SYSCALL)
    if limited:
        yield _tried(worker, "memory", _ALLOCATE, Limits(memory=32 * MIB), Status.MEMORY_LIMIT)
        yield _tried(worker, "pids", _FORK, Limits(processes=4), Status.PROCESS_LIMIT)
        yield _tried(worker, "cpu", _SPIN, Limits(cpu_time=0.02, wall_time=_PATIENCE_S), Status.TIME_LIMIT, "cpu time")


_EXPECTED: dict[str, Callable[[dict[str, Any]], bool]] = {
    "uid": lambda facts: 0 not in facts["ids"] and facts["pid"] != 1,
    "capabilities": lambda facts: all(int(each, 16) == 0 for each in facts["capabilities"]),
    "no_new_privs": lambda facts: facts["no_new_privs"] == "1",
    "seccomp": lambda facts: facts["seccomp"] == "2" and int(facts["filters"]) >= _FILTERS,
    "descriptors": lambda facts: facts["descriptors"] == [0, 1, 2],
    "read-only root": lambda facts: (
        None not in (facts["write_root"], facts["write_library"], facts["read_etc"])
        and set(facts["root"]) <= _KNOWN_ROOT
    ),
    "no network": lambda facts: facts["connect"] == os.strerror(errno.ENETUNREACH),
}
_SHOWN = {
    "uid": ("ids", "pid"),
    "capabilities": ("capabilities",),
    "no_new_privs": ("no_new_privs",),
    "seccomp": ("seccomp", "filters"),
    "descriptors": ("descriptors",),
    "read-only root": ("root", "write_root", "write_library", "read_etc"),
    "no network": ("connect",),
}


def _layer(name: str, stands: bool, detail: str) -> Layer:
    return Layer(name, stands, detail, "" if stands else "the kernel did not raise this wall: see docs/threat-model.md")


def _run(worker: workers.Worker, source: str, limits: Limits) -> Outcome:
    try:
        try:
            return worker.run(Program(source), b"", b"", limits)
        except workers.Suspected:  # of another's doing: a probe is repeated like any run
            return worker.run(Program(source), b"", b"", limits, alone=True)
    except workers.WorkerDied as error:
        raise SandboxUnavailable("jail", str(error), "see `semi-instruct doctor`") from error


def _tried(worker: workers.Worker, name: str, source: str, limits: Limits, expected: Status, detail: str = "") -> Layer:
    outcome = _run(worker, source, limits)
    as_expected = outcome.status is expected and outcome.detail.startswith(detail)
    return _layer(name, as_expected, f"ends as {outcome.status} ({outcome.detail})")


def _describe(outcome: Outcome) -> str:
    return f"{outcome.status}: {outcome.detail} {outcome.stderr.decode(errors='replace')[-500:]}".strip()
