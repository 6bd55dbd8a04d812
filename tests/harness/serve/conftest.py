"""One server for all tests that leave it as it was."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.harness.serve.running import Server


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """Two workers, on loopback."""
    with Server("--workers", "2", "--max-time", "60") as running:
        yield running
