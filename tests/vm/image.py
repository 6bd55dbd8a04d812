"""The guest's disk: Debian, this checkout, its environment, and the interpreter of that, each at its own path.

The checkout and the environment are copied anew for every boot, so that a guest never tests yesterday's code.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.vm import debian, host

ROOT = Path(__file__).parents[2]
ENVIRONMENT = ROOT / ".venv"
_GUEST = Path(__file__).parent / "guest"
# In this order: what a virtio disk needs and the cloud kernel does not have built in.
_MODULES = ("virtio_ring", "virtio", "virtio_pci_legacy_dev", "virtio_pci_modern_dev", "virtio_pci", "virtio_blk")
_DISK_MIB = 2048


@dataclass(frozen=True, slots=True)
class Image:
    """What qemu boots."""

    kernel: Path
    initrd: Path
    disk: Path


def build(folder: Path, arguments: Sequence[str]) -> Image:
    """The image of this checkout.

    Args:
        folder: where it is kept.
        arguments: what the guest gives to pytest; none for the whole suite.

    Raises:
        host.CannotBuild: a tool or a package cannot be had.
    """
    host.require_tools()
    kernel, system = folder / "kernel", folder / "system"
    debian.make(kernel, system, folder / "recipe")
    image = Image(next(kernel.glob("boot/vmlinuz-*")), folder / "initrd", folder / "disk.ext4")
    _make_disk(system, image.disk, arguments)
    _make_initrd(kernel, image.initrd)
    return image


def _make_disk(system: Path, disk: Path, arguments: Sequence[str]) -> None:
    stage = disk.parent / "stage"
    if stage.exists():
        shutil.rmtree(stage)
    host.run("cp", "--archive", system, stage)
    try:
        _copy(stage, *_checkout(), *_environment(), *_interpreter())
        (stage / "guest").mkdir()
        for script in _GUEST.glob("*.sh"):
            shutil.copy2(script, stage / "guest")
        (stage / "guest/root").symlink_to(ROOT)
        (stage / "guest/arguments").write_text("".join(f"{each}\n" for each in arguments))
        for folder in (ROOT, Path(sys.base_prefix)):
            _open_the_way(stage, folder)
        disk.unlink(missing_ok=True)
        host.run("mke2fs", "-q", "-t", "ext4", "-d", stage, disk, f"{_DISK_MIB}M")
    finally:
        shutil.rmtree(stage)


def _checkout() -> list[Path]:
    listed = host.run("git", "-C", ROOT, "ls-files", "--cached", "--others", "--exclude-standard")
    return [ROOT / name for name in listed.splitlines() if (ROOT / name).exists()]


def _environment() -> list[Path]:
    """Without the images, which are in it too."""
    return [*(each for each in ENVIRONMENT.iterdir() if each.name != "share"), _runtime()]


def _runtime() -> Path:
    return ENVIRONMENT / "share/semi-instruct/runtime"


def _interpreter() -> list[Path]:
    base, stdlib = Path(sys.base_prefix), Path(sysconfig.get_path("stdlib"))
    if base == Path("/usr"):
        raise host.CannotBuild("the environment was made by the system's Python: make it by one with its own prefix")
    libraries = (base / "lib").glob("libpython*.so*")
    return [*(base / "bin").glob("python3*"), *libraries, *(each for each in stdlib.iterdir() if each.name != "test")]


def _copy(stage: Path, *sources: Path) -> None:
    for start in range(0, len(sources), 500):
        host.run("cp", "--archive", "--parents", *sources[start : start + 500], stage, cwd=Path("/"))


def _open_the_way(stage: Path, inside: Path) -> None:
    """Let everybody pass to a folder whose parents may belong to root alone on the host, as /root does."""
    for folder in (inside, *inside.parents):
        place = stage / folder.relative_to("/")
        place.chmod(place.stat().st_mode | 0o111)


def _make_initrd(kernel: Path, initrd: Path) -> None:
    """Just enough to mount the disk: busybox, the modules of a virtio disk, and a script."""
    stage = initrd.with_suffix(".d")
    if stage.exists():
        shutil.rmtree(stage)
    for name in ("bin", "dev", "modules", "root"):
        (stage / name).mkdir(parents=True)
    shutil.copy2(host.find("busybox") or "", stage / "bin/busybox")
    for order, name in enumerate(_MODULES):
        [module] = kernel.glob(f"lib/modules/*/kernel/drivers/**/{name}.ko")
        shutil.copy2(module, stage / "modules" / f"{order}-{name}.ko")
    shutil.copy2(_GUEST / "initrd.sh", stage / "init")
    names = "\n".join(str(path.relative_to(stage)) for path in sorted(stage.rglob("*")))
    with initrd.open("wb") as archive:
        subprocess.run(
            [host.find("busybox") or "", "cpio", "-o", "-H", "newc"],
            input=names.encode(),
            stdout=archive,
            stderr=subprocess.DEVNULL,
            cwd=stage,
            check=True,
        )
