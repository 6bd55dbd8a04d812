"""SmolLM2 through transformers and torch, and the same prompts through llama.cpp.

    python -m tests.llm SMOLLM2.gguf

Exit status 0 if every check holds; a line for each.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from semi_instruct.generator.hub import Transformers
from semi_instruct.generator.llamacpp import LlamaCpp
from semi_instruct.generator.model import Finish, Message, Model, Request, Sampling, Text
from semi_instruct.generator.parsing.inputs import inputs_in
from semi_instruct.generator.tasks import Example, NaturalCode, Tasks

NATURAL = NaturalCode("n=int(input())\nprint(sum(map(int,input().split())))\n", None, (Example("2\n3 4\n", "7\n"),))
FUNCTION = NaturalCode("def f(a,k):return a[:k]", "f", (Example([[3, 4], 1], [3]),))
SHORT = Request((Message("user", "Say hello."),), 3, 7, Sampling(max_tokens=24))

Check = Callable[[Model], bool]


def texts_are_as_many_as_asked(model: Model) -> bool:
    """Three texts of at most 24 tokens, not all the same."""
    [texts] = model.generate([SHORT])
    return len(texts) == 3 and len({text.content for text in texts}) > 1 and all(_within(text, 24) for text in texts)


def the_same_seed_gives_the_same_texts(model: Model) -> bool:
    """Whatever was asked in between."""
    other = Request((Message("user", "Count to five."),), 2, 1, Sampling(max_tokens=12))
    first, _, again = model.generate([SHORT, other, SHORT])
    return first == again == model.generate([SHORT])[0]


def another_seed_gives_other_texts(model: Model) -> bool:
    """Of three texts at least one differs."""
    other = Request(SHORT.messages, SHORT.count, 8, SHORT.sampling)
    return model.generate([SHORT]) != model.generate([other])


def lists_follow_their_schema(model: Model) -> bool:
    """Unless they are cut off."""
    requests = [Tasks().inputs(NATURAL, 3, seed) for seed in range(3)]
    requests += [Tasks().inputs(FUNCTION, 3, seed) for seed in range(3)]
    texts = [text for [text] in model.generate(requests)]
    arities = [request.messages[1].content.count("calls of") * 2 or None for request in requests]
    read = [inputs_in(text, arity) for text, arity in zip(texts, arities, strict=True)]
    return all(
        one.fault is None or text.finish is Finish.LENGTH for one, text in zip(read, texts, strict=True)
    ) and any(one.value is not None for one in read)


CHECKS: tuple[Check, ...] = (
    texts_are_as_many_as_asked,
    the_same_seed_gives_the_same_texts,
    another_seed_gives_other_texts,
    lists_follow_their_schema,
)


def _within(text: Text, tokens: int) -> bool:
    return text.tokens is None or text.tokens <= tokens + 1


def _failures(model: Model) -> Iterator[str]:
    for check in CHECKS:
        started = time.monotonic()
        holds = check(model)
        print(f"{'ok  ' if holds else 'FAIL'} {model.name}: {check.__name__} ({time.monotonic() - started:.1f} s)")
        if not holds:
            yield check.__name__


def main(arguments: list[str]) -> int:
    """Run all checks with both backends. Returns the exit status."""
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    failed = [
        name for model in (Transformers(arguments[0]), LlamaCpp(Path(arguments[0]), 1)) for name in _failures(model)
    ]
    print(f"{2 * len(CHECKS) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
