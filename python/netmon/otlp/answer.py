"""What a collector's answer means: which requests may be sent again, and which points were not taken. Pure.

The body of an answer is an `ExportMetricsServiceResponse`. Nothing that a collector sends is trusted: bytes that are no
such message say nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from netmon.actions.delivery import Outcome, judged

if TYPE_CHECKING:
    from collections.abc import Iterator

RETRIED = (429, 502, 503, 504)
"""Statuses after which OTLP lets a client try again. Any other refuses the request for good."""

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
"""How the value of a field is written."""

SHOWN = 200
"""Characters at most of what a collector says."""


def judge(status: int, phrase: str, retry_after: str, now: float, output: str = "") -> Outcome:
    """What a response means, as OTLP says: few statuses may be tried again."""
    outcome = judged(status, phrase, retry_after, now, output)
    if outcome.verdict == "done":
        return outcome._replace(output=output)
    return outcome._replace(verdict="failed") if outcome.verdict == "retry" and status not in RETRIED else outcome


def said(text: str) -> str:
    """The printable characters of what a collector says, after a colon: ``: quota exceeded``; empty without any."""
    printable = "".join(char for char in text if char.isprintable() and char != "\ufffd").strip()[:SHOWN]
    return f": {printable}" if printable else ""


def warning(body: bytes) -> str:
    """What a successful answer says all the same: that points were not taken, or a warning; else empty."""
    try:
        for field, partial in _fields(body):
            if field == 1 and isinstance(partial, bytes):
                found = dict(_fields(partial))
                rejected, words = found.get(1, 0), found.get(2, b"")
                told = said(words.decode("utf-8", "replace")) if isinstance(words, bytes) else ""
                if isinstance(rejected, int) and rejected:
                    return f"does not take {rejected} of the series{told}"
                return f"warns{told}" if told else ""
    except ValueError:
        return ""
    return ""


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a protobuf message: their numbers and values. Raises ValueError for what is none."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        kind = tag & 7
        if kind == VARINT:
            value, at = _varint(message, at)
            yield tag >> 3, value
            continue
        if kind == LENGTH:
            length, at = _varint(message, at)
        elif kind in (FIXED64, FIXED32):
            length = 8 if kind == FIXED64 else 4
        else:
            raise ValueError("is no field")
        if at + length > len(message):
            raise ValueError("is cut")
        yield tag >> 3, message[at : at + length]
        at += length


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """A number and the place behind it."""
    number = 0
    for shift in range(0, 70, 7):
        if at >= len(message):
            raise ValueError("is cut")
        number |= (message[at] & 0x7F) << shift
        at += 1
        if message[at - 1] < 0x80:
            return number, at
    raise ValueError("is no number")
