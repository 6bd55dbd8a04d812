"""Why a request gets no outcome. Each is somebody's doing: the client's, or ours; none says anything of a program."""

from __future__ import annotations

_LONGEST_REASON = 300
_TROUBLE_RETRY_S = 5


class Refusal(Exception):
    """Base of all refusals.

    Attributes:
        status: the HTTP status that says it.
        retry_after_s: seconds after which it is worth another try; None where it never is.
    """

    status = 500

    def __init__(self, reason: str, retry_after_s: int | None = None) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s


class BadRequest(Refusal):
    """The body cannot be read."""

    status = 400


class Unusable(Refusal):
    """The body can be read, and asks for what is not to be had."""

    status = 422


class Overloaded(Refusal):
    """As many wait as may wait."""

    status = 429


class Unavailable(Refusal):
    """The service is ending, or the sandbox failed although it was tried again."""

    status = 503


class NoSandboxes(Unavailable):
    """Sandboxes cannot be started at the moment; the engine goes on trying."""

    def __init__(self, trouble: str) -> None:
        super().__init__(f"no sandbox can be started at the moment: {trouble[:_LONGEST_REASON]}", _TROUBLE_RETRY_S)


class WaitedTooLong(Refusal):
    """No worker was free within the time a run may wait; nothing of it has run."""

    status = 504


class ClientGone(Refusal):
    """Nobody waits for the answer any more. Never sent; the number is for the log."""

    status = 499
