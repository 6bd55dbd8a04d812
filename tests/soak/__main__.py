"""``make soak``: 10,000 honest runs, then 10,000 of a mixture; then 500 processes killed while runs go on.

Prints figures as it goes: of the supervisor, of a second engine beside it, and of the memory that the host's kernel
holds, which the mixture must not make grow faster than honest runs do. For that nothing else should be at work on the
machine.

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
    parser.add_argument("--runs", type=int, default=10_000, help="runs of either kind (default 10,000)")
    parser.add_argument("--kills", type=int, default=500, help="processes to kill (default 500)")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6), help="of both (default: drawn)")
    options = parser.parse_args()
    say = partial(print, flush=True)
    say(f"seed {options.seed}")
    mixed(options.runs, options.seed, say, watch_host=True)
    killing(options.kills, options.seed, say)


if __name__ == "__main__":
    main()
