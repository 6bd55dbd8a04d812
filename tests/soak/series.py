"""Two long series of runs: hostile and honest programs in turn, and honest ones while processes are killed."""

from __future__ import annotations

import contextlib
import signal
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import partial
from random import Random

import psutil

from semi_instruct.engine import Engine, Limits, Outcome, Status
from semi_instruct.engine.limits import MIB
from tests.attacks.host import OWN_ASPECTS, Host, resident_bytes
from tests.engine_processes import PARTS, parts
from tests.soak.host_memory import Comparison
from tests.soak.mixture import HOSTILE, KERNEL, Case, honest
from tests.soak.neighbour import neighbour

Say = Callable[[str], None]

_WORKERS = 2
_AHEAD = 3 * _WORKERS
_ANSWER_SECONDS = 60.0  # how long a future may take, whatever happens to its workers
# A worker is given up when the kernel needs 0.8 s to end a run: never on a quiet machine, rarely on a busy one.
_REPLACED_SHARE = 0.01
_SUPERVISOR_GROWTH = 4 * MIB
_BLOCKS = 10
_UNDER_FIRE = Limits(cpu_time=2, wall_time=3)


def mixed(runs: int, seed: int, say: Say, *, watch_host: bool) -> None:
    """A series of honest programs, then as many runs of the mixture; afterwards the host is as it was, with the engine
    open and closed, and a second engine beside it has noticed nothing.

    Args:
        watch_host: measure what the kernel of the host holds, which other programs on the machine change too; the
            mixture must not make it grow more than honest programs alone do.
    """
    random = Random(seed)
    with neighbour(seed) as beside:
        _mixed(runs, random, say, watch_host=watch_host)
    say(f"second engine: {beside.runs} runs on {beside.engines} engines, slowest {beside.slowest_s:.2f} s")
    assert beside.runs, "the second engine ran nothing"
    assert not beside.wrong, beside.wrong


def _mixed(runs: int, random: Random, say: Say, *, watch_host: bool) -> None:
    before, others = Host.look(), set(psutil.Process().children())
    with Engine(workers=_WORKERS) as engine:
        _all_right(engine, [*HOSTILE, *KERNEL] * 2)
        _settle(engine, others)
        idle, memory = Host.look(), resident_bytes()
        workers = set(engine._pool.alive)
        comparison, many = Comparison(), max(runs // _BLOCKS, 1)

        def block(draw: Callable[[Random], Case]) -> None:
            for _ in _outcomes(engine, (draw(random) for _ in range(many))):
                workers.update(engine._pool.alive)

        for name, draw, growths in (("honest", honest, comparison.honest), ("mixture", _draw, comparison.mixture)):
            block(draw)  # not counted
            for number in range(1, _BLOCKS + 1):
                started = time.monotonic()
                if watch_host:
                    comparison.measure(growths, partial(block, draw))
                else:
                    block(draw)
                grown = (resident_bytes() - memory) / MIB
                pace = many / (time.monotonic() - started)
                say(f"{name}: {many * number} runs, {pace:.0f} per second; supervisor {grown:+.1f} MiB")
        replaced = len(workers) - _WORKERS
        say(f"workers replaced: {replaced}")
        assert replaced <= runs * _REPLACED_SHARE, replaced
        _settle(engine, others)
        changes = idle.lasting_changes(*(set(OWN_ASPECTS) - {"groups"} if replaced else OWN_ASPECTS))
        assert not changes, changes
        assert resident_bytes() - memory < _SUPERVISOR_GROWTH, f"{resident_bytes() - memory} bytes"
        if watch_host:
            slopes = comparison.slopes(many)
            for slope in slopes:
                say(str(slope))
            assert not any(slope.is_steeper for slope in slopes)
    changes = before.lasting_changes(*OWN_ASPECTS)
    assert not changes, changes


def _draw(random: Random) -> Case:
    """The mixture: half of it honest, a quarter hostile, a quarter attacks on the kernel's memory."""
    if random.random() < 0.5:
        return honest(random)
    return random.choice(random.choice((HOSTILE, KERNEL)))


def _settle(engine: Engine, others: set[psutil.Process]) -> None:
    """Wait until there are as many workers as there may be, and each has the sandbox of its next run."""
    deadline = time.monotonic() + _ANSWER_SECONDS
    while True:
        if len(engine._pool.alive) < _WORKERS:  # a vacancy is filled when there are more runs at once than workers
            _all_right(engine, [case for case in HOSTILE if case.name == "sleeps"] * _WORKERS)
        found = parts(engine, others)
        time.sleep(0.1)
        if len(found) == _WORKERS * PARTS and parts(engine, others) == found:
            return
        assert time.monotonic() < deadline, found


def _all_right(engine: Engine, cases: list[Case]) -> None:
    for _ in _outcomes(engine, iter(cases)):
        pass


def _outcomes(engine: Engine, cases: Iterator[Case]) -> Iterator[Outcome]:
    """Run them a few ahead; each outcome has to be right."""
    ahead: deque[tuple[Case, Future[Outcome]]] = deque()

    def first() -> Outcome:
        case, future = ahead.popleft()
        outcome = future.result(_ANSWER_SECONDS)
        wrong = case.wrong(outcome)
        assert not wrong, wrong
        return outcome

    for case in cases:
        ahead.append((case, engine.submit(case.program, case.stdin, case.args, case.limits)))
        if len(ahead) > _AHEAD:
            yield first()
    while ahead:
        yield first()


@dataclass(frozen=True, slots=True)
class _Flight:
    """A run under way, and how many shots of which kind had been fired before it was submitted."""

    case: Case
    future: Future[Outcome]
    shots: Counter[str]


def killing(kills: int, seed: int, say: Say) -> None:
    """Honest runs while parts of the engine are killed or stopped at random; none is lost, none hangs, none is wrong.

    A run may be a ``sandbox_error`` only when two shots or more fell during it. A child that is shot while it is the
    program cannot be told from a program that kills itself: that run is ``signaled``, and counted here.
    """
    random = Random(seed)
    before, others = Host.look(), set(psutil.Process().children())
    seen: set[psutil.Process] = set()
    shots: Counter[str] = Counter()
    ends: Counter[str] = Counter()
    flights: list[_Flight] = []
    with Engine(workers=_WORKERS) as engine:
        while shots.total() < kills:
            while len(flights) < _AHEAD:
                case = replace(honest(random, seconds=0.2), limits=_UNDER_FIRE)
                future = engine.submit(case.program, case.stdin, case.args, case.limits)
                flights.append(_Flight(case, future, shots.copy()))
            time.sleep(random.uniform(0, 0.3))
            aims = parts(engine, others)
            seen.update(process for _, process in aims)
            if aims and (hit := _shoot(random, *random.choice(aims))):
                shots[hit] += 1
                if shots.total() % max(kills // 10, 1) == 0:
                    say(f"{shots.total()} shots; runs: {dict(sorted(ends.items()))}")
            for flight in [flight for flight in flights if flight.future.done()]:
                flights.remove(flight)
                ends[_end(flight, shots)] += 1
        for flight in flights:
            flight.future.exception(_ANSWER_SECONDS)
            ends[_end(flight, shots)] += 1
        _all_right(engine, [replace(honest(random), limits=_UNDER_FIRE) for _ in range(2 * _WORKERS)])
    _let_go_on(seen)
    # A keeper that was shot cannot tidy up; as after a power-off, the next engine does.
    Engine(workers=1).close()
    _, left = psutil.wait_procs(seen, timeout=10)
    assert not left, left
    say(f"shots: {dict(sorted(shots.items()))}")
    say(f"runs: {dict(sorted(ends.items()))}")
    changes = before.lasting_changes(*OWN_ASPECTS)
    assert not changes, changes


def _shoot(random: Random, part: str, process: psutil.Process) -> str:
    """Kill, stop, or stop for a moment; the name of what was done, or nothing when the process had ended before."""
    manner = random.choice(["kill"] * 8 + ["stop", "pause"])
    if part == "child" and manner == "stop":
        manner = "pause"  # a program that is stopped runs out of time, as it would if it stopped itself
    try:
        process.send_signal(signal.SIGKILL if manner == "kill" else signal.SIGSTOP)
        if manner == "pause":
            time.sleep(random.uniform(0, 0.1))
            process.send_signal(signal.SIGCONT)
    except psutil.NoSuchProcess:
        return ""
    return f"{manner} {part}"


def _let_go_on(processes: Iterable[psutil.Process]) -> None:
    """Undo the stops. An nsjail that was stopped, and whose keeper was killed, has nobody left who would end it."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):  # it has been killed, too
            process.send_signal(signal.SIGCONT)


def _end(flight: _Flight, shots: Counter[str]) -> str:
    """How a run ended, in a word, given the shots that fell during it."""
    outcome = flight.future.result()
    wrong = flight.case.wrong(outcome)
    fell = shots - flight.shots
    if not wrong:
        return "right, under fire" if fell else "right"
    if outcome.status is Status.SANDBOX_ERROR and fell.total() > 1:
        return "sandbox_error"
    if (outcome.status, outcome.signal) == (Status.SIGNALED, signal.SIGKILL) and fell["kill child"]:
        return "signaled, the program itself was shot"
    raise AssertionError(f"{wrong}; shots meanwhile: {dict(fell)}")
