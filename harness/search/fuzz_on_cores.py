"""Searches problems on all cores: a process a core, each with an engine of its own, as if it were one."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial

from semi_instruct.harness.errors import HarnessError
from semi_instruct.harness.judge.batch import Submits
from semi_instruct.harness.parallel.cores import OpenEngine, RunCounter, shared_out, with_engine
from semi_instruct.harness.parallel.processes import Workplace, in_processes
from semi_instruct.harness.search.confirm import RunFailed
from semi_instruct.harness.search.fuzz import Finding, Search, Settings
from semi_instruct.harness.search.fuzz_request import Wanted

# With fewer problems for each there are fewer processes. On 2 busy cores, with problems of half a second, 2 a process
# took 1.5 times as long as they all in one process, 6 took 0.93 times.
FEWEST_PROBLEMS_A_PROCESS = 3


@dataclass(frozen=True, slots=True)
class News:
    """How far the search on a problem is.

    Attributes:
        problem: its id.
        runs: of sandboxes, since the last news of any problem from the same process.
        tried, valid: see ``harness.search.fuzz.Search``.
    """

    problem: str
    runs: int
    tried: int
    valid: int


OnNews = Callable[[News], None]


def fuzz_on_cores(
    problems: Iterable[Wanted],
    open_engine: OpenEngine[Submits],
    settings: Settings,
    on_news: OnNews,
    workers: int | None = None,
) -> Generator[Finding]:
    """What the search says of every candidate, in their order, the same for any number of processes.

    A process that dies loses nothing: its problem is searched again, by another. If several die on one problem, or the
    sandbox does not make a run of it, its candidates are not searched (``Finding.fault``), and the others are.

    Args:
        problems: taken lazily, a bounded number ahead.
        on_news: called now and then, on the caller's thread.
        workers: sandboxes at one time, in all; None for one per core.

    Raises:
        HarnessError: as the problems do when they are read, after the findings of those before.
        MachineFailed: see ``harness.parallel.processes``.
        SandboxUnavailable: from an engine, once.
    """
    readable = _Readable(problems)
    shares = shared_out(readable, FEWEST_PROBLEMS_A_PROCESS, workers)
    search = partial(_search, settings)
    workplaces = [partial(with_engine, open_engine, share, search) for share in shares.sandboxes]
    with closing(_results(shares.items, workplaces, on_news)) as results:
        for result in results:
            yield from result
    if readable.error is not None:
        raise readable.error


@dataclass(slots=True)
class _Readable:
    """The problems up to an error in reading them, which is kept until those have been searched."""

    problems: Iterable[Wanted]
    error: HarnessError | None = None

    def __iter__(self) -> Iterator[Wanted]:
        try:
            yield from self.problems
        except HarnessError as error:
            self.error = error


def _results(
    problems: Iterator[Wanted], workplaces: Sequence[Workplace[Wanted, list[Finding]]], on_news: OnNews
) -> Generator[list[Finding]]:
    """The result of every problem. A single workplace is in this process."""
    if len(workplaces) > 1:
        with closing(in_processes(problems, workplaces, lost=_lost, on_told=on_news)) as results:
            yield from results
        return
    with workplaces[0]() as search:
        for problem in problems:
            yield search(problem, on_news)


def _search(settings: Settings, engine: Submits, wanted: Wanted, tell: OnNews) -> list[Finding]:
    runs = RunCounter(lambda more: tell(News(wanted.problem.id, more, search.tried, search.valid)))
    search = Search(wanted.problem, wanted.candidates, engine, settings, runs.count)
    try:
        findings = search.findings()
    except RunFailed as error:
        findings = _lost(wanted, error.why)
    runs.tell()
    return findings


def _lost(wanted: Wanted, why: str) -> list[Finding]:
    """What is said of a problem on which processes die, or the sandbox fails."""
    return [Finding.unsearched(wanted.problem, candidate, why) for candidate in wanted.candidates]
