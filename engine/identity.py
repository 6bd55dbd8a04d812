"""The uid and gid of a worker's programs on the host, which no other process uses.

Root chooses them at random, from far above the ids that distributions, systemd and container managers assign; in a
container with fewer ids, from the middle of those. An ordinary user takes subordinate ids (subuid(5)), which the
set-uid helpers newuidmap and newgidmap write into the maps of the jail's user namespace (user_namespaces(7)).
"""

from __future__ import annotations

import os
import pwd
import secrets
from dataclasses import dataclass
from pathlib import Path

from semi_instruct.engine.errors import SandboxUnavailable

_NOBODYS = range(0x70000000, 0x80000000)
_MIN_IDS = 1 << 10
_HELPERS = ("usr/bin/newuidmap", "usr/bin/newgidmap")  # where nsjail looks for them


@dataclass(frozen=True, slots=True)
class Identity:
    """The identities of a jail on the host, each a pair of uid and gid.

    Attributes:
        root: root of the jail. Its uid is the caller's, and so is its gid if the caller is root. The gid of an ordinary
            user must not be in the map: newgidmap would then forbid the jail to drop the user's other groups.
        program: the programs of the worker.
        use_newidmap: whether the set-uid helpers write the maps.
    """

    root: tuple[int, int]
    program: tuple[int, int]
    use_newidmap: bool


def choose(system: Path = Path("/")) -> Identity:
    """Choose the identities of a new worker.

    Args:
        system: the root directory; tests pass another.

    Raises:
        SandboxUnavailable: the caller has no ids but its own.
    """
    uid, gid = os.geteuid(), os.getegid()
    if uid == 0:
        program = _mapped(system / "proc/self/uid_map"), _mapped(system / "proc/self/gid_map")
        return Identity((uid, gid), program, use_newidmap=False)
    for helper in _HELPERS:
        if not (system / helper).exists():
            remedy = "apt-get install uidmap (Debian, Ubuntu) or your distribution's shadow-utils"
            raise SandboxUnavailable("uid", f"/{helper} is missing", remedy)
    [program_uid] = _subordinate(system / "etc/subuid", uid, 1)
    root_gid, program_gid = _subordinate(system / "etc/subgid", uid, 2)
    return Identity((uid, root_gid), (program_uid, program_gid), use_newidmap=True)


def _mapped(map_file: Path) -> int:
    """An unused id that root of this user namespace may assign."""
    ranges = []
    for line in map_file.read_text().splitlines():
        first, _, count = map(int, line.split())
        if first <= _NOBODYS.start and first + count >= _NOBODYS.stop:
            return secrets.choice(_NOBODYS)
        ranges.append(range(first, first + count))
    longest = max(ranges, key=len, default=range(0))
    if len(longest) < _MIN_IDS:
        reason = f"{map_file} maps {sum(map(len, ranges))} ids, none to spare for programs"
        remedy = "start the container with a range of ids (rootless: subordinate ids in /etc/subuid and /etc/subgid)"
        raise SandboxUnavailable("uid", reason, remedy)
    return secrets.choice(longest[len(longest) // 2 : len(longest) * 3 // 4])


def _subordinate(file: Path, uid: int, wanted: int) -> list[int]:
    """Distinct subordinate ids of a user, chosen at random."""
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = str(uid)
    for line in file.read_text().splitlines() if file.exists() else ():
        owner, _, numbers = line.partition(":")
        first, _, count = numbers.partition(":")
        if owner in (name, str(uid)) and first.isdecimal() and count.isdecimal() and int(count) >= wanted:
            ids = range(int(first), int(first) + int(count))
            return secrets.SystemRandom().sample(ids, wanted)
    remedy = f"as root: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {name}"
    raise SandboxUnavailable("uid", f"{name} has no subordinate ids in /etc/{file.name}", remedy)
