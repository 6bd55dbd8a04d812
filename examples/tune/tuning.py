"""Tunes a causal model on pairs with TRL's SFTTrainer: all of its weights, and on the answers alone."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from examples.tune.sets import Pair


@dataclass(frozen=True, slots=True)
class Training:
    """How a model is tuned.

    Attributes:
        epochs: times that each pair is seen.
        learning_rate: at the start; it falls to 0 in a straight line.
        batch: pairs a step.
        longest: tokens of a conversation; what is beyond is cut off.
    """

    epochs: int = 3
    learning_rate: float = 5e-5
    batch: int = 4
    longest: int = 1024


@dataclass(frozen=True, slots=True)
class Tuned:
    """What came of tuning; see ``examples.tune.cells.Measured``."""

    loss: float
    tokens: int
    cut: int


def tune(model: Any, tokenizer: Any, pairs: Sequence[Pair], training: Training, seed: int) -> Tuned:
    """Tune the model, in place."""
    import torch
    from datasets import Dataset, disable_progress_bars
    from transformers import set_seed
    from trl import SFTConfig, SFTTrainer

    disable_progress_bars()
    set_seed(seed)
    rows = Dataset.from_list([_row(pair) for pair in pairs])
    with tempfile.TemporaryDirectory() as folder:
        trainer = SFTTrainer(
            model=model,
            processing_class=tokenizer,
            train_dataset=rows,
            args=SFTConfig(
                output_dir=folder,
                num_train_epochs=training.epochs,
                learning_rate=training.learning_rate,
                lr_scheduler_type="linear",
                per_device_train_batch_size=training.batch,
                max_length=training.longest,
                completion_only_loss=True,
                bf16=torch.cuda.is_available(),
                gradient_checkpointing=False,
                dataloader_pin_memory=torch.cuda.is_available(),
                seed=seed,
                save_strategy="no",
                logging_strategy="no",
                report_to="none",
                disable_tqdm=True,
            ),
        )
        tokens, cut = _size(trainer.train_dataset, len(pairs), training.longest)
        loss = trainer.train().training_loss
    return Tuned(loss, tokens, cut)


def _row(pair: Pair) -> dict[str, Any]:
    """A pair as TRL takes it when the answer alone is to be learned."""
    messages = [{"role": role, "content": content} for role, content in pair.messages]
    return {"prompt": messages[:-1], "completion": messages[-1:]}


def _size(rows: Any, pairs: int, longest: int) -> tuple[int, int]:
    """Tokens that are learned in one epoch, and pairs that were cut (or left out, where nothing of the answer fits)."""
    lengths = [len(row["input_ids"]) for row in rows]
    learned = sum(label != -100 for row in rows for label in row["labels"])
    return learned, pairs - len(lengths) + sum(length >= longest for length in lengths)
