"""The settings that determine a dataset: the same settings and corpus give the same dataset."""

from __future__ import annotations

from typing import Literal

import msgspec

from semi_instruct.harness.inputs.plan import PLANNED_INPUTS

Mode = Literal["semi", "self", "natural"]
MODES: tuple[Mode, ...] = ("semi", "self", "natural")


class Settings(msgspec.Struct, frozen=True):
    """The options of ``build`` that the dataset depends on.

    Attributes:
        corpus: name of the file or folder.
        corpus_bytes: its size, to notice when the corpus has changed.
        layout: as given, ``auto`` included.
        columns: text of the file that maps columns, if there is one.
        generator: name of the generator; empty in natural mode.
        budget: CPU seconds for judging a task, as for ``verify``.
        planned: inputs to plan for a task, as for ``verify``.
        benchmarks: names of the benchmarks that are kept out of the dataset.
        near: Jaccard similarity from which two codes are near duplicates.
        alike: cosine from which two instructions mean the same; 0 to compare words only.
        least_cases: fewest test cases of a retained pair.
        least_killed: lowest share of mutants that the test cases of a retained pair kill, where it is known.
        pairs_a_task: most pairs retained per task; 0 for all.
        limit: most pairs retained in all, best first; 0 for all.
        listed: inputs to ask the generator for, for each natural code.
        codes_a_task: natural codes per task that are rewritten, the first ones; 0 for all.
        samples: codes to propose for a natural code, or an instruction.
        functions: functions with adapters to propose for a natural code that is a whole program.
        repairs: rounds of repair of rejected codes.
        least_round_trip: share of codes written from the instruction alone that must pass; 0 for no round trip.
    """

    mode: Mode
    seed: int
    corpus: str
    corpus_bytes: int
    layout: str
    columns: str = ""
    licence: str = ""
    generator: str = ""
    budget: float = 20.0
    planned: int = PLANNED_INPUTS
    benchmarks: tuple[str, ...] = ()
    near: float = 0.8
    alike: float = 0.0
    least_cases: int = 3
    least_killed: float = 0.5
    pairs_a_task: int = 0
    limit: int = 0
    listed: int = 0
    codes_a_task: int = 0
    samples: int = 4
    functions: int = 0
    repairs: int = 0
    least_round_trip: float = 0.0

    def differing(self, other: Settings) -> list[str]:
        """Names of the settings that differ."""
        return [name for name in self.__struct_fields__ if getattr(self, name) != getattr(other, name)]
