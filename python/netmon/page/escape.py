"""JSON that is safe inside a script element of HTML: no character in it can end the element or open a comment."""

from __future__ import annotations

import json
from typing import Any

_ENCODER = json.JSONEncoder(separators=(",", ":"), allow_nan=False)

_UNSAFE = (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026"))


def packed(value: Any) -> str:
    """The value as JSON in ASCII without spaces. Raises ValueError for a number that is not finite."""
    text = _ENCODER.encode(value)
    for character, escape in _UNSAFE:
        text = text.replace(character, escape)
    return text
