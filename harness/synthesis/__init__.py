"""Models propose, the engine executes, the harness decides: from problems to pairs that are verified."""

from semi_instruct.harness.synthesis.pipeline import generate
from semi_instruct.harness.synthesis.plan import Plan
from semi_instruct.harness.synthesis.problem import Generated

__all__ = ["Generated", "Plan", "generate"]
