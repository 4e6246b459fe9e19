"""Terms of a filter that look like something else: a filter in, notes for people out. Pure.

A term that is no comparison is searched as a text, so a mistyped operator or field finds nothing and is no error.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from netmon._core import Filter, WhereError

if TYPE_CHECKING:
    from collections.abc import Iterator

WORDS = {"&&": "and", "&": "and", "||": "or", "|": "or"}
"""Operators of other languages, and what they are called here."""

_TERM = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^\s()"])+')
_HYPHEN = re.compile(r"([a-z]+(?:-[a-z]+)+)([:=<>!].*)", re.IGNORECASE)
_TILDE = re.compile(r"([a-z_]+)[=!]?~=?(.+)", re.IGNORECASE)
_TWICE = re.compile(r"([a-z_]+)==(.+)", re.IGNORECASE)
_STATUS = re.compile(r"status[:=]([06-9]\w*)", re.IGNORECASE)


def notes(text: str) -> Iterator[str]:
    """Yields a note for each term of a valid filter that means something else than it seems to."""
    for found in _TERM.finditer(text):
        if note := _note(found[0].lstrip("!")):
            yield note


def _note(term: str) -> str:
    if term in WORDS:
        return f"{term} is searched as a text; did you mean {WORDS[term]}?"
    if (found := _HYPHEN.fullmatch(term)) and _is_field(name := found[1].replace("-", "_")):
        return f"{term} is searched as a text; did you mean {name}{found[2]}?"
    if (found := _TILDE.fullmatch(term)) and _is_field(found[1]):
        return f"{term} is searched as a text; did you mean {found[1]}:{found[2]}?"
    if (found := _TWICE.fullmatch(term)) and _is_field(found[1]):
        return f"{term} looks for ={found[2]}; did you mean {found[1]}={found[2]}?"
    if found := _STATUS.fullmatch(term):
        return f"{term} finds nothing: statuses are from 100 to 599"
    return ""


def _is_field(name: str) -> bool:
    """Whether a field of exchanges has this name; fields with numbers take only numbers."""
    for text in (f"{name}:x", f"{name}>1"):
        try:
            return Filter(text).fields == (name.lower(),)
        except WhereError:
            continue
    return False
