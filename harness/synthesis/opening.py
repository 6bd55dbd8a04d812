"""Opens the model that a command line names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from semi_instruct.generator.cache import Cache, CachedModel
from semi_instruct.generator.choosing import model_named
from semi_instruct.generator.model import Model
from semi_instruct.harness.errors import BadRequest


@contextmanager
def opened_model(
    name: str | None, cache: Path | None, lanes: int | None, per_minute: float | None = None
) -> Iterator[Model]:
    """Open a model, behind a cache if one is given. Without a name, the model is the only one in the cache.

    Args:
        name: see ``generator.choosing``.
        lanes, per_minute: see ``generator.choosing``.

    Raises:
        BadRequest: the rate is not positive, or there is neither a model nor a cache with the texts of exactly one.
        GeneratorError: the model or the cache cannot be used.
    """
    if per_minute is not None and not per_minute > 0:
        raise BadRequest(f"--requests-per-minute: expected more than 0 requests, not {per_minute:g}")
    with ExitStack() as stack:
        model = stack.enter_context(closing(model_named(name, lanes, per_minute))) if name is not None else None
        if cache is None:
            if model is None:
                raise BadRequest("--model: name a model, or with --cache a file that has its texts")
            yield model
            return
        if model is None and not cache.is_file():
            raise BadRequest(f"--cache {cache}: there is no such file: name the model that is to write it with --model")
        known = stack.enter_context(Cache(cache))
        yield CachedModel(known, model, "" if model is not None else _only_one(known, cache))


def _only_one(known: Cache, path: Path) -> str:
    models = known.models()
    if len(models) != 1:
        raise BadRequest(f"--cache {path}: has texts of {len(models)} models: say which with --model")
    return models[0]
