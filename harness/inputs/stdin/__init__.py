"""What the inputs of a whole program look like: inferred from examples, shown as text, and drawn anew.

``model`` says what a format is, ``text_form`` how a person reads and edits it, ``matching`` and ``checking`` whether a
text is of it. ``shapes`` and ``values`` infer it. ``drawing`` writes inputs; ``choosers`` decide what
is in them. ``relaxing`` is about what examples leave in doubt, ``mutation`` about inputs nobody can explain,
``planning`` about which inputs come when.
"""

from semi_instruct.harness.inputs.stdin.drawing import CannotDraw
from semi_instruct.harness.inputs.stdin.inference import infer
from semi_instruct.harness.inputs.stdin.model import Format
from semi_instruct.harness.inputs.stdin.text_form import BadFormat, format_from_text, text_of

__all__ = [
    "BadFormat",
    "CannotDraw",
    "Format",
    "format_from_text",
    "infer",
    "text_of",
]
