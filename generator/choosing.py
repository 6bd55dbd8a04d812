"""A model by the name that a user gives it."""

from __future__ import annotations

from pathlib import Path

from semi_instruct.generator.errors import ModelUnusable
from semi_instruct.generator.model import Model


def model_named(name: str, lanes: int | None = None, per_minute: float | None = None) -> Model:
    """Load a model.

    Args:
        name: ``llamacpp:FILE.gguf``, or a file that ends so; ``transformers:HUB_ID_OR_FOLDER``;
            ``openai:MODEL@URL`` for a server that speaks OpenAI's protocol.
        lanes: requests at a time; None for what suits the model.
        per_minute: requests a minute that a server is sent at most; None for no such limit.

    Raises:
        MissingExtra: a package is missing.
        ModelUnusable: there is no such model.
    """
    kind, _, rest = name.partition(":")
    if not rest and name.endswith(".gguf"):
        kind, rest = "llamacpp", name
    match kind:
        case "llamacpp" if rest:
            from semi_instruct.generator.llamacpp import LlamaCpp

            return LlamaCpp(Path(rest), lanes)
        case "transformers" if rest:
            from semi_instruct.generator.hub import Transformers

            return Transformers(rest)
        case "openai" if "@" in rest:
            from semi_instruct.generator.openai_server import OpenAIServer

            model, _, url = rest.partition("@")
            return OpenAIServer(model, url, lanes, per_minute=per_minute)
    raise ModelUnusable(f"{name}: expected llamacpp:FILE.gguf, transformers:HUB_ID_OR_FOLDER or openai:MODEL@URL")
