"""Measured claims: each prints a ratio of two things measured in turn, in one process, on one machine."""
