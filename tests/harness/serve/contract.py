"""Schemathesis against a running service: requests from its OpenAPI document, responses checked against it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field

import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

# Without the check that every request that fits the schema is accepted: the operator sets limits, and a path or version
# range that fits the pattern may still be invalid.
_CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
    unsupported_method,
)


@dataclass
class Breaches:
    """The result of a check.

    Attributes:
        tried: number of requests sent.
        failures: one text per breach.
    """

    tried: int = 0
    failures: list[str] = field(default_factory=list)


def breaches(url: str, examples: int, number: int = 1) -> Breaches:
    """Send valid and invalid requests to every operation.

    Args:
        examples: number of requests of each kind per operation.
        number: the seed.
    """
    found = Breaches()
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
    for result in schema.get_all_operations():
        operation = result.ok()
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            with suppress(Unsatisfiable):  # this operation has no invalid requests
                _try(operation.as_strategy(generation_mode=mode), examples, number, found)
    return found


def _try(strategy: st.SearchStrategy[Case], examples: int, number: int, found: Breaches) -> None:
    quiet = list(HealthCheck)

    @seed(number)
    @settings(max_examples=examples, database=None, deadline=None, suppress_health_check=quiet, phases=[Phase.generate])
    @given(case=strategy)
    def check(case: Case) -> None:
        found.tried += 1
        answer = case.call(timeout=60)
        try:
            case.validate_response(answer, checks=list(_CHECKS))
        except (Exception, BaseExceptionGroup) as failure:  # collected, so that all are reported
            found.failures.append(f"{case.method} {case.path} {answer.status_code}: {failure}"[:2000])

    check()
