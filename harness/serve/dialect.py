"""A dialect: the HTTP interface of some service for running code, spoken by this one.

To add one, write a file in ``harness/serve/dialects/`` and add its ``DIALECT`` to the table in
``harness/serve/dialects/__init__.py`` (docs/how-to/add-a-dialect.md).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fastapi import APIRouter

from semi_instruct.harness.serve.service import Service

type Faults = Sequence[Mapping[str, Any]]
"""What is wrong with a body: ``loc`` (the path to the field), ``msg`` and ``type`` of each fault, as FastAPI has it."""


def detail(text: str) -> dict[str, Any]:
    """An error in the form of FastAPI, which SandboxFusion and the native dialect use."""
    return {"detail": text}


def details(faults: Faults) -> dict[str, Any]:
    """A body that does not fit the schema, in the form of FastAPI."""
    return {"detail": list(faults)}


@dataclass(frozen=True, slots=True)
class Dialect:
    """One HTTP interface.

    Attributes:
        name: for the log.
        paths: its routes begin with one of these.
        router: makes its routes.
        error: the body of an error answer.
        invalid: the body of the answer to a request that does not fit the schema.
        statuses: the HTTP status that its clients expect in place of one of ours (``harness.serve.refusals``).
    """

    name: str
    paths: tuple[str, ...]
    router: Callable[[Service], APIRouter]
    error: Callable[[str], dict[str, Any]] = detail
    invalid: Callable[[Faults], dict[str, Any]] = details
    statuses: Mapping[int, int] = field(default_factory=dict)

    def status(self, ours: int) -> int:
        """The HTTP status for one of ours."""
        return self.statuses.get(ours, ours)


@dataclass(frozen=True, slots=True)
class Dialects:
    """The dialects of a service.

    Attributes:
        all: the first whose path fits a request is its dialect.
        default: of all other paths.
    """

    all: tuple[Dialect, ...]
    default: Dialect

    def of(self, path: str) -> Dialect:
        """The dialect of a path."""
        return next((each for each in self.all if path.startswith(each.paths)), self.default)
