"""Submitting, cancelling, killing, closing, opening again in any order: no future is lost, no honest run is wrong."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, replace
from random import Random

import psutil
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from semi_instruct.engine import Engine, EngineClosed, Limits, Outcome, Status, run, worker
from tests.attacks.host import OWN_ASPECTS, Host
from tests.engine_processes import parts
from tests.fuzz.example_counts import examples
from tests.soak.mixture import HOSTILE, Case, honest

_ANSWER_SECONDS = 60
_HONEST = Limits(cpu_time=2, wall_time=2)
_VICTIMS = st.sampled_from(["keeper", "nsjail", "zygote", "init", "child"])


@dataclass(slots=True)
class _Flight:
    """A run under way, and what was done to the engine since it was submitted."""

    case: Case
    future: Future[Outcome]
    shots: int = 0
    child_shot: bool = False
    cancelled: bool = False


class Interleavings(RuleBasedStateMachine):
    """An engine with two workers, and everybody who uses or abuses it."""

    def __init__(self) -> None:
        super().__init__()
        self.before = Host.look()
        self.threads = set(threading.enumerate())
        self.flights: list[_Flight] = []
        self.seen: set[psutil.Process] = set()
        self.others = set(psutil.Process().children())
        self.engine = Engine(workers=2)
        self.open = True

    @precondition(lambda self: self.open)
    @rule(seed=st.integers(0, 1000), many=st.integers(1, 3))
    def submit_honest(self, seed: int, many: int) -> None:
        random = Random(seed)
        for _ in range(many):
            self._submit(replace(honest(random, seconds=0.05), limits=_HONEST))

    @precondition(lambda self: self.open)
    @rule(case=st.sampled_from(HOSTILE))
    def submit_hostile(self, case: Case) -> None:
        self._submit(case)

    def _submit(self, case: Case) -> None:
        future = self.engine.submit(case.program, case.stdin, case.args, case.limits)
        self.flights.append(_Flight(case, future))

    @precondition(lambda self: self.flights)
    @rule(which=st.integers(0, 100))
    def cancel(self, which: int) -> None:
        flight = self.flights[which % len(self.flights)]
        flight.cancelled |= flight.future.cancel()
        assert flight.cancelled or flight.future.done()

    @precondition(lambda self: self.flights)
    @rule(which=st.integers(0, 100))
    def wait(self, which: int) -> None:
        self._land(self.flights.pop(which % len(self.flights)))

    @precondition(lambda self: self.open)
    @rule(victim=_VICTIMS, which=st.integers(0, 1))
    def kill(self, victim: str, which: int) -> None:
        self._shoot(victim, which, signal.SIGKILL)

    @precondition(lambda self: self.open)
    @rule(victim=_VICTIMS, which=st.integers(0, 1))
    def stop_for_a_moment(self, victim: str, which: int) -> None:
        self._shoot(victim, which, signal.SIGSTOP, signal.SIGCONT)

    @precondition(lambda self: self.open)
    @rule(which=st.integers(0, 1))
    def stop_a_zygote(self, which: int) -> None:
        self._shoot("zygote", which, signal.SIGSTOP)

    def _shoot(self, victim: str, which: int, *signals: signal.Signals) -> None:
        everything = self._parts()
        aims = [process for name, process in everything if name == victim]
        if not aims:
            return
        for flight in self.flights:
            flight.shots += 1
            flight.child_shot |= victim == "child"
        for each in signals:
            try:
                aims[which % len(aims)].send_signal(each)
            except psutil.NoSuchProcess:
                return

    def _parts(self) -> list[tuple[str, psutil.Process]]:
        """Of this engine; those of the one that all tests share were there before."""
        own = parts(self.engine, self.others)
        self.seen.update(process for _, process in own)
        return own

    @precondition(lambda self: self.open)
    @rule(cancel=st.booleans())
    def close(self, cancel: bool) -> None:
        self._parts()
        self.engine.close(cancel=cancel)
        self.open = False
        assert all(flight.future.done() for flight in self.flights)
        with pytest.raises(EngineClosed):
            self._submit(HOSTILE[0])

    @precondition(lambda self: not self.open)
    @rule()
    def reopen(self) -> None:
        self.engine = Engine(workers=2)
        self.open = True

    def teardown(self) -> None:
        for flight in self.flights:
            self._land(flight)
        self._parts()
        self.engine.close()
        # A keeper that was killed cannot tidy up; as after a power-off, the next engine does.
        Engine(workers=1).close()
        _, left = psutil.wait_procs(self.seen, timeout=10)
        assert not left
        changes = self.before.lasting_changes(*OWN_ASPECTS)
        assert not changes, changes
        assert set(threading.enumerate()) <= self.threads

    def _land(self, flight: _Flight) -> None:
        if flight.future.cancelled():
            assert flight.cancelled or not self.open
            return
        outcome = flight.future.result(_ANSWER_SECONDS)
        excused = (
            (outcome.status is Status.SANDBOX_ERROR and flight.shots > 1)
            or (outcome.signal == signal.SIGKILL and flight.child_shot)
            or (outcome.status is Status.CANCELLED and flight.cancelled)
        )
        assert excused or not flight.case.wrong(outcome), flight.case.wrong(outcome)


@pytest.fixture(autouse=True)
def _impatient() -> Iterator[None]:
    """Workers that are given up sooner, so that a stopped process costs less time."""
    with pytest.MonkeyPatch.context() as patch:
        for each in (run, worker):
            patch.setattr(each, "READY_SECONDS", 3.0)
        patch.setattr(worker, "_END_SECONDS", 0.5)
        yield


def test_any_interleaving_loses_nothing_and_leaves_nothing() -> None:
    run_state_machine_as_test(Interleavings, settings=examples(3, steps=10))  # type: ignore[no-untyped-call]  # Hypothesis leaves it untyped
