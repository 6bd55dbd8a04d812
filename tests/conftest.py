"""Fixtures every test may use."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from semi_instruct.engine import Engine

# How long an example takes says how busy the machine is.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


@pytest.fixture(scope="session", autouse=True)
def signals_as_usual() -> None:
    """A shell that starts the tests in the background leaves these ignored, and what the tests start inherits that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """Two workers, shared by all tests that do not break them."""
    with Engine(workers=2) as shared:
        yield shared
