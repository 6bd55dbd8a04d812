"""Writes a set of integers that all have one hash: quadratic for whoever builds it.

Truth: runtime_error
"""

import os

MODULUS = (1 << 61) - 1


def solve(*args):
    keys = ",".join(f'{{"$int":"{hex(MODULUS * number)}"}}' for number in range(1, 20_000))
    data = f'{{"$set":[{keys}]}}\n'.encode()
    while data:
        data = data[os.write(3, data) :]
    os._exit(0)
