"""Models propose, the engine executes, the harness decides: from problems to pairs that are verified."""

from harness.generation.pipeline import generate
from harness.generation.plan import Plan
from harness.generation.problem import Generated

__all__ = ["Generated", "Plan", "generate"]
