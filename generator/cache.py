"""Texts that were written once, in an SQLite file that can be shipped.

Two tables. ``requests``: one row a request, with the name of the model, messages and parameters as JSON. ``texts``:
what the model wrote, raw, one row a text. ``key`` is the SHA-256 of model, messages, parameters, count and seed.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from semi_instruct.generator.errors import CacheUnusable, NotInCache
from semi_instruct.generator.model import Cost, Finish, Model, Request, Text

_SCHEMA = """
create table if not exists requests (
    key text primary key, model text not null, messages text not null, parameters text not null,
    count integer not null, seed integer not null
) without rowid;
create table if not exists texts (
    key text not null, place integer not null, content text not null, finish text not null, tokens integer,
    primary key (key, place)
) without rowid;
"""
_WAIT_S = 30.0  # for another process that writes


class Cache:
    """The file. Threads may share it, and processes may share the file. A context manager.

    Args:
        path: made if it is not there.

    Raises:
        CacheUnusable: it is no such file, or cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        try:
            self._file = sqlite3.connect(path, timeout=_WAIT_S, check_same_thread=False)
            self._file.executescript(_SCHEMA)
        except sqlite3.Error as error:
            raise CacheUnusable(f"{path}: {error}: name a file that this cache has made, or none") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.close()

    def models(self) -> list[str]:
        """The names of the models whose texts it has."""
        return [name for (name,) in self._read("select distinct model from requests order by model", ())]

    def get(self, model: str, request: Request) -> list[Text] | None:
        """What the model wrote, or None if it was never asked."""
        query = "select content, finish, tokens from texts where key = ? order by place"
        rows = self._read(query, (key_of(model, request),))
        try:
            texts = [Text(_from_stored(content), Finish(finish), tokens) for content, finish, tokens in rows]
        except (ValueError, TypeError) as error:
            raise CacheUnusable(f"{self._path}: the text of a request cannot be read: {error}: delete it") from None
        return texts if len(texts) == request.count else None

    def put(self, model: str, request: Request, texts: Sequence[Text]) -> None:
        """Keep what the model wrote."""
        key = key_of(model, request)
        parts = _parts(model, request)
        row = (key, model, _json(parts["messages"]), _json(parts["parameters"]), request.count, request.seed)
        rows = [
            (key, place, _as_stored(text.content), text.finish.value, text.tokens) for place, text in enumerate(texts)
        ]
        try:
            with self._lock, self._file:
                self._file.execute("insert or replace into requests values (?, ?, ?, ?, ?, ?)", row)
                self._file.executemany("insert or replace into texts values (?, ?, ?, ?, ?)", rows)
        except sqlite3.Error as error:
            raise CacheUnusable(f"{self._path}: {error}") from None

    def _read(self, query: str, values: tuple[Any, ...]) -> list[Any]:
        try:
            with self._lock:
                return self._file.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise CacheUnusable(f"{self._path}: {error}") from None


class CachedModel:
    """A model behind a cache; without a model, the cache alone.

    Attributes:
        asked, answered: texts that the model was asked for, and that the cache had.

    Args:
        name: of the model whose texts are wanted, where there is no model.
    """

    def __init__(self, cache: Cache, model: Model | None, name: str = "") -> None:
        self._cache = cache
        self._model = model
        self._name = model.name if model is not None else name
        self._lock = threading.Lock()
        self.asked = 0
        self.answered = 0

    @property
    def name(self) -> str:
        """The model's."""
        return self._name

    @property
    def lanes(self) -> int:
        """The model's."""
        return self._model.lanes if self._model is not None else 1

    @property
    def cost(self) -> Cost | None:
        """The model's."""
        return self._model.cost if self._model is not None else None

    def generate(self, requests: Sequence[Request]) -> list[list[Text]]:
        """See ``generator.model.Model``.

        Raises:
            NotInCache: there is no model, and the cache has no answer.
        """
        known = [self._known(request) for request in requests]
        missing = [request for request, texts in zip(requests, known, strict=True) if texts is None]
        with self._lock:
            self.asked += sum(request.count for request in missing)
            self.answered += sum(len(texts) for texts in known if texts is not None)
        written = iter(self._ask(missing))
        return [texts if texts is not None else next(written) for texts in known]

    def close(self) -> None:
        """Close the model. The cache is its owner's."""
        if self._model is not None:
            self._model.close()

    def _ask(self, requests: list[Request]) -> list[list[Text]]:
        if not requests:
            return []
        if self._model is None:
            raise NotInCache(
                f"the cache has no text of {self._name or 'any model'} for a prompt: "
                "name the model, or undo what was changed in prompts, seed, budget or problems"
            )
        written = self._model.generate(requests)
        for request, texts in zip(requests, written, strict=True):
            self._cache.put(self._name, request, texts)
        return written

    def _known(self, request: Request) -> list[Text] | None:
        texts = self._cache.get(self._name, request)
        # What a model would not take it may take tomorrow.
        if texts is not None and self._model is not None and any(text.finish is Finish.REFUSED for text in texts):
            return None
        return texts


def key_of(model: str, request: Request) -> str:
    """The key under which texts are kept."""
    return hashlib.sha256(_json(_parts(model, request)).encode("ascii")).hexdigest()


def _parts(model: str, request: Request) -> dict[str, Any]:
    return {
        "model": model,
        "messages": [asdict(message) for message in request.messages],
        "parameters": asdict(request.sampling) | {"schema": request.schema},
        "count": request.count,
        "seed": request.seed,
    }


def _json(data: Any) -> str:
    return json.dumps(data, sort_keys=True, separators=(",", ":"))


def _as_stored(text: str) -> str:
    # SQLite takes no lone surrogates; an escape that no model writes by chance stands for the rest.
    return json.dumps(text) if any("\ud800" <= letter <= "\udfff" for letter in text) or text[:1] == '"' else text


def _from_stored(stored: str) -> str:
    return str(json.loads(stored)) if stored[:1] == '"' else stored
