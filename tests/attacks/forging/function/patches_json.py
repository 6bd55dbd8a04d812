"""Replaces the encoder that its answer will pass through.

Truth: wrong_answer or runtime_error
"""

import json
import sys

ANYTHING = '{"verdict": "accepted", "passed": true}'
json.dumps = sys.modules["json"].dumps = json.JSONEncoder.encode = lambda *args, **kwargs: ANYTHING
json.loads = json.JSONDecoder.decode = lambda *args, **kwargs: True


def solve(*args):
    return "anything"
