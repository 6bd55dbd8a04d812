"""Any causal model by hub id or folder, and GGUF files, with transformers and torch (extra ``llm``)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import TemplateError

from semi_instruct.generator.errors import MissingExtra, ModelUnusable
from semi_instruct.generator.model import Finish, Message, Request, Text

_CONVERTED = ".converted"


class Transformers:
    """A model of the hub, on a GPU if there is one.

    The texts of a request are drawn together, and those of different requests one after the other: what else is asked
    changes no digit of them.

    Args:
        name: hub id, folder, or a GGUF file. That is converted once, into a folder beside it, since loading it
            dequantises all of it.

    Raises:
        MissingExtra: torch, transformers or (for GGUF) gguf is not installed.
        ModelUnusable: there is no such model, or it has no chat template.
    """

    lanes = 1
    cost = None

    def __init__(self, name: str) -> None:
        self._torch, self._library = _libraries()
        self.name = f"transformers:{name}"
        self._model, self._tokenizer = loaded(name)
        self._model.eval()
        self._guide: Any = None

    def generate(self, requests: Sequence[Request]) -> list[list[Text]]:
        """See ``generator.model.Model``."""
        return [self._answer(request) for request in requests]

    def close(self) -> None:
        """Let go of the memory."""
        self._model = None

    def _answer(self, request: Request) -> list[Text]:
        prompt = self._prompt(request.messages)
        length = prompt["input_ids"].shape[1]
        longest = getattr(self._model.config, "max_position_embeddings", None)
        if longest is not None and length + request.sampling.max_tokens > longest:
            return [Text(f"the prompt has {length} tokens of {longest}", Finish.REFUSED)] * request.count
        self._torch.manual_seed(request.seed)
        drawn = request.sampling.temperature > 0
        chances = {"temperature": request.sampling.temperature, "top_p": request.sampling.top_p} if drawn else {}
        with self._torch.inference_mode():
            written = self._model.generate(
                **prompt,
                do_sample=drawn,
                num_return_sequences=request.count if drawn else 1,
                max_new_tokens=request.sampling.max_tokens,
                pad_token_id=self._tokenizer.pad_token_id,
                logits_processor=self._processors(request, length),
                **chances,
            )
        texts = [self._text(row) for row in written[:, length:].tolist()]
        return texts if drawn else texts * request.count

    def _prompt(self, messages: Sequence[Message]) -> Any:
        """The tokens of the messages. Some templates know no system; what it says is then the user's to say."""
        merged = _without_system(messages)
        for each in (messages, merged):
            try:
                return self._tokenizer.apply_chat_template(
                    [{"role": message.role, "content": message.content} for message in each],
                    add_generation_prompt=True,
                    return_tensors="pt",
                    return_dict=True,
                ).to(self._model.device)
            except TemplateError as error:
                reason = error
        raise ModelUnusable(f"{self.name}: its chat template takes no such conversation: {reason}")

    def _text(self, tokens: list[int]) -> Text:
        ends = self._ends()
        until = next((place for place, token in enumerate(tokens) if token in ends), None)
        content = self._tokenizer.decode(tokens[:until], skip_special_tokens=True)
        if until is None:
            return Text(content, Finish.LENGTH, len(tokens))
        return Text(content, Finish.STOP, until + 1)

    def _ends(self) -> set[int]:
        said = self._model.generation_config.eos_token_id
        ends = set(said) if isinstance(said, list) else {said}
        return (ends | {self._tokenizer.eos_token_id}) - {None}

    def _processors(self, request: Request, length: int) -> Any:
        processors = self._library.LogitsProcessorList()
        if request.schema is not None:
            from semi_instruct.generator.guidance import Guidance

            if self._guide is None:
                self._guide = Guidance(self._tokenizer)
            processors.append(self._guide.processor(request.schema, length))
        return processors


def loaded(name: str, dtype: str = "auto") -> tuple[Any, Any]:
    """A causal model, on a GPU if there is one, and its tokenizer, which pads on the left.

    Args:
        name: hub id, folder, or a GGUF file (see :class:`Transformers`).
        dtype: of the weights, as torch calls it; ``auto`` as they are stored.

    Raises:
        MissingExtra: torch, transformers or (for GGUF) gguf is not installed.
        ModelUnusable: there is no such model, or it has no chat template.
    """
    torch, library = _libraries()
    try:
        place = _converted(Path(name), library) if name.endswith(".gguf") else name
        tokenizer = library.AutoTokenizer.from_pretrained(place, padding_side="left")
        model = library.AutoModelForCausalLM.from_pretrained(place, dtype=dtype)
    except (OSError, ValueError) as error:
        raise ModelUnusable(f"{name}: transformers cannot load it: {error}") from None
    if tokenizer.chat_template is None:
        raise ModelUnusable(f"{name}: has no chat template: take a model that was tuned to follow instructions")
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return model.to("cuda" if torch.cuda.is_available() else "cpu"), tokenizer


def _without_system(messages: Sequence[Message]) -> Sequence[Message]:
    """The messages, what the system says being the beginning of what the user says."""
    match list(messages):
        case [Message("system", said), Message("user", asked), *rest]:
            return [Message("user", f"{said}\n\n{asked}"), *rest]
        case same:
            return same


def _libraries() -> tuple[Any, Any]:
    try:
        import torch
        import transformers
    except ImportError as error:
        raise MissingExtra("transformers:HUB_ID_OR_FOLDER", "llm") from error
    return torch, transformers


def _converted(path: Path, library: Any) -> Path:
    """The folder with the weights of a GGUF file, dequantised."""
    if not path.is_file():
        raise ModelUnusable(f"{path}: there is no such file: `make model` gets one, or name another")
    folder = path.with_name(path.name + _CONVERTED)
    if (folder / "config.json").is_file():
        return folder
    try:
        tokenizer = library.AutoTokenizer.from_pretrained(str(path.parent), gguf_file=path.name)
        model = library.AutoModelForCausalLM.from_pretrained(str(path.parent), gguf_file=path.name, dtype="auto")
    except ImportError as error:
        raise MissingExtra("transformers:FILE.gguf", "llm") from error
    # Weights that are no longer quantised are saved only if nothing says that they are.
    model.hf_quantizer = None
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    partial = folder.with_name(folder.name + ".partial")
    tokenizer.save_pretrained(partial)
    model.save_pretrained(partial)
    partial.rename(folder)
    return folder
