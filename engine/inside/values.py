"""Encodes values as tagged JSON to send them into and out of the sandbox: plain data, by exact type.

Both sides use this file. Inside the sandbox, ``encode`` converts the returned value to JSON data; outside, ``decode``
rebuilds it. The result contains only the types below, whatever the bytes are: there is no pickle, no import, and no
method of the program. A subclass does not count as its base (``type(x) is list``), so an object that claims to be equal
to everything becomes an ``Opaque``, which is equal only to itself.

None, bool, int, finite float, str, list, and dict with string keys that do not begin with ``$`` are plain JSON. Any
other value is a dict with one key:

    {"$float": "nan" | "inf" | "-inf"}      {"$int": "-0xff..."}      (integers of more than 1,024 bits)
    {"$complex": [re, im]}                  {"$bytes": base64}        {"$bytearray": base64}
    {"$tuple": [...]}   {"$set": [...]}     {"$frozenset": [...]}     {"$dict": [[key, value], ...]}
    {"$opaque": "module.TypeName"}
"""

import base64
import json
import math
from typing import Any

MAX_DEPTH = 100
MAX_ITEMS = 500_000  # decoded in half a second; commas in strings count too
_BIG_INT_BITS = 1024
_MAX_EQUAL_HASHES = 16


class ValueRefused(ValueError):
    """Data is not a value: not JSON, nested too deeply, an unknown tag, or keys that collide in a hash table."""


class Opaque:
    """A value of an unsupported type, represented by the name of the type. Equal only to itself."""

    __slots__ = ("type_name",)

    def __init__(self, type_name: str) -> None:
        self.type_name = type_name

    def __repr__(self) -> str:
        return f"<opaque {self.type_name}>"


def encode(value: Any, depth: int = 0) -> Any:
    """Plain JSON data for ``value``. Never calls a method that the value could define.

    Raises:
        ValueRefused: nested deeper than ``MAX_DEPTH``, as is a value that contains itself.
    """
    if depth > MAX_DEPTH:
        raise ValueRefused(f"the value is nested deeper than {MAX_DEPTH} levels")
    kind = type(value)
    if value is None or kind is bool or kind is str:
        return value
    if kind is int:
        return value if value.bit_length() <= _BIG_INT_BITS else {"$int": hex(value)}
    if kind is float:
        return value if math.isfinite(value) else {"$float": repr(value)}
    if kind is list:
        return [encode(item, depth + 1) for item in value]
    if kind is dict:
        return _encode_dict(value, depth)
    if kind is tuple or kind is set or kind is frozenset:
        return {"$" + kind.__name__: [encode(item, depth + 1) for item in value]}
    if kind is bytes or kind is bytearray:
        return {"$" + kind.__name__: base64.b64encode(value).decode("ascii")}
    if kind is complex:
        return {"$complex": [encode(value.real, depth + 1), encode(value.imag, depth + 1)]}
    if kind is Opaque:
        return {"$opaque": value.type_name}
    return {"$opaque": _type_name(kind)}


def _encode_dict(value: dict[Any, Any], depth: int) -> dict[str, Any]:
    if all(type(key) is str and not key.startswith("$") for key in value):
        return {key: encode(item, depth + 1) for key, item in value.items()}
    return {"$dict": [[encode(key, depth + 1), encode(item, depth + 1)] for key, item in value.items()]}


def _type_name(kind: type) -> str:
    name = type.__dict__["__qualname__"].__get__(kind)
    module = type.__dict__["__module__"].__get__(kind)
    return f"{module}.{name}"[:200] if type(module) is str else name[:200]


def dumps(value: Any) -> bytes:
    """Encode a value as bytes."""
    return json.dumps(encode(value), allow_nan=False, separators=(",", ":")).encode("ascii")


def loads(data: bytes) -> Any:
    """Rebuild a value from bytes of a sandbox.

    Raises:
        ValueRefused: the data is not a value.
    """
    if sum(map(data.count, (b"[", b"{", b","))) > MAX_ITEMS:
        raise ValueRefused(f"the value has more than {MAX_ITEMS} items")
    try:
        tree = json.loads(data, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ValueRefused(f"the data is not JSON: {error}") from None
    return decode(tree)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def decode(tree: Any, depth: int = 0) -> Any:
    """Rebuild a value from plain JSON data.

    Raises:
        ValueRefused: the data is not a value.
    """
    if depth > MAX_DEPTH:
        raise ValueRefused(f"the value is nested deeper than {MAX_DEPTH} levels")
    if isinstance(tree, list):
        return [decode(item, depth + 1) for item in tree]
    if not isinstance(tree, dict):
        return tree
    if len(tree) == 1:
        [(tag, body)] = tree.items()
        if tag.startswith("$"):
            return _decode_tagged(tag, body, depth)
    if any(key.startswith("$") for key in tree):
        raise ValueRefused("an object mixes tags and keys")
    return {key: decode(item, depth + 1) for key, item in tree.items()}


def _decode_tagged(tag: str, body: Any, depth: int) -> Any:
    try:
        match tag:
            case "$tuple":
                return tuple(_items(body, depth))
            case "$set":
                return set(_hashable(_items(body, depth)))
            case "$frozenset":
                return frozenset(_hashable(_items(body, depth)))
            case "$dict":
                pairs = [(decode(key, depth + 1), decode(item, depth + 1)) for key, item in body]
                _hashable([key for key, _ in pairs])
                return dict(pairs)
            case "$bytes" | "$bytearray":
                raw = base64.b64decode(body, validate=True)
                return raw if tag == "$bytes" else bytearray(raw)
            case "$float" if body in ("nan", "inf", "-inf"):
                return float(body)
            case "$int":
                return int(body, 16)
            case "$complex":
                real, imag = body
                return complex(_part(real, depth), _part(imag, depth))
            case "$opaque" if isinstance(body, str):
                return Opaque(body)
    except (TypeError, ValueError) as error:
        raise ValueRefused(f"malformed {tag}: {error}") from None
    raise ValueRefused(f"unknown or malformed tag {tag!r}")


def _items(body: Any, depth: int) -> list[Any]:
    if not isinstance(body, list):
        raise ValueRefused("a collection is not a list")
    return [decode(item, depth + 1) for item in body]


def _hashable(items: list[Any]) -> list[Any]:
    """Refuse keys that were chosen to collide, because building a hash table of them would take quadratic time.

    Comparing two frozensets with the same hash compares their colliding elements, recursively, so the cost of nested
    ones multiplies. Therefore no two frozensets may have the same hash.
    """
    seen: dict[int, int] = {}
    for item in items:
        code = hash(item)
        seen[code] = seen.get(code, 0) + 1
        if seen[code] > (1 if _holds_frozenset(item) else _MAX_EQUAL_HASHES):
            raise ValueRefused("too many keys share one hash")
    return items


def _holds_frozenset(item: Any) -> bool:
    return type(item) is frozenset or (type(item) is tuple and any(map(_holds_frozenset, item)))


def _part(tree: Any, depth: int) -> float:
    number = decode(tree, depth + 1)
    if type(number) is not float:
        raise ValueRefused("a part of a complex number is not a float")
    return number
