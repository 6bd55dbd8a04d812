"""One problem, from its natural code to verified pairs."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from semi_instruct.generator.tasks import Tasks
from semi_instruct.harness.problems.schema import Problem
from semi_instruct.harness.runs import Executor
from semi_instruct.harness.synthesis.candidates import Pairing, Pairs
from semi_instruct.harness.synthesis.meter import Meter, MeteredModel
from semi_instruct.harness.synthesis.natural import natural_code, with_inputs
from semi_instruct.harness.synthesis.plan import Plan
from semi_instruct.harness.synthesis.proposing import Proposed, Proposing
from semi_instruct.harness.synthesis.trying import Sandbox


@dataclass(frozen=True, slots=True)
class Generated:
    """What a model proposed for a problem, and what was found of it."""

    problem: Problem
    inputs: Proposed
    pairs: Pairs

    def to_json(self) -> dict[str, Any]:
        """Plain JSON data: a row of what ``generate`` writes."""
        suite = self.pairs.suite
        return {
            "id": self.problem.id,
            "natural_code": self.problem.oracles[0],
            "inputs": self.inputs.valid,
            "rounds": [asdict(one) for one in self.inputs.rounds],
            "texts": self.pairs.texts,
            "faults": dict(self.pairs.faults),
            "instruction_faults": dict(self.pairs.instruction_faults),
            "doubles": self.pairs.doubles,
            "typed": self.pairs.typed,
            "pairs": [
                {
                    "instruction": one.pair.instruction,
                    "code": one.pair.code,
                    "repaired": one.repaired,
                    "documented": one.documented,
                    "verdict": one.row.to_json(),
                }
                for one in self.pairs.pairs
            ],
            "suite": suite.to_json() if suite is not None else None,
        }


def generate_for(
    problem: Problem, model: MeteredModel, engine: Executor, meter: Meter, tasks: Tasks, plan: Plan
) -> Generated:
    """Inputs first, then pairs that are verified on them too.

    Raises:
        GeneratorError: the model cannot be reached, or the cache has no answer.
    """
    natural = natural_code(problem)
    inputs = Proposing(natural, Sandbox(problem, engine, meter), model, tasks, plan).propose()
    pairs = Pairs()
    if plan.samples:
        known = with_inputs(problem, inputs.valid)
        pairs = Pairing(natural, known, engine, model, meter, tasks, plan).pair()
    return Generated(problem, inputs, pairs)
