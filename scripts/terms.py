"""What a shell completes in a filter of exchanges and in a condition: fields, values and measures. Reads nothing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from netmon._core import GRPC_STATUSES, Filter, WhereError
from netmon.compare.kinds import kind
from netmon.measures import MEASURES

if TYPE_CHECKING:
    from collections.abc import Sequence

METHODS = ("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "CONNECT")
"""The methods that applications use."""

VALUES = {
    "protocol": ("http1", "http2", "grpc", "websocket"),
    "grpc": ("failed", "none", *GRPC_STATUSES),
    "tls": ("yes", "no"),
    "method": METHODS,
    "status": ("none", "1xx", "2xx", "3xx", "4xx", "5xx"),
}
"""The values of the fields that have few."""

NUMBERS = frozenset({"latency", "duration", "bytes", "request_bytes", "response_bytes"})
"""Fields that are compared, so no colon follows them."""

FAMILIES = (
    *(f"{name}.p{percent}" for name in ("latency", "duration") for percent in (50, 90, 95, 99)),
    *(f"status.{first}xx" for first in range(2, 6)),
    *(f"grpc_status.{name}" for name in GRPC_STATUSES),
)
"""Measures with a parameter: those that most rules have."""


def fields() -> list[str]:
    """The fields of a filter, as its parser lists them."""
    try:
        Filter("no-field:x no_field:x")
    except WhereError as error:
        listed = str(error).partition("fields are ")[2].partition(";")[0]
        return re.findall(r"\w+", listed.replace(" and ", " "))
    raise AssertionError("a field that does not exist is refused")


def terms() -> Sequence[str]:
    """The fields with their colon, and each value that a field may have."""
    named = [f"{name}:" for name in fields() if name not in NUMBERS]
    return (*named, *(f"{name}:{value}" for name, values in VALUES.items() for value in values))


def measures() -> Sequence[str]:
    """The measures that can be compared."""
    return [name for name in (*MEASURES, *FAMILIES) if _is_compared(name)]


def _is_compared(name: str) -> bool:
    try:
        kind(name)
    except ValueError:
        return False
    return True
