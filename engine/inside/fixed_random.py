"""Random numbers that are the same in every run, so that the output of programs is reproducible.

Python code gets entropy from ``os.urandom``: ``secrets``, ``uuid.uuid4``, ``random.SystemRandom``, numpy's generators.
Here a seeded generator replaces it, and also seeds ``random.Random()`` and ``random.seed()``. A process that the
program forks continues with different numbers derived from its pid, which is reproducible, too. None of this is a wall:
a program can still read the kernel's entropy from /dev/urandom.
"""

import os
import random

SEED = 0


def fix():
    """Seed all generators, once, before any program is loaded."""
    entropy = random.Random(SEED)
    seed_from = random.Random.seed

    def urandom(size, /):
        return entropy.randbytes(size)

    def seed(self, a=None, version=2):
        seed_from(self, entropy.getrandbits(256) if a is None else a, version)

    def begin_anew():
        entropy.seed(f"{SEED} {os.getpid()}")
        random.seed(f"{SEED} {os.getpid()}")

    os.urandom = random._urandom = urandom
    random.Random.seed = seed
    random.seed = random._inst.seed
    random.seed(SEED)
    os.register_at_fork(after_in_child=begin_anew)
