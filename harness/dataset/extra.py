"""Checks for the packages of the extra ``[build]`` before any work begins."""

from __future__ import annotations

import importlib.util

from semi_instruct.harness.errors import BadRequest


def needs(*modules: str) -> None:
    """Raise if a module is missing.

    Raises:
        BadRequest: one is missing; the message says what to install.
    """
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    if missing:
        raise BadRequest(f"{' and '.join(missing)} missing: pip install 'semi-instruct[build]'")
