"""What models write, read. Bad output is named by its kind and never raises."""

from semi_instruct.generator.parsing.parsed import Fault, Parsed

__all__ = ["Fault", "Parsed"]
