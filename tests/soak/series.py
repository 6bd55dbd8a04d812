"""Two long series of runs: hostile and honest programs in turn, and honest ones while processes are killed."""

from __future__ import annotations

import contextlib
import signal
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import psutil

from engine import Engine, Limits, Outcome, Status
from engine.limits import MIB
from tests.anatomy import PARTS, parts
from tests.attacks.host import OWN_ASPECTS, Host, resident_bytes
from tests.soak.mixture import HOSTILE, Case, honest

Say = Callable[[str], None]

_WORKERS = 2
_AHEAD = 3 * _WORKERS
_ANSWER_SECONDS = 60.0  # how long a future may take, whatever happens to its workers
# A worker is given up when the kernel needs 0.8 s to end a run: never on a quiet machine, rarely on a busy one.
_REPLACED_SHARE = 0.01
_SUPERVISOR_GROWTH = 4 * MIB
_SLAB_GROWTH = 128 * MIB
_MEMORY_LOST = 1024 * MIB
_UNDER_FIRE = Limits(cpu_time=2, wall_time=3)


def mixed(runs: int, seed: int, say: Say) -> None:
    """Hostile and honest runs, as they come; afterwards the host is as it was, with the engine open and closed."""
    random = Random(seed)
    before, others = Host.look(), set(psutil.Process().children())
    with Engine(workers=_WORKERS) as engine:
        _all_right(engine, [*HOSTILE, *HOSTILE])
        _settle(engine, others)
        idle, memory = Host.look(), _Memory.look()
        workers = set(engine._alive)
        started = time.monotonic()
        cases = (honest(random) if random.random() < 0.5 else random.choice(HOSTILE) for _ in range(runs))
        for number, _ in enumerate(_outcomes(engine, cases), 1):
            workers |= engine._alive
            if number % max(runs // 10, 1) == 0:
                pace = number / (time.monotonic() - started)
                say(f"{number} runs, {pace:.0f} a second; {_Memory.look().since(memory)}")
        replaced = len(workers) - _WORKERS
        say(f"workers replaced: {replaced}")
        assert replaced <= runs * _REPLACED_SHARE, replaced
        _settle(engine, others)
        changes = idle.lasting_changes(*(set(OWN_ASPECTS) - {"groups"} if replaced else OWN_ASPECTS))
        assert not changes, changes
        grown = _Memory.look()
        assert grown.supervisor - memory.supervisor < _SUPERVISOR_GROWTH, grown.since(memory)
        assert grown.slab - memory.slab < _SLAB_GROWTH, grown.since(memory)
        assert memory.available - grown.available < _MEMORY_LOST, grown.since(memory)
    changes = before.lasting_changes(*OWN_ASPECTS)
    assert not changes, changes


def _settle(engine: Engine, others: set[psutil.Process]) -> None:
    """Wait until there are as many workers as there may be, and each has the sandbox of its next run."""
    deadline = time.monotonic() + _ANSWER_SECONDS
    while True:
        if len(engine._alive) < _WORKERS:  # a vacancy is filled when there are more runs at once than workers
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
class _Memory:
    """Bytes: resident in the supervisor; available, and held by the kernel for itself, on the whole machine."""

    supervisor: int
    available: int
    slab: int

    @classmethod
    def look(cls) -> _Memory:
        lines = (line.split() for line in Path("/proc/meminfo").read_text().splitlines())
        machine = {words[0]: int(words[1]) << 10 for words in lines}
        return cls(resident_bytes(), machine["MemAvailable:"], machine["SUnreclaim:"])

    def since(self, earlier: _Memory) -> str:
        return (
            f"supervisor {(self.supervisor - earlier.supervisor) / MIB:+.1f} MiB, "
            f"available {(self.available - earlier.available) / MIB:+.0f} MiB, "
            f"kernel {(self.slab - earlier.slab) / MIB:+.0f} MiB"
        )


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
