import itertools


def solve(values):
    ordered = sorted(values)
    gaps = [later - earlier for earlier, later in itertools.pairwise(ordered)]
    squares = [gap * gap for gap in gaps]
    return sum(squares) / len(squares)
