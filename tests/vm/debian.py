"""The part of the guest that is Debian: its own kernel, and a small system of the host's release.

It comes from the package sources that the host's apt is set up with, is made once, and is made again when this file has
changed.
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from tests.vm import host

USER = "tester"
_KERNEL = "linux-image-cloud-amd64"
# What the environment's Python and nsjail are linked against, and the helpers that write a user's id maps.
_PACKAGES = (
    "busybox-static",
    "iproute2",
    "libbz2-1.0",
    "libffi8",
    "liblzma5",
    "libnl-route-3-200",
    "libreadline8",
    "libsqlite3-0",
    "libssl3",
    "procps",
    "uidmap",
    "zlib1g",
)


def make(kernel: Path, system: Path, stamp: Path) -> None:
    """Unpack the kernel and bootstrap the system, unless both are there already.

    Raises:
        host.CannotBuild: a package cannot be had.
    """
    recipe = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == recipe:
        return
    print("making the guest's Debian (once, two minutes)", flush=True)
    for folder in (kernel, system):
        if folder.exists():
            shutil.rmtree(folder)
    _unpack_kernel(kernel)
    _bootstrap(system)
    stamp.write_text(recipe)


def _unpack_kernel(target: Path) -> None:
    target.mkdir(parents=True)
    depends = host.run("apt-cache", "depends", _KERNEL)
    [package] = [line.split()[1] for line in depends.splitlines() if line.strip().startswith("Depends:")]
    host.run("apt-get", "download", package, cwd=target)
    [archive] = target.glob("*.deb")
    host.run("dpkg", "-x", archive, target)
    archive.unlink()


def _bootstrap(target: Path) -> None:
    mirror, release = host.debian_source()
    packages = ",".join(_PACKAGES)
    host.run("debootstrap", "--variant=minbase", "--merged-usr", f"--include={packages}", release, target, mirror)
    host.run("chroot", target, "useradd", "--create-home", "--shell", "/bin/bash", USER)
    for name in ("subuid", "subgid"):
        if USER not in (target / "etc" / name).read_text():
            raise host.CannotBuild(f"useradd gave {USER} no subordinate ids in /etc/{name}")
    for cache in ("var/cache/apt", "var/lib/apt/lists"):
        shutil.rmtree(target / cache)
