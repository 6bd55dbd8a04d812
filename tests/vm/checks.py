"""What takes a machine that may be spoilt: layouts of control groups, and switches that forbid the sandbox.

Only root of the guest runs this file; ``make test`` does not collect it. In every case a process of the case's own asks
for an engine and tells what it got.
"""

from __future__ import annotations

import json
import os
import pwd
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.timing import allow_seconds

ROOT = Path(__file__).parents[2]
GROUPS = Path("/sys/fs/cgroup")
TESTER = ("setpriv", "--reuid", "tester", "--regid", "tester", "--init-groups", "--inh-caps", "-all")
_ASK = """
import json, sys
from semi_instruct.engine import Engine, Program, SandboxUnavailable, cgroup, probe
answer = {}
try:
    with Engine(workers=1, allow_degraded="degraded" in sys.argv) as engine:
        outcome = engine.run(Program("print(6 * 7)"))
        answer = {"stdout": outcome.stdout.decode(), "isolation": outcome.isolation}
        answer["parent"] = str(cgroup.find().parents["memory"]) if "memory" in outcome.isolation else None
except SandboxUnavailable as error:
    answer = {"layer": error.layer, "reason": error.reason, "remedy": error.remedy}
    fallen = [layer for layer in probe.examine() if not layer.stands]
    answer["doctor"] = [(layer.name, layer.remedy) for layer in fallen]
print(json.dumps(answer))
"""


def ask(*wrapper: str, group: Path = GROUPS, degraded: bool = False) -> dict[str, Any]:
    """What an engine says that is started in ``group`` under the commands of ``wrapper``."""
    enter = ("sh", "-c", 'echo $$ > "$0/cgroup.procs" && exec "$@"', str(group))
    words = ["degraded"] if degraded else []
    command = [*enter, *wrapper, sys.executable, "-c", _ASK, *words]
    answer = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert answer.returncode == 0, answer
    told: dict[str, Any] = json.loads(answer.stdout)
    return told


def in_a_mount_namespace(*commands: str) -> tuple[str, ...]:
    """A wrapper that changes mounts for the asking process alone."""
    return ("unshare", "--mount", "sh", "-c", " && ".join([*commands, 'exec "$@"']), "sh")


@pytest.fixture
def tree() -> Iterator[Path]:
    """A place for groups of a test's own, which hands memory and pids down."""
    top = GROUPS / "layout"
    top.mkdir()
    for each in (GROUPS, top):
        (each / "cgroup.subtree_control").write_text("+memory +pids")
    yield top
    for folder, _, _ in os.walk(top, topdown=False):
        os.rmdir(folder)


def make(path: Path, *, handing_down: bool = False, owner: str = "root") -> Path:
    """A group, which its owner may arrange."""
    path.mkdir()
    for each in (path, *(path / f"cgroup.{name}" for name in ("procs", "threads", "subtree_control"))):
        subprocess.run(["chown", owner, each], check=True)
    if handing_down:
        (path / "cgroup.subtree_control").write_text("+memory +pids")
    return path


def controllers(path: Path) -> set[str]:
    return set((path / "cgroup.subtree_control").read_text().split())


@pytest.fixture
def delegated(tree: Path) -> Path:
    """A group handed over to the tester by chown."""
    return make(tree / "delegated", owner="tester")


def test_root_in_a_session_uses_the_nearest_group_that_works_and_changes_no_other(tree: Path) -> None:
    upper = make(tree / "user.slice", handing_down=True)
    slice_ = make(upper / "user-0.slice")
    session = make(slice_ / "session-1.scope")
    answer = ask(group=session)
    assert (answer["stdout"], answer["parent"]) == ("42\n", str(slice_))
    assert controllers(session) == set()


def test_root_in_a_scope_that_systemd_delegated_stays_in_it(tree: Path) -> None:
    scope = make(tree / "delegated.scope")
    os.setxattr(scope, "trusted.delegate", b"1")
    assert ask(group=scope)["parent"] == str(scope)


def test_the_top_of_a_container_is_used_itself(tree: Path) -> None:
    top = make(tree / "container")
    remount = in_a_mount_namespace(f"umount {GROUPS}", f"mount -t cgroup2 none {GROUPS}")
    assert ask("unshare", "--cgroup", *remount, group=top)["parent"] == str(GROUPS)


def test_a_user_in_a_group_handed_over_stays_in_it_each_time(delegated: Path) -> None:
    leaf = delegated / "semi-instruct-host"  # in which the first engine steps aside
    for group in (delegated, leaf, leaf):
        assert ask(*TESTER, group=group)["parent"] == str(delegated)


@pytest.mark.parametrize("place", ["/run/user/{uid}", "/tmp"])
def test_a_user_s_engine_leaves_no_folder_where_nsjail_mounts(delegated: Path, place: str) -> None:
    uid = pwd.getpwnam("tester").pw_uid
    folder = Path(place.format(uid=uid))
    if place != "/tmp":
        folder.mkdir(parents=True)
        os.chown(folder, uid, uid)
    before = sorted(folder.iterdir())
    assert ask(*TESTER, group=delegated)["stdout"] == "42\n"
    deadline = time.monotonic() + allow_seconds(5)
    while sorted(folder.iterdir()) != before:  # the keeper outlives the engine by a moment
        assert time.monotonic() < deadline, sorted(folder.iterdir())
        time.sleep(0.05)
    if place != "/tmp":
        folder.rmdir()


@pytest.mark.parametrize("marked", [True, False])
def test_a_user_s_scope_is_used_before_the_slice_it_is_in(tree: Path, marked: bool) -> None:
    manager = make(tree / "user@1000.service", owner="tester", handing_down=True)
    slice_ = make(manager / "app.slice", owner="tester", handing_down=True)
    scope = make(slice_ / "run-1.scope", owner="tester")
    if marked:
        os.setxattr(scope, "user.delegate", b"1")
    assert ask(*TESTER, group=scope)["parent"] == str(scope if marked else slice_)


def refused(answer: dict[str, Any], layer: str, remedy: str) -> None:
    """The engine and the doctor name the same layer and the same remedy, in a line."""
    assert answer.get("layer") == layer, answer
    assert remedy in str(answer["remedy"]), answer
    assert "\n" not in str(answer["remedy"])
    assert [layer, answer["remedy"]] in list(answer["doctor"]), answer


def test_a_user_without_a_group_is_refused_unless_told_and_then_it_shows(tree: Path) -> None:
    foreign = make(tree / "session-2.scope")
    refused(ask(*TESTER, group=foreign), "cgroup", "systemd-run --user --scope -p Delegate=yes")
    answer = ask(*TESTER, group=foreign, degraded=True)
    assert answer["stdout"] == "42\n"
    assert {"memory", "pids", "cpu"}.isdisjoint(answer["isolation"])
    assert {"user", "mount", "seccomp", "uid"} <= set(answer["isolation"])


@pytest.fixture
def switches() -> Iterator[dict[str, str]]:
    """Switches a test has set, with what they were."""
    before: dict[str, str] = {}
    yield before
    for name, value in before.items():
        Path("/proc/sys", name).write_text(value)


@pytest.mark.parametrize(
    ("name", "value", "as_root", "layer", "remedy"),
    [
        ("user/max_user_namespaces", "0", True, "user", "sysctl user.max_user_namespaces="),
        ("user/max_user_namespaces", "0", False, "user", "sysctl user.max_user_namespaces="),
        ("user/max_pid_namespaces", "0", False, "pid", "sysctl user.max_pid_namespaces="),
        ("kernel/unprivileged_userns_clone", "0", False, "user", "sysctl kernel.unprivileged_userns_clone=1"),
    ],
)
def test_a_switch_that_forbids_it_is_named(
    delegated: Path, switches: dict[str, str], name: str, value: str, as_root: bool, layer: str, remedy: str
) -> None:
    switch = Path("/proc/sys", name)
    switches[name] = switch.read_text()
    switch.write_text(value)
    refused(ask(group=GROUPS) if as_root else ask(*TESTER, group=delegated), layer, remedy)


@pytest.mark.parametrize(
    ("change", "layer", "remedy"),
    [
        ("mount -o remount,ro,bind /sys/fs/cgroup", "cgroup", "mount -o remount,rw /sys/fs/cgroup"),
        ("umount /sys/fs/cgroup", "cgroup", "mount -t cgroup2"),
        ("mount --bind /dev/null /etc/subuid", "uid", "usermod --add-subuids"),
        ("mount --bind /dev/null /proc/kcore", "mount", "systempaths=unconfined"),
    ],
)
def test_what_is_missing_is_named(delegated: Path, change: str, layer: str, remedy: str) -> None:
    refused(ask(*in_a_mount_namespace(change), *TESTER, group=delegated), layer, remedy)


@pytest.mark.parametrize(
    ("wrapper", "layer", "remedy"),
    [
        (("unshare", "--user", "--map-root-user"), "uid", "range of ids"),
        (("setpriv", "--no-new-privs"), "uid", "NoNewPrivileges=no"),
    ],
)
def test_a_confined_process_is_told_by_what(delegated: Path, wrapper: Sequence[str], layer: str, remedy: str) -> None:
    refused(ask(*TESTER, *wrapper, group=delegated), layer, remedy)


def test_a_missing_helper_is_named(delegated: Path) -> None:
    helper = Path("/usr/bin/newuidmap")
    helper.rename("/usr/bin/gone")
    try:
        refused(ask(*TESTER, group=delegated), "uid", "apt-get install uidmap")
    finally:
        Path("/usr/bin/gone").rename(helper)


def test_a_chroot_is_refused_though_root_asks(tmp_path: Path) -> None:
    wrapper = in_a_mount_namespace(f"mount --rbind / {tmp_path}")
    inside = ("chroot", str(tmp_path), "sh", "-c", f'cd {ROOT} && exec "$@"', "sh")
    refused(ask(*wrapper, *inside), "user", "chroot")
