"""What `build` needs beyond the engine, asked for before any work: the extra ``[build]``."""

from __future__ import annotations

import importlib.util

from semi_instruct.harness.errors import BadRequest


def needs(*modules: str) -> None:
    """See that the modules are there.

    Raises:
        BadRequest: one is missing; says what to install.
    """
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    if missing:
        raise BadRequest(f"{' and '.join(missing)} missing: pip install 'semi-instruct[build]'")
