"""One server, shared by all tests that do not change it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.harness.serve.running import Server


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A server with two workers on loopback."""
    with Server("--workers", "2", "--max-time", "60") as running:
        yield running
