"""Mutates example inputs: changes tokens or lines and keeps the counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from random import Random

from semi_instruct.harness.inputs.stdin.matching import INTEGER, rows_of

_MAX_CHANGES = 3


def mutated(texts: Sequence[str], random: Random) -> str:
    """One of the texts with one to three changes. Numbers that are counts stay unchanged."""
    rows = [list(row) for row in rows_of(random.choice(texts))]
    pool = _pool(texts)
    for _ in range(random.randint(1, _MAX_CHANGES)):
        _change(rows, pool, random)
    return "".join(" ".join(row) + "\n" for row in rows)


def _pool(texts: Sequence[str]) -> list[str]:
    return sorted({token for text in texts for row in rows_of(text) for token in row})


def _change(rows: list[list[str]], pool: Sequence[str], random: Random) -> None:
    positions = [(line, position) for line, row in enumerate(rows) for position in range(len(row))]
    free = [(line, position) for line, position in positions if not _counts(rows, line, position)]
    if not free:
        return
    line, position = random.choice(free)
    row = rows[line]
    kind = random.random()
    if kind < 0.15:
        other_line, other = random.choice(free)
        row[position], rows[other_line][other] = rows[other_line][other], row[position]
    elif kind < 0.25 and all((line, at) in free for at in range(len(row))):
        random.shuffle(row)
    elif kind < 0.35:
        alike = [at for at, other in enumerate(rows) if len(other) == len(row) and at]
        if line in alike:
            other_line = random.choice(alike)
            rows[line], rows[other_line] = rows[other_line], rows[line]
    elif INTEGER.match(row[position]):
        row[position] = _other_number(row[position], [token for token in pool if INTEGER.match(token)], random)
    else:
        row[position] = _other_word(row[position], pool, random)


def _counts(rows: Sequence[Sequence[str]], line: int, position: int) -> bool:
    """Whether a token is the number of following lines or tokens, or the length of a word; numbers below 2 are not."""
    token = rows[line][position]
    if not INTEGER.match(token) or line + 1 >= len(rows) or int(token) < 2:
        return False
    following = rows[line + 1 :]
    widths = Counter(len(row) for row in following)
    lengths = {len(word) for row in following for word in row if not INTEGER.match(word)}
    sizes = {len(following), *widths, *widths.values(), *lengths, len(rows[line]) - position - 1}
    return any(int(token) + plus in sizes for plus in (-1, 0, 1)) and position < 3


def _other_number(token: str, numbers: Sequence[str], random: Random) -> str:
    value = int(token)
    near = [value + 1, value - 1, 0, 1, value * 2, value // 2]
    if random.random() < 0.4:
        return random.choice(numbers) if numbers else "0"
    new = random.choice(near)
    return str(new if new >= 0 or value < 0 else value + 1)


def _other_word(word: str, pool: Sequence[str], random: Random) -> str:
    alike = [token for token in pool if len(token) == len(word) and not INTEGER.match(token)]
    letters = sorted(set("".join(alike)))
    kind = random.random()
    if kind < 0.2:
        return random.choice(alike)
    position = random.randrange(len(word))
    if kind < 0.4:
        other = random.randrange(len(word))
        swapped = list(word)
        swapped[position], swapped[other] = swapped[other], swapped[position]
        return "".join(swapped)
    return word[:position] + random.choice(letters) + word[position + 1 :]
