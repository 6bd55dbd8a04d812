"""The test suite on Debian's own kernel with control groups of version 2 alone: as root, and as an ordinary user.

    python -m tests.vm [--as root|tester] [PYTEST ARGUMENTS]

Boots two guests side by side, in software emulation (it works on every machine, virtual ones included), prints what
they print, and ends as the suites in them did. A busy host needs more patience than the usual 5:
SEMI_INSTRUCT_TEST_PATIENCE=15. An hour and a quarter each, where both are at work on two cores.

/dev/kvm is not used. It may be there and of no use: on a virtual machine whose processor has no extension for it (PVM,
the module kvm_pvm), Debian's kernel, which knows nothing of that, is emulated an instruction at a time, and is at its
first messages after a minute and without a console after eight.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import threading
import time

from tests.vm import debian, host, image

FOLDER = image.ENVIRONMENT / "share/semi-instruct/vm"
_MEMORY_MIB = 4096
_MAX_SECONDS = 4 * 60 * 60
_PATIENCE = os.environ.get("SEMI_INSTRUCT_TEST_PATIENCE", "5")


class Guest:
    """One boot, as one user."""

    def __init__(self, made: image.Image, privilege: str) -> None:
        self.privilege = privilege
        self._result = FOLDER / f"result-{privilege}"
        self._result.unlink(missing_ok=True)
        command = [
            *("qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", str(_MEMORY_MIB)),
            *("-nodefaults", "-no-user-config", "-no-reboot", "-display", "none"),
            *("-serial", "stdio", "-serial", f"file:{self._result}"),
            *("-drive", f"file={made.disk},if=virtio,format=raw,snapshot=on"),
            *("-kernel", made.kernel, "-initrd", made.initrd),
            *(
                "-append",
                f"console=ttyS0 loglevel=1 panic=-1 mitigations=off privilege={privilege} patience={_PATIENCE}",
            ),
        ]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        self._reader = threading.Thread(target=self._print)
        self._reader.start()

    def _print(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            text = line.decode(errors="replace").rstrip()
            print(f"{self.privilege:>6} | {text}", flush=True)

    def end(self, deadline: float) -> str:
        """Wait for the guest to switch itself off; what it told, or why it told nothing."""
        try:
            self._process.wait(deadline - time.monotonic())
        except subprocess.TimeoutExpired:
            return "did not end in time"
        finally:
            self.kill()
        told = self._result.read_text().strip() if self._result.exists() else ""
        return told or "switched off without a word"

    def kill(self) -> None:
        """Pull the plug, if it is not off."""
        self._process.kill()
        self._process.wait()
        self._reader.join()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--as", dest="privileges", choices=("root", debian.USER), action="append")
    options, arguments = parser.parse_known_args()
    try:
        made = image.build(FOLDER, arguments)
    except host.CannotBuild as error:
        print(f"test-vm: {error}", file=sys.stderr)
        return 2
    deadline = time.monotonic() + _MAX_SECONDS
    guests = [Guest(made, privilege) for privilege in options.privileges or ("root", debian.USER)]
    try:
        results = {guest.privilege: guest.end(deadline) for guest in guests}
    finally:
        for guest in guests:
            guest.kill()
    for privilege, result in results.items():
        print(f"test-vm: as {privilege}: {result}")
    return 0 if all(result.startswith("0 ") for result in results.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
