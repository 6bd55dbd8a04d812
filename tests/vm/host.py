"""What the machine that boots the guest has to offer: its tools, its package sources, its commands."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

_TOOLS = {
    "qemu-system-x86_64": "qemu-system-x86",
    "debootstrap": "debootstrap",
    "mke2fs": "e2fsprogs",
    "busybox": "busybox-static",
}
_ENVIRONMENT = {
    **os.environ,
    "PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin",
    "DEBIAN_FRONTEND": "noninteractive",
    "LC_ALL": "C",
}


class CannotBuild(Exception):
    """This host lacks something; the message is one line."""


def require_tools() -> None:
    """Install what is missing.

    Raises:
        CannotBuild: it cannot be installed.
    """
    if os.geteuid() != 0:
        raise CannotBuild("only root can make the guest (its files have owners): run it as root")
    missing = [package for tool, package in _TOOLS.items() if find(tool) is None]
    if missing:
        if find("apt-get") is None:
            raise CannotBuild(f"install {', '.join(missing)}: there is no apt-get here")
        run("apt-get", "update", "-qq")
        run("apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing)


def find(tool: str) -> str | None:
    """Where a tool is; None when it is not installed."""
    return shutil.which(tool, path=_ENVIRONMENT["PATH"])


def run(*command: str | Path, cwd: Path | None = None) -> str:
    """What a command prints.

    Raises:
        CannotBuild: it failed; tells the last line that it said.
    """
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd, env=_ENVIRONMENT)
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip() or "nothing").splitlines()[-1]
        raise CannotBuild(f"{' '.join(map(str, command[:4]))}: exit status {done.returncode}: {said}")
    return done.stdout


def debian_source() -> tuple[str, str]:
    """Where this host's apt has Debian's main archive, and the name of its release.

    Raises:
        CannotBuild: this is no Debian.
    """
    release = ""
    for line in Path("/etc/os-release").read_text().splitlines():
        if line.startswith("VERSION_CODENAME="):
            release = line.partition("=")[2]
    listed = run("apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE)", "Created-By: Packages")
    for line in listed.splitlines():
        address, name = line.split()
        if name == release:
            return address, release
    raise CannotBuild(f"apt has no source of release {release!r} of Debian: the guest is only made on Debian")
