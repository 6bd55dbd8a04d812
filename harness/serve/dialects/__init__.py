"""The HTTP dialects that the service speaks, a file per dialect."""

from __future__ import annotations

from semi_instruct.harness.serve.dialect import Dialects
from semi_instruct.harness.serve.dialects import native, piston, sandbox_fusion

DIALECTS = Dialects(
    (
        sandbox_fusion.DIALECT,
        piston.DIALECT,
        native.DIALECT,
    ),
    default=native.DIALECT,
)
