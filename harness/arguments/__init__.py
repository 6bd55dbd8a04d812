"""Arguments for functions: what hints, examples and documentation say of them, and more of the kind."""

from harness.arguments.domain import Domain, domain_of
from harness.arguments.source import Call, generated_calls

__all__ = ["Call", "Domain", "domain_of", "generated_calls"]
