"""What is run: a program, and how it is entered."""

from __future__ import annotations

from dataclasses import dataclass

from semi_instruct.engine.errors import InvalidProgram

LANGUAGES = ("python",)


@dataclass(frozen=True, slots=True)
class Program:
    """Source code nobody trusts, its language, and how it is entered.

    Args:
        source: the program text. Text is encoded as UTF-8; bytes are passed on exactly as they are, so that a
            program that is not UTF-8 meets the language's own compiler (and ends as ``compile_error``).
        language: one of ``engine.LANGUAGES``.
        entry: None for a whole program that reads stdin and writes stdout; otherwise the name of the function that is
            called with arguments and whose return value becomes ``Outcome.value``. A dotted name reaches into
            modules and classes (``"Solution.solve"``).

    Raises:
        InvalidProgram: unknown language, or an entry that is not a (dotted) identifier.
    """

    source: str | bytes
    language: str = "python"
    entry: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.source, str | bytes):
            raise InvalidProgram(f"source must be str or bytes, not {type(self.source).__name__}")
        if self.language not in LANGUAGES:
            raise InvalidProgram(f"unknown language {self.language!r}: this engine runs {', '.join(LANGUAGES)}")
        if self.entry is not None and not isinstance(self.entry, str):
            raise InvalidProgram(f"entry must be the name of a function, not {type(self.entry).__name__}")
        if self.entry is not None and not all(part.isidentifier() for part in self.entry.split(".")):
            raise InvalidProgram(f"entry {self.entry!r} is not the name of a function")

    @property
    def source_bytes(self) -> bytes:
        """The source as it enters the sandbox. Lone surrogates pass through and fail in the sandboxed compiler."""
        if isinstance(self.source, bytes):
            return self.source
        return self.source.encode("utf-8", "surrogatepass")
