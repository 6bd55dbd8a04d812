"""The engine as a pool: threads, futures, order, laziness, dying workers, and what is left behind."""

from __future__ import annotations

import contextlib
import itertools
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path

import psutil
import pytest

from semi_instruct.engine import (
    Engine,
    EngineClosed,
    InvalidRequest,
    Limits,
    Outcome,
    Program,
    RuntimeUnusable,
    SandboxUnavailable,
    Status,
    cgroup,
)
from tests.attacks.host import OWN_ASPECTS, Host
from tests.engine_processes import HELD, await_programs, groups, part, release, started_by_programs
from tests.timing import allow_seconds, until

ECHO = Program("print(input())")
SLEEP = Program("import time; time.sleep(float(input()))")
LONG = Limits(wall_time=600)


def test_submit_gives_a_real_future(engine: Engine) -> None:
    future = engine.submit(Program("def f(x): return x + 1", entry="f"), args=(1,))
    assert isinstance(future, Future)
    assert future.result(timeout=10).value == 2


def test_a_future_that_has_not_begun_can_be_cancelled() -> None:
    with Engine(workers=1) as own:
        busy = own.submit(HELD, stdin=b"1000", limits=LONG)
        [started] = await_programs(own)
        waiting = own.submit(ECHO, stdin=b"x")
        assert waiting.cancel()
        started.parents()[0].kill()
        assert busy.result().status is Status.SIGNALED
    assert waiting.cancelled()


def test_map_keeps_the_order(engine: Engine) -> None:
    program = Program("import time; n = int(input()); time.sleep(0.02 * (n % 3)); print(n)")
    outcomes = engine.map(program, (b"%d" % n for n in range(20)))
    assert [int(outcome.stdout) for outcome in outcomes] == list(range(20))


def test_map_over_arguments(engine: Engine) -> None:
    outcomes = engine.map(Program("def f(a, b): return a * b", entry="f"), args=((n, n) for n in range(5)))
    assert [outcome.value for outcome in outcomes] == [0, 1, 4, 9, 16]


def test_map_is_lazy_and_takes_endless_inputs(engine: Engine) -> None:
    taken = []

    def endless() -> Iterator[bytes]:
        for number in itertools.count():
            taken.append(number)
            yield b"%d" % number

    outcomes = engine.map(ECHO, endless())
    assert taken == []
    assert next(outcomes).stdout == b"0\n"
    assert next(outcomes).stdout == b"1\n"
    assert len(taken) <= 2 * engine.workers + 2


def test_threads_share_an_engine(engine: Engine) -> None:
    results: dict[int, bytes] = {}

    def work(number: int) -> None:
        for _ in range(10):
            results[number] = engine.run(ECHO, stdin=b"%d" % number).stdout

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {number: b"%d\n" % number for number in range(8)}


def test_a_closed_engine_says_so() -> None:
    own = Engine(workers=1)
    own.close()
    own.close()
    for call in (own.run, own.submit):
        with pytest.raises(EngineClosed):
            call(ECHO)
    with pytest.raises(EngineClosed):
        own.map(ECHO, [b""])


def test_leaving_the_with_block_finishes_what_was_submitted() -> None:
    with Engine(workers=1) as own:
        futures = [own.submit(ECHO, stdin=b"%d" % number) for number in range(10)]
    assert [future.result().stdout for future in futures] == [b"%d\n" % number for number in range(10)]


def test_an_exception_in_the_with_block_drops_what_has_not_begun() -> None:
    futures: list[Future[Outcome]] = []

    def fail(own: Engine) -> None:
        with own:
            futures.extend(own.submit(SLEEP, stdin=b"1") for _ in range(20))
            raise KeyError

    with pytest.raises(KeyError):
        fail(Engine(workers=1))
    assert sum(future.cancelled() for future in futures) >= 15


def test_a_forked_copy_is_refused_and_does_not_disturb(engine: Engine) -> None:
    child = os.fork()
    if child == 0:
        code = 1
        try:
            engine.run(ECHO)
        except EngineClosed:
            code = 0
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    assert engine.run(ECHO, stdin=b"still here").stdout == b"still here\n"


@pytest.mark.parametrize("victim", ["keeper", "nsjail", "zygote", "init"])
def test_a_worker_killed_in_the_middle_is_replaced_and_its_run_done_again(victim: str) -> None:
    with Engine(workers=1) as own:
        before, doomed = groups(os.getpid()), _tree(part(own, "keeper").pid)
        future = own.submit(HELD, stdin=b"1000", limits=LONG)
        await_programs(own)
        part(own, victim).kill()
        assert release(own, future).status is Status.OK
        assert own.run(ECHO, stdin=b"after").stdout == b"after\n"
        # Without its keeper a worker goes on; without anything else it is replaced.
        assert until(lambda: len(groups(os.getpid())) == len(before))
    assert _gone(doomed, allow_seconds(10))
    assert len(groups(os.getpid())) < len(before)


def test_a_run_whose_worker_dies_twice_is_a_sandbox_error_and_the_engine_goes_on() -> None:
    with Engine(workers=1) as own:
        future = own.submit(HELD, stdin=b"1000", limits=LONG)
        _kill_zygotes(own, future.done)
        outcome = future.result()
        assert outcome.status is Status.SANDBOX_ERROR
        assert "workers died 2 times" in outcome.detail
        assert own.run(ECHO, stdin=b"after").stdout == b"after\n"


def test_a_stopped_worker_is_given_up_in_time() -> None:
    with Engine(workers=1) as own:
        future = own.submit(HELD, stdin=b"30", limits=Limits(wall_time=allow_seconds(4)))
        await_programs(own)
        part(own, "zygote").suspend()
        outcome = future.result(timeout=allow_seconds(20))
        assert outcome.status is Status.TIME_LIMIT
        assert outcome.wall_time_s < allow_seconds(4) + allow_seconds(1)
        assert until(lambda: own.discarded_workers == 1), "it does not go on with what it was stopped in"


def test_a_run_that_ended_while_its_zygote_was_stopped_is_done_again() -> None:
    with Engine(workers=1) as own:
        future = own.submit(HELD, stdin=b"1000", limits=Limits(wall_time=allow_seconds(4)))
        [started] = await_programs(own)
        part(own, "zygote").suspend()
        started.kill()  # for which the program has waited
        assert until(lambda: own.discarded_workers, 20)
        outcome = release(own, future)
    # Older kernels do not tell that a program has ended before it is reaped, which a stopped zygote does not do.
    told = tuple(map(int, os.uname().release.split(".")[:2])) >= (6, 11)
    assert outcome.status is (Status.OK if told else Status.TIME_LIMIT)


def test_a_run_whose_init_is_killed_is_done_again_even_if_init_takes_long_to_go() -> None:
    slow_to_free = """
import os, time
if os.fork() == 0:
    kept = bytearray(300 << 20)
    open("filled", "w").close()
    if os.fork() == 0: time.sleep(1000)
    os.wait()
    os._exit(0)
while not os.path.exists("filled"): time.sleep(0.01)
print("filled", flush=True)
os.wait()
"""
    with Engine(workers=1) as own:
        for number in range(1, 4):
            future = own.submit(Program(slow_to_free), limits=Limits(wall_time=600))
            assert until(lambda: [each for each in started_by_programs(own) if each.children()], 20)
            part(own, "init").kill()
            assert until(lambda number=number: own.discarded_workers == number, 20)
            assert until(lambda: [each.kill() for one in started_by_programs(own) for each in one.children()], 20)
            outcome = future.result(timeout=allow_seconds(20))
            assert (outcome.status, outcome.stdout) == (Status.OK, b"filled\n")


def test_a_sandbox_killed_before_its_run_costs_no_run_its_outcome() -> None:
    with Engine(workers=1) as own:
        for number in range(5):
            init, child = part(own, "init"), part(own, "child")
            child.kill()
            assert _gone([init, child], allow_seconds(10))
            for again in range(3):
                outcome = own.run(ECHO, stdin=b"%d %d" % (number, again))
                assert (outcome.status, outcome.stdout) == (Status.OK, b"%d %d\n" % (number, again))


def test_an_engine_that_closes_takes_no_mount_point_from_another(engine: Engine) -> None:
    def mount_points() -> dict[Path, int]:
        folders = (Path("/run/user"), Path("/tmp"))
        return {path: path.stat().st_ino for folder in folders for path in folder.glob(f"nsjail.{os.geteuid()}.*")}

    before = mount_points()
    assert before
    Engine(workers=1).close()
    assert mount_points() == before


def test_closing_leaves_nothing() -> None:
    own_groups, descriptors = groups(os.getpid()), len(os.listdir("/proc/self/fd"))
    with Engine(workers=2) as own:
        own.run(ECHO, stdin=b"x")
        workers = [psutil.Process(each.pid) for each in own._pool.alive]
        processes = workers + [child for each in workers for child in each.children(recursive=True)]
        assert len(processes) >= 2 * 4
        assert len(groups(os.getpid())) > len(own_groups)
    assert _gone(processes, 0)
    assert groups(os.getpid()) == own_groups
    assert _mounts() == []
    assert len(os.listdir("/proc/self/fd")) == descriptors


def test_an_engine_killed_in_the_middle_leaves_nothing() -> None:
    source = """
from semi_instruct.engine import Engine, Program
engine = Engine(workers=2)
futures = [engine.submit(Program("import os\\nos.fork()\\nwhile True: pass")) for _ in range(4)]
print("running", flush=True)
futures[0].result()
"""
    owner = subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE, cwd=Path(__file__).parents[2])
    assert owner.stdout is not None
    assert owner.stdout.readline() == b"running\n"
    processes = until(lambda: found if len(found := _tree(owner.pid)) >= 2 * 6 else [])
    assert len(processes) >= 2 * 6
    assert groups(owner.pid)
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    assert _gone(processes, allow_seconds(10))
    assert groups(owner.pid) == []
    assert _mounts() == []


def test_groups_orphaned_with_all_their_processes_are_swept_by_the_next_engine() -> None:
    hierarchy = cgroup.find()
    name = f"{cgroup.PREFIX}-4194303-{secrets.token_hex(6)}"
    orphans = [parent / name for parent in set(hierarchy.parents.values())]
    for orphan in orphans:
        orphan.mkdir()
    cgroup.find()  # or another engine's, on this machine
    assert not any(orphan.exists() for orphan in orphans)


def test_runs_do_not_leak_descriptors_or_memory(engine: Engine) -> None:
    for outcome in engine.map(ECHO, [b"x"] * 50):
        assert outcome.status is Status.OK
    descriptors, resident = len(os.listdir("/proc/self/fd")), psutil.Process().memory_info().rss
    for outcome in engine.map(ECHO, [b"x"] * 1000):
        assert outcome.status is Status.OK
    assert len(os.listdir("/proc/self/fd")) <= descriptors
    assert psutil.Process().memory_info().rss - resident < 2 << 20


def test_two_threads_may_close_while_a_third_runs() -> None:
    own = Engine(workers=2)
    runner = threading.Thread(target=own.run, args=(HELD,), kwargs={"stdin": b"1000"})
    runner.start()
    [started] = await_programs(own)
    closers = [threading.Thread(target=own.close) for _ in range(2)]
    for closer in closers:
        closer.start()
    started.kill()
    for thread in (runner, *closers):
        thread.join(timeout=allow_seconds(10))
        assert not thread.is_alive()


def test_an_exception_in_the_middle_of_a_run_loses_no_worker() -> None:
    class Alarm(Exception):
        pass

    def ring(*_: object) -> None:
        raise Alarm

    def run_until(delay: float, own: Engine) -> None:
        signal.setitimer(signal.ITIMER_REAL, delay)
        own.run(SLEEP, stdin=b"%f" % allow_seconds(5))

    previous = signal.signal(signal.SIGALRM, ring)
    try:
        with Engine(workers=1) as own:
            own.run(ECHO, stdin=b"x")
            descriptors = len(os.listdir("/proc/self/fd"))
            for delay in (0.001, 0.01, 0.05, 0.1, 0.15):
                with pytest.raises(Alarm):
                    run_until(delay, own)
            assert own.run(ECHO, stdin=b"after").stdout == b"after\n"
            for closer in own._pool._helpers:
                closer.join()
            assert len(os.listdir("/proc/self/fd")) <= descriptors
    finally:
        signal.signal(signal.SIGALRM, previous)


def test_without_descriptors_a_run_is_a_sandbox_error_and_nothing_leaks() -> None:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with Engine(workers=1, patience=0.2) as own:
        for spare in range(8):
            before, held = len(groups(os.getpid())), []
            resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + 40, hard))
            try:
                while True:
                    held.append(os.open("/dev/null", os.O_RDONLY))
            except OSError:
                for descriptor in held[:spare]:
                    os.close(descriptor)
            try:
                assert own.run(ECHO, stdin=b"x").status is Status.SANDBOX_ERROR
            finally:
                for descriptor in held[spare:]:
                    os.close(descriptor)
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            assert own.run(ECHO, stdin=b"x").status is Status.OK
            for closer in own._pool._helpers:
                closer.join()
            assert len(groups(os.getpid())) == before


@pytest.mark.parametrize("workers", [0, -1, 1.5, True, "2"])
def test_a_senseless_number_of_workers_is_refused(workers: object) -> None:
    with pytest.raises(InvalidRequest, match="workers"):
        Engine(workers=workers)  # type: ignore[arg-type]  # wrong on purpose


def test_no_runtime_there_is_said() -> None:
    with pytest.raises(RuntimeUnusable, match="no interpreter at /nowhere"):
        Engine(workers=1, runtime="/nowhere")


def test_without_control_groups_the_engine_refuses_unless_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_here() -> cgroup.Hierarchy:
        raise SandboxUnavailable("cgroup", "read-only", "delegate one")

    monkeypatch.setattr(cgroup, "find", none_here)
    with pytest.raises(SandboxUnavailable, match="cgroup: read-only"):
        Engine(workers=1)
    with Engine(workers=1, allow_degraded=True) as own:
        outcome = own.run(ECHO, stdin=b"x")
        assert outcome.stdout == b"x\n"
        assert not {"memory", "pids", "cpu"} & set(outcome.isolation)
        spin = own.run(Program("while True: pass"), limits=Limits(cpu_time=1, wall_time=30))
        assert spin.status in {Status.TIME_LIMIT, Status.SIGNALED}
        assert own.run(Program("x = bytearray(1 << 30)")).status is not Status.OK


def _kill_zygotes(own: Engine, is_over: Callable[[], bool]) -> None:
    """Kill the zygote of every worker that the engine starts, once the program runs there."""
    killed: list[psutil.Process] = []
    deadline = time.monotonic() + allow_seconds(60)
    while not is_over():
        assert time.monotonic() < deadline, f"{len(killed)} zygotes killed, and no end"
        time.sleep(0.01)
        if started_by_programs(own):
            killed.append(part(own, "zygote"))
            killed[-1].kill()
            killed[-1].wait(allow_seconds(10))


def _tree(owner: int) -> list[psutil.Process]:
    return psutil.Process(owner).children(recursive=True)


def _gone(processes: list[psutil.Process], seconds: float) -> bool:
    _, alive = psutil.wait_procs(processes, timeout=seconds)
    return not [each for each in alive if each.status() != psutil.STATUS_ZOMBIE]


def _mounts() -> list[str]:
    return [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if "nsjail" in line]


def test_a_run_outlives_all_idle_workers_at_once() -> None:
    with Engine(workers=2) as own:
        victims = [each for worker in own._pool.alive for each in psutil.Process(worker.pid).children(recursive=True)]
        for victim in victims:
            with contextlib.suppress(psutil.NoSuchProcess):  # it ended with one killed before
                victim.kill()
        psutil.wait_procs(victims, timeout=allow_seconds(10))
        assert own.run(ECHO, stdin=b"x").stdout == b"x\n"


def test_an_engine_let_go_of_while_it_runs_leaves_nothing() -> None:
    before = Host.look()
    future = Engine(workers=1).submit(ECHO, stdin=b"x")
    assert future.result().stdout == b"x\n"
    assert not before.lasting_changes(*OWN_ASPECTS)
