"""When two answers are the same: one table of comparison kinds. Pure functions."""
