"""The stages of a build, in order, and their names; a file for each.

:func:`stages` is the one list of them. ``harness.dataset.pipeline`` runs them, and ``Build`` looks up in it what came
before a stage.
"""

from __future__ import annotations

from semi_instruct.harness.dataset.settings import Settings

FILTERS = READ, SCREEN, DEDUPLICATE, DECONTAMINATE = "read", "screen", "deduplicate", "decontaminate"
PROPOSE, VALIDATE, INSTRUCT, RETELL, ROUND_TRIP = "propose", "validate", "instruct", "retell", "round trip"
RETAIN, DIVERSIFY, REPLAY, EXPORT = "retain", "diversify", "replay", "export"


def stages(settings: Settings) -> tuple[str, ...]:
    """The stages of a build in order: filters of natural codes, those of its mode, filters of pairs."""
    return (*FILTERS, *mode_stages(settings), RETAIN, DIVERSIFY, REPLAY, EXPORT)


def mode_stages(settings: Settings) -> tuple[str, ...]:
    """The stages that make and judge pairs. In semi mode they are the steps of ``harness.synthesis.flow``."""
    match settings.mode:
        case "natural":
            return (VALIDATE,)
        case "self":
            return (PROPOSE, VALIDATE)
        case "semi":
            repairs = [name for turn in range(1, settings.repairs + 1) for name in (f"repair {turn}", again(turn))]
            round_trip = (RETELL, ROUND_TRIP) if settings.least_round_trip > 0 else ()
            return (PROPOSE, VALIDATE, *repairs, INSTRUCT, *round_trip)


def again(turn: int) -> str:
    """The stage that judges the repaired codes of a round, counted from 1."""
    return f"{VALIDATE} {turn}"


def before(stage: str, settings: Settings) -> str:
    """The stage before a stage."""
    order = stages(settings)
    return order[order.index(stage) - 1]
