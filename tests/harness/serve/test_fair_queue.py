"""Who is next."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from semi_instruct.harness.serve.fair_queue import FairQueue, Full


def _drained(queue: FairQueue[str]) -> list[str]:
    return list(iter(queue.take, None))


def test_clients_take_turns_and_each_ones_items_keep_their_order() -> None:
    queue: FairQueue[str] = FairQueue(10)
    for client, item in (("a", "a1"), ("a", "a2"), ("a", "a3"), ("b", "b1"), ("c", "c1"), ("b", "b2")):
        assert queue.put(client, item) is None
    assert _drained(queue) == ["a1", "b1", "c1", "a2", "b2", "a3"]


def test_who_has_just_had_a_turn_comes_after_who_is_new() -> None:
    queue: FairQueue[str] = FairQueue(10)
    for item in ("a1", "a2", "a3"):
        queue.put("a", item)
    assert queue.take() == "a1"
    queue.put("b", "b1")
    assert _drained(queue) == ["a2", "b1", "a3"]


def test_a_full_queue_takes_from_the_greediest_and_its_newest() -> None:
    queue: FairQueue[str] = FairQueue(4)
    for number in range(4):
        queue.put("greedy", f"g{number}")
    assert queue.put("modest", "m1") == "g3"
    assert queue.put("modest", "m2") == "g2"
    with pytest.raises(Full):  # two each: another's place would be no fairer
        queue.put("modest", "m3")
    with pytest.raises(Full):
        queue.put("greedy", "g4")
    assert _drained(queue) == ["g0", "m1", "g1", "m2"]


def test_a_full_queue_of_equals_refuses() -> None:
    queue: FairQueue[str] = FairQueue(2)
    queue.put("a", "a1")
    queue.put("b", "b1")
    with pytest.raises(Full):
        queue.put("c", "c1")


def test_what_needs_no_place_gets_in() -> None:
    queue: FairQueue[str] = FairQueue(1)
    queue.put("a", "a1")
    assert queue.put("a", "a2", bounded=False) is None
    assert len(queue) == 2


def test_what_was_removed_is_gone_and_its_client_with_it() -> None:
    queue: FairQueue[str] = FairQueue(4)
    queue.put("a", "a1")
    queue.put("b", "b1")
    assert queue.remove("a", "a1")
    assert not queue.remove("a", "a1")
    assert not queue.remove("nobody", "x")
    assert _drained(queue) == ["b1"]
    assert len(queue) == 0


def test_nothing_is_lost_or_doubled_whatever_the_order() -> None:
    chance = random.Random(7)
    queue: FairQueue[int] = FairQueue(20)
    inside: set[int] = set()
    owners: dict[int, str] = {}
    for number in range(20_000):
        if chance.random() < 0.6:
            client = chance.choice("abcdefg")
            try:
                ousted = queue.put(client, number)
            except Full:
                continue
            inside.add(number)
            owners[number] = client
            if ousted is not None:
                inside.remove(ousted)
                shares = Counter(owners[item] for item in inside)
                assert shares[owners[ousted]] >= shares[client] - 1
        elif chance.random() < 0.5:
            taken = queue.take()
            assert (taken is None) == (not inside)
            inside -= {taken}
        elif inside:
            gone = chance.choice(sorted(inside))
            assert queue.remove(owners[gone], gone)
            inside.remove(gone)
        assert len(queue) == len(inside) <= 20
    assert set(iter(queue.take, None)) == inside
