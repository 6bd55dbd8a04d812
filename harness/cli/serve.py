"""``semi-instruct serve``: the HTTP service."""

from __future__ import annotations

import importlib.util
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

import psutil

from semi_instruct.engine import Engine, InvalidProgram, Limits
from semi_instruct.engine.limits import MIB
from semi_instruct.harness.cli.exit_status import ExitStatus
from semi_instruct.harness.errors import BadRequest
from semi_instruct.harness.serve.settings import Settings, listen

_NEEDED = ("fastapi", "httptools", "prometheus_client", "uvicorn")
_SHORTEST_TOKEN = 16


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asks for; None is what ``harness.serve.settings`` says.

    Attributes:
        token_file: holds the token that clients must show.
        client_deadline: how long clients wait for an answer at most, seconds; None where that is not known.
        max_time: the longest run, seconds.
        max_memory: the most memory of a run, MiB; None for what the machine has, by workers.
        max_body: the largest request, MiB.
    """

    host: str
    port: int
    token_file: Path | None
    workers: int | None
    queue: int
    queue_time: float
    client_deadline: float | None
    max_time: float
    max_memory: int | None
    max_body: int
    drain: float
    allow_degraded: bool


def execute(options: Options) -> ExitStatus:
    """Serve until told to end. Returns the exit status.

    Raises:
        BadRequest: options that cannot be meant, an address that would be open to everybody, or a missing extra.
        SandboxUnavailable: nothing is served without the walls.
        OSError: the address cannot be had.
    """
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise BadRequest(f"serve needs {', '.join(missing)}: pip install 'semi-instruct[serve]'")
    token = _token(options.token_file) if options.token_file is not None else None
    host = "127.0.0.1" if options.host == "localhost" else options.host
    if token is None and not _is_loopback(host):
        raise BadRequest(
            f"--host {options.host}: whoever reaches it could run programs; give --token-file FILE, or use 127.0.0.1"
        )
    settings = _settings(options, host, token)
    try:
        listener = listen(settings)
    except (OSError, OverflowError) as error:
        raise BadRequest(f"cannot listen on {host}, port {options.port}: {error}") from None
    with listener, ThreadPoolExecutor(max_workers=1) as starter:
        # Sandboxes start while this process reads its libraries.
        starting = starter.submit(Engine, settings.workers, allow_degraded=settings.allow_degraded)
        from semi_instruct.harness.serve.server import serve

        with starting.result() as engine:
            serve(settings, listener, engine)
    return ExitStatus.DONE


def _settings(options: Options, host: str, token: bytes | None) -> Settings:
    workers = options.workers or len(os.sched_getaffinity(0))
    # Programs that all use what they may must not take the machine with them.
    fair_share = psutil.virtual_memory().total * 8 // 10 // workers
    memory = options.max_memory * MIB if options.max_memory is not None else max(fair_share, Limits().memory)
    try:
        settings = Settings(
            host=host,
            port=options.port,
            token=token,
            workers=options.workers,
            queue=options.queue,
            queue_time_s=options.queue_time,
            client_deadline_s=options.client_deadline,
            body_bytes=options.max_body * MIB,
            time_s=options.max_time,
            memory_bytes=memory,
            default_memory_bytes=min(memory, Settings().default_memory_bytes),
            drain_s=options.drain,
            allow_degraded=options.allow_degraded,
        )
        settings.default_limits  # noqa: B018  asked for the exception
    except InvalidProgram as error:
        raise BadRequest(f"these limits cannot be granted: {error}") from None
    return settings


def _token(path: Path) -> bytes:
    try:
        token = path.read_bytes().strip()
    except OSError as error:
        raise BadRequest(f"--token-file {path}: {error.strerror or error}") from None
    if len(token) < _SHORTEST_TOKEN or not token.isascii() or any(byte <= 0x20 for byte in token):
        raise BadRequest(
            f"--token-file {path}: expected at least {_SHORTEST_TOKEN} ASCII characters without spaces; make one with: "
            "python3 -c 'import secrets; print(secrets.token_urlsafe(32))'"
        )
    return token


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        raise BadRequest(f"--host {host}: expected an address, such as 127.0.0.1, ::1 or 0.0.0.0") from None
