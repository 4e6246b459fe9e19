"""Which of several formats a client gets, by its field ``Accept``, RFC 9110, 12.5.1. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

RANGES = 50
"""Ranges of a field at most that are looked at; Prometheus sends five."""

IGNORED = ("charset", "escaping")
"""Parameters of a range that exclude no format: every text is UTF-8, and no name needs escaping."""


class Format(NamedTuple):
    """A media type with the parameters that tell it from others."""

    type: str
    parameters: tuple[tuple[str, str], ...]


class Range(NamedTuple):
    type: str
    parameters: Mapping[str, str]
    weight: float


def chosen(accept: str, formats: Sequence[Format], usual: Format) -> Format:
    """The format that the client wants most; of equals, the first of `formats`. Without any, `usual`.

    `usual` is what a client gets that takes anything, such as a browser.
    """
    best, most = usual, 0.0
    ranges = list(_ranges(accept))
    for format_ in formats:
        weights = [each.weight for each in ranges if _is_named(each, format_)]
        if not weights and format_ == usual:
            weights = [each.weight for each in ranges if each.type in {"*/*", f"{usual.type.partition('/')[0]}/*"}]
        if max(weights, default=0.0) > most:
            best, most = format_, max(weights)
    return best


def _is_named(wanted: Range, format_: Format) -> bool:
    if wanted.type != format_.type:
        return False
    return all(pair in format_.parameters for pair in wanted.parameters.items() if pair[0] not in IGNORED)


def _ranges(accept: str) -> Iterator[Range]:
    for part in accept.split(",")[:RANGES]:
        type_, *given = (piece.strip() for piece in part.split(";"))
        pairs = [
            (name.strip().lower(), value.strip().strip('"')) for name, _, value in (p.partition("=") for p in given)
        ]
        parameters = dict(pairs)
        weight = parameters.pop("q", "1")
        is_weight = re.fullmatch(r"(0(\.\d{0,3})?|1(\.0{0,3})?)", weight)
        yield Range(type_.lower(), parameters, float(weight) if is_weight else 0.0)
