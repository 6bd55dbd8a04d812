"""Inputs for a problem: where they come from, and in which order."""
