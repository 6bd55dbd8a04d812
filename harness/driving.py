"""Work that needs runs (``harness.runs``), done as part of a problem's work."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from semi_instruct.engine import Outcome, Status
from semi_instruct.harness.run_queue import Run, Work
from semi_instruct.harness.runs import Ask, Conversation, Steps
from semi_instruct.harness.text import one_line


def converse[T](work: Work, steps: Steps[T], ended: Callable[[T], None]) -> None:
    """Line up what the steps ask for, and again when that is answered, until they end.

    Args:
        steps: about oracles: if one of them cannot be run, the problem is given up.
        ended: called with what the steps return; not if the problem is given up.
    """
    conversation = Conversation(steps, ended)

    def line_up() -> None:
        for number, ask in conversation.next_asks():
            work.line_up(partial(run, number, ask))

    def run(number: int, ask: Ask) -> Run:
        def done(outcome: Outcome) -> None:
            work.spent += min(outcome.cpu_time_s, ask.most_charged_s)
            if outcome.status is Status.SANDBOX_ERROR:
                work.give_up(f"an oracle could not be run: {one_line(outcome.detail)}")
                return
            conversation.answer(number, outcome)
            line_up()

        return Run(ask.program, ask.stdin, ask.args, ask.limits, done, Status.SANDBOX_ERROR)

    line_up()
