"""Models propose, the engine executes, the harness decides: from problems to pairs that are verified."""

from semi_instruct.harness.synthesis.generation import Generated, generate
from semi_instruct.harness.synthesis.plan import Plan

__all__ = ["Generated", "Plan", "generate"]
