"""What every request must pass before it is processed: token, origin, media type, and the size and time of its body.

A pure ASGI layer, because it decides before any of the body is kept. It reads bodies whole and within bounds and
passes them on; the only message that can follow is that the client has disconnected.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from semi_instruct.harness.serve.errors import (
    BodyTimeout,
    BodyTooLarge,
    ClientDisconnected,
    Forbidden,
    Overloaded,
    ServiceError,
    Unauthorized,
    UnsupportedMediaType,
)
from semi_instruct.harness.serve.request_log import RequestRecord, is_loopback
from semi_instruct.harness.serve.responses import error_response
from semi_instruct.harness.serve.settings import Settings

OPEN_PATHS = frozenset({"/", "/docs", "/healthz"})
"""Paths that need no token: two static pages, and the health check."""

_RETRY_S = 1
_MAX_UNUSED_BODY = 1 << 16  # bytes of the body of a request that has no use for one


class Guard:
    """Passes admissible requests on, and answers all others in their dialect.

    Args:
        app: the ASGI application behind the guard.
        settings: the token, and the bounds on bodies.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._settings = settings
        self._open_bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        record: RequestRecord = scope["state"]["record"]
        reserved = 0

        def reserve(more: int) -> None:
            nonlocal reserved
            if self._open_bytes + more > self._settings.open_bodies_bytes:
                raise Overloaded("the bodies of all open requests together are too large", _RETRY_S)
            self._open_bytes += more
            reserved += more

        try:
            try:
                self._admit(scope)
                body = await self._body(scope, receive, reserve)
            except ClientDisconnected as error:
                record.why = str(error)
                return
            except ServiceError as error:
                record.why = type(error).__name__
                response = error_response(error, record.dialect)
                response.headers["connection"] = "close"  # the rest of the body is not read
                await response(scope, receive, send)
                return
            await self._app(scope, _replaying(body, receive), send)
        finally:
            self._open_bytes -= reserved

    def _admit(self, scope: Scope) -> None:
        """Check host, origin, token and media type.

        Raises:
            ServiceError: the request is not admissible.
        """
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if self._settings.token is None and not is_loopback(_without_port(host).lower()):
            raise Forbidden(f"this service answers only to loopback host names, not to {host[:80]!r}")
        origin = headers.get("origin")
        if origin is not None and origin.partition("://")[2] != host:
            raise Forbidden("requests from pages of other sites are not allowed")
        if self._settings.token is not None and scope["path"] not in OPEN_PATHS:
            token = _token(headers.get("authorization", ""))
            if not hmac.compare_digest(token, self._settings.token):
                raise Unauthorized("a token is required: send the header 'Authorization: Bearer TOKEN'")
        if scope["method"] == "POST":
            kind, _, parameters = headers.get("content-type", "").partition(";")
            charset = parameters.strip().lower()
            if kind.strip().lower() != "application/json" or charset not in ("", "charset=utf-8", 'charset="utf-8"'):
                raise UnsupportedMediaType("requests must have the content type application/json")
            if headers.get("content-encoding", "identity").lower() != "identity":
                raise UnsupportedMediaType("requests must not be compressed")

    async def _body(self, scope: Scope, receive: Receive, reserve: Callable[[int], None]) -> bytes:
        """Read the whole body.

        Raises:
            BodyTooLarge: it is larger than a body may be.
            BodyTimeout: it did not arrive within ``Settings.body_time_s``.
            Overloaded: all open bodies together are larger than they may be.
            ClientDisconnected: it did not arrive completely.
        """
        limit = self._settings.body_bytes if scope["method"] == "POST" else _MAX_UNUSED_BODY
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdecimal():
            _check_size(int(declared[:20]), limit)
        body = bytearray()
        try:
            async with asyncio.timeout(self._settings.body_time_s):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise ClientDisconnected("the client has disconnected")
                    chunk = message.get("body", b"")
                    _check_size(len(body) + len(chunk), limit)
                    reserve(len(chunk))
                    body += chunk
                    if not message.get("more_body", False):
                        return bytes(body)
        except TimeoutError:
            raise BodyTimeout(f"the body did not arrive within {self._settings.body_time_s:g} s") from None


def _check_size(size: int, limit: int) -> None:
    if size > limit:
        raise BodyTooLarge(f"the body is too large: expected at most {limit} bytes")


def _replaying(body: bytes, receive: Receive) -> Receive:
    """A channel that returns a body that has been read, and then the messages of the original channel."""
    replayed = False

    async def replay() -> Message:
        nonlocal replayed
        if replayed:
            return await receive()
        replayed = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0] or host


def _token(authorization: str) -> bytes:
    """The token of a request. Clients without token support can send it in their URL: http://any:TOKEN@host."""
    kind, _, value = authorization.partition(" ")
    value = value.strip()
    if kind.lower() == "bearer":
        return value.encode()
    if kind.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).partition(b":")[2]
        except (ValueError, binascii.Error):  # never equal to the token
            return b""
    return b""
