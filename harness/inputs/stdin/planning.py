"""Plans the inputs of a problem: small ones of every kind first, then edge cases, then larger and larger ones.

A plan comes in batches. After each batch the caller reports which inputs were valid according to the oracles. The
reports decide between formats that explain the examples equally well and show which guesses are right. Inputs that
serve this purpose are probes, which only the oracles run: an input that the task may not allow must not judge a
candidate, even if the oracles happen to agree about it. The same texts, seed, count and reports give the same inputs.
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

_TRIES = 12  # attempts to draw an input that is new and meets the requirements
_TRIALS = (1, 3, 8, 12)  # batch sizes of the probes that test a guess; batches, because an invalid input may take long
_TRIALS_OF_A_STEP = (1, 3)  # batch sizes of the probes that test a step to larger values
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
# Larger sizes are too much for a correct program of quadratic complexity, if the task does not have such sizes.
_STRESS_CAP = 1_000
GROWTH = 0


@dataclass(frozen=True, slots=True)
class Planned:
    """An input and its purpose.

    Attributes:
        provenance: ``format`` (small and medium inputs), ``edge`` (edge cases), ``mutation`` (a changed example),
            ``scaled`` (an example or small input with its values multiplied), ``relation``, ``order`` and ``least``
            (tests of a guess of that kind, see ``relaxing.Doubt``), ``loose`` (drawn after these tests), ``reach``
            (large values) or ``stress`` (large sizes).
        probe: whether only the oracles run it; a probe is never a test case.
        beyond: whether it is larger or less regular than the examples.
    """

    text: str
    provenance: str
    probe: bool = False
    beyond: bool = False


class InputPlan:
    """The inputs of a problem for which only examples are known.

    Args:
        texts: example inputs.
        seed: the seed; its text form is used.
        count: approximate number of planned inputs, not counting probes (up to 24 for each guess).
        growth: number of steps by which sizes grow beyond those of the examples, each about threefold. Few steps find
            few slow programs. Many steps may lead to sizes that the task does not allow and for which correct programs
            are too slow. The default is no growth.
        formats: formats to use instead of the inferred ones, for example after manual editing.
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
        """The inputs to try next; an empty list when the plan has ended.

        Args:
            valid: for each input of the last batch, whether all oracles answered it and agreed; empty at first.
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
        """Up to ``count`` inputs in addition to the plan, in the format that the reports so far support."""
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
        self._chosen: Format | None = None  # the format that explains the examples and that the oracles support
        self._widest: Format | None = None  # the chosen format with the widest valid ranges
        self._strict: Format | None = None  # the chosen format with all guesses kept
        self._cases = 0  # inputs planned so far, without probes

    def further(self, count: int) -> list[Planned]:
        """Implements :meth:`InputPlan.further`."""
        if self._chosen is None:
            return self._mutations(count, None)
        some = count // 5
        return _interleaved(
            self._drawn(self._chosen, "format", (*_SMALL, *_EDGES, *_MIDDLE), count - 3 * some),
            self._mutations(some, self._chosen),
            self._scaled(self._widest or self._chosen, some),
            self._drawn(self._widest or self._chosen, "reach", _REACH, some),
        )

    def steps(self) -> _Steps:
        if not self._formats:
            yield from self._propose(self._mutations(self._count, None))
            return
        strict = yield from self._most_valid()
        self._chosen = self._strict = strict
        # A budget may end the plan at any point, so inputs of every kind come as early as possible.
        part = self._count // 8
        small = self._drawn(strict, "format", _SMALL, part)
        edges = self._drawn(strict, "edge", _EDGES, part // 2)
        # Edge cases may take much longer to run.
        first, rest = small[: len(small) // 2], small[len(small) // 2 :]
        yield from self._propose([*first, *_interleaved(rest, edges)])
        self._small = [new.text for new in small] or self._small
        format_ = yield from self._resolved(strict, Doubt.LEAST)
        widest = yield from self._widened(format_)
        widest = yield from self._resolved(widest, Doubt.SIZE)
        for doubt in (Doubt.RELATION, Doubt.ORDER):
            format_ = yield from self._resolved(format_, doubt)
            widest = yield from self._resolved(widest, doubt)
        self._chosen, self._widest = format_, widest
        yield from self._propose(
            _interleaved(
                self._drawn(strict, "format", _SMALL, part),
                self._drawn(widest, "reach", (*_REACH, *_SMALL), part // 2, but_not=strict),
                self._drawn(strict, "edge", _EDGES, part + part // 2),
                self._drawn(format_, "loose", (*_SMALL, *_EDGES), 2 * part),
                self._scaled(widest, part // 2),
                self._mutations(part, strict),
                self._drawn(strict, "format", _MIDDLE, part),
            )
        )
        # These take longest to run. If there were few inputs so far, all remaining ones are of this kind.
        more = max(part, self._count - self._cases)
        yield from self._propose(self._drawn(widest, "reach", (*_REACH, *_SMALL), more, but_not=strict))
        yield from self._grown(widest)

    def _most_valid(self) -> Generator[list[Planned], Sequence[bool], Format]:
        """The format with the greatest share of valid inputs; the first of them in a tie."""
        best, best_share = self._formats[0], -1.0
        if len(self._formats) == 1:
            return best
        for format_ in self._formats:
            batch = _as_probes(self._drawn(format_, "format", _SMALL, _TO_COMPARE))
            valid = yield from self._propose(batch)
            share = sum(valid) / len(valid) if valid else 0.0
            if share > best_share:
                best, best_share = format_, share
        return best

    def _resolved(self, format_: Format, doubt: Doubt) -> Generator[list[Planned], Sequence[bool], Format]:
        """The format after testing its guesses of one kind: first all at once, then one by one if some are right."""
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
        """The format with value ranges widened by steps while the inputs are valid, first all ranges together."""
        while guesses := _guesses(format_, Doubt.REACH):
            loose = without(format_, guesses)
            if (yield from self._reaches(loose, format_)):
                format_ = loose
                continue
            # In descending order, because resolving a guess renumbers the later ones.
            for guess in sorted(guesses, reverse=True):
                loose = without(format_, {guess})
                if len(guesses) > 1 and (yield from self._reaches(loose, format_)):
                    format_ = loose
                else:
                    format_ = yield from self._part_of_a_step(format_, guess)
        return format_

    def _part_of_a_step(self, format_: Format, guess: int) -> Generator[list[Planned], Sequence[bool], Format]:
        """The format with this bound moved out by the largest valid part of a step and made certain."""
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
        """Whether all tested inputs that only the looser format allows are valid."""
        before = set(self._used)
        is_valid = all((yield from self._tried(loose, strict, Doubt.REACH, _REACH, _TRIALS_OF_A_STEP)))
        if is_valid:
            self._used = before  # inputs with the greatest values may become test cases too
        return is_valid

    def _grown(self, format_: Format) -> Generator[list[Planned], Sequence[bool], Format]:
        """The format with sizes grown as long as the inputs are valid, with one input for each step and style."""
        for style, _ in zip(cycle(_STRESS_STYLES), range(self._growth), strict=False):
            guesses = _guesses(format_, Doubt.SIZE)
            if not guesses:
                break
            loose = without(format_, guesses)
            batch = self._drawn(loose, "stress", [Profile(_STRESS_CAP, None, style, Sizes.MOST)], 1)
            valid = yield from self._propose(batch)
            if not all(valid) or not valid:
                break
            format_ = loose
        return format_

    def _is_valid(self, loose: Format, strict: Format, doubt: Doubt) -> Generator[list[Planned], Sequence[bool], bool]:
        """Whether there are inputs that only the looser format allows, and all tested ones are valid."""
        valid = yield from self._tried(loose, strict, doubt, _SMALL, _TRIALS)
        return bool(valid) and all(valid)

    def _tried(
        self, loose: Format, strict: Format, doubt: Doubt, profiles: Sequence[Profile], trials: Sequence[int]
    ) -> Generator[list[Planned], Sequence[bool], list[bool]]:
        """The validity of probes that only the looser format allows, up to the first batch with an invalid one."""
        valid: list[bool] = []
        for count in trials:
            valid += yield from self._propose(
                _as_probes(self._drawn(loose, doubt.value, profiles, count, but_not=strict))
            )
            if not all(valid):
                break
        return valid

    def _propose(self, batch: list[Planned]) -> Generator[list[Planned], Sequence[bool], Sequence[bool]]:
        """Yield a batch and return its reports. An empty batch is skipped, because yielding it would end the plan."""
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
        """Examples and small inputs with multiplied values, half of them by the greatest possible factor."""
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
        """Up to ``count`` new inputs; fewer if there are no more."""
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
            with suppress(CannotDraw):  # try again, up to _TRIES times
                text = draw(format_, chooser)
                if text not in self._used and not (but_not and fits(but_not, text)):
                    self._used.add(text)
                    return text
        return None


def _as_probes(batch: Sequence[Planned]) -> list[Planned]:
    return [replace(new, probe=True) for new in batch]


def _interleaved(*batches: Sequence[Planned]) -> list[Planned]:
    """Take one input from each batch in turn until all are used."""
    return [new for turn in zip_longest(*batches) for new in turn if new is not None]


def _guesses(format_: Format, doubt: Doubt) -> frozenset[int]:
    return frozenset(index for index, about in enumerate(doubts(format_)) if about is doubt)
