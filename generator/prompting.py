"""Prompt files: Markdown with a part a role, filled in with Jinja2."""

from __future__ import annotations

import json
import re
from functools import cache, partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from semi_instruct.generator.errors import PromptUnusable
from semi_instruct.generator.model import Message

FOLDER = Path(__file__).parent / "prompts"

# Before anything is filled in: what is filled in may look like a heading too.
_HEADING = re.compile(r"^# (system|user|assistant)\n", re.MULTILINE)


def check(folder: Path) -> None:
    """See that a folder has all prompt files, before any work.

    Raises:
        PromptUnusable: one is missing or is no prompt.
    """
    for ours in sorted(FOLDER.glob("*.md")):
        _parts(folder / ours.name)


def messages(name: str, folder: Path = FOLDER, **values: Any) -> tuple[Message, ...]:
    """The messages of a prompt file.

    Args:
        name: of the file, without ``.md``.
        folder: where the files are; a copy of ours can be edited.
        values: what is filled in. A message that is then empty is left out.

    Raises:
        PromptUnusable: the file is missing, is no prompt, or wants a value that it is not given.
    """
    path = folder / f"{name}.md"
    parts = _parts(path)
    try:
        filled = [
            Message(role, _whole(_environment().from_string(text).render(values).strip()))
            for role, text in zip(parts[1::2], parts[2::2], strict=True)
        ]
    except Exception as error:  # an expression in a file may raise anything
        raise PromptUnusable(f"{path}: {error}") from None
    return _joined([message for message in filled if message.content])


def _whole(text: str) -> str:
    """The text with a question mark for each half of a character, which JSON can name and no server is sent."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _parts(path: Path) -> list[str]:
    """What stands before the first heading, then roles and texts in turn."""
    try:
        parts = _HEADING.split(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise PromptUnusable(f"{path}: {error}: copies of all files of {FOLDER} are needed") from None
    if len(parts) < 3 or parts[0].strip():
        raise PromptUnusable(f"{path}: expected headings `# system`, `# user` or `# assistant`, each on its own line")
    return parts


def _joined(said: list[Message]) -> tuple[Message, ...]:
    """What one role says twice in a row is one message: some chat templates want them to take turns."""
    joined: list[Message] = []
    for message in said:
        if joined and joined[-1].role == message.role:
            message = Message(message.role, f"{joined.pop().content}\n\n{message.content}")
        joined.append(message)
    return tuple(joined)


@cache
def _environment() -> Environment:
    environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["python"] = repr
    environment.filters["json"] = partial(json.dumps, ensure_ascii=False)
    environment.filters["arguments"] = lambda arguments: ", ".join(map(repr, arguments))
    return environment
