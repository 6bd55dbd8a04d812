"""Leaves with exit code 0 before the function that will be called exists.

Truth: runtime_error
"""

raise SystemExit(0)
