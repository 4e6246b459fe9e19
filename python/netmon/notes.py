"""What a session with a screen has to tell when the screen is left: each line once, with how often it was told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netmon import format as fmt

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST = 100
"""Different lines that are kept. Of more, the oldest are dropped."""


class Notes:
    def __init__(self) -> None:
        self._lines: dict[str, int] = {}

    def add(self, lines: Iterable[str]) -> None:
        """Takes lines, each with its line end."""
        for line in lines:
            self._lines[line] = self._lines.get(line, 0) + 1
            if len(self._lines) > MOST:
                del self._lines[next(iter(self._lines))]

    @property
    def text(self) -> str:
        """All lines, in the order in which they were first told."""
        return "".join(
            line if n == 1 else f"{line.rstrip()} ({fmt.count(n)} times)\n" for line, n in self._lines.items()
        )
