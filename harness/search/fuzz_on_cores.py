"""``fuzz`` on all cores, with the same findings in the same order as in one process."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from semi_instruct.harness.errors import HarnessError, RunFailed
from semi_instruct.harness.parallel.parallel_map import OpenEngine, RunCounter, map_on_cores
from semi_instruct.harness.runs import Submits
from semi_instruct.harness.search.fuzz import Finding, Search, Settings
from semi_instruct.harness.search.fuzz_request import Wanted

# With fewer problems per process there are fewer processes. On 2 busy cores, with problems of half a second, 2 problems
# per process took 1.5 times as long as one process took for all of them, 6 took 0.93 times.
MIN_PROBLEMS_PER_PROCESS = 3


@dataclass(frozen=True, slots=True)
class News:
    """The progress of the search on a problem.

    Attributes:
        problem: its id.
        runs: sandbox runs since the last report of the same process, on any problem.
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
    """Yield the finding of every candidate, in their order; see ``harness.parallel.parallel_map.ParallelMap``.

    A problem on which a process dies is searched again by another process. If several die on it, or the sandbox does
    not make a run of it, the findings of its candidates are faults (``Finding.fault``), and the other problems are
    searched.

    Args:
        problems: read lazily, a bounded number ahead.
        on_news: called from time to time, on the caller's thread.
        workers: total number of sandboxes; None for one per core.

    Raises:
        HarnessError: a problem cannot be read. Raised after the findings of the problems before it.
        MachineFailed: see ``harness.parallel.processes``.
        SandboxUnavailable: an engine cannot be opened.
    """
    readable = _Readable(problems)
    yield from map_on_cores(
        readable,
        open_engine,
        partial(_search_stream, settings),
        min_items=MIN_PROBLEMS_PER_PROCESS,
        lost=_lost,
        on_news=on_news,
        workers=workers,
    )
    if readable.error is not None:
        raise readable.error


@dataclass(slots=True)
class _Readable:
    """The problems up to the first error in reading them, which is kept until those have been searched."""

    problems: Iterable[Wanted]
    error: HarnessError | None = None

    def __iter__(self) -> Iterator[Wanted]:
        try:
            yield from self.problems
        except HarnessError as error:
            self.error = error


def _search_stream(
    settings: Settings, engine: Submits, problems: Iterable[Wanted], on_news: OnNews
) -> Iterator[Finding]:
    for wanted in problems:
        yield from _search(settings, engine, wanted, on_news)


def _search(settings: Settings, engine: Submits, wanted: Wanted, on_news: OnNews) -> list[Finding]:
    runs = RunCounter(lambda more: on_news(News(wanted.problem.id, more, search.tried, search.valid)))
    search = Search(wanted.problem, wanted.candidates, engine, settings, runs.count)
    try:
        findings = search.findings()
    except RunFailed as error:
        findings = _lost(wanted, error.why)
    runs.report()
    return findings


def _lost(wanted: Wanted, why: str) -> list[Finding]:
    """The findings for a problem on which processes die or the sandbox fails."""
    return [Finding.unsearched(wanted.problem, candidate, why) for candidate in wanted.candidates]
