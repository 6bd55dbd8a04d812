"""Scans the memory of its process, through /proc/self/mem, for the text of a test or of a solution.

Truth: wrong_answer or runtime_error
"""

import re


def regions():
    with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb", 0) as memory:
        for line in maps:
            match = re.match(r"([0-9a-f]+)-([0-9a-f]+) rw", line)
            if match:
                first, end = (int(number, 16) for number in match.groups())
                memory.seek(first)
                yield memory.read(min(end - first, 8 << 20))


def solve(*args):
    for region in regions():
        found = re.search(rb"== (\d+(?:\.\d+)?)\n", region)
        if found:
            return float(found[1])
    return "stole nothing"
