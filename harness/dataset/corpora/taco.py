"""TACO (Li and others 2023): the frame of APPS without ids, with limits in words."""

from __future__ import annotations

import re
from hashlib import sha256

from semi_instruct.harness.dataset.corpora import apps
from semi_instruct.harness.dataset.corpora.fields import Row, optional_text, text
from semi_instruct.harness.dataset.tasks import Task

LICENCE = "Apache-2.0"
_SECONDS = re.compile(r"(\d+(?:\.\d+)?)")
_MAX_LIMIT_S = 20.0


def recognises(row: Row) -> bool:
    """Whether a row has the fields of this layout."""
    return {"question", "solutions", "input_output", "starter_code"} <= row.keys() and "problem_id" not in row


def task(row: Row) -> Task:
    """A row as a task, with the hash of its statement as id.

    Raises:
        Unusable: it cannot be a task.
    """
    number = sha256(text(row, "question").encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return apps.framed(row, f"taco-{number}", LICENCE, _time_limit_s(row))


def _time_limit_s(row: Row) -> float:
    stated = _SECONDS.search(optional_text(row, "time_limit") or "")
    seconds = float(stated[1]) if stated else 0.0
    return min(seconds, _MAX_LIMIT_S) if seconds > 0 else 2.0
