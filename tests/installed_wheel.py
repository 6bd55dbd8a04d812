"""A plugin of pytest for `make test-wheel`: what is tested is the installed package, and no checkout beside it."""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path

import pytest

_PACKAGES = ("engine", "generator", "harness")


def pytest_configure() -> None:
    """Check where the package would be imported from.

    Raises:
        pytest.UsageError: it would not be the installed one, or a folder has a package of a checkout.
    """
    folders = [Path(entry).resolve() for entry in dict.fromkeys(sys.path)]
    if checkouts := [str(folder) for folder in folders if any((folder / name).is_dir() for name in _PACKAGES)]:
        raise pytest.UsageError(f"sys.path has a checkout: {', '.join(checkouts)}")
    if [folder for folder in folders if (folder / "semi_instruct").exists()] != [_installed()]:
        raise pytest.UsageError(f"semi_instruct is not in {_installed()} alone: {sys.path}")


@pytest.hookimpl(trylast=True)  # the fixtures are torn down first
def pytest_runtest_teardown() -> None:
    """Check what the test imported. A failure is an error of the test."""
    assert not {*_PACKAGES} & {*sys.modules}
    strangers = [
        name
        for name, module in [*sys.modules.items()]
        if name.split(".")[0] == "semi_instruct" and not _is_installed(getattr(module, "__file__", None))
    ]
    assert strangers == []


def _installed() -> Path:
    return Path(sysconfig.get_path("purelib")).resolve()


def _is_installed(file: str | None) -> bool:
    return file is None or Path(file).is_relative_to(_installed())
