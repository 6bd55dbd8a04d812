"""Levels of input generation, which let a benchmark measure what each source adds (``make bench-verify``)."""

from __future__ import annotations

from enum import IntEnum

_MUTATIONS = frozenset({"mutation", "mutated"})
_EXAMPLES = frozenset({"example", "documented"})
_FEEDBACK = frozenset({"feedback", "search"})


class Sources(IntEnum):
    """The sources that inputs come from. Each level includes those before it."""

    EXAMPLES = 0  # examples of the problem or of its documentation
    MUTATION = 1  # mutated examples that keep the structure of the original
    FORMAT = 2  # inputs of a format inferred from examples, hints and documentation
    FEEDBACK = 3  # inputs found by a search for those that kill surviving mutants or candidates

    @classmethod
    def of(cls, provenance: str) -> Sources:
        """The lowest level that yields inputs of a provenance (``harness.inputs.source.TestInput``)."""
        levels = ((cls.EXAMPLES, _EXAMPLES), (cls.MUTATION, _MUTATIONS), (cls.FEEDBACK, _FEEDBACK))
        for source, provenances in levels:
            if provenance in provenances:
                return source
        return cls.FORMAT


ALL_SOURCES = max(Sources)
