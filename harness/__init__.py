"""Decides: composes what the generator proposes and what the engine executes into test cases and verdicts."""
