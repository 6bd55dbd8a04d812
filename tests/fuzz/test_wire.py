"""The control socket, with anybody at its other end: a worker is refused or given up, in time, and nothing leaks."""

from __future__ import annotations

import json
import os
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from semi_instruct.engine import (
    Engine,
    Limits,
    Outcome,
    Program,
    SandboxUnavailable,
    Status,
    cgroup,
    jail,
    run,
    runtime,
    worker,
)
from tests.engine_processes import groups
from tests.fuzz import fake_jail
from tests.fuzz.example_counts import examples
from tests.timing import allow_seconds

_REPORT = struct.Struct("=8si4x5q104x96s")
_INIT = b"1000 (python3) S 1 1 1 0 -1 %d "  # the beginning of /proc/pid/stat, up to the flags
_LIMITS = Limits(wall_time=0.1)
_PROGRAM = Program("def f(): pass", entry="f")
_LONGEST = 5.0  # seconds: every patience of the worker below, one after the other, and as much again

Step = list[Any]


def _report(status: int = 0, init: bytes = _INIT % 0, *usage: int) -> bytes:
    return _REPORT.pack(b"report  ", status, *usage or (0,) * 5, init)


def _send(message: bytes, *kinds: str) -> Step:
    return ["send", message.hex(), list(kinds)]


_RUN = [_send(b"ready", "itself", "silent", "has job"), ["receive"], _send(_report())]
_HONEST = [_send(b"hello"), ["receive"], _send(b"born"), *_RUN, *_RUN, *_RUN]

_words = st.sampled_from([b"", b"hello", b"born", b"ready", b"report", b"report  ", _report()])
_numbers = st.just(0) | st.integers(-(2**63), 2**63 - 1)
_inits = st.sampled_from([_INIT % 0, _INIT % 4]) | st.binary(max_size=96)
_reports = st.builds(_report, st.integers(-(2**31), 2**31 - 1), _inits, *[_numbers] * 5)
_messages = st.one_of(
    _words,
    _reports,
    st.binary(max_size=200),
    st.builds(bytes.__add__, _words, st.binary(max_size=200)),
    st.builds(lambda word, end: word[:end], _words, st.integers(0, 160)),
    st.just(b"hello" * 20_000),
)
_kinds = st.lists(st.sampled_from(fake_jail.KINDS), max_size=10)
_steps = st.one_of(
    st.builds(lambda message, kinds: _send(message, *kinds), _messages, _kinds),
    st.builds(
        lambda kinds: _send(b"ready", *kinds), st.lists(st.sampled_from(fake_jail.KINDS), min_size=3, max_size=4)
    ),
    st.builds(_send, _reports),
    st.sampled_from([["receive"], ["stop"], ["leave"]]),
)


@st.composite
def _scripts(draw: st.DrawFn) -> list[Step]:
    """What an honest jail says, with some steps left out, said twice, put in or put in the place of others."""
    script = list(_HONEST)
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(script)))
        replaced = draw(st.integers(0, 2))
        script[place : place + replaced] = draw(st.lists(_steps, max_size=2))
    return script


class _Jails:
    """Starts peers in place of jails: all of them with the same script."""

    def __init__(self) -> None:
        self.script: Sequence[Step] = _HONEST
        self.plan = worker.plan(runtime.find(None), None)  # without control groups: nothing here runs a program

    def start(self, _: Path, __: object, control: socket.socket, log: int, ___: object) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-I", "-S", fake_jail.__file__, json.dumps(self.script)]
        return subprocess.Popen(command, stdin=control.fileno(), stdout=log, stderr=log)


@pytest.fixture(scope="class")
def jails() -> Iterator[_Jails]:
    """Peers instead of jails, and a worker with less patience."""
    made = _Jails()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jail, "start", made.start)
        patch.setattr(worker, "_START_SECONDS", 0.3)
        for each in (run, worker):
            patch.setattr(each, "READY_SECONDS", 0.15)
        patch.setattr(run, "_GRACE_SECONDS", 0.05)
        patch.setattr(worker, "_END_SECONDS", 0.15)
        yield made


def _talk(plan: worker.Plan) -> Outcome | Exception:
    """Start a worker, run a program on it, close it."""
    try:
        made = worker.Worker(plan)
    except SandboxUnavailable as error:
        return error
    try:
        return made.run(_PROGRAM, b"", b"[]", _LIMITS)
    except worker.WorkerDied as error:
        return error
    finally:
        made.close()


class TestWithPeersInsteadOfJails:
    def test_a_peer_that_speaks_like_a_jail_is_taken_for_one(self, jails: _Jails) -> None:
        jails.script = _HONEST
        outcome = _talk(jails.plan)
        assert isinstance(outcome, Outcome)
        assert (outcome.status, outcome.exit_code) == (Status.OK, 0)

    @examples(60)
    @given(script=_scripts())
    @example(script=[_send(b"hello"), ["receive"], _send(b"born", "null", "null"), *_RUN * 3])
    @example(script=[*_HONEST[:-1], _send(_report(status=100))])
    def test_whatever_a_peer_says_ends_in_time_and_leaks_nothing(self, jails: _Jails, script: list[Step]) -> None:
        jails.script = script
        descriptors, started = len(os.listdir("/proc/self/fd")), time.monotonic()
        children = {process.pid for process in psutil.Process().children()}
        assert isinstance(_talk(jails.plan), Outcome | SandboxUnavailable | worker.WorkerDied)
        assert time.monotonic() - started < _LONGEST
        assert len(os.listdir("/proc/self/fd")) == descriptors
        assert {process.pid for process in psutil.Process().children()} <= children


def test_a_run_whose_jails_all_speak_nonsense_is_a_sandbox_error_and_the_next_is_right() -> None:
    nonsense = _Jails()
    nonsense.script = [_send(b"hello"), ["receive"], _send(b"nonsense", "null")]
    with Engine(workers=1, patience=0.5) as engine:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(jail, "start", nonsense.start)
            jailed = psutil.Process(next(iter(engine._pool.alive)).pid).children(recursive=True)
            jailed[0].kill()
            psutil.wait_procs(jailed, timeout=allow_seconds(10))
            outcome = engine.run(Program("print(1)"))
            assert (outcome.status, "nonsense" in outcome.detail) == (Status.SANDBOX_ERROR, True)
        assert engine.run(Program("print(1)")).stdout == b"1\n"
    assert not [left for group in groups(os.getpid()) for left in Path(group).glob(f"{cgroup.PREFIX}-*")]
