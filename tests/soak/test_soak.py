"""``make soak``, short; and what it judges memory by."""

from __future__ import annotations

import itertools
from random import Random

import pytest

from semi_instruct.engine.limits import MIB
from tests.soak import host_memory
from tests.soak.host_memory import FIGURES, Comparison
from tests.soak.series import killing, mixed

_SEED = 1


def test_hostile_and_honest_runs_in_a_row_leave_no_trace() -> None:
    mixed(150, _SEED, print, watch_host=False)


def test_no_run_is_lost_while_processes_are_killed() -> None:
    killing(20, _SEED, print)


@pytest.mark.parametrize(
    ("leak", "steeper"),
    [({}, set()), ({"Percpu": 2048}, {"Percpu"}), ({"Slab": 2048, "SUnreclaim": 2048}, {"Slab", "SUnreclaim"})],
)
def test_what_the_mixture_leaks_is_told_from_noise_and_from_what_honest_runs_leak(
    leak: dict[str, int], steeper: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The host grows by 4 KiB a run whatever runs, and by up to a MiB a block of 1000 runs, up or down, by itself."""
    random, held = Random(7), dict.fromkeys(FIGURES, 100 * MIB)
    monkeypatch.setattr(
        host_memory, "settled", lambda: {name: held[name] + random.randrange(-MIB, MIB) // 2 for name in FIGURES}
    )

    def block(leaks: dict[str, int]) -> None:
        for name in FIGURES:
            held[name] += 1000 * (4096 + leaks.get(name, 0))

    comparison = Comparison()
    for _ in range(10):
        comparison.measure(comparison.honest, lambda: block({}))
    for _ in range(10):
        comparison.measure(comparison.mixture, lambda: block(leak))
    slopes = comparison.slopes(1000)
    assert {slope.figure for slope in slopes if slope.is_steeper} == steeper
    assert all(("STEEPER" in str(slope)) == slope.is_steeper for slope in slopes)
    assert all(slope.honest == pytest.approx(4096, rel=0.2) for slope in slopes)


def test_figures_are_taken_when_they_have_settled(monkeypatch: pytest.MonkeyPatch) -> None:
    falling = itertools.chain((100 * MIB, 50 * MIB, 20 * MIB), itertools.repeat(10 * MIB))
    monkeypatch.setattr(host_memory, "look", lambda: dict.fromkeys(FIGURES, next(falling)))
    monkeypatch.setattr(host_memory, "_LOOKS_APART", 0.01)
    assert host_memory.settled() == dict.fromkeys(FIGURES, 10 * MIB)
