"""Who is next when many wait: each client in its turn, however much one of them asks for."""

from __future__ import annotations

from collections.abc import Hashable


class Full(Exception):
    """As many wait as may, and nobody has more waiting than who asks."""


class FairQueue[Item: Hashable]:
    """Items of several clients, taken one client after the other, oldest first of each. Not thread-safe.

    When it is full, whoever has fewer items waiting than another takes the place of that other's newest one: nobody can
    lock others out by coming first with a lot.

    Args:
        bound: how many items may wait.
    """

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._waiting: dict[str, dict[Item, None]] = {}  # clients in the order of their turns
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def put(self, client: str, item: Item, *, bounded: bool = True) -> Item | None:
        """Let an item wait. Returns the one that had to give up its place for it, if one had to.

        Args:
            bounded: whether the bound holds for it.

        Raises:
            Full: no place, and none that is more another's than this client's.
        """
        ousted = self._make_room(client) if bounded and self._size >= self._bound else None
        self._waiting.setdefault(client, {})[item] = None
        self._size += 1
        return ousted

    def take(self) -> Item | None:
        """The next item, or None when none waits."""
        if not self._waiting:
            return None
        client = next(iter(self._waiting))
        items = self._waiting.pop(client)
        item = next(iter(items))
        del items[item]
        if items:
            self._waiting[client] = items  # behind all others
        self._size -= 1
        return item

    def remove(self, client: str, item: Item) -> bool:
        """Take an item out of its turn; whether it was still waiting."""
        items = self._waiting.get(client, {})
        if item not in items:
            return False
        del items[item]
        if not items:
            del self._waiting[client]
        self._size -= 1
        return True

    def _make_room(self, client: str) -> Item:
        greediest = max(self._waiting, key=lambda each: len(self._waiting[each]), default=client)
        if len(self._waiting.get(greediest, ())) <= len(self._waiting.get(client, ())) + 1:
            raise Full
        newest = next(reversed(self._waiting[greediest]))
        self.remove(greediest, newest)
        return newest
