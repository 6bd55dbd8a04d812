"""Which inputs, in which order: small ones of every kind first, then edge cases, then ever larger ones.

A plan comes in batches. After each batch the caller says which inputs the oracles took as valid; that tells formats
that explain the examples equally well apart, and guesses that are right from those that are chance. Inputs that are to
tell this are probes, for oracles only: what may be no input at all must not judge a candidate, even where the oracles
happen to agree about it. The same texts, seed, count and reports give the same inputs.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import cycle, zip_longest
from random import Random

from semi_instruct.harness.inputs.stdin.checking import fits
from semi_instruct.harness.inputs.stdin.choosers import Profile, SeededChooser, Sizes, Style
from semi_instruct.harness.inputs.stdin.drawing import CannotDraw, draw
from semi_instruct.harness.inputs.stdin.inference import infer
from semi_instruct.harness.inputs.stdin.model import Format
from semi_instruct.harness.inputs.stdin.mutation import mutated
from semi_instruct.harness.inputs.stdin.relaxing import (
    Doubt,
    confirmed,
    doubts,
    reaches_within_a_step,
    reaching,
    without,
)
from semi_instruct.harness.inputs.stdin.scaling import multiplied

_Steps = Generator["list[Planned]", Sequence[bool]]

_TRIES = 12  # to draw an input that is new and is what is wanted
_TRIALS = (1, 3, 8, 12)  # probes that decide about a guess, a batch at a time, as an invalid input may take long
_TRIALS_OF_A_STEP = (1, 3)  # probes that decide whether values go a step further
_TO_COMPARE = 8  # probes of each format that explains the examples
_SMALL = tuple(
    Profile(cap, span, style)
    for cap, span, style in (
        (3, 2, Style.RANDOM),
        (5, 3, Style.RANDOM),
        (4, 1, Style.RANDOM),
        (6, 9, Style.RANDOM),
        (8, 5, Style.RANDOM),
        (2, 5, Style.RANDOM),
        (10, 30, Style.RANDOM),
    )
)
_EDGES = (
    Profile(5, 5, Style.LEAST, Sizes.LEAST),
    Profile(5, None, Style.MOST, Sizes.LEAST),
    Profile(10, None, Style.MOST, Sizes.MOST),
    *(
        Profile(cap, span, style, Sizes.MOST)
        for cap, span, style in (
            (6, 4, Style.EQUAL),
            (8, 5, Style.SORTED),
            (8, 5, Style.REVERSED),
            (7, 5, Style.ALTERNATING),
            (9, 5, Style.TIES),
            (8, None, Style.POWERS_OF_TWO),
            (8, 3, Style.ONE_DIFFERS),
            (9, 5, Style.PALINDROME),
            (5, None, Style.CONSECUTIVE),
            (7, None, Style.RANDOM),
        )
    ),
    Profile(20, None, Style.EQUAL),
    Profile(30, None, Style.TIES),
    Profile(30, None, Style.SORTED),
    Profile(30, None, Style.REVERSED),
)
_MIDDLE = (
    Profile(30, None),
    Profile(60, 10),
    Profile(100, None, Style.RANDOM, Sizes.MOST),
    Profile(200, 100),
    Profile(100, 5, Style.TIES, Sizes.MOST),
)
_REACH = (
    Profile(5, None, Style.MOST),
    Profile(8, None),
    Profile(6, None, Style.POWERS_OF_TWO),
    Profile(10, None, Style.TIES),
    Profile(7, None, Style.EQUAL),
    Profile(7, None, Style.ONE_DIFFERS),
)
_FACTORS = tuple(times * 10**power for power in range(9, -1, -1) for times in (5, 3, 2, 1))[:-1]
_STRESS_STYLES = (Style.RANDOM, Style.SORTED, Style.MOST)
# With sizes beyond, the square of one is too much for a program that is right, if the task has no such size.
_STRESS_CAP = 1_000
GROWTH = 0


@dataclass(frozen=True, slots=True)
class Planned:
    """An input and what it is there for.

    Attributes:
        provenance: ``format`` (small and middling ones), ``edge`` (edge cases), ``mutation`` (near an example),
            ``scaled`` (an example or small one, its values multiplied), ``relation``, ``order`` and ``least`` (settle
            a doubt of that kind: ``relaxing.Doubt``), ``loose`` (drawn when doubts are settled), ``reach`` (large
            values) or ``stress`` (large sizes).
        probe: whether it only asks the oracles something, and is no test case.
        beyond: whether it is larger or freer than the examples are.
    """

    text: str
    provenance: str
    probe: bool = False
    beyond: bool = False


class InputPlan:
    """The inputs for a problem of which only examples are known.

    Args:
        texts: example inputs.
        seed: anything whose text says which inputs to choose.
        count: about how many inputs are planned, probes not counted (up to 24 a guess).
        growth: steps that sizes grow beyond those of the examples, about threefold each. Few steps find few slow
            programs; with many, sizes may be none that the task allows, and right programs may be too slow for them,
            so there are none if nobody asks for them.
        formats: to be used instead of the inferred ones, as a person may have edited them.
    """

    def __init__(
        self,
        texts: Sequence[str],
        seed: object,
        count: int,
        growth: int = GROWTH,
        formats: Sequence[Format] | None = None,
    ) -> None:
        known = list(infer(texts) if formats is None else formats)
        self._plan = _Plan(texts, seed, count, growth, known)
        self._steps = self._plan.steps()
        self._batch: list[Planned] | None = None
        self._finished = False

    def next_batch(self, valid: Sequence[bool]) -> list[Planned]:
        """The inputs to be tried next; none when the plan is at its end.

        Args:
            valid: of each input of the last batch, whether the oracles all answered it and agreed; empty at first.
        """
        if self._finished:
            return []
        try:
            self._batch = next(self._steps) if self._batch is None else self._steps.send(valid)
        except StopIteration:
            self._finished = True
            return []
        return self._batch

    def further(self, count: int) -> list[Planned]:
        """Inputs beside the plan, small and edge cases, as it stands: of the format that the reports left."""
        return self._plan.further(count)


class _Plan:
    def __init__(self, texts: Sequence[str], seed: object, count: int, growth: int, formats: list[Format]) -> None:
        self._texts = texts
        self._formats = formats
        self._count = count
        self._growth = growth
        self._random = Random(f"inputs {seed}".encode("utf-8", "surrogatepass"))  # noqa: S311  nothing secret is drawn
        self._used = set(texts)
        self._small = texts
        self._chosen: Format | None = None  # by the oracles, among those that explain the examples
        self._wide: Format | None = None  # the same with values as far as they go
        self._strict: Format | None = None  # the same as the examples leave it
        self._cases = 0  # inputs planned so far that are no probes

    def further(self, count: int) -> list[Planned]:
        """See :meth:`InputPlan.further`."""
        if self._chosen is None:
            return self._mutations(count, None)
        some = count // 5
        return _mixed(
            self._drawn(self._chosen, "format", (*_SMALL, *_EDGES, *_MIDDLE), count - 3 * some),
            self._mutations(some, self._chosen),
            self._scaled(self._wide or self._chosen, some),
            self._drawn(self._wide or self._chosen, "reach", _REACH, some),
        )

    def steps(self) -> _Steps:
        if not self._formats:
            yield from self._offered(self._mutations(self._count, None))
            return
        strict = yield from self._most_valid()
        self._chosen = self._strict = strict
        # A budget may end the plan anywhere, so it has something of each kind as soon as possible.
        part = self._count // 8
        small = self._drawn(strict, "format", _SMALL, part)
        edges = self._drawn(strict, "edge", _EDGES, part // 2)
        # Edge cases may take much longer.
        first, then = small[: len(small) // 2], small[len(small) // 2 :]
        yield from self._offered([*first, *_mixed(then, edges)])
        self._small = [new.text for new in small] or self._small
        format_ = yield from self._settled(strict, Doubt.LEAST)
        wide = yield from self._widened(format_)
        wide = yield from self._settled(wide, Doubt.SIZE)
        for doubt in (Doubt.RELATION, Doubt.ORDER):
            format_ = yield from self._settled(format_, doubt)
            wide = yield from self._settled(wide, doubt)
        self._chosen, self._wide = format_, wide
        yield from self._offered(
            _mixed(
                self._drawn(strict, "format", _SMALL, part),
                self._drawn(wide, "reach", (*_REACH, *_SMALL), part // 2, but_not=strict),
                self._drawn(strict, "edge", _EDGES, part + part // 2),
                self._drawn(format_, "loose", (*_SMALL, *_EDGES), 2 * part),
                self._scaled(wide, part // 2),
                self._mutations(part, strict),
                self._drawn(strict, "format", _MIDDLE, part),
            )
        )
        # These take longest. Where there were few inputs so far, all others are of this kind.
        more = max(part, self._count - self._cases)
        yield from self._offered(self._drawn(wide, "reach", (*_REACH, *_SMALL), more, but_not=strict))
        yield from self._grown(wide)

    def _most_valid(self) -> Generator[list[Planned], Sequence[bool], Format]:
        """The first of the formats of whose inputs most are valid."""
        best, most = self._formats[0], -1.0
        if len(self._formats) == 1:
            return best
        for format_ in self._formats:
            batch = _as_probes(self._drawn(format_, "format", _SMALL, _TO_COMPARE))
            valid = yield from self._offered(batch)
            share = sum(valid) / len(valid) if valid else 0.0
            if share > most:
                best, most = format_, share
        return best

    def _settled(self, format_: Format, doubt: Doubt) -> Generator[list[Planned], Sequence[bool], Format]:
        """The format with its guesses of a kind tried: all at once, then, unless all were wrong, one by one."""
        guesses = _guesses(format_, doubt)
        if len(guesses) > 1:
            loose = without(format_, guesses)
            if (yield from self._is_valid(loose, format_, doubt)):
                return loose
        for _ in guesses:
            first = frozenset(sorted(_guesses(format_, doubt))[:1])
            loose = without(format_, first)
            valid = yield from self._is_valid(loose, format_, doubt)
            format_ = loose if valid else confirmed(format_, first)
        return format_

    def _widened(self, format_: Format) -> Generator[list[Planned], Sequence[bool], Format]:
        """The format with values as far as they seem to go: all widened a step at a time, then those that still may."""
        while guesses := _guesses(format_, Doubt.REACH):
            loose = without(format_, guesses)
            if (yield from self._reaches(loose, format_)):
                format_ = loose
                continue
            # From the last, as one that is settled renumbers those after it.
            for guess in sorted(guesses, reverse=True):
                loose = without(format_, {guess})
                if len(guesses) > 1 and (yield from self._reaches(loose, format_)):
                    format_ = loose
                else:
                    format_ = yield from self._part_of_a_step(format_, guess)
        return format_

    def _part_of_a_step(self, format_: Format, guess: int) -> Generator[list[Planned], Sequence[bool], Format]:
        """The format with this bound as far out as it may go, which is less than a step, made certain."""
        further = reaches_within_a_step(format_, guess)
        valid, invalid = -1, len(further)
        while invalid - valid > 1:
            middle = (valid + invalid) // 2
            nearer = format_ if valid < 0 else reaching(format_, guess, further[valid])
            is_valid = yield from self._reaches(reaching(format_, guess, further[middle]), nearer)
            valid, invalid = (middle, invalid) if is_valid else (valid, middle)
        if valid >= 0:
            format_ = reaching(format_, guess, further[valid])
        return confirmed(format_, {guess})

    def _reaches(self, loose: Format, strict: Format) -> Generator[list[Planned], Sequence[bool], bool]:
        """Whether the inputs tried that only the looser format has are all valid."""
        before = set(self._used)
        is_valid = all((yield from self._tried(loose, strict, Doubt.REACH, _REACH, _TRIALS_OF_A_STEP)))
        if is_valid:
            self._used = before  # the greatest values make test cases too
        return is_valid

    def _grown(self, format_: Format) -> Generator[list[Planned], Sequence[bool], Format]:
        """The format with sizes as far as they seem to go, an input for each step and style."""
        for style, _ in zip(cycle(_STRESS_STYLES), range(self._growth), strict=False):
            guesses = _guesses(format_, Doubt.SIZE)
            if not guesses:
                break
            loose = without(format_, guesses)
            batch = self._drawn(loose, "stress", [Profile(_STRESS_CAP, None, style, Sizes.MOST)], 1)
            valid = yield from self._offered(batch)
            if not all(valid) or not valid:
                break
            format_ = loose
        return format_

    def _is_valid(self, loose: Format, strict: Format, doubt: Doubt) -> Generator[list[Planned], Sequence[bool], bool]:
        """Whether there are inputs of the looser format that are not of the strict one, and those tried are valid."""
        valid = yield from self._tried(loose, strict, doubt, _SMALL, _TRIALS)
        return bool(valid) and all(valid)

    def _tried(
        self, loose: Format, strict: Format, doubt: Doubt, profiles: Sequence[Profile], trials: Sequence[int]
    ) -> Generator[list[Planned], Sequence[bool], list[bool]]:
        """What became of probes of the looser format that are not of the strict one, up to the first invalid ones."""
        valid: list[bool] = []
        for count in trials:
            valid += yield from self._offered(
                _as_probes(self._drawn(loose, doubt.value, profiles, count, but_not=strict))
            )
            if not all(valid):
                break
        return valid

    def _offered(self, batch: list[Planned]) -> Generator[list[Planned], Sequence[bool], Sequence[bool]]:
        """What became of a batch. An empty one, where a small format has no new inputs, is no end of the plan."""
        self._cases += sum(not new.probe for new in batch)
        return (yield batch) if batch else ()

    def _mutations(self, count: int, format_: Format | None) -> list[Planned]:
        batch = []
        for _ in range(count):
            for _ in range(_TRIES):
                text = mutated(self._texts, self._random)
                if text not in self._used and (format_ is None or fits(format_, text)):
                    self._used.add(text)
                    batch.append(Planned(text, "mutation"))
                    break
        return batch

    def _scaled(self, format_: Format, count: int) -> list[Planned]:
        """Examples and small inputs made larger, one in two as large as may be."""
        batch: list[Planned] = []
        for _ in range(count):
            text = self._random.choice(self._random.choice((self._texts, self._small)))
            factors = list(_FACTORS)
            if self._random.random() < 0.5:
                self._random.shuffle(factors)
            larger = next(filter(None, (multiplied(format_, text, factor) for factor in factors)), None)
            if larger is not None and larger not in self._used:
                self._used.add(larger)
                batch.append(self._planned(larger, "scaled"))
        return batch

    def _planned(self, text: str, provenance: str) -> Planned:
        return Planned(text, provenance, beyond=self._strict is not None and not fits(self._strict, text))

    def _drawn(
        self,
        format_: Format,
        provenance: str,
        profiles: Sequence[Profile],
        count: int,
        but_not: Format | None = None,
    ) -> list[Planned]:
        """So many new inputs, or fewer where there are no more."""
        batch: list[Planned] = []
        fertile = list(profiles)
        while fertile and len(batch) < count:
            for profile in fertile[: count - len(batch)]:
                text = self._new_text(format_, profile, but_not)
                if text is None:
                    fertile.remove(profile)
                else:
                    batch.append(self._planned(text, provenance))
        return batch

    def _new_text(self, format_: Format, profile: Profile, but_not: Format | None) -> str | None:
        chooser = SeededChooser(self._random, profile)
        for _ in range(_TRIES):
            with suppress(CannotDraw):  # drawn again, in vain at most _TRIES times
                text = draw(format_, chooser)
                if text not in self._used and not (but_not and fits(but_not, text)):
                    self._used.add(text)
                    return text
        return None


def _as_probes(batch: Sequence[Planned]) -> list[Planned]:
    return [replace(new, probe=True) for new in batch]


def _mixed(*batches: Sequence[Planned]) -> list[Planned]:
    """One of each in turn, until all are used."""
    return [new for turn in zip_longest(*batches) for new in turn if new is not None]


def _guesses(format_: Format, doubt: Doubt) -> frozenset[int]:
    return frozenset(place for place, about in enumerate(doubts(format_)) if about is doubt)
