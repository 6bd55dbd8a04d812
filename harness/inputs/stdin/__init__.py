"""Formats of the inputs of whole programs: inferred from examples, written as text, and used to draw new inputs.

``model`` defines formats and ``text_form`` their editable text form. ``matching`` and ``checking`` test whether a text
has a format. ``shapes`` and ``values`` infer a format from examples. ``drawing`` writes inputs and ``choosers`` decides
their contents. ``relaxing`` varies the parts that the examples leave in doubt, ``mutation`` changes inputs without a
format, and ``planning`` orders the inputs.
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
