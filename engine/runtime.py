"""Runtimes: the interpreter, standard library and packages that programs can use.

A runtime is a virtual environment chosen by the operator, never by a program. Its *own* interpreter runs the programs,
so its packages always match. Programs never see the engine's environment.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from semi_instruct.engine.errors import RuntimeUnusable

ENVIRONMENT_VARIABLE = "SEMI_INSTRUCT_RUNTIME"
_REMEDY = "give the path of a virtual environment made with Python 3.12 or later"
_QUESTION = """
import json, os, sys, sysconfig
shared = sysconfig.get_config_var("INSTSONAME") if sysconfig.get_config_var("Py_ENABLE_SHARED") else None
print(json.dumps({
    "version": sys.version_info[:2],
    "executable": os.path.realpath(sys.executable),
    "stdlib": sysconfig.get_path("stdlib"),
    "library": shared and os.path.join(sysconfig.get_config_var("LIBDIR"), shared),
}))
"""


@dataclass(frozen=True, slots=True)
class Runtime:
    """Host paths that are mounted read-only for programs.

    Attributes:
        version: ``(3, 12)`` and so on.
        executable: the interpreter.
        stdlib: its standard library.
        library: the shared ``libpython`` of the interpreter, if it uses one.
        packages: the environment's site-packages, or None for the standard library alone.
    """

    version: tuple[int, int]
    executable: Path
    stdlib: Path
    library: Path | None
    packages: Path | None


def default_path() -> Path | None:
    """The default runtime: named by an environment variable, or beside the engine's own; None if there is none."""
    named = os.environ.get(ENVIRONMENT_VARIABLE)
    if named:
        return Path(named)
    beside = Path(sys.prefix) / "share" / "semi-instruct" / "runtime"
    return beside if beside.is_dir() else None


def find(path: str | os.PathLike[str] | None = None) -> Runtime:
    """The runtime at ``path``. None selects the default or, if there is none, this interpreter's standard library.

    Raises:
        RuntimeUnusable: there is no interpreter, it does not run, or it is older than 3.12.
    """
    environment = Path(path) if path is not None else default_path()
    interpreter = Path(sys.executable) if environment is None else environment / "bin" / "python"
    if not interpreter.exists():
        raise RuntimeUnusable(f"no interpreter at {interpreter}: {_REMEDY}")
    try:
        answer = subprocess.run(
            [interpreter, "-I", "-S", "-c", _QUESTION], capture_output=True, check=True, timeout=30, text=True
        )
        facts = json.loads(answer.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise RuntimeUnusable(f"{interpreter} does not run ({error}): {_REMEDY}") from error
    version = (facts["version"][0], facts["version"][1])
    if version < (3, 12):
        raise RuntimeUnusable(f"{interpreter} is Python {version[0]}.{version[1]}: {_REMEDY}")
    packages = None
    if environment is not None:
        packages = environment / "lib" / f"python{version[0]}.{version[1]}" / "site-packages"
    return Runtime(
        version=version,
        executable=Path(facts["executable"]),
        stdlib=Path(os.path.realpath(facts["stdlib"])),
        library=Path(facts["library"]) if facts["library"] else None,
        packages=Path(os.path.realpath(packages)) if packages is not None and packages.is_dir() else None,
    )
