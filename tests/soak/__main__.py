"""``make soak``: 10,000 mixed runs, then 500 processes killed while runs are under way. Prints figures as it goes.

python -m tests.soak [--runs N] [--kills N] [--seed N]
"""

from __future__ import annotations

import argparse
import secrets
from functools import partial

from tests.soak.series import killing, mixed


def main() -> None:
    """Do both series; an AssertionError says what was not as it has to be."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--runs", type=int, default=10_000, help="mixed runs (default 10,000)")
    parser.add_argument("--kills", type=int, default=500, help="processes to kill (default 500)")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6), help="of both (default: drawn)")
    options = parser.parse_args()
    say = partial(print, flush=True)
    say(f"seed {options.seed}")
    mixed(options.runs, options.seed, say)
    killing(options.kills, options.seed, say)


if __name__ == "__main__":
    main()
