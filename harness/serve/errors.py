"""Why a request gets no outcome: an error of the client (4xx) or of the service (5xx), never a verdict on a program."""

from __future__ import annotations

_MAX_REASON = 300
_NO_SANDBOX_RETRY_S = 5


class ServiceError(Exception):
    """Base of all errors of the service. The message is sent to the client, the class name is written to the log.

    Attributes:
        status: HTTP status, before ``Dialect.statuses`` is applied.
        retry_after_s: seconds after which the client may try again; None where another try would not help.
    """

    status = 500

    def __init__(self, reason: str, retry_after_s: int | None = None) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s


class MalformedBody(ServiceError):
    """The body cannot be parsed."""

    status = 400


class Unauthorized(ServiceError):
    """The request has no token, or a wrong one."""

    status = 401


class Forbidden(ServiceError):
    """The request comes from a page of another site, or names a host that is not this machine."""

    status = 403


class BodyTimeout(ServiceError):
    """The body did not arrive within ``Settings.body_time_s``."""

    status = 408


class BodyTooLarge(ServiceError):
    """The body exceeds a size limit."""

    status = 413


class UnsupportedMediaType(ServiceError):
    """The body is not declared as JSON, or is compressed."""

    status = 415


class Unprocessable(ServiceError):
    """The body is valid JSON, but asks for something the service does not do or grant."""

    status = 422


class Overloaded(ServiceError):
    """The queue, or another bounded resource, is full."""

    status = 429


class ClientDisconnected(ServiceError):
    """The client closed the connection. Never sent; the status is for the log."""

    status = 499


class Unavailable(ServiceError):
    """The service is shutting down, or the sandbox failed again after a retry."""

    status = 503


class NoSandboxes(Unavailable):
    """No sandbox can be started at the moment. The engine keeps trying."""

    def __init__(self, trouble: str) -> None:
        super().__init__(f"no sandbox can be started at the moment: {trouble[:_MAX_REASON]}", _NO_SANDBOX_RETRY_S)


class QueueTimeout(ServiceError):
    """No worker became free within the time a run may wait. Nothing was run."""

    status = 504
