"""Arguments for functions, generated from type hints, examples and documentation."""

from semi_instruct.harness.inputs.calls.domain import Domain, domain_of
from semi_instruct.harness.inputs.calls.source import Call, generated_calls

__all__ = ["Call", "Domain", "domain_of", "generated_calls"]
