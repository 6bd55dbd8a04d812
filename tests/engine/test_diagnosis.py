"""The switches that forbid a sandbox are found and named: in a /proc of files, and once in a real namespace."""

from __future__ import annotations

import errno
import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest

from semi_instruct.engine import SandboxUnavailable, diagnosis

ROOT = Path(__file__).parents[2]
_HEALTHY = {
    "sys/kernel/seccomp/actions_avail": "kill_process kill_thread trap errno user_notif trace log allow\n",
    **{f"sys/user/max_{name}_namespaces": "96000\n" for name in ("user", "mnt", "pid", "net", "ipc", "uts", "cgroup")},
    "sys/kernel/unprivileged_userns_clone": "1\n",
    "sys/kernel/apparmor_restrict_unprivileged_userns": "0\n",
    "self/mountinfo": "22 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw\n"
    "23 22 0:5 / /proc rw - proc proc rw\n24 23 0:6 / /proc/sys/fs/binfmt_misc rw - autofs systemd-1 rw\n",
    "self/status": "Name:\tpython3\nNoNewPrivs:\t0\nSeccomp:\t0\n",
}


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """The switches of a machine on which nothing is forbidden."""
    for name, content in _HEALTHY.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    return tmp_path


def test_without_an_obstacle_the_jail_speaks_for_itself(proc: Path) -> None:
    found = diagnosis.no_jail("timed out", "first\nsecond", proc)
    assert found.layer == "jail"
    assert "timed out" in found.reason
    assert "first\nsecond" in found.reason
    assert found.remedy


@pytest.mark.parametrize(
    ("name", "content", "layer", "reason", "remedy"),
    [
        ("sys/kernel/seccomp/actions_avail", None, "seccomp", "cannot report", "CONFIG_SECCOMP_FILTER"),
        ("sys/kernel/seccomp/actions_avail", "kill trap errno allow", "seccomp", "cannot report", "Linux 5"),
        ("sys/user/max_user_namespaces", "0\n", "user", "user.max_user_namespaces is 0", "sysctl user.max_user_"),
        ("sys/user/max_mnt_namespaces", "0\n", "mount", "user.max_mnt_namespaces is 0", "sysctl user.max_mnt_"),
        ("self/mountinfo", "23 22 0:5 / /proc rw - proc proc rw\n", "user", "chroot", "outside"),
        ("self/status", "Name:\tx\nSeccomp:\t2\n", "user", "seccomp filter around", "seccomp=unconfined"),
        (
            "self/mountinfo",
            "22 1 8:1 / / rw - ext4 a rw\n25 23 0:7 / /proc/kcore rw - tmpfs tmpfs rw\n",
            "mount",
            "parts of /proc are covered",
            "systempaths=unconfined",
        ),
    ],
)
def test_an_obstacle_is_named_with_its_remedy(
    proc: Path, name: str, content: str | None, layer: str, reason: str, remedy: str
) -> None:
    (proc / name).unlink() if content is None else (proc / name).write_text(content)
    found = diagnosis.no_jail("hung up", "nsjail: clone failed", proc)
    assert found.layer == layer
    assert reason in found.reason
    assert found.reason.endswith("the jail said: nsjail: clone failed")
    assert remedy in found.remedy


@pytest.mark.parametrize(
    ("name", "content", "layer", "remedy"),
    [
        ("sys/kernel/unprivileged_userns_clone", "0\n", "user", "sysctl kernel.unprivileged_userns_clone=1"),
        ("sys/kernel/apparmor_restrict_unprivileged_userns", "1\n", "user", "apparmor_restrict_unprivileged_userns=0"),
        ("self/status", "NoNewPrivs:\t1\nSeccomp:\t0\n", "uid", "NoNewPrivileges=no"),
    ],
)
def test_what_stops_ordinary_users_only_is_named_to_them_only(
    proc: Path, name: str, content: str, layer: str, remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (proc / name).write_text(content)
    monkeypatch.setattr(os, "geteuid", lambda: 4242)
    found = diagnosis.no_jail("hung up", "", proc)
    assert found.layer == layer
    assert remedy in found.remedy
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert diagnosis.no_jail("hung up", "", proc).layer == "jail"


def test_exhausted_namespaces_are_told_by_the_error(proc: Path) -> None:
    found = diagnosis.no_jail("hung up", "clone(): No space left on device", proc)
    assert (found.layer, "max_*_namespaces" in found.remedy) == ("user", True)


@pytest.mark.parametrize(
    ("number", "uid", "remedy"),
    [
        (errno.EROFS, 0, "remount,rw"),
        (errno.EROFS, 4242, "remount,rw"),
        (errno.EACCES, 4242, "systemd-run --user --scope -p Delegate=yes"),
        (errno.EBUSY, 0, "root may write"),
    ],
)
def test_no_group(number: int, uid: int, remedy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    found = diagnosis.no_group({Path("/cg/own"): OSError(number, os.strerror(number)), Path("/cg"): ValueError("odd")})
    assert found.layer == "cgroup"
    assert f"/cg/own ({os.strerror(number)}); /cg (odd)" in found.reason
    assert remedy in found.remedy


def test_no_group_file_system_at_all() -> None:
    found = diagnosis.no_group({})
    assert "no control group file system" in found.reason
    assert "mount -t cgroup2" in found.remedy


_IN_A_NAMESPACE = """
import os
os.unshare(os.CLONE_NEWUSER)
print("unshared", flush=True)
input()
from semi_instruct.engine import Engine, Program, SandboxUnavailable
with Engine(workers=1) as engine:
    print(engine.run(Program("import os; print(os.getuid(), os.getgroups())")).stdout)
with open("/proc/sys/user/max_net_namespaces", "w") as switch:
    switch.write("0")
try:
    Engine(workers=1)
except SandboxUnavailable as error:
    print(error)
"""


def test_root_of_a_container_is_served_and_told_of_a_real_switch() -> None:
    """The container is a user namespace with a range of ids, made as rootless containers are."""
    inside = subprocess.Popen(
        [sys.executable, "-c", _IN_A_NAMESPACE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert inside.stdout is not None
    assert inside.stdout.readline() == "unshared\n"
    _map_ids(inside.pid)
    told, _ = inside.communicate("go\n", timeout=60)
    served, refused = told.splitlines()
    assert served == r"b'1000 []\n'"
    assert refused.startswith("net: user.max_net_namespaces is 0; the jail said: ")
    assert refused.endswith("Remedy: as root: sysctl user.max_net_namespaces=10000")


def _map_ids(pid: int) -> None:
    if os.geteuid() == 0:
        for kind in ("uid", "gid"):
            Path(f"/proc/{pid}/{kind}_map").write_text("0 0 2147483648\n")
        return
    name = pwd.getpwuid(os.geteuid()).pw_name
    for kind, own in (("uid", os.geteuid()), ("gid", os.getegid())):
        [first] = [line.split(":")[1] for line in Path(f"/etc/sub{kind}").read_text().splitlines() if name in line]
        subprocess.run([f"new{kind}map", str(pid), "0", str(own), "1", "1", first, "65536"], check=True)


def test_the_engine_says_the_same(monkeypatch: pytest.MonkeyPatch, proc: Path) -> None:
    from semi_instruct.engine import Engine, jail, probe

    (proc / "sys/user/max_user_namespaces").write_text("0\n")
    monkeypatch.setattr(diagnosis, "_PROC", proc)
    monkeypatch.setattr(jail, "_INTERPRETER", ("/nowhere",))
    with pytest.raises(SandboxUnavailable, match=r"user: user\.max_user_namespaces is 0") as refused:
        Engine(workers=1)
    told = {layer.name: layer for layer in probe.examine()}["user"]
    assert (told.stands, told.remedy) == (False, refused.value.remedy)


def test_a_kernel_that_cannot_seal_mounts_is_named(proc: Path) -> None:
    said = "OSError: [Errno 38] mount_setattr on /: Function not implemented"
    found = diagnosis.no_jail("hung up", said, proc)
    assert (found.layer, found.remedy) == ("mount", "use Linux 5.12 or later")
