"""Texts of transformers' models that follow a JSON schema, with llguidance (extra ``llm``)."""

from __future__ import annotations

import json
from typing import Any

from semi_instruct.generator.errors import MissingExtra


class Guidance:
    """What is known of a tokenizer.

    Raises:
        MissingExtra: llguidance is not installed.
    """

    def __init__(self, tokenizer: Any) -> None:
        try:
            import llguidance
            import llguidance.hf
            import llguidance.torch
        except ImportError as error:
            raise MissingExtra("transformers:HUB_ID_OR_FOLDER", "llm") from error
        self._library = llguidance
        self._tokens = llguidance.hf.from_tokenizer(tokenizer)
        self._end = tokenizer.eos_token_id

    def processor(self, schema: dict[str, Any], length: int) -> Any:
        """A logits processor for one call of ``generate``.

        Args:
            length: tokens of the prompt.
        """
        # Between its items as the model likes it: forced to leave out all space, it writes what is less likely valid.
        options = {"whitespace_flexible": True}
        grammar = self._library.LLMatcher.grammar_from_json_schema(json.dumps(schema), overrides=options)
        return _Processor(self._library, self._tokens, grammar, self._end, length)


class _Processor:
    """Lets through what the grammar lets through, for each text by itself."""

    def __init__(self, library: Any, tokens: Any, grammar: str, end: int, length: int) -> None:
        self._library = library
        self._tokens = tokens
        self._grammar = grammar
        self._end = end
        self._seen = length
        self._matchers: list[Any] = []

    def __call__(self, written: Any, scores: Any) -> Any:
        torch = self._library.torch
        if not self._matchers:
            self._matchers = [self._library.LLMatcher(self._tokens, self._grammar) for _ in range(len(written))]
        for row, matcher in zip(written[:, self._seen :].tolist(), self._matchers, strict=True):
            for token in row:
                if not matcher.is_stopped():
                    matcher.consume_token(token)
        self._seen = written.shape[1]
        mask = torch.allocate_token_bitmask(len(self._matchers), scores.shape[1])
        for place, matcher in enumerate(self._matchers):
            if not matcher.is_stopped():
                torch.fill_next_token_bitmask(matcher, mask, place)
        stopped = [place for place, matcher in enumerate(self._matchers) if matcher.is_stopped()]
        mask[stopped] = -1
        torch.apply_token_bitmask_inplace(scores, mask.to(scores.device))
        for place in stopped:
            scores[place] = float("-inf")
            scores[place, self._end] = 0.0
        return scores
