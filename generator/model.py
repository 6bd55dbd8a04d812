"""What a model is to the rest: messages in, n texts out, seeded, batched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Message:
    """A message of a conversation.

    Attributes:
        role: ``system``, ``user`` or ``assistant``.
    """

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Sampling:
    """How texts are drawn.

    Attributes:
        temperature: 0 takes the likeliest token each time.
        top_p: only of the likeliest tokens that together have this probability.
        max_tokens: of one text; then it is cut off.
    """

    temperature: float = 0.8
    top_p: float = 0.95
    max_tokens: int = 512


@dataclass(frozen=True, slots=True)
class Request:
    """What a model is asked.

    Attributes:
        count: how many texts.
        seed: the same one gives the same texts, on the same machine; from 0 to 2**31 - 1.
        schema: a JSON schema that the texts are to follow, or None for free text.
    """

    messages: tuple[Message, ...]
    count: int = 1
    seed: int = 0
    sampling: Sampling = field(default_factory=Sampling)
    schema: dict[str, Any] | None = None


class Finish(StrEnum):
    """Why a text ends."""

    STOP = "stop"  # the model was done
    LENGTH = "length"  # cut off
    REFUSED = "refused"  # the model would not take the request, being too long perhaps; the text is why


@dataclass(frozen=True, slots=True)
class Text:
    """What a model wrote, as it wrote it.

    Attributes:
        tokens: how many, or None if the model does not say.
    """

    content: str
    finish: Finish = Finish.STOP
    tokens: int | None = None


@dataclass(slots=True)
class Cost:
    """What a model has used so far.

    Attributes:
        prompt_tokens, tokens: read and written, as its server says.
        retries: requests that were made once more.
    """

    prompt_tokens: int = 0
    tokens: int = 0
    retries: int = 0


class Model(Protocol):
    """A language model. Threads may share it, ``lanes`` at a time."""

    @property
    def name(self) -> str:
        """What tells it from other models, versions and weights: the cache keeps their texts apart by it."""

    @property
    def lanes(self) -> int:
        """How many calls of :meth:`generate` it works on at a time."""

    @property
    def cost(self) -> Cost | None:
        """What it has used so far; None where it costs nothing but this machine's time."""

    def generate(self, requests: Sequence[Request]) -> list[list[Text]]:
        """The texts for each request, as many as it asks for.

        Raises:
            ModelUnusable: it cannot be reached; nothing that it writes raises.
        """

    def close(self) -> None:
        """Let go of memory and connections."""
