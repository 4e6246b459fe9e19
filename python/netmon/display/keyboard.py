"""Reads the bytes that a terminal sends, and passes the keys in them to prompt_toolkit.

It replaces prompt_toolkit's own parser, which reads any sequence of digits as a mouse report, and treats the text of an
unknown sequence as typed keys.
"""

from __future__ import annotations

import os
import select
import time
from typing import TYPE_CHECKING, TextIO

from prompt_toolkit.input.ansi_escape_sequences import ANSI_SEQUENCES
from prompt_toolkit.input.vt100 import Vt100Input
from prompt_toolkit.key_binding import KeyPress
from prompt_toolkit.keys import Keys

from netmon.display.typed import PASTE, REPORT, Typed

if TYPE_CHECKING:
    from collections.abc import Iterable

AT_ONCE = 1024
"""Maximum number of bytes to read at a time, so that the screen is drawn in between."""


class Keyboard(Vt100Input):
    """The keys from a terminal. `closed` is true once the terminal is gone."""

    def __init__(self, stdin: TextIO) -> None:
        super().__init__(stdin)
        self._typed = Typed(stdin.encoding or "utf-8")
        self._is_closed = False

    def read_keys(self) -> list[KeyPress]:
        return presses(self._typed.push(self._read(), time.monotonic()))

    def flush_keys(self) -> list[KeyPress]:
        return presses(self._typed.pause())

    @property
    def closed(self) -> bool:
        return self._is_closed

    def _read(self) -> bytes:
        try:
            if not select.select([self._fileno], [], [], 0)[0]:
                return b""
            data = os.read(self._fileno, AT_ONCE)
        except BlockingIOError:
            return b""
        except (OSError, ValueError):  # the terminal is gone, or its descriptor was closed
            data = b""
        self._is_closed = not data
        return data


def presses(keys: Iterable[str]) -> list[KeyPress]:
    """The key presses of prompt_toolkit for these keys. Unknown keys and keys with Alt are dropped."""
    return [press for key in keys if (press := _press(key)) is not None]


def _press(key: str) -> KeyPress | None:
    if key.startswith(PASTE):
        return KeyPress(Keys.BracketedPaste, key[len(PASTE) :])
    if REPORT.fullmatch(key, 2):
        return KeyPress(Keys.Vt100MouseEvent, key)
    found = ANSI_SEQUENCES.get(key, key if len(key) == 1 else None)
    return None if found is None or isinstance(found, tuple) else KeyPress(found, key)
