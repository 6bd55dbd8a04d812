"""Strict parsing of request bodies."""

from __future__ import annotations

import json

import pytest

from semi_instruct.harness.serve.bodies import parse
from semi_instruct.harness.serve.errors import MalformedBody


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b'{"a": 1, "a": 2}', "same key twice"),
        (b'{"a": {"b": [{"c": 1, "c": 1}]}}', "same key twice"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (b"\xff\xfe", "not UTF-8"),
        (b'"\xed\xa0\x80"', "not UTF-8"),
        (b'"\\ud800"', "surrogate"),
        (b'{"\\uDFFF": 1}', "surrogate"),
        (b"NaN", "no JSON number"),
        (b"[-Infinity]", "no JSON number"),
        (b"1" * 10_000, "not JSON"),
        (b'{"files": {' + b",".join(b'"%d":0' % number for number in range(20_001)) + b"}}", "20002 entries"),
        (b'{"runs": [' + b",".join([b'{"fetch_files": [%s0]}' % (b"0," * 4999)] * 5) + b"]}", "25011 entries"),
        (b'{"args": [' + b"0," * 30_000 + b"0]}", "30002 entries"),
    ],
)
def test_refused_bodies(body: bytes, words: str) -> None:
    with pytest.raises(MalformedBody, match=words):
        parse(body)


def test_accepted_bodies() -> None:
    assert parse(b'{"a": ["\\ud83d\\ude00", "\\\\ud800", 1e3, null]}') == {"a": ["\U0001f600", "\\ud800", 1000.0, None]}


def test_arguments_may_be_large() -> None:
    numbers = list(range(30_000))
    for body in ({"args": [numbers]}, {"problem": {"examples": [{"input": [numbers]}]}}):
        assert parse(json.dumps(body).encode()) == body
