"""HTTP connections with bounds on the size and the time of headers; uvicorn has neither with httptools."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES = 64 << 10
MAX_HEAD_SECONDS = 15.0
# More than the bytes that a chunk of one byte has around it.
_MAX_CHUNK_OVERHEAD = 16
_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class BoundedHeadProtocol(HttpToolsProtocol):
    """Closes connections that send too long, too slow or no headers or trailers, or that pipeline requests."""

    _head_bytes = 0
    _non_body_bytes = 0  # received since the headers
    _body_bytes = 0
    _in_head = True
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # the base class has BaseTransport
        """A client has connected. The time for its headers starts."""
        super().connection_made(transport)
        self._start_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has disconnected."""
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Part of a request has arrived, or more than one request."""
        self._non_body_bytes += len(data)
        super().data_received(data)
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
                self.transport.write(_TOO_LARGE)
                self.transport.close()
        elif self._non_body_bytes > MAX_HEAD_BYTES + len(data) + _MAX_CHUNK_OVERHEAD * self._body_bytes:
            self.transport.close()

    def on_message_begin(self) -> None:
        """The first byte of a request has arrived."""
        self._in_head = True
        self._head_bytes = self._non_body_bytes = self._body_bytes = 0
        self._stop_timer()
        self._start_timer()
        if self.cycle is not None and not self.cycle.response_complete:
            # Uvicorn would not read until the first request is answered, and so not notice a disconnect.
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            self.transport.close()
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header has arrived. Trailers are dropped."""
        if self._in_head:
            super().on_header(name, value)

    def on_body(self, body: bytes) -> None:
        """Part of the body has arrived."""
        self._body_bytes += len(body)
        self._non_body_bytes -= len(body)
        super().on_body(body)

    def on_headers_complete(self) -> None:
        """The headers are complete. ``guard`` bounds the body."""
        self._in_head = False
        self._stop_timer()
        super().on_headers_complete()

    def _start_timer(self) -> None:
        self._timer = self.loop.call_later(MAX_HEAD_SECONDS, self.transport.close)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
