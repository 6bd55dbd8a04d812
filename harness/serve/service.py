"""What the routes of all dialects share: the pool, and one way of getting a run done for a request."""

from __future__ import annotations

import os
from dataclasses import dataclass

from starlette.requests import Request

from semi_instruct.engine import Status
from semi_instruct.harness.serve.facts import Facts
from semi_instruct.harness.serve.health import Condition, Health
from semi_instruct.harness.serve.metrics import Metrics
from semi_instruct.harness.serve.pool import Pool
from semi_instruct.harness.serve.refusals import Unusable
from semi_instruct.harness.serve.settings import Settings
from semi_instruct.harness.serve.waiting import finished
from semi_instruct.harness.serve.work import Done, Work

LANGUAGE = "python"
_MOST_STATUSES = 8
_MOST_REASONS = 3


@dataclass(frozen=True, slots=True)
class Service:
    """A running service.

    Attributes:
        python_version: of the interpreter that runs programs, as in ``3.12.4``.
    """

    settings: Settings
    pool: Pool
    health: Health
    metrics: Metrics
    python_version: str

    @property
    def condition(self) -> Condition:
        """How the service is now."""
        return self.health.condition(self.pool.draining, self.pool.trouble)

    def patience(self, told_s: float | None = None) -> float | None:
        """How long a client waits for an answer, seconds: what it tells itself, and what the operator knows of all."""
        known = [each for each in (told_s, self.settings.client_deadline_s) if each is not None]
        return min(known, default=None)

    async def perform(self, work: Work, request: Request) -> Done:
        """Get one run done.

        Raises:
            Refusal: it was not done, see ``waiting.finished``.
            InvalidRequest: the engine does not take it.
        """
        ticket = self.pool.submit(work, facts_of(request).client)
        done = await finished(ticket, request, self.settings.queue_time_s)
        note(facts_of(request), done)
        return done

    def granted_seconds(self, name: str, asked: float) -> float:
        """A time that was asked for, if it can be had.

        Args:
            name: what the client calls it.

        Raises:
            Unusable: it is longer than anybody gets. It is not cut silently: a program would fail by a limit that
                nobody gave it.
        """
        if asked > self.settings.time_s:
            raise Unusable(f"{name}: expected at most {self.settings.time_s:g} s here, found {asked:g} s")
        return asked

    def granted_bytes(self, name: str, asked: int | None) -> int:
        """Memory that was asked for, if it can be had; what is given to those who ask for none.

        Raises:
            Unusable: it is more than anybody gets.
        """
        if asked is None:
            return self.settings.default_memory_bytes
        if asked > self.settings.memory_bytes:
            raise Unusable(f"{name}: expected at most {self.settings.memory_bytes} bytes here, found {asked}")
        return asked


def cpu_seconds(wall_s: float) -> float:
    """CPU time that cannot be used up within a wall time: for dialects that limit wall time alone."""
    return min(wall_s * (os.cpu_count() or 1) + 1, 86_400)


def facts_of(request: Request) -> Facts:
    """What the log will say of this request."""
    facts: Facts = request.scope["state"]["facts"]
    return facts


def note(facts: Facts, done: Done) -> None:
    """Put a run on record."""
    facts.runs += 1
    facts.queue_s += done.queue_s
    facts.run_s += done.outcome.wall_time_s
    facts.extended_s += done.outcome.wall_extension_s
    note_reason(facts, done)
    if len(facts.statuses) < _MOST_STATUSES:
        facts.statuses.append(str(done.outcome.status))


def note_reason(facts: Facts, done: Done) -> None:
    """Put on record why the sandbox failed, if it did."""
    reason = done.outcome.detail
    if is_ours(done) and reason not in facts.reasons and len(facts.reasons) < _MOST_REASONS:
        facts.reasons.append(reason)


def is_ours(done: Done) -> bool:
    """Whether what happened is our fault and says nothing of the program."""
    return done.outcome.status is Status.SANDBOX_ERROR
