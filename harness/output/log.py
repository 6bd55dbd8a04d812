"""Prints log records of the engine and the harness on stderr, such as waits and their reasons."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from semi_instruct.harness.text import one_line


class _OnStderr(logging.Handler):
    """Prints one line per record. A progress bar replaces ``sys.stderr``, so it is looked up each time."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print a record."""
        print(f"semi-instruct: {one_line(record.getMessage(), longest=1_000)}", file=sys.stderr, flush=True)


@contextmanager
def log_on_stderr(*, quiet: bool = False, verbose: bool = False) -> Iterator[None]:
    """Within the block, print a line on stderr for each log record.

    Args:
        quiet: print only warnings and errors.
        verbose: print everything, including debug records.
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
