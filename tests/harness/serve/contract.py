"""Schemathesis against a running service: requests made from its OpenAPI document, answers held against it."""

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

# Not among them: that whatever fits the schema is taken. How long and how large a run may be is the operator's to say,
# and a path or a range of versions that fits a pattern may still be none.
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
    """What was found.

    Attributes:
        tried: requests sent.
        failures: one text each.
    """

    tried: int = 0
    failures: list[str] = field(default_factory=list)


def breaches(url: str, examples: int, number: int = 1) -> Breaches:
    """Try every operation with valid and invalid requests.

    Args:
        examples: of each kind, for each operation.
        number: the seed.
    """
    found = Breaches()
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
    for result in schema.get_all_operations():
        operation = result.ok()
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            with suppress(Unsatisfiable):  # nothing of this operation can be wrong
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
        except (Exception, BaseExceptionGroup) as failure:  # collected, so that one does not hide the others
            found.failures.append(f"{case.method} {case.path} {answer.status_code}: {failure}"[:2000])

    check()
