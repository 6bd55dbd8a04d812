"""The order of the queue."""

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


def test_a_new_client_comes_before_one_that_has_had_a_turn() -> None:
    queue: FairQueue[str] = FairQueue(10)
    for item in ("a1", "a2", "a3"):
        queue.put("a", item)
    assert queue.take() == "a1"
    queue.put("b", "b1")
    assert _drained(queue) == ["a2", "b1", "a3"]


def test_a_full_queue_evicts_the_newest_item_of_the_largest_client() -> None:
    queue: FairQueue[str] = FairQueue(4)
    for number in range(4):
        queue.put("greedy", f"g{number}")
    assert queue.put("modest", "m1") == "g3"
    assert queue.put("modest", "m2") == "g2"
    with pytest.raises(Full):  # two each: an eviction would not be fairer
        queue.put("modest", "m3")
    with pytest.raises(Full):
        queue.put("greedy", "g4")
    assert _drained(queue) == ["g0", "m1", "g1", "m2"]


def test_a_full_queue_of_equals_is_full() -> None:
    queue: FairQueue[str] = FairQueue(2)
    queue.put("a", "a1")
    queue.put("b", "b1")
    with pytest.raises(Full):
        queue.put("c", "c1")


def test_the_bound_does_not_apply_to_unbounded_items() -> None:
    queue: FairQueue[str] = FairQueue(1)
    queue.put("a", "a1")
    assert queue.put("a", "a2", bounded=False) is None
    assert len(queue) == 2


def test_removal() -> None:
    queue: FairQueue[str] = FairQueue(4)
    queue.put("a", "a1")
    queue.put("b", "b1")
    assert queue.remove("a", "a1")
    assert not queue.remove("a", "a1")
    assert not queue.remove("nobody", "x")
    assert _drained(queue) == ["b1"]
    assert len(queue) == 0


def test_no_item_is_lost_or_duplicated() -> None:
    chance = random.Random(7)
    queue: FairQueue[int] = FairQueue(20)
    inside: set[int] = set()
    owners: dict[int, str] = {}
    for number in range(20_000):
        if chance.random() < 0.6:
            client = chance.choice("abcdefg")
            try:
                evicted = queue.put(client, number)
            except Full:
                continue
            inside.add(number)
            owners[number] = client
            if evicted is not None:
                inside.remove(evicted)
                shares = Counter(owners[item] for item in inside)
                assert shares[owners[evicted]] >= shares[client] - 1
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
