"""Writes tagged records that stand for no value: unknown tags, tags beside keys, an opaque that claims to be an int.

Truth: wrong_answer or runtime_error
"""

import os
import random

RECORDS = (
    b'{"$expected": null}',
    b'{"$opaque": "builtins.int"}',
    b'{"$float": "nan", "$int": "0x0"}',
    b'{"$complex": [{"$float": "nan"}, {"$float": "nan"}]}',
    b'{"$set": [{"$float": "nan"}, {"$float": "nan"}]}',
    b'{"$dict": [[{"$opaque": "k"}, {"$opaque": "v"}]]}',
    b'{"$pickle": "Y29zCnN5c3RlbQo="}',
)


def solve(*args):
    random.seed(repr(args))
    os.write(3, random.choice(RECORDS) + b"\n")
    os._exit(0)
