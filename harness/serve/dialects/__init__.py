"""The HTTP dialects that the service speaks, one file each. ``docs/how-to/add-a-dialect.md`` shows how to add one."""

from __future__ import annotations

from semi_instruct.harness.serve.dialect import Dialect
from semi_instruct.harness.serve.dialects.native import NATIVE
from semi_instruct.harness.serve.dialects.piston import PISTON
from semi_instruct.harness.serve.dialects.sandbox_fusion import SANDBOX_FUSION

DIALECTS: tuple[Dialect, ...] = (
    SANDBOX_FUSION,
    PISTON,
    NATIVE,
)
"""All dialects, in the order of the OpenAPI document."""
