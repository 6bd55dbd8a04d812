"""Connections whose headers are bounded in size and in time; uvicorn bounds neither where httptools parses them."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LARGEST_HEAD = 64 << 10
HEAD_SECONDS = 15.0
# Bytes around those of a body that chunks of one byte take, and more.
_AROUND_A_BYTE = 16
_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class BoundedHeadProtocol(HttpToolsProtocol):
    """Closes connections that send endless headers or trailers, or none at all, or too slowly, or two at a time."""

    _head_bytes = 0
    _beside_body = 0  # bytes received since the headers, without those of the body
    _body_bytes = 0
    _in_head = True
    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # asyncio says BaseTransport
        """A client has connected: it has so long to say what it wants."""
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """It has gone."""
        self._forget_head()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Some of a request, or more than one."""
        self._beside_body += len(data)
        super().data_received(data)
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > LARGEST_HEAD and not self.transport.is_closing():
                self.transport.write(_TOO_LARGE)
                self.transport.close()
        elif self._beside_body > LARGEST_HEAD + len(data) + _AROUND_A_BYTE * self._body_bytes:
            self.transport.close()

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        self._in_head = True
        self._head_bytes = self._beside_body = self._body_bytes = 0
        self._forget_head()
        self._await_head()
        if self.cycle is not None and not self.cycle.response_complete:
            # Uvicorn would stop reading until the first is answered, and so not see a client that goes away.
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            self.transport.close()
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header; what comes after a body is dropped."""
        if self._in_head:
            super().on_header(name, value)

    def on_body(self, body: bytes) -> None:
        """Some of the body."""
        self._body_bytes += len(body)
        self._beside_body -= len(body)
        super().on_body(body)

    def on_headers_complete(self) -> None:
        """Its headers are there; the body is bounded by ``guard``."""
        self._in_head = False
        self._forget_head()
        super().on_headers_complete()

    def _await_head(self) -> None:
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _forget_head(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
