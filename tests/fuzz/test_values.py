"""Values across the wall: what plain data there is comes through, and whatever else is sent is refused, in time."""

from __future__ import annotations

import json
import math
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semi_instruct.engine.inside import values
from tests.fuzz.example_counts import examples

_LONGEST = 3.0  # cpu seconds that decoding may take: half a second is meant, and what grows faster takes minutes
_TYPES = (
    type(None),
    bool,
    int,
    float,
    complex,
    str,
    bytes,
    bytearray,
    list,
    tuple,
    set,
    frozenset,
    dict,
    values.Opaque,
)

_atoms = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(0, 2**5000).map(lambda number: -number)
    | st.floats()
    | st.complex_numbers()
    | st.text(st.characters(codec=None), max_size=8)
    | st.sampled_from(["$", "$tuple", "$dict", "\ud800", "\0"])
    | st.binary(max_size=8)
)
_hashable = st.recursive(
    _atoms, lambda inner: st.lists(inner, max_size=4).map(tuple) | st.frozensets(inner, max_size=4), max_leaves=6
)
_plain = st.recursive(
    _hashable | st.binary(max_size=8).map(bytearray),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.lists(inner, max_size=5).map(tuple)
        | st.sets(_hashable, max_size=5)
        | st.dictionaries(_hashable, inner, max_size=5)
        | st.dictionaries(st.text(max_size=3), inner, max_size=5)
    ),
    max_leaves=25,
)
_tags = st.sampled_from(
    ["tuple", "set", "frozenset", "dict", "bytes", "bytearray", "float", "int", "complex", "opaque", "", "object"]
).map("$".__add__)
_numbers = st.integers(-(10**40), 10**40) | st.floats(allow_nan=False, allow_infinity=False)
_words = st.text(max_size=8) | st.sampled_from(["nan", "-inf", "1e400", "0x" + "f" * 5000, "AA==", "AA", "=", "$set"])
_trees = st.recursive(
    st.none() | st.booleans() | _numbers | _words,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(_tags | st.text(max_size=3), inner, max_size=3)
        | st.builds(lambda tag, body: {tag: body}, _tags, inner)
        | st.builds(lambda pairs: {"$dict": pairs}, st.lists(st.tuples(inner, inner).map(list), max_size=4))
    ),
    max_leaves=30,
)
_json_text = st.text('[]{}",:$0123456789.eE+-tuplesdict \\nNaNInfinity', max_size=60).map(str.encode)


def _same(left: Any, right: Any) -> bool:
    """Equal, and of the same types all the way down; NaN is itself, and zero has its sign."""
    if type(left) is not type(right):
        return False
    if isinstance(left, float):
        return (math.isnan(left) and math.isnan(right)) or (
            left == right and math.copysign(1, left) == math.copysign(1, right)
        )
    if isinstance(left, complex):
        return _same(left.real, right.real) and _same(left.imag, right.imag)
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(map(_same, left, right))
    if isinstance(left, dict):
        # Their order is kept, so members can be compared in pairs.
        return len(left) == len(right) and all(map(_same, left.items(), right.items()))
    if isinstance(left, set | frozenset):
        return len(left) == len(right) and all(any(_same(item, other) for other in right) for item in left)
    return bool(left == right)


def _decoded(data: bytes) -> Any:
    """What ``loads`` makes of it; ValueRefused is a good answer, any other exception is not."""
    started = time.thread_time()
    try:
        return values.loads(data)
    except values.ValueRefused as refused:
        return refused
    finally:
        assert time.thread_time() - started < _LONGEST


def _only_plain_types(value: Any) -> bool:
    if type(value) not in _TYPES:
        return False
    if isinstance(value, dict):
        return all(map(_only_plain_types, value)) and all(map(_only_plain_types, value.values()))
    if isinstance(value, list | tuple | set | frozenset):
        return all(map(_only_plain_types, value))
    return True


@examples(80)
@given(value=_plain)
def test_every_plain_value_comes_back_as_it_was(value: Any) -> None:
    assert _same(values.loads(values.dumps(value)), value)


@examples(100)
@given(tree=_trees)
def test_any_json_decodes_to_plain_types_or_is_refused(tree: Any) -> None:
    decoded = _decoded(json.dumps(tree).encode())
    if not isinstance(decoded, values.ValueRefused):
        assert _only_plain_types(decoded)
        assert _same(values.loads(values.dumps(decoded)), decoded) or "$opaque" in json.dumps(tree)


@examples(300)
@given(data=st.binary(max_size=100) | _json_text)
def test_any_bytes_decode_to_plain_types_or_are_refused(data: bytes) -> None:
    decoded = _decoded(data)
    assert isinstance(decoded, values.ValueRefused) or _only_plain_types(decoded)


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 10_000_000,
        b"[" * 499_000,
        b'{"a":' * 400_000,
        b"[" + b"[]," * 249_000 + b"[]]",
        b"9" * 8_000_000,
        b"-" * 8_000_000,
        b"1e" + b"9" * 8_000_000,
        b'"' + b"\\u0000" * 1_300_000 + b'"',
        b'"' + b"\\" * 8_000_000,
        b'{"$int":"0x' + b"f" * 8_000_000 + b'"}',
        b'{"$int":"' + b"9" * 8_000_000 + b'"}',
        b'{"$bytes":"' + b"A" * 8_000_000 + b'"}',
        b'{"$float":"' + b"9" * 8_000_000 + b'"}',
        b'{"$set":[' + b",".join(b"%d" % (number * (2**61 - 1)) for number in range(200_000)) + b"]}",
        b'{"$set":[' + b",".join(b"%d" % (number << 40) for number in range(200_000)) + b"]}",
        b'{"$dict":[' + b",".join(b"[%d.0,0]" % (number << 30) for number in range(80_000)) + b"]}",
        b'{"$set":[' + b",".join(b'{"$tuple":[-1,%d]}' % -(number % 2 + 1) for number in range(100_000)) + b"]}",
        b'{"$dict":[' * 90 + b"]}" * 90,
        b"{" + b",".join(b'"%d":0' % number for number in range(490_000)) + b"}",
    ],
    ids=lambda data: data[:16].decode(),
)
def test_what_is_made_to_take_long_does_not(data: bytes) -> None:
    _decoded(data)


def test_nested_sets_that_were_made_to_collide_are_refused_at_once() -> None:
    """Integers that differ by 2**61 - 1 have one hash, and sets of them too, and sets of those."""
    period = 2**61 - 1

    def nested(depth: int, salt: int) -> dict[str, list[object]]:
        if depth == 0:
            return {"$frozenset": [number * period + 5 for number in (*range(15), 15 + salt)]}
        return {"$frozenset": [nested(depth - 1, 1000 * place + (place == 15) * salt) for place in range(16)]}

    data = json.dumps({"$set": [nested(2, salt) for salt in range(16)]}).encode()
    started = time.process_time()
    with pytest.raises(values.ValueRefused, match="too many keys share one hash"):
        values.loads(data)
    assert time.process_time() - started < 2
