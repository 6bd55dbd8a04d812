"""Records what a real model writes for ``make demo``, which builds the bundled corpus in semi mode from these texts.

    python -m tests.harness.support.demo_texts MODEL.gguf

Instructions are asked for of every code, right or not: which are accepted may differ between machines, as the budget is
CPU seconds. To be done again when a prompt or the corpus changes; what is in the file already is not asked for again.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from semi_instruct.generator.cache import Cache, CachedModel
from semi_instruct.generator.choosing import model_named
from semi_instruct.harness.dataset.candidates import subjects_of
from semi_instruct.harness.dataset.corpora import Corpus
from semi_instruct.harness.dataset.tasks import Task
from semi_instruct.harness.synthesis.model_generator import ModelGenerator

ROOT = Path(__file__).parents[3]
CORPUS = ROOT / "examples" / "corpus.jsonl"
TEXTS = ROOT / "examples" / "corpus_texts.sqlite"
SAMPLES = 4
SEED = 0


def tasks() -> Iterator[Task]:
    """All of the corpus."""
    for row in Corpus(CORPUS, "problems").read():
        assert isinstance(row.task, Task), row.task
        yield row.task


def ask(generator: ModelGenerator, task: Task) -> int:
    """Ask all that the demo may ask about a task, with its first natural code. Returns how many codes are proposed."""
    [natural] = subjects_of(task, 1)
    found = list(dict.fromkeys(generator.rewrite(natural, SAMPLES, SEED).values))
    generator.inputs(natural, SEED)
    for proposal in found:
        if not proposal.ask.instruction:
            generator.instruct(natural.problem, proposal.ask, proposal.source, SEED)
    return len(found)


def main(name: str) -> None:
    """Write the file."""
    with Cache(TEXTS) as cache:
        model = CachedModel(cache, model_named(name))
        generator = ModelGenerator(model)
        with ThreadPoolExecutor(model.lanes) as threads:
            codes = sum(threads.map(lambda task: ask(generator, task), tasks()))
        model.close()
    print(f"{codes} codes, {generator.usage.texts} texts: {TEXTS}")


if __name__ == "__main__":
    main(sys.argv[1])
