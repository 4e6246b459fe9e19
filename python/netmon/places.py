"""The lines of a TOML document on which its keys stand. Pure: text in, numbers out; never parses a value.

`tomllib` gives values without their places, and an error in a file is of use only with its line.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Path: TypeAlias = tuple[str | int, ...]
"""The keys that lead to a value; in an array of tables, the number of the table, from 0: ``("alert", 0, "name")``."""

_PART = r"""(?:[\w-]+|"(?:[^"\\]|\\.)*"|'[^']*')"""
_KEY = rf"{_PART}(?:[ \t]*\.[ \t]*{_PART})*"
_HEADER = re.compile(rf"[ \t]*(\[\[?)[ \t]*({_KEY})[ \t]*\]")
_ASSIGNMENT = re.compile(rf"[ \t]*({_KEY})[ \t]*=")
_QUOTES = ('"""', "'''")


def lines_of(text: str) -> Mapping[Path, int]:
    """The line of each table and of each key, from 1. A key within an inline table has no line of its own."""
    lines: dict[Path, int] = {}
    counts: dict[Path, int] = {}
    table: Path = ()
    for number, line in _outside_of_strings(text):
        if header := _HEADER.match(line):
            table = _resolved(_parts(header[2]), counts)
            if header[1] == "[[":
                counts[table] = counts.get(table, -1) + 1
                lines.setdefault(table, number)
                table = (*table, counts[table])
            lines.setdefault(table, number)
        elif assignment := _ASSIGNMENT.match(line):
            lines.setdefault((*table, *_parts(assignment[1])), number)
    return lines


def line_of(path: Path, lines: Mapping[Path, int]) -> int | None:
    """The line of a key; of what it is in, if it has none of its own; of what is in it, if that has none either."""
    for length in range(len(path), 0, -1):
        if path[:length] in lines:
            return lines[path[:length]]
        inside = [line for other, line in lines.items() if other[:length] == path[:length]]
        if inside:
            return min(inside)
    return None


def _outside_of_strings(text: str) -> Iterator[tuple[int, str]]:
    """The numbered lines that do not begin within a string of several lines."""
    closing = ""
    for number, line in enumerate(text.split("\n"), 1):
        if not closing:
            yield number, line
        for quotes in [closing] if closing else _QUOTES:
            if line.count(quotes) % 2:
                closing = "" if closing else quotes
                break


def _resolved(table: Path, counts: Mapping[Path, int]) -> Path:
    """The path of a table, with the number of the newest table wherever it leads through an array of tables."""
    path: Path = ()
    for part in table[:-1]:
        path = (*path, part)
        if path in counts:
            path = (*path, counts[path])
    return (*path, *table[-1:])


def _parts(key: str) -> Path:
    return tuple(part[1:-1] if part[0] in "\"'" else part for part in re.findall(_PART, key))
