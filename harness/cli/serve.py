"""``semi-instruct serve``: the HTTP service."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated

import psutil
import typer

from semi_instruct.engine import Engine, InvalidRequest, Limits
from semi_instruct.engine.limits import MIB
from semi_instruct.harness.cli.exit_status import ExitStatus
from semi_instruct.harness.cli.options import RUNNING, Common, Runtime, Workers, command_of
from semi_instruct.harness.errors import BadRequest
from semi_instruct.harness.extras import require
from semi_instruct.harness.serve.settings import Settings, listen

_NEEDED = ("fastapi", "httptools", "prometheus_client", "uvicorn")
_MIN_TOKEN = 16
LIMITS = "Limits"


DEFAULTS = Settings()


@dataclass(frozen=True, slots=True, kw_only=True)
class Options(Common):
    """The options of ``serve``."""

    host: Annotated[str, typer.Option(help="Address to listen on. Only loopback needs no token.")] = DEFAULTS.host
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 for any free one.")] = DEFAULTS.port
    token_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Holds the token that every client must send.")
    ] = None
    queue: Annotated[
        int, typer.Option(metavar="N", min=1, help="Runs that may wait for a sandbox.", rich_help_panel=LIMITS)
    ] = DEFAULTS.queue
    queue_time: Annotated[
        float, typer.Option(metavar="S", min=0.1, help="Longest wait for a sandbox, seconds.", rich_help_panel=LIMITS)
    ] = DEFAULTS.queue_time_s
    max_time: Annotated[
        float, typer.Option(metavar="S", min=1, max=86_400, help="Longest run, seconds.", rich_help_panel=LIMITS)
    ] = DEFAULTS.time_s
    max_memory: Annotated[
        int | None,
        typer.Option(
            metavar="MIB", min=16, help="Most memory of a run. Default: a worker's share.", rich_help_panel=LIMITS
        ),
    ] = None
    max_body: Annotated[int, typer.Option(metavar="MIB", min=1, help="Largest request.", rich_help_panel=LIMITS)] = (
        DEFAULTS.body_bytes // MIB
    )
    client_deadline: Annotated[
        float | None,
        typer.Option(
            metavar="S", min=0.1, help="How long clients wait; no run is extended past it.", rich_help_panel=LIMITS
        ),
    ] = None
    drain: Annotated[
        float,
        typer.Option(metavar="S", min=0, help="Time that runs have to end on SIGTERM.", rich_help_panel=LIMITS),
    ] = DEFAULTS.drain_s
    runtime: Runtime = None
    workers: Workers = None
    allow_degraded: Annotated[
        bool,
        typer.Option(
            "--allow-degraded", help="Serve without control groups if none can be had.", rich_help_panel=RUNNING
        ),
    ] = False


def execute(options: Options) -> ExitStatus:
    """Serve until told to end. Returns the exit status.

    Raises:
        BadRequest: options that cannot be meant, or an address that would be open to everybody.
        MissingExtra: the extra ``serve`` is not installed.
        SandboxUnavailable: nothing is served without the walls.
        OSError: the address cannot be had.
    """
    require("serve", "serve", *_NEEDED)
    token = _token(options.token_file) if options.token_file is not None else None
    host = "127.0.0.1" if options.host == "localhost" else options.host
    if token is None and not _is_loopback(host):
        raise BadRequest(
            f"--host {options.host}: anyone who can reach it can run programs; give --token-file FILE, or use 127.0.0.1"
        )
    settings = _settings(options, host, token)
    try:
        listener = listen(settings)
    except (OSError, OverflowError) as error:
        raise BadRequest(f"cannot listen on {host}, port {options.port}: {error}") from None
    with listener, ThreadPoolExecutor(max_workers=1) as starter:
        # Sandboxes start while this process reads its libraries.
        starting = starter.submit(Engine, settings.workers, options.runtime, allow_degraded=settings.allow_degraded)
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
    except InvalidRequest as error:
        raise BadRequest(f"these limits cannot be granted: {error}") from None
    return settings


def _token(path: Path) -> bytes:
    try:
        token = path.read_bytes().strip()
    except OSError as error:
        raise BadRequest(f"--token-file {path}: {error.strerror or error}") from None
    if len(token) < _MIN_TOKEN or not token.isascii() or any(byte <= 0x20 for byte in token):
        raise BadRequest(
            f"--token-file {path}: expected at least {_MIN_TOKEN} ASCII characters without spaces; make one with: "
            "python3 -c 'import secrets; print(secrets.token_urlsafe(32))'"
        )
    return token


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        raise BadRequest(f"--host {host}: expected an address, such as 127.0.0.1, ::1 or 0.0.0.0") from None


command = command_of(
    Options,
    execute,
    "serve",
    """
    Run programs over HTTP: in the dialects of SandboxFusion and Piston, and in the native one.

    The page at / shows what is going on; /docs lists the routes. Needs the extra [serve].
    """,
    has_own_log=True,
)
