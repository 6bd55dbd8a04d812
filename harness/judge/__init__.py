"""The rules: what the oracles agree on, and what a candidate is judged to be."""
