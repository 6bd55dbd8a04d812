"""How much is asked of a model."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


def seed_for(seed: int, about: str, task: str) -> int:
    """The seed of one request: different for each thing that is asked about each subject."""
    digest = hashlib.sha256(f"{seed} {task} {about}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:4]) >> 1


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked for each natural code.

    Attributes:
        inputs: concrete inputs, in one list; 0 for none.
        feedback: rounds in which the model reads what became of its inputs.
        edge_cases: a further list of inputs, of edge cases.
        programs: input programs with their validators.
        samples: pairs of instruction and code, at most.
        at_once: samples per request; once one is accepted, no more are asked for.
        repairs: rounds in which a rejected code is repaired, given a counterexample, while none is accepted.
        planned: inputs that the harness itself plans (``harness.inputs.plan``).
        budget: CPU seconds for the verification of a problem, about; None for no limit.
        seed: for the model and for all other random choices.
    """

    inputs: int = 5
    feedback: int = 1
    edge_cases: int = 0
    programs: int = 0
    samples: int = 8
    at_once: int = 8
    repairs: int = 1
    planned: int = 40
    budget: float | None = 20.0
    seed: int = 0
