"""A program to run, and its entry point."""

from __future__ import annotations

from dataclasses import dataclass

from semi_instruct.engine.errors import InvalidProgram

LANGUAGES = ("python",)


@dataclass(frozen=True, slots=True)
class Program:
    """Untrusted source code, its language and its entry point.

    Args:
        source: the program text. A str is encoded as UTF-8. Bytes are passed unchanged, so the language's own compiler
            handles a program that is not UTF-8 (it ends as ``compile_error``).
        language: one of ``engine.LANGUAGES``.
        entry: None for a whole program that reads stdin and writes stdout; otherwise the name of the function to call.
            Its return value becomes ``Outcome.value``. A dotted name refers to an attribute of a module or class
            (``"Solution.solve"``).

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
        """The source as sent to the sandbox. Lone surrogates are kept and fail in the sandboxed compiler."""
        if isinstance(self.source, bytes):
            return self.source
        return self.source.encode("utf-8", "surrogatepass")
