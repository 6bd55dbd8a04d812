"""Shows on stderr what the engine and the harness log: that work waits, why, and that it goes on."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from semi_instruct.harness.text import one_line


class _OnStderr(logging.Handler):
    """Prints a line for each record. A progress bar replaces ``sys.stderr``, so it is looked up each time."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print it."""
        print(f"semi-instruct: {one_line(record.getMessage(), longest=1_000)}", file=sys.stderr, flush=True)


@contextmanager
def log_on_stderr(*, quiet: bool = False, verbose: bool = False) -> Iterator[None]:
    """Within the block, print a line on stderr for each record that is logged.

    Args:
        quiet: warnings and errors only.
        verbose: everything, debugging included.
    """
    logger = logging.getLogger("semi_instruct")
    handler, level = _OnStderr(), logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG if verbose else logging.WARNING if quiet else logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
