"""Infers formats and makes input plans (``harness.inputs.stdin``) in a helper process.

The examples are untrusted data of a row, and inference takes hours on some texts. If it exceeds the helper's limits
(``harness.analysis.helper_process``), there is no format, or the plan ends.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from functools import cache
from typing import Any
from uuid import uuid4

from semi_instruct.harness.analysis.helper_process import AnalysisFailed, call_limited
from semi_instruct.harness.inputs.stdin import BadFormat, Format, format_from_text, infer, text_of
from semi_instruct.harness.inputs.stdin.planning import InputPlan, Planned

# Number of plans that a helper keeps. A plan that has been dropped is rebuilt step by step.
_MAX_PLANS = 32
# Length limit, in characters, of the examples used when a plan cannot be made from all of them.
_SHORT_TEXT = 20_000

type _Step = tuple[str, Any]
type _Opening = tuple[tuple[str, ...], str, int, tuple[Format, ...] | None]


def limited_formats(texts: Sequence[str]) -> list[Format]:
    """:func:`semi_instruct.harness.inputs.stdin.infer`; an empty list if it exceeds the helper's limits."""
    try:
        return [format_from_text(str(text)) for text in call_limited(_formats, tuple(texts))]
    except (AnalysisFailed, BadFormat, TypeError):
        return []


class LimitedInputPlan:
    """A ``planning.InputPlan`` in a helper process. The limits apply to each step separately.

    Args:
        texts, seed, count, formats: passed to ``InputPlan``.
    """

    def __init__(self, texts: Sequence[str], seed: str, count: int, formats: Sequence[Format] | None = None) -> None:
        self._opening: _Opening = (tuple(texts), seed, count, None if formats is None else tuple(formats))
        self._name = uuid4().hex
        self._steps: list[_Step] = []
        self._has_failed = False

    def next_batch(self, valid: Sequence[bool]) -> list[Planned]:
        """The inputs to try next; an empty list if the plan has ended or the limits are exceeded."""
        return self._take(("batch", tuple(valid)))

    def further(self, count: int) -> list[Planned]:
        """Inputs in addition to the plan; an empty list if the limits are exceeded."""
        return self._take(("further", count))

    def _take(self, step: _Step) -> list[Planned]:
        if self._has_failed:
            return []
        try:
            made = self._ask(step)
        except (AnalysisFailed, TypeError):
            if not self._steps and self._leave_out_long_texts():
                return self._take(step)
            self._has_failed = True
            return []
        self._steps.append(step)
        return made

    def _leave_out_long_texts(self) -> bool:
        """Plan from the shorter examples alone. Return False if that leaves no examples or all of them."""
        texts, seed, count, formats = self._opening
        short = tuple(text for text in texts if len(text) <= _SHORT_TEXT)
        self._opening = (short, seed, count, formats)
        return 0 < len(short) < len(texts)

    def _ask(self, step: _Step) -> list[Planned]:
        """The inputs of a step. The earlier steps are replayed if the helper does not have the plan."""
        known = call_limited(_step, self._name, len(self._steps), step)
        if known is None:
            for number, earlier in enumerate([*self._steps, step]):
                known = call_limited(_step, self._name, number, earlier, self._opening if number == 0 else None)
                if known is None:  # the steps went to helpers of other threads
                    raise AnalysisFailed("no helper process stays alive")
        return [Planned(*fields) for fields in known]


def _formats(texts: tuple[str, ...]) -> list[str]:
    return [text_of(format_) for format_ in infer(texts)]


def _step(name: str, number: int, step: _Step, opening: _Opening | None = None) -> list[tuple[Any, ...]] | None:
    """The inputs of a step of a plan; None if this process has not taken exactly the steps before it."""
    plans = _plans()
    if opening is not None:
        texts, seed, count, formats = opening
        plans[name] = (InputPlan(texts, seed, count, formats=formats), 0)
    plan, done = plans.pop(name, (None, -1))
    if plan is None or done != number:
        return None
    kind, asked = step
    made = plan.next_batch(asked) if kind == "batch" else plan.further(asked)
    plans[name] = (plan, done + 1)
    while len(plans) > _MAX_PLANS:
        plans.popitem(last=False)
    return [(new.text, new.provenance, new.probe, new.beyond) for new in made]


@cache
def _plans() -> OrderedDict[str, tuple[InputPlan, int]]:
    """The plans of a helper by name, with the number of steps taken; the most recently used comes last."""
    return OrderedDict()
