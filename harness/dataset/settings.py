"""What decides what a build makes of a corpus: the same settings and corpus give the same dataset."""

from __future__ import annotations

from typing import Literal

import msgspec

from semi_instruct.harness.inputs.plan import PLANNED_INPUTS

Mode = Literal["semi", "self", "natural"]
MODES: tuple[Mode, ...] = ("semi", "self", "natural")


class Settings(msgspec.Struct, frozen=True):
    """What the command line asks for, as far as the dataset depends on it.

    Attributes:
        corpus: name of the file or folder.
        corpus_bytes: its size, to notice that it is another one.
        layout: asked for, ``auto`` included.
        columns: text of the file that maps columns, if one does.
        generator: name of what proposes; empty in natural mode.
        budget: CPU seconds for the judging of a task, as for ``verify``.
        planned: inputs to plan for a task, as for ``verify``.
        benchmarks: names of those that the dataset is kept free of.
        near: Jaccard similarity from which two codes are near duplicates.
        alike: cosine from which two instructions mean the same; 0 not to ask.
        least_cases: test cases below which a pair is not retained.
        least_killed: share of mutants killed below which a pair is not retained, where it is known.
        pairs_a_task: the most that are retained of a task; 0 for all.
        limit: the most that are retained in all, best first; 0 for all.
        listed: inputs to ask the generator for, for each natural code.
        codes_a_task: natural codes of a task for which codes are proposed, the first ones; 0 for all.
        samples: codes to propose for a natural code, or an instruction.
        functions: functions with adapters to propose for a natural code that is a whole program.
        repairs: rounds in which rejected proposals may be repaired.
        least_round_trip: share of codes written from the instruction alone that have to pass; 0 not to ask.
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
        """Names of the settings in which the two differ."""
        return [name for name in self.__struct_fields__ if getattr(self, name) != getattr(other, name)]
