"""Verification of problems: from problem rows to verdicts."""
