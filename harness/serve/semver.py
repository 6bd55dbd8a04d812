"""Version ranges of npm's semver: ``*``, ``3``, ``3.12.x``, ``^3.10``, ``~3.12.1``, ``>=3.10 <4``, ``3.10 - 3.12``,
``3.11 || 3.12``. Pre-releases count as releases.
"""

from __future__ import annotations

import re

type Version = tuple[int, int, int]
type _Part = int | None
type _Partial = tuple[_Part, _Part, _Part]
type _Bounds = tuple[Version, Version]  # the first inclusive, the second exclusive

_NUMBER = r"(?:[0-9]{1,9}|[xX*])"
_PARTIAL = re.compile(rf"[v=]*({_NUMBER})(?:\.({_NUMBER})(?:\.({_NUMBER})(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?)?)?")
_COMPARATOR = re.compile(r"(\^|~>?|>=|<=|>|<|)(.+)")
_LOOSE_OPERATOR = re.compile(r"(\^|~>?|>=|<=|>|<|=)\s+")
_MAX_RANGE = 256
_END: Version = (10**10, 0, 0)
_START: Version = (0, 0, 0)


def parse_version(text: str) -> Version:
    """The numbers of a version: ``3.12.4``.

    Raises:
        ValueError: the text is not a version.
    """
    major, minor, patch = (int(part) for part in text.split("."))
    return major, minor, patch


def satisfies(version: Version, wanted: str) -> bool:
    """Whether a version lies in a range. False if the range is malformed."""
    if len(wanted) > _MAX_RANGE:
        return False
    return any(_in_all(version, alternative) for alternative in wanted.split("||"))


def _in_all(version: Version, alternative: str) -> bool:
    first, hyphen, last = alternative.strip().partition(" - ")
    if hyphen:
        low, high = _partial(first), _partial(last)
        return low is not None and high is not None and _lowest(low) <= version < _above(high)
    comparators = _LOOSE_OPERATOR.sub(r"\1", alternative).split() or ["*"]
    bounds = [_bounds(comparator) for comparator in comparators]
    return all(each is not None and each[0] <= version < each[1] for each in bounds)


def _bounds(comparator: str) -> _Bounds | None:
    match = _COMPARATOR.fullmatch(comparator)
    partial = _partial(match[2]) if match is not None else None
    if match is None or partial is None:
        return None
    low, above = _lowest(partial), _above(partial)
    major, minor, patch = partial
    match match[1]:
        case ">=":
            return low, _END
        case ">":
            return above, _END
        case "<":
            return _START, low
        case "<=":
            return _START, above
        case "~" | "~>":
            return low, _above((major, minor, None))
        case "^":
            fixed = major if major or minor is None else None
            if fixed is not None or major is None:
                return low, _above((major, None, None))
            return low, _above((0, minor, None) if minor or patch is None else partial)
        case _:
            return low, above


def _partial(text: str) -> _Partial | None:
    match = _PARTIAL.fullmatch(text.strip())
    if match is None:
        return None
    parts: list[_Part] = [int(part) if part is not None and part.isdigit() else None for part in match.groups()]
    for index in (1, 2):  # 3.x.5 is 3.x
        if parts[index - 1] is None:
            parts[index] = None
    return parts[0], parts[1], parts[2]


def _lowest(partial: _Partial) -> Version:
    return partial[0] or 0, partial[1] or 0, partial[2] or 0


def _above(partial: _Partial) -> Version:
    major, minor, patch = partial
    if major is None:
        return _END
    if minor is None:
        return major + 1, 0, 0
    return (major, minor + 1, 0) if patch is None else (major, minor, patch + 1)
