"""What the generator refuses. Each text says what is wrong and what to do about it."""

from __future__ import annotations

from semi_instruct.extras import message


class GeneratorError(Exception):
    """Base of everything the generator raises on purpose. Bad output of a model is never among it."""


class MissingExtra(GeneratorError, ImportError):
    """A model needs an extra of the package that is not installed; the text says how to install it."""

    def __init__(self, model: str, extra: str) -> None:
        super().__init__(message(model, extra))


class ModelUnusable(GeneratorError):
    """A model cannot be loaded, or cannot be reached."""


class CacheUnusable(GeneratorError):
    """The file of the cache cannot be read or written."""


class NotInCache(GeneratorError):
    """Something was asked that the cache has no answer to, and there is no model to ask."""


class PromptUnusable(GeneratorError, ValueError):
    """A prompt file cannot be read or filled in."""
