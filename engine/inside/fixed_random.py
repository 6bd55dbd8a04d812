"""Random numbers that are the same in every run, for programs whose output is to repeat.

Python code that wants entropy asks ``os.urandom``: ``secrets``, ``uuid.uuid4``, ``random.SystemRandom``, numpy's
generators. Here a seeded generator answers, and seeds ``random.Random()`` and ``random.seed()`` as well. A process the
program forks goes on with numbers of its own, told by its pid, which repeats too. None of this is a wall: a program
that wants the kernel's entropy opens /dev/urandom.
"""

import os
import random

SEED = 0


def fix():
    """Seed everything, once, before any program is there."""
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
