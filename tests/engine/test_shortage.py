"""The machine is short of something for a while: runs wait, are done, and say what they wait for."""

from __future__ import annotations

import errno
import logging
import os
import threading
import time
from collections.abc import Iterator
from functools import partial

import psutil
import pytest

from semi_instruct.engine import Cancellation, Engine, Program, SandboxUnavailable, Status, jail
from tests.timing import allow_seconds

ECHO = Program("print(input())")
SLEEP = Program("import time; time.sleep(float(input()))")
_LOG = "semi_instruct.engine"


class _Machine:
    """A machine on which no jail can be started while it has a fault."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.fault: Exception | None = None
        self.refused = 0
        self.recovers_after = 1 << 30
        original = jail.start

        def start(*arguments: object) -> object:
            if self.fault is not None and self.refused < self.recovers_after:
                self.refused += 1
                raise self.fault
            return original(*arguments)  # type: ignore[arg-type]  # handed on as they came

        patch.setattr(jail, "start", start)

    def recover_in(self, seconds: float) -> None:
        """Have no fault any more, after a while."""

        def recover() -> None:
            self.fault = None

        threading.Timer(seconds, recover).start()


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[_Machine]:
    """The machine, without a fault so far."""
    made = _Machine(monkeypatch)
    yield made
    made.fault = None


def _lose_the_workers(engine: Engine) -> None:
    for each in list(engine._pool.alive):
        assert each._zygote is not None
        psutil.Process(each._slot.zygote).kill()


SHORTAGES = [errno.EAGAIN, errno.ENOMEM, errno.ENOSPC, errno.EMFILE, errno.ENFILE]


@pytest.mark.parametrize("number", SHORTAGES, ids=errno.errorcode.get)
def test_a_run_waits_and_is_done(machine: _Machine, number: int, caplog: pytest.LogCaptureFixture) -> None:
    with Engine(workers=1) as engine, caplog.at_level(logging.WARNING, _LOG):
        _lose_the_workers(engine)
        machine.fault = OSError(number, os.strerror(number))
        future = engine.submit(ECHO, stdin=b"at last")
        time.sleep(allow_seconds(0.5))
        assert engine.trouble is not None
        assert os.strerror(number) in engine.trouble
        assert not future.done()
        machine.recover_in(0.1)
        outcome = future.result(timeout=allow_seconds(20))
        assert (outcome.status, outcome.stdout) == (Status.OK, b"at last\n")
        assert engine.trouble is None
    said = [record.getMessage() for record in caplog.records if record.name == _LOG]
    assert len(said) == 2, said
    assert os.strerror(number) in said[0]
    assert said[1].startswith("continuing")


def test_it_is_tried_less_and_less_often(machine: _Machine) -> None:
    with Engine(workers=1) as engine:
        _lose_the_workers(engine)
        machine.fault = BlockingIOError(errno.EAGAIN, "no process")
        future = engine.submit(ECHO, stdin=b"x")
        time.sleep(allow_seconds(2))
        machine.fault = None
        assert future.result(timeout=allow_seconds(20)).status is Status.OK
    assert machine.refused < 30


def test_an_engine_waits_for_its_first_worker(machine: _Machine) -> None:
    machine.fault = OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))
    machine.recovers_after = 8
    with Engine(workers=1) as engine:
        assert machine.refused == 8
        assert engine.run(ECHO, stdin=b"x").stdout == b"x\n"


def test_a_wall_that_is_missing_is_an_error_at_once(machine: _Machine) -> None:
    machine.fault = OSError(errno.EPERM, os.strerror(errno.EPERM))
    started = time.monotonic()
    with pytest.raises(SandboxUnavailable, match=os.strerror(errno.EPERM)):
        Engine(workers=1)
    assert time.monotonic() - started < allow_seconds(10)
    assert machine.refused <= 3


def test_what_stood_before_may_come_back(machine: _Machine) -> None:
    """The walls of an engine that serves stood at its start: a later refusal of any kind is waited for."""
    with Engine(workers=1) as engine:
        _lose_the_workers(engine)
        machine.fault = OSError(errno.EPERM, os.strerror(errno.EPERM))
        machine.recover_in(allow_seconds(0.5))
        assert engine.run(ECHO, stdin=b"x").status is Status.OK


def test_patience_ends(machine: _Machine, caplog: pytest.LogCaptureFixture) -> None:
    with Engine(workers=1, patience=0.3) as engine, caplog.at_level(logging.ERROR, _LOG):
        _lose_the_workers(engine)
        machine.fault = OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))
        outcome = engine.run(ECHO, stdin=b"x")
        assert outcome.status is Status.SANDBOX_ERROR
        assert os.strerror(errno.ENOMEM) in outcome.detail
        machine.fault = None
        assert engine.run(ECHO, stdin=b"x").status is Status.OK
    [record] = caplog.records
    assert outcome.detail in record.getMessage()


def test_a_run_that_waits_can_be_cancelled(machine: _Machine) -> None:
    with Engine(workers=1) as engine, Cancellation() as cancellation:
        _lose_the_workers(engine)
        machine.fault = OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))
        threading.Timer(0.3, cancellation.cancel).start()
        started = time.monotonic()
        outcome = engine.run(ECHO, cancellation=cancellation)
        assert outcome.status is Status.CANCELLED
        assert time.monotonic() - started < allow_seconds(5)
        assert engine.trouble is None, "no run waits any more, and none would ever end the trouble"
        machine.fault = None


def test_a_run_on_a_worker_that_is_left_ends_no_other_s_wait_but_a_lost_wait_ends(machine: _Machine) -> None:
    """The caller that waits for a new worker goes away while another worker serves: all is well again."""
    with Engine(workers=2) as engine, Cancellation() as cancellation:
        held = engine.submit(SLEEP, stdin=b"%f" % allow_seconds(2))
        time.sleep(0.3)
        [idle] = engine._pool.idle
        psutil.Process(idle._slot.zygote).kill()
        machine.fault = OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        waiting = threading.Thread(target=partial(engine.run, ECHO, cancellation=cancellation))
        waiting.start()
        time.sleep(0.5)
        assert engine.trouble is not None
        cancellation.cancel()
        waiting.join()
        assert engine.trouble is None
        assert held.result(timeout=allow_seconds(20)).status is Status.OK
        machine.fault = None


def test_an_engine_is_closed_although_a_run_waits(machine: _Machine) -> None:
    engine = Engine(workers=1)
    _lose_the_workers(engine)
    machine.fault = OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))
    waiting = threading.Thread(target=engine.run, args=(ECHO,))
    waiting.start()
    time.sleep(0.3)
    engine.close()
    waiting.join(timeout=allow_seconds(10))
    assert not waiting.is_alive()


def test_a_sandbox_that_cannot_be_made_in_a_warm_worker_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The zygote lives and its children fail, as when there is no BPF memory for the filter of a run."""
    from semi_instruct.engine import run

    refusals = iter(range(6))
    original = run.Run._await_child

    def refuse(self: run.Run) -> object:
        for _ in refusals:
            raise run.NeverRan("no sandbox came: seccomp: Unknown error 524")
        return original(self)

    with Engine(workers=2) as engine:
        monkeypatch.setattr(run.Run, "_await_child", refuse)
        outcome = engine.run(ECHO, stdin=b"x")
    assert (outcome.status, outcome.stdout) == (Status.OK, b"x\n")
