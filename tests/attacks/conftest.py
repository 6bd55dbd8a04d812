"""The arena: a worker, hostile programs, and everything that must be as it was afterwards."""

from __future__ import annotations

import select
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from semi_instruct.engine import Engine, Limits, Outcome, Program, Status
from semi_instruct.engine.limits import MIB
from tests.attacks.host import Host, resident_bytes
from tests.timing import allow_seconds

LIMITS = Limits(
    cpu_time=allow_seconds(1.0),
    wall_time=allow_seconds(1.5),
    memory=64 * MIB,
    output=1 * MIB,
    file_size=8 * MIB,
    processes=16,
)
_ANSWER_SECONDS = 1.0  # how much later than the wall limit the caller has its answer
_SENT_IN_A_SECOND = 64 * MIB  # of what the caller sends along, which it copies itself, before the run
_SANDBOX_SECONDS = 20.0
_SUPERVISOR_GROWTH = 16 * MIB
_CLEAN = Program(
    "import os, sys\n"
    "print(sorted(os.listdir('/box/work')), os.listdir('/tmp'), os.listdir('/dev/shm'), os.getpid())\n"
    "print(sum(map(int, sys.stdin.read().split())), file=sys.stderr)\n"
)
_CLEAN_STDOUT = b"['main.py'] [] [] 2\n"


class Arena:
    """One engine with one worker.

    ``attack`` runs a hostile program through the public API and checks what every line of the list means by "safe":
    the answer came in time, the status is not ours to excuse, the host is unchanged, and the same worker's next run is
    clean and correct. What is particular to a line, its true status, is for the test to check on the outcome.
    """

    def __init__(self) -> None:
        self.engine = Engine(workers=1)
        self._run_clean()

    def attack(
        self,
        source: str | bytes,
        *,
        stdin: bytes = b"",
        limits: Limits = LIMITS,
        entry: str | None = None,
        args: Sequence[Any] = (),
        same_worker: bool = True,
    ) -> Outcome:
        """Run ``source`` and check that it was survived.

        Args:
            same_worker: the worker must outlive the attack. False only for what is known to cost the engine a worker.
        """
        worker = next(iter(self.engine._pool.alive))
        self.await_sandbox()
        before, memory = Host.look(), resident_bytes()
        started = time.monotonic()
        outcome = self.engine.run(Program(source, entry=entry), stdin=stdin, args=args, limits=limits)
        took = time.monotonic() - started
        sending = (len(stdin) + sum(len(each) for each in args if isinstance(each, str))) / _SENT_IN_A_SECOND
        limit = limits.wall_seconds + outcome.wall_extension_s
        assert took < limit + allow_seconds(_ANSWER_SECONDS + sending), f"the caller waited {took:.2f} s"
        assert outcome.status is not Status.SANDBOX_ERROR, outcome
        self._run_clean()
        changes = before.lasting_changes()
        assert not changes, changes
        assert resident_bytes() - memory < _SUPERVISOR_GROWTH + 3 * limits.output, "the supervisor has grown"
        if same_worker:
            assert next(iter(self.engine._pool.alive)) is worker, "the attack cost the engine a worker"
        return outcome

    def await_sandbox(self) -> None:
        """Wait until the sandbox of the next run is there, as it is in idleness."""
        [worker] = self.engine._pool.alive
        ready, _, _ = select.select([worker._control], [], [], allow_seconds(_SANDBOX_SECONDS))
        assert ready, "no sandbox for the next run"

    def _run_clean(self) -> None:
        clean = self.engine.run(_CLEAN, stdin=b"20 22")
        assert (clean.status, clean.stdout, clean.stderr) == (Status.OK, _CLEAN_STDOUT, b"42\n"), clean


@pytest.fixture(scope="module")
def arena() -> Iterator[Arena]:
    """An arena for the hostile programs of one file."""
    made = Arena()
    yield made
    made.engine.close()
