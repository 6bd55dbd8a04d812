"""What tests of the harness share."""

from collections.abc import Iterator

import pytest

from semi_instruct.engine import Engine


@pytest.fixture(scope="module")
def walls() -> Iterator[Engine]:
    """An engine for all tests of a module."""
    with Engine(workers=1) as engine:
        yield engine
