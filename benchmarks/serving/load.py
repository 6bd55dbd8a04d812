"""Many clients at once, each with a connection of its own, asking for honest and hostile programs in turn."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import Any

from semi_instruct.engine.inside.values import decode, encode
from semi_instruct.engine.outcome import Status
from tests.soak.mixture import HOSTILE, Case, honest

_PISTON_AND_FUSION = 0.5  # the share of honest programs that are asked for in others' words
_HOSTILE = 0.25
_DIFFERENT = 600


@dataclass(slots=True)
class Tally:
    """What the clients saw.

    Attributes:
        latencies_s: from the first byte of a request to the last of its answer.
        over_s: by how much each answer came later than its run's wall limit, without the time it waited for a worker.
        ours: answers that are no outcome, and faults of the sandbox.
        wrong: outcomes that are not the true ones.
    """

    latencies_s: list[float] = field(default_factory=list)
    over_s: list[float] = field(default_factory=list)
    ours: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Question:
    """A case in the words of one dialect."""

    case: Case
    path: str
    body: bytes

    @classmethod
    def of(cls, case: Case, chance: Random) -> Question:
        """The case, in our words or, if they can say it all, in another's."""
        if case.name != "honest" or chance.random() > _PISTON_AND_FUSION:  # only ours can say all limits
            return cls(case, "/v1/run", _own(case))
        if chance.random() < 0.5:
            return cls(case, "/run_code", _sandbox_fusion(case))
        return cls(case, "/api/v2/execute", _piston(case))

    def fault(self, status: int, body: bytes) -> tuple[str, str]:
        """What is ours and what is wrong about an answer; both empty when all is right."""
        if status != 200:
            return f"{self.path} {self.case.name}: HTTP {status} {body[:200]!r}", ""
        data = json.loads(body)
        if self.path == "/v1/run":
            return self._own_fault(data)
        if self.path == "/run_code":
            text, good = (data["run_result"] or {}).get("stdout"), data["status"] == "Success"
        else:
            text, good = data["run"]["stdout"], data["run"]["status"] is None
        right = good and text == (self.case.stdout or b"").decode("utf-8", "replace")
        return "", "" if right else f"{self.path} {self.case.name}: {body[:300]!r}"

    def _own_fault(self, data: dict[str, Any]) -> tuple[str, str]:
        case = self.case
        if data["status"] == Status.SANDBOX_ERROR:
            return f"{case.name}: {data['detail']}", ""
        stdout = data["stdout"].encode() if data["stdout"] is not None else base64.b64decode(data["stdout_base64"])
        right = (
            data["status"] in case.statuses and case.stdout in (None, stdout) and decode(data["value"]) == case.value
        )
        return "", "" if right else f"{case.name}: {json.dumps(data)[:300]}"


def questions(seed: int) -> list[Question]:
    """Honest and hostile programs in an order that depends on the seed alone."""
    chance = Random(seed)
    cases = [chance.choice(HOSTILE) if chance.random() < _HOSTILE else honest(chance) for _ in range(_DIFFERENT)]
    return [Question.of(case, chance) for case in cases]


async def load(host: str, port: int, clients: int, seconds: float, seed: int) -> Tally:
    """Ask from all sides until time is up, and wait for what was asked."""
    tally = Tally()
    end = time.monotonic() + seconds
    asked = questions(seed)
    await asyncio.gather(
        *(_client(host, port, end, asked, number * len(asked) // clients, tally) for number in range(clients))
    )
    return tally


async def _client(host: str, port: int, end: float, asked: list[Question], first: int, tally: Tally) -> None:
    reader, writer = await asyncio.open_connection(host, port, limit=1 << 26)
    number = first
    while time.monotonic() < end:
        question = asked[number % len(asked)]
        number += 1
        started = time.monotonic()
        try:
            status, queue_s, body = await _ask(reader, writer, question)
        except (OSError, EOFError, ValueError) as error:
            tally.ours.append(f"{question.case.name}: {error!r}")
            reader, writer = await asyncio.open_connection(host, port, limit=1 << 26)
            continue
        latency = time.monotonic() - started
        tally.latencies_s.append(latency)
        tally.over_s.append(latency - queue_s - question.case.limits.wall_seconds)
        ours, wrong = question.fault(status, body)
        tally.statuses[str(status)] += 1
        if ours:
            tally.ours.append(ours)
        if wrong:
            tally.wrong.append(wrong)
    writer.close()


async def _ask(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, question: Question
) -> tuple[int, float, bytes]:
    head = f"POST {question.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    writer.write(f"{head}Content-Length: {len(question.body)}\r\n\r\n".encode() + question.body)
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines[1:] if line)
    body = await reader.readexactly(int(headers["content-length"]))
    return int(lines[0].split()[1]), float(headers.get("x-queue-seconds", "0")), body


def _own(case: Case) -> bytes:
    source = case.program.source_bytes.decode("utf-8", "surrogateescape")
    limits = {
        name: getattr(case.limits, name)
        for name in ("cpu_time", "wall_time", "memory", "output", "file_size", "processes", "open_files")
        if getattr(case.limits, name) is not None
    }
    body = {"source": source, "stdin": case.stdin.decode(), "limits": limits}
    if case.program.entry is not None:
        body |= {"entry": case.program.entry, "args": encode(list(case.args))}
    return json.dumps(body).encode()


def _sandbox_fusion(case: Case) -> bytes:
    fields = {"compile_timeout": 10, "run_timeout": case.limits.wall_seconds, "memory_limit_MB": -1}
    more = {"stdin": case.stdin.decode(), "language": "python", "files": {}, "fetch_files": []}
    return json.dumps(fields | more | {"code": case.program.source}).encode()


def _piston(case: Case) -> bytes:
    files = [{"name": "", "content": case.program.source}]
    body = {"language": "python", "version": "*", "files": files, "stdin": case.stdin.decode()}
    return json.dumps(body | {"run_timeout": round(case.limits.wall_seconds * 1000)}).encode()
