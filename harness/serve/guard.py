"""What every request has to pass before anything is done for it: who asks, in which form, and how much of it.

A pure ASGI layer, because it decides before a byte of a body is kept. Bodies are read here, whole and bounded, and
handed on; what arrives afterwards can only be that the client has gone.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from semi_instruct.harness.serve.answers import refusal_answer
from semi_instruct.harness.serve.dialect import Dialects
from semi_instruct.harness.serve.facts import is_loopback
from semi_instruct.harness.serve.refusals import ClientGone, Overloaded, Refusal
from semi_instruct.harness.serve.settings import Settings

OPEN_PATHS = frozenset({"/", "/docs", "/healthz"})
"""What needs no token: two pages without a secret in them, and whether the service is alive."""

_RETRY_S = 1
_MOST_UNASKED = 1 << 16  # bytes of a body that nothing is done with


class Forbidden(Refusal):
    """A page of another site asks, or by a name that is not this machine's."""

    status = 403


class TokenNeeded(Refusal):
    """No token, or a wrong one."""

    status = 401


class TooSlow(Refusal):
    """The body did not come in time."""

    status = 408


class TooLarge(Refusal):
    """The body is larger than any may be."""

    status = 413


class NotJson(Refusal):
    """The body is no JSON by its own declaration, or is compressed."""

    status = 415


class Guard:
    """Lets pass what may pass; answers everything else itself.

    Args:
        app: what is behind.
        settings: how large, how slow, and with which token.
        dialects: in which refusals are worded.
    """

    def __init__(self, app: ASGIApp, settings: Settings, dialects: Dialects) -> None:
        self._app = app
        self._settings = settings
        self._dialects = dialects
        self._open_bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        reserved = 0

        def reserve(more: int) -> None:
            nonlocal reserved
            if self._open_bytes + more > self._settings.open_bodies_bytes:
                raise Overloaded("the requests that are open are as large as they may be together", _RETRY_S)
            self._open_bytes += more
            reserved += more

        try:
            try:
                self._admit(scope)
                body = await self._body(scope, receive, reserve)
            except ClientGone as refusal:
                scope["state"]["facts"].why = str(refusal)
                return
            except Refusal as refusal:
                scope["state"]["facts"].why = type(refusal).__name__
                answer = refusal_answer(refusal, self._dialects.of(scope["path"]))
                answer.headers["connection"] = "close"  # what is left of the body is not read
                await answer(scope, receive, send)
                return
            await self._app(scope, _handing_on(body, receive), send)
        finally:
            self._open_bytes -= reserved

    def _admit(self, scope: Scope) -> None:
        """Raises: Refusal."""
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if self._settings.token is None and not is_loopback(_without_port(host).lower()):
            raise Forbidden(f"this service answers on loopback only, not as {host[:80]!r}")
        origin = headers.get("origin")
        if origin is not None and origin.partition("://")[2] != host:
            raise Forbidden("pages of other sites may not ask")
        if self._settings.token is not None and scope["path"] not in OPEN_PATHS:
            shown = _shown_token(headers.get("authorization", ""))
            if not hmac.compare_digest(shown, self._settings.token):
                raise TokenNeeded("a token is needed: send the header 'Authorization: Bearer TOKEN'")
        if scope["method"] == "POST":
            kind, _, parameters = headers.get("content-type", "").partition(";")
            charset = parameters.strip().lower()
            if kind.strip().lower() != "application/json" or charset not in ("", "charset=utf-8", 'charset="utf-8"'):
                raise NotJson("requests must have the content type application/json")
            if headers.get("content-encoding", "identity").lower() != "identity":
                raise NotJson("requests must not be compressed")

    async def _body(self, scope: Scope, receive: Receive, reserve: Callable[[int], None]) -> bytes:
        """The whole body.

        Raises:
            Refusal: it is too large, too slow, or too much with all others; ClientGone if it never comes whole.
        """
        most = self._settings.body_bytes if scope["method"] == "POST" else _MOST_UNASKED
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdecimal():
            _check_size(int(declared[:20]), most)
        body = bytearray()
        try:
            async with asyncio.timeout(self._settings.body_time_s):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise ClientGone("the client has gone away")
                    chunk = message.get("body", b"")
                    _check_size(len(body) + len(chunk), most)
                    reserve(len(chunk))
                    body += chunk
                    if not message.get("more_body", False):
                        return bytes(body)
        except TimeoutError:
            raise TooSlow(f"the body did not come within {self._settings.body_time_s:g} s") from None


def _check_size(size: int, most: int) -> None:
    if size > most:
        raise TooLarge(f"a request of this kind may have {most} bytes")


def _handing_on(body: bytes, receive: Receive) -> Receive:
    """A body that has been read, then whatever else comes."""
    handed_on = False

    async def once_more() -> Message:
        nonlocal handed_on
        if handed_on:
            return await receive()
        handed_on = True
        return {"type": "http.request", "body": body, "more_body": False}

    return once_more


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0] or host


def _shown_token(authorization: str) -> bytes:
    """The token of a client. Clients that know no tokens can carry one in their URL, as http://any:TOKEN@host."""
    kind, _, value = authorization.partition(" ")
    value = value.strip()
    if kind.lower() == "bearer":
        return value.encode()
    if kind.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).partition(b":")[2]
        except (ValueError, binascii.Error):  # a key that nobody has
            return b""
    return b""
