"""Checks that what an optional part of the package needs is installed."""

from __future__ import annotations

from semi_instruct import extras
from semi_instruct.harness.errors import MissingExtra


def require(feature: str, extra: str, *modules: str) -> None:
    """Check, without importing them, that modules are installed.

    Args:
        feature: what needs them, as the subject of a sentence.
        extra: the extra that has them.
        modules: those needed; none for all of the extra.

    Raises:
        MissingExtra: one is missing.
    """
    if extras.is_missing(*modules or extras.MODULES[extra]):
        raise MissingExtra(extras.message(feature, extra))


def explain(feature: str, error: ModuleNotFoundError) -> None:
    """Return if no extra has the module that a failed import did not find.

    Args:
        feature: what needs the module, as the subject of a sentence.

    Raises:
        MissingExtra: an extra has it.
    """
    extra = extras.extra_with(error)
    if extra is not None:
        raise MissingExtra(extras.message(feature, extra)) from error
