"""Time for slow machines.

``make test-vm`` runs the suite in an emulated machine, several times slower than a real one. There every time that a
test allows, as a limit or as a margin, is multiplied by SEMI_INSTRUCT_TEST_PATIENCE; what is asserted stays the same.
"""

from __future__ import annotations

import os

PATIENCE = float(os.environ.get("SEMI_INSTRUCT_TEST_PATIENCE", "1"))


def patient(seconds: float) -> float:
    """So many seconds of a real machine, on this one."""
    return seconds * PATIENCE
