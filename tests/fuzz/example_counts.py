"""How hard to try: little and always the same in ``make test``, much and each time anew in ``make fuzz``."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

_TIMES = int(os.environ.get("SEMI_INSTRUCT_FUZZ", "0"))  # how many times the usual number of examples; 0: the usual


def examples(number: int, *, steps: int = 50) -> settings:
    """Settings for a test that needs ``number`` examples to be worth its time in ``make test``."""
    return settings(
        max_examples=number * max(_TIMES, 1),
        stateful_step_count=steps,
        derandomize=not _TIMES,
        database=None,
        deadline=None,
        print_blob=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    )
