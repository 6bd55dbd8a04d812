"""What an outcome says of itself."""

from __future__ import annotations

import pickle

import pytest

from semi_instruct.engine import Outcome, ProgramFailed, Status


def test_status_and_text() -> None:
    good = Outcome(Status.OK, 0, stdout=b"caf\xc3\xa9 \xff")
    assert (good.ok, good.text) == (True, "café \ufffd")
    assert good.raise_for_status() is good


@pytest.mark.parametrize("status", sorted(set(Status) - {Status.OK}))
def test_every_other_status_is_raised_with_its_outcome(status: Status) -> None:
    bad = Outcome(status, detail="why")
    with pytest.raises(ProgramFailed, match=f"{status}: why") as raised:
        bad.raise_for_status()
    assert raised.value.outcome is bad
    assert pickle.loads(pickle.dumps(raised.value)).outcome == bad
    assert not bad.ok


class NoRepr:
    def __repr__(self) -> str:
        raise RuntimeError


def test_a_repr_is_short_and_never_asks_the_value() -> None:
    long = Outcome(Status.SIGNALED, signal=9, stdout=b"x" * 10**6, returned=True, value=NoRepr(), detail="killed")
    assert len(repr(long)) < 500
    assert "signaled" in repr(long)
    assert "1000000 bytes" in repr(long)
    assert "killed" in repr(long)


def test_html_is_escaped_and_bounded() -> None:
    hostile = b"<script>alert(1)</script>\x00" + b"&" * 10**6
    page = Outcome(Status.OK, stdout=hostile, stderr=hostile, detail="<b>")._repr_html_()
    assert "<script" not in page
    assert "<b>" not in page
    assert "&lt;script&gt;" in page
    assert len(page) < 200_000
