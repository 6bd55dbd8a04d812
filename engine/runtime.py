"""What a program may import: an interpreter with its standard library, and the packages of one environment.

A runtime is a virtual environment given by the operator, never by a program. Its *own* interpreter runs the programs,
so its packages always fit; the engine's environment is never shown to a program.
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
    """Host paths of what is mounted, read-only, for programs to run on.

    Attributes:
        version: ``(3, 12)`` and so on.
        executable: the interpreter.
        stdlib: its standard library.
        library: the shared ``libpython`` the interpreter loads, if it does.
        packages: the environment's site-packages, or None for the standard library alone.
    """

    version: tuple[int, int]
    executable: Path
    stdlib: Path
    library: Path | None
    packages: Path | None


def default_path() -> Path | None:
    """Where the default runtime is: named by the environment, or beside the engine's own; None if there is none."""
    named = os.environ.get(ENVIRONMENT_VARIABLE)
    if named:
        return Path(named)
    beside = Path(sys.prefix) / "share" / "semi-instruct" / "runtime"
    return beside if beside.is_dir() else None


def find(path: str | os.PathLike[str] | None = None) -> Runtime:
    """The runtime at ``path``; None takes the default, and where there is none, this interpreter's standard library.

    Raises:
        RuntimeUnusable: no interpreter there, it does not run, or it is older than 3.12.
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
