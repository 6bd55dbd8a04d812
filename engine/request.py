"""A request for a run, checked and encoded once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from semi_instruct.engine.determinism import Conditions, Determinism
from semi_instruct.engine.errors import InvalidProgram, InvalidRequest
from semi_instruct.engine.inside import values
from semi_instruct.engine.limits import MIB, Limits
from semi_instruct.engine.program import Program

MAX_SOURCE_BYTES = 32 * MIB  # the source is a file in the tmpfs of its run, which holds twice that
DEFAULT_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class RunRequest:
    """A run for :meth:`Engine.run_many` and :meth:`Engine.arun_many`.

    Args:
        program: the program to run.
        stdin: the bytes of its standard input.
        args: the arguments of its entry function: plain data, see ``engine.inside.values``.
        limits: the resource limits.
        determinism: ``"fixed"`` or ``"varied"``, see :class:`Determinism`.
        clock: seconds since the epoch at which the program's clock starts; it then advances with the program's CPU
            time and with what it sleeps. None is the real clock (of a varied run, a random time).
    """

    program: Program
    stdin: bytes = b""
    args: Sequence[Any] = ()
    limits: Limits = DEFAULT_LIMITS
    determinism: str = Determinism.FIXED
    clock: float | None = None

    def encode(self) -> EncodedRequest:
        """Check and encode the request.

        Raises:
            InvalidProgram: the source is longer than 32 MiB, the arguments cannot be encoded, or the program has no
                entry function to take them.
            InvalidRequest: a field has a wrong type, the determinism is unknown, or the clock is out of range.
        """
        if not isinstance(self.program, Program):
            raise InvalidRequest(f"expected a Program, not {type(self.program).__name__}")
        if not isinstance(self.limits, Limits):
            raise InvalidRequest(f"limits must be Limits, not {type(self.limits).__name__}")
        if not isinstance(self.stdin, bytes | bytearray | memoryview):
            raise InvalidRequest(f"stdin must be bytes, not {type(self.stdin).__name__}")
        source = self.program.source_bytes
        if len(source) > MAX_SOURCE_BYTES:
            raise InvalidProgram(f"a source may have {MAX_SOURCE_BYTES} bytes, not {len(source)}")
        conditions = Conditions(self.determinism, self.clock)
        return EncodedRequest(self.program, bytes(self.stdin), self._arguments(), self.limits, conditions)

    def _arguments(self) -> bytes:
        if self.program.entry is None:
            if self.args:
                raise InvalidProgram("args are for a program with an entry function: this one has none")
            return b""
        try:
            return values.dumps(list(self.args))
        except (values.ValueRefused, TypeError) as error:
            raise InvalidProgram(f"the arguments cannot cross: {error}") from None


@dataclass(frozen=True, slots=True)
class EncodedRequest:
    """A checked request, with its arguments as the bytes sent to the sandbox."""

    program: Program
    stdin: bytes
    arguments: bytes
    limits: Limits
    conditions: Conditions
