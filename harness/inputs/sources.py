"""How far the search for inputs goes, so that what each source adds can be measured (``make bench-verify``)."""

from __future__ import annotations

from enum import IntEnum

_MUTATIONS = frozenset({"mutation", "mutated"})
_EXAMPLES = frozenset({"example", "documented"})
_FEEDBACK = frozenset({"feedback", "search"})


class Sources(IntEnum):
    """Which sources inputs come from. Each takes in those before it."""

    EXAMPLES = 0  # that come with the problem, or that its documentation shows
    MUTATION = 1  # of the examples, their structure kept
    FORMAT = 2  # inferred from examples, hints and documentation
    FEEDBACK = 3  # those that kill mutants or candidates that all before leave alive

    @classmethod
    def of(cls, provenance: str) -> Sources:
        """The first that yields inputs of a provenance (``harness.inputs.source.TestInput``)."""
        for source, its in ((cls.EXAMPLES, _EXAMPLES), (cls.MUTATION, _MUTATIONS), (cls.FEEDBACK, _FEEDBACK)):
            if provenance in its:
                return source
        return cls.FORMAT


ALL_SOURCES = max(Sources)
