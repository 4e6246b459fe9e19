"""Says in an output which exchanges are counted, if a filter (``--where``) is set."""

from __future__ import annotations

from netmon import format as fmt


def with_where(document: bytes, where: str | None) -> bytes:
    """A JSON object with one more member, ``where``: the filter. Without a filter, the object as it is."""
    if not (where and where.strip()):  # blanks are no filter
        return document
    import json  # noqa: PLC0415  few runs have a filter, so it is loaded only then

    return document[:-1] + b',"where":' + json.dumps(where).encode() + b"}"


def in_words(where: str | None) -> str:
    """The filter in one line, safe to print; empty without a filter."""
    words = " ".join((where or "").split())
    return f"where {fmt.sanitize(words)}" if words else ""
