"""What models write, read. Bad output is named by its kind and never raises."""

from generator.parsing.parsed import Fault, Parsed

__all__ = ["Fault", "Parsed"]
