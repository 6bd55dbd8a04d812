"""Explains why a wall cannot be set up on this machine, and what to do about it.

Used only after a failure. It examines the settings with which distributions, administrators and containers forbid parts
of the sandbox. It also distinguishes permanent faults from temporary ones, which are worth waiting for: the machine is
short of memory, processes, descriptors, namespaces or BPF memory.

Sources: namespaces(7), user_namespaces(7), clone(2), seccomp(2), sysctl documentation of the kernel, Debian and Ubuntu.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from semi_instruct.engine.errors import SandboxUnavailable
from semi_instruct.engine.jail import NAMESPACES

_PROC = Path("/proc")
# The kernel's errors for a temporary shortage. 524 is ENOTSUPP, which has no text: the host's budget for compiled BPF
# filters (net.core.bpf_jit_limit) is used up.
_SHORTAGES = frozenset(
    {
        errno.EAGAIN,
        errno.ENOMEM,
        errno.ENOSPC,
        errno.EMFILE,
        errno.ENFILE,
        errno.EBUSY,
        errno.ENOBUFS,
        errno.EDQUOT,
        524,
    }
)
_FEW_DESCRIPTORS = "raise the limit of open files (ulimit -n)"
_SHORTAGE_TEXTS = (*map(os.strerror, sorted(_SHORTAGES)), "MemoryError", "can't start new thread", "Cannot fork")


def is_passing(error: BaseException | str, messages: str = "") -> bool:
    """Whether waiting may help: the error or a jail's messages name a shortage, or there was no answer in time."""
    if isinstance(error, TimeoutError | MemoryError):
        return True
    if isinstance(error, OSError) and error.errno in _SHORTAGES:
        return True
    return any(text in f"{error}\n{messages}" for text in _SHORTAGE_TEXTS)


def no_descriptors(error: OSError) -> SandboxUnavailable:
    """The error for a process that cannot open the descriptors of a worker."""
    return SandboxUnavailable("jail", str(error), _FEW_DESCRIPTORS, passing=is_passing(error))


def no_jail(error: Exception | str, messages: str, proc: Path | None = None) -> SandboxUnavailable:
    """The error for a jail that does not start: the first setting found that forbids it, or else all its messages.

    Args:
        error: the error that was raised.
        messages: the messages of nsjail and of the zygote.
        proc: mount point of proc(5); tests pass another.
    """
    last = messages.splitlines()[-1] if messages else "nothing"
    for layer, reason, remedy in _switches(messages, proc or _PROC):
        return SandboxUnavailable(layer, f"{reason}; the jail said: {last}", remedy)
    if is_passing(error, messages):
        layer, remedy = "jail", "free memory, processes or descriptors on this machine"
        reason = f"the jail did not start ({error}); it said: {last}"
        if os.strerror(errno.EMFILE) in f"{error}":
            remedy = _FEW_DESCRIPTORS
        if os.strerror(errno.ENOSPC) in messages:
            layer, remedy = "user", "as root: raise user.max_*_namespaces (sysctl)"
            reason = f"there are as many namespaces as are allowed; the jail said: {last}"
        return SandboxUnavailable(layer, reason, remedy, passing=True)
    reason = f"the jail did not start ({error}); it said: {messages or 'nothing'}"
    for layer, why, remedy in _surroundings(messages, proc or _PROC):
        return SandboxUnavailable(layer, f"{why}; the jail said: {last}", remedy)
    return SandboxUnavailable("jail", reason, "no known switch forbids it here: report this line")


def _switches(messages: str, proc: Path) -> Iterator[tuple[str, str, str]]:
    """Layer, reason and remedy of faults that are certain. Neither waiting nor another attempt helps."""
    if "user_notif" not in _read(proc / "sys/kernel/seccomp/actions_avail").split():
        remedy = "use Linux 5.9 or later with CONFIG_SECCOMP_FILTER, which distributions' kernels have"
        yield "seccomp", "this kernel cannot report forbidden system calls", remedy
    for layer, name in NAMESPACES.items():
        switch = f"user.max_{name}_namespaces"
        if _read(proc / "sys" / switch.replace(".", "/")) == "0":
            yield layer, f"{switch} is 0", f"as root: sysctl {switch}=10000"
    if "mount_setattr" in messages and "Function not implemented" in messages:
        yield "mount", "this kernel cannot seal mounts", "use Linux 5.12 or later"


def _surroundings(messages: str, proc: Path) -> Iterator[tuple[str, str, str]]:
    """Layer, reason and remedy of surroundings that may forbid a jail, if no setting and no shortage explains it."""
    if os.geteuid() != 0:
        yield from _obstacles_for_users(proc)
    mounts = [line.split()[4] for line in _read(proc / "self/mountinfo").splitlines()]
    if mounts and "/" not in mounts:
        reason = "this is a chroot, in which the kernel makes no user namespaces"
        yield "user", reason, "run outside of it, or in a container that has a root mount of its own"
    if _own(proc, "Seccomp") == "2":
        remedy = "start the container with --security-opt seccomp=unconfined, or a profile that allows namespaces"
        yield "user", "a seccomp filter around this process refuses namespaces", remedy
    if "clone" in messages and "Operation not permitted" in messages:
        remedy = "run it outside of a chroot, and where no security module (AppArmor, SELinux) forbids namespaces"
        yield "user", "the kernel refuses a user namespace", remedy
    if any(mount.startswith("/proc/") and mount != "/proc/sys/fs/binfmt_misc" for mount in mounts):
        remedy = "start the container with --security-opt systempaths=unconfined (podman: unmask=ALL)"
        yield "mount", "parts of /proc are covered, so no jail may mount its own", remedy


def _obstacles_for_users(proc: Path) -> Iterator[tuple[str, str, str]]:
    switch = "kernel.unprivileged_userns_clone"
    if _read(proc / "sys" / switch.replace(".", "/")) == "0":
        yield "user", f"{switch} is 0", f"as root: sysctl {switch}=1"
    switch = "kernel.apparmor_restrict_unprivileged_userns"
    if _read(proc / "sys" / switch.replace(".", "/")) == "1":
        remedy = f"as root: sysctl {switch}=0, or an AppArmor profile that allows nsjail `userns`"
        yield "user", f"AppArmor keeps user namespaces from ordinary users ({switch} is 1)", remedy
    if _own(proc, "NoNewPrivs") == "1":
        remedy = "start it without (systemd: NoNewPrivileges=no; containers: no --security-opt no-new-privileges)"
        yield "uid", "no_new_privs is set, which keeps newuidmap from working", remedy


def _read(path: Path) -> str:
    """The contents of a file of proc(5); empty if this kernel does not have it."""
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _own(proc: Path, field: str) -> str:
    for line in _read(proc / "self/status").splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return value.strip()
    return ""


def no_group(tried: Mapping[Path, Exception]) -> SandboxUnavailable:
    """The error if no control group can be made. ``tried`` has the error for each path."""
    if not tried:
        remedy = "as root: mount -t cgroup2 none /sys/fs/cgroup (in a container: start it with one)"
        return SandboxUnavailable("cgroup", "no control group file system is mounted here", remedy)
    errors = {error.errno for error in tried.values() if isinstance(error, OSError)}
    if errno.EROFS in errors:
        remedy = "as root: mount -o remount,rw /sys/fs/cgroup (Docker: give it a writable /sys/fs/cgroup)"
    elif os.geteuid() == 0:
        remedy = "run it where root may write in /sys/fs/cgroup"
    else:
        remedy = "run it in a delegated group (systemd-run --user --scope -p Delegate=yes COMMAND)"
    passing = bool(errors & {errno.EAGAIN, errno.ENOMEM, errno.ENOSPC, errno.EMFILE, errno.ENFILE})
    attempts = "; ".join(f"{path} ({getattr(error, 'strerror', None) or error})" for path, error in tried.items())
    return SandboxUnavailable("cgroup", f"no control group can be made: tried {attempts}", remedy, passing=passing)
