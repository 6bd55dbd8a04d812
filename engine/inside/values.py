"""Values across the wall: plain data as tagged JSON, by exact type.

Both sides use this file. Inside the sandbox ``encode`` turns the arguments' counterpart, the returned value, into JSON
data; outside, ``decode`` rebuilds it. Nothing but the types below ever comes out, whatever the bytes say: no pickle,
no names to import, no method of the program's own. A subclass is not its base (``type(x) is list``), so an object
that is equal to everything crosses as an ``Opaque``, which is equal to nothing but itself.

Plain JSON stands for itself: None, bool, int, finite float, str, list, dict with string keys of which none begins
with ``$``. All else is a dict with one key:

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
MAX_ITEMS = 500_000  # what decodes in half a second; the commas in its strings count too
_BIG_INT_BITS = 1024
_MAX_EQUAL_HASHES = 16


class ValueRefused(ValueError):
    """Data that is not a value: not JSON, too deep, an unknown tag, or made to collide in a hash table."""


class Opaque:
    """A value whose type does not cross; only the name of the type does. Equal to nothing but itself."""

    __slots__ = ("type_name",)

    def __init__(self, type_name: str) -> None:
        self.type_name = type_name

    def __repr__(self) -> str:
        return f"<opaque {self.type_name}>"


def encode(value: Any, depth: int = 0) -> Any:
    """Plain JSON data for ``value``. Never calls a method that the value could define.

    Raises:
        ValueRefused: nested deeper than ``MAX_DEPTH`` (a value that contains itself is).
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
    """The bytes of a value as they cross the wall."""
    return json.dumps(encode(value), allow_nan=False, separators=(",", ":")).encode("ascii")


def loads(data: bytes) -> Any:
    """Rebuild a value from bytes of a sandbox.

    Raises:
        ValueRefused: see the class.
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
        ValueRefused: see the class.
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
    """Refuse keys that were chosen to collide: a hash table of them would take quadratic time to build.

    To compare two frozensets of one hash takes as many comparisons of their elements as collide there, and so on, so
    that nested ones would multiply: of those there may be no two.
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
