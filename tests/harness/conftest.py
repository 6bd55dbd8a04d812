"""Lets the tests of the harness import their fake engine, whatever pytest's import mode."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine import Engine

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="module")
def walls() -> Iterator[Engine]:
    """An engine for all tests of a module."""
    with Engine(workers=1) as engine:
        yield engine
