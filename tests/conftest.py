"""Fixtures every test may use."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from engine import Engine


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """Two workers, shared by all tests that do not break them."""
    with Engine(workers=2) as shared:
        yield shared
