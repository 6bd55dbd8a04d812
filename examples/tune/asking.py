"""What a model makes of the held-out tasks: its greedy completion, and its loss on what people wrote.

Both follow the same beginning: the task as the user's message, and an answer that has begun with the task's prompt. So
a small model need not know how to answer, and both figures are of one thing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from examples.tune.held_out import Task
from examples.tune.judging import function_end


def completions(model: Any, tokenizer: Any, tasks: Sequence[Task], longest: int, batch: int) -> list[str]:
    """The most probable next tokens, one after the other, until the function ends.

    Args:
        longest: tokens of a completion.
        batch: tasks at a time.
    """
    import torch

    written: dict[str, str] = {}
    model.eval()
    by_length = sorted(tasks, key=lambda task: len(task.prompt))
    for start in range(0, len(by_length), batch):
        some = by_length[start : start + batch]
        beginnings = [_beginning(tokenizer, task) for task in some]
        prompt = tokenizer(beginnings, return_tensors="pt", padding=True, add_special_tokens=False).to(model.device)
        length = prompt["input_ids"].shape[1]
        with torch.inference_mode():
            rows = model.generate(
                input_ids=prompt["input_ids"],
                attention_mask=prompt["attention_mask"],
                do_sample=False,
                max_new_tokens=longest,
                pad_token_id=tokenizer.pad_token_id,
                stopping_criteria=[_FunctionsEnd(tokenizer, length)],
            )
        texts = tokenizer.batch_decode(rows[:, length:], skip_special_tokens=True)
        written |= {task.id: text[: function_end(text)] for task, text in zip(some, texts, strict=True)}
    return [written[task.id] for task in tasks]


def losses(model: Any, tokenizer: Any, tasks: Sequence[Task]) -> list[float]:
    """Of each task's solution by people, the mean over its tokens of -log of the probability, in nats."""
    import torch

    model.eval()
    found: list[float] = []
    for task in tasks:
        before, solution = (
            tokenizer(text, add_special_tokens=False)["input_ids"]
            for text in (_beginning(tokenizer, task), "\n" + task.solution.rstrip("\n").lstrip("\n"))
        )
        tokens = torch.tensor([before + solution], device=model.device)
        with torch.inference_mode():
            logits = model(input_ids=tokens).logits[0, len(before) - 1 : -1].float()
        found.append(float(torch.nn.functional.cross_entropy(logits, tokens[0, len(before) :])))
    return found


def _beginning(tokenizer: Any, task: Task) -> str:
    asked = f"Complete this function.\n\n```python\n{task.prompt.strip()}\n```"
    messages = [{"role": "user", "content": asked}]
    text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    # No new line at the end: tokenizers put it together with the spaces that follow.
    return f"{text}```python\n{task.prompt.rstrip()}"


class _FunctionsEnd:
    """Says of each row whether its function has ended, so that generation stops before text that would be cut off."""

    def __init__(self, tokenizer: Any, length: int) -> None:
        self._tokenizer = tokenizer
        self._length = length

    def __call__(self, rows: Any, scores: Any, **_: Any) -> Any:
        import torch

        texts = self._tokenizer.batch_decode(rows[:, self._length :], skip_special_tokens=True)
        ended = [function_end(text) < len(text) for text in texts]
        return torch.tensor(ended, dtype=torch.bool, device=rows.device)
