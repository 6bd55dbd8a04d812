"""Compares answers: one table of comparison kinds, implemented as pure functions."""
