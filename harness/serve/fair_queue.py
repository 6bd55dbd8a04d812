"""A bounded queue in which clients take turns, however many items one of them has."""

from __future__ import annotations

from collections.abc import Hashable


class Full(Exception):
    """The queue is full, and no other client has more items waiting than this one."""


class FairQueue[Item: Hashable]:
    """Items of several clients, taken round-robin by client, the oldest item of each first. Not thread-safe.

    When the queue is full, a client with fewer items than another takes the position of that other client's newest
    item, so that one client with many items cannot lock out the others.

    Args:
        bound: the number of items that may wait.
    """

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._waiting: dict[str, dict[Item, None]] = {}  # clients in the order of their turns
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def put(self, client: str, item: Item, *, bounded: bool = True) -> Item | None:
        """Add an item. Returns the item that was evicted for it, or None.

        Args:
            bounded: whether the bound applies to the item.

        Raises:
            Full: the queue is full, and no other client has more items than this one.
        """
        evicted = self._make_room(client) if bounded and self._size >= self._bound else None
        self._waiting.setdefault(client, {})[item] = None
        self._size += 1
        return evicted

    def take(self) -> Item | None:
        """Remove and return the next item; None if the queue is empty."""
        if not self._waiting:
            return None
        client = next(iter(self._waiting))
        items = self._waiting.pop(client)
        item = next(iter(items))
        del items[item]
        if items:
            self._waiting[client] = items  # to the end of the order
        self._size -= 1
        return item

    def remove(self, client: str, item: Item) -> bool:
        """Remove an item. Returns whether it was waiting."""
        items = self._waiting.get(client, {})
        if item not in items:
            return False
        del items[item]
        if not items:
            del self._waiting[client]
        self._size -= 1
        return True

    def _make_room(self, client: str) -> Item:
        largest = max(self._waiting, key=lambda each: len(self._waiting[each]), default=client)
        if len(self._waiting.get(largest, ())) <= len(self._waiting.get(client, ())) + 1:
            raise Full
        newest = next(reversed(self._waiting[largest]))
        self.remove(largest, newest)
        return newest
