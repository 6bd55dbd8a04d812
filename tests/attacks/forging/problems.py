"""What forgers are judged on: small problems, of which a forger may know the first example and nothing else.

No constant and no small set of guesses answers them, and between them they ask for every kind of answer: a whole
number, a decimal, a collection, words, and decimals in text.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from semi_instruct.harness.problems.schema import Problem, parse_row

ENTRY = "solve"
_LIMITS = {"time_limit_s": 0.02, "memory_limit_mib": 128}


@dataclass(frozen=True, slots=True)
class Task:
    """A problem without its candidates.

    Attributes:
        id: also the name of the honest solution in ``honest``.
        kind: ``function`` or ``stdin``; the folder of the forgers that are judged on it.
        oracles: natural codes.
        visible: input and answer of the example that the task shows.
        hidden: further inputs; what is expected there is known to the oracles alone.
    """

    id: str
    kind: str
    oracles: tuple[str, str]
    visible: tuple[Any, Any]
    hidden: tuple[Any, ...]

    def problem(self, sources: dict[str, str]) -> Problem:
        """The problem with these candidates."""
        example = {"input": self.visible[0], "output": self.visible[1]}
        row = {
            "id": self.id,
            "kind": self.kind,
            "oracles": self.oracles,
            "examples": [example, *({"input": each} for each in self.hidden)],
            "candidates": [{"id": name, "source": source} for name, source in sources.items()],
            **({"entry": ENTRY} if self.kind == "function" else {}),
            **_LIMITS,
        }
        return parse_row(json.dumps(row), self.id, 1)


TASKS = (
    Task(
        "inversions",
        "function",
        (
            "def solve(a): return sum(a[i] > a[j] for i in range(len(a)) for j in range(i + 1, len(a)))",
            "def solve(a): return sum(sum(y < x for y in a[i:]) for i, x in enumerate(a))",
        ),
        ([[3, 1, 2]], 2),
        ([[5, 4, 9, 1, 1, 0, 7, 3, 2]], [[40, -7, 12, 12, 3, 88, 5, 41, 6, 0, -1, 13, 2]]),
    ),
    Task(
        "letter_counts",
        "function",
        (
            "from collections import Counter\ndef solve(s): return dict(Counter(c for c in s.lower() if c.isalpha()))",
            "def solve(s):\n    s = s.lower()\n    return {c: s.count(c) for c in s if c.isalpha()}",
        ),
        (["abba"], {"a": 2, "b": 2}),
        (["Mississippi, 1817"], ["The quick brown fox jumps over the lazy dog again"]),
    ),
    Task(
        "mean_gap",
        "function",
        (
            "def solve(v):\n"
            "    v = sorted(v)\n"
            "    return sum((v[i] - v[i - 1]) ** 2 for i in range(1, len(v))) / (len(v) - 1)\n",
            "def solve(v):\n"
            "    v.sort()\n"
            "    d = [b - a for a, b in zip(v, v[1:])]\n"
            "    return sum(x * x for x in d) / len(d)\n",
        ),
        ([[1, 2, 4]], 2.5),
        ([[9, 3, 7, 31, 2, 2, 19, 6]], [[0.25, -17.5, 3.75, 100.125, 8]]),
    ),
    Task(
        "run_lengths",
        "stdin",
        (
            "from itertools import groupby\nfor k, g in groupby(input()): print(k, len(list(g)))",
            "import re\nfor m in re.finditer(r'(.)\\1*', input()): print(m[1], len(m[0]))",
        ),
        ("aaaba\n", "a 3\nb 1\na 1\n"),
        ("zzyzxxxxxzz\n", "aabbbbbbbbbbbbccdaaaaaaaaaaaaaaaaf\n"),
    ),
    Task(
        "distances",
        "stdin",
        (
            "for _ in range(int(input())):\n    x, y = map(int, input().split())\n    print((x*x + y*y) ** .5)",
            "import sys\nt = list(map(float, sys.stdin.read().split()))[1:]\n"
            "for x, y in zip(t[::2], t[1::2]): print(abs(complex(x, y)))",
        ),
        ("1\n1 1\n", "1.414214\n"),
        ("2\n3 -7\n12 5\n", "4\n100 1\n-31 17\n8 8\n2 90\n"),
    ),
)
