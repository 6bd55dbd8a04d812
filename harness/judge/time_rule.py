"""Time limits: a candidate is measured against the oracles on the same input, in CPU time.

CPU time depends little on the load of the machine. The wall limit is only for programs that sleep. For what follows
when a limit is hit, see ``harness.judge.resource_rule``.
"""

from __future__ import annotations

from dataclasses import replace

from semi_instruct.engine import Limits

# A candidate may take so many times as long as the slowest oracle, however short the time limit of the task.
SLOWEST_ORACLE_MULTIPLE = 4.0
# The wall limit is multiplied by this to confirm a time limit, because the first one may be due to a busy machine.
PATIENCE = 4.0


def candidate_limits(limits: Limits, slowest_oracle_s: float) -> Limits:
    """The limits of a candidate on an input.

    Args:
        limits: of the task; their CPU time is the floor.
        slowest_oracle_s: CPU seconds of the slowest oracle on this input.
    """
    return replace(limits, cpu_time=max(limits.cpu_time, SLOWEST_ORACLE_MULTIPLE * slowest_oracle_s))


def confirming(limits: Limits) -> Limits:
    """The limits of the second run that confirms a time limit: the same CPU time, more time on the wall."""
    return replace(limits, wall_time=PATIENCE * limits.wall_seconds)
