"""Parses the bytes that a terminal sends into keys.

Between keys, a terminal also sends control sequences that nobody typed: late answers to a query of another program,
and reports of the mouse and of the focus. Some of them are cut short. The parser consumes each control sequence as a
whole, as ECMA-48 defines it, so that no part of a sequence acts as a key. Discarded text is not stored. Pure: time is
an argument.

A key is returned as the text that the terminal sends for it: one character, or a whole sequence that begins with
``ESC [`` or ``ESC O``. The caller decides which sequences are keys. Every mouse report is returned in xterm's form
1006, in whichever form it arrived. Pasted text is returned as one key that begins with `PASTE`.
"""

from __future__ import annotations

import re
from codecs import getincrementaldecoder

PATIENCE = 1.0
"""Seconds of silence after which an unfinished sequence is dropped. A slow link delays its parts by less."""

LONGEST = 40
"""Maximum number of characters between ``ESC [`` and the end of a sequence. No key and no report has more."""

LONGEST_PASTE = 4096
"""Maximum number of characters kept of pasted text. The filter that takes the text holds fewer (`moves.LONGEST`)."""

ESC, BEL, INTERRUPT, DELETE = "\x1b", "\x07", "\x03", "\x7f"
ABORTS = "\x18\x1a"
"""The characters CAN and SUB, which cancel any sequence."""

PASTE, PASTE_END = ESC + "[200~", ESC + "[201~"

TEXT, ESCAPE, CONTROL, CONSOLE, SHIFT, STRING, MOUSE, PASTING = range(8)
"""The states of the parser. A state says what the next character belongs to."""

INTRODUCED = {"[": CONTROL, "O": SHIFT, "]": STRING, "P": STRING, "_": STRING, "^": STRING, "X": STRING}
"""The state that ``ESC`` and one of these characters lead to. CSI and SS3 begin a control sequence; OSC, DCS, APC, PM
and SOS begin a control string.
"""

EIGHT_BIT = {0x9B: "[", 0x8F: "O", 0x9D: "]", 0x90: "P", 0x9F: "_", 0x9E: "^", 0x98: "X", 0x9C: "\\"}
"""The C1 control characters, which are one byte, and the character that follows ``ESC`` in their two-byte form. ``\\``
is ST, which ends a string.
"""

LATE = "[]_^\\"
"""Characters that still continue a sequence after its ``ESC`` was taken for the key Esc. netmon uses none of them as a
key.
"""

PENDING, TOLD, INSIDE = range(3)
"""How to read the ``ESC`` that was received last. PENDING: it may be the key Esc or begin a sequence. TOLD: nothing
followed for a moment, so it was taken for the key Esc. INSIDE: it is inside a control string and may be the first half
of ST.
"""

REPORT = re.compile(r"(<?)(\d{1,5});(\d{1,5});(\d{1,5})([Mm])")
"""A mouse report. With ``<`` it has xterm's form 1006, without ``<`` urxvt's form 1015."""


class Typed:
    """The parser. It takes bytes in pieces of any size; the keys do not depend on where the pieces are cut."""

    def __init__(self, encoding: str = "utf-8") -> None:
        self._decoder = getincrementaldecoder(encoding)("surrogateescape")
        self._state = TEXT
        self._escape_is = PENDING
        self._bell_ends = False
        self._held = ""
        self._last = ""
        self._at = 0.0
        self._keys: list[str] = []

    def push(self, data: bytes, at: float) -> list[str]:
        """Returns the keys that `data` completes. `at` is when `data` was read, in seconds of a monotonic clock."""
        if at - self._at > PATIENCE:
            self._to(TEXT)
        self._at = at
        for byte in data:
            if self._state != MOUSE:
                for character in self._decoder.decode(bytes((byte,))):
                    self._take(character)
            elif byte >= ord(" "):
                self._mouse(chr(byte))
            else:
                self._again(chr(byte))
        return self._taken()

    def pause(self) -> list[str]:
        """To be called when no input has followed for a moment. Returns the key Esc if the last character was a lone
        ``ESC``.
        """
        if self._state == ESCAPE:
            if self._escape_is == PENDING:
                self._keys.append(ESC)
            self._escape_is = TOLD
        return self._taken()

    def _taken(self) -> list[str]:
        keys, self._keys = self._keys, []
        return keys

    def _to(self, state: int) -> None:
        self._state, self._held, self._last = state, "", ""

    def _again(self, character: str) -> None:
        """Drops the unfinished sequence and reads the character as if nothing came before it."""
        self._to(TEXT)
        self._take(character)

    def _ends(self, key: str) -> None:
        self._to(TEXT)
        self._keys.append(key)

    def _take(self, character: str) -> None:
        code = ord(character)
        short = EIGHT_BIT.get(code - 0xDC00 if code >= 0xDC80 else code) if code >= 0x80 else None
        if character == INTERRUPT:  # Ctrl+C works even inside an unfinished sequence
            self._ends(character)
        elif short is not None and self._state != PASTING:
            self._begin(short)
        else:
            _TAKES[self._state](self, character)

    def _begin(self, introducer: str) -> None:
        self._bell_ends = introducer == "]"
        self._to(INTRODUCED.get(introducer, TEXT))

    def _text(self, character: str) -> None:
        if character == ESC:
            self._escape_is = PENDING
            self._to(ESCAPE)
        elif character.isprintable() or character < " " or character == DELETE:
            self._keys.append(character)

    def _escape(self, character: str) -> None:
        kind = self._escape_is
        if character == "\\" or (character in INTRODUCED and (kind != TOLD or character in LATE)):
            self._begin(character)
        elif kind == INSIDE:
            self._state = ESCAPE if character == ESC else STRING
        elif kind == PENDING and character == "\t":  # Shift+Tab of the Linux console
            self._ends(ESC + character)
        else:
            if kind == PENDING:
                self._keys.append(ESC)
            self._again(character)

    def _control(self, character: str) -> None:
        if character == ESC or character > DELETE:
            self._again(character)
        elif character in ABORTS:
            self._to(TEXT)
        elif character < " ":  # control characters inside a sequence act at once (ECMA-48)
            self._keys.append(character)
        elif character < "@":
            self._hold(character)
        elif character < DELETE:
            self._control_ends(self._held, character)

    def _control_ends(self, held: str, final: str) -> None:
        if final == "[" and not held:
            self._to(CONSOLE)
        elif final == "M" and not held:
            self._to(MOUSE)
        elif held + final == "200~":
            self._to(PASTING)
        elif report := REPORT.fullmatch(held + final):
            is_sgr, button, x, y, end = report.groups()
            self._ends(f"{ESC}[<{button};{x};{y}{end}" if is_sgr else _report(int(button), int(x), int(y)))
        elif len(held) < LONGEST:
            self._ends(f"{ESC}[{held}{final}")
        else:
            self._to(TEXT)

    def _hold(self, character: str) -> None:
        self._held = (self._held + character)[:LONGEST]

    def _console(self, character: str) -> None:
        """``ESC [ [`` and one more character is a function key of the Linux console."""
        self._ends(f"{ESC}[[{character}") if " " < character < DELETE else self._again(character)

    def _shift(self, character: str) -> None:
        if " " <= character < "@":
            self._hold(character)
        elif "@" <= character < DELETE:
            self._ends(f"{ESC}O{self._held}{character}")
        else:
            self._again(character)

    def _string(self, character: str) -> None:
        if character == ESC:
            self._state, self._escape_is = ESCAPE, INSIDE
        elif character in ABORTS or (character == BEL and self._bell_ends):
            self._to(TEXT)

    def _mouse(self, character: str) -> None:
        """``ESC [ M`` is followed by three bytes, each with 32 added: the button, the column and the row."""
        self._hold(character)
        if len(self._held) == 3:
            button, x, y = map(ord, self._held)
            self._ends(_report(button, x - 32, y - 32))

    def _pasting(self, character: str) -> None:
        if len(self._held) < LONGEST_PASTE + len(PASTE_END):
            self._held += character
        self._last = (self._last + character)[-len(PASTE_END) :]
        if self._last == PASTE_END:
            self._ends(PASTE + self._held.removesuffix(PASTE_END)[:LONGEST_PASTE])


_TAKES = {
    TEXT: Typed._text,
    ESCAPE: Typed._escape,
    CONTROL: Typed._control,
    CONSOLE: Typed._console,
    SHIFT: Typed._shift,
    STRING: Typed._string,
    PASTING: Typed._pasting,
}


def _report(button: int, x: int, y: int) -> str:
    """Converts a mouse report of an older form to form 1006. The older forms add 32 to the button, and use button 3
    when any button is released.
    """
    button -= 32
    is_up = button & 0b11 == 0b11 and button < 32
    return f"{ESC}[<{button & ~0b11 if is_up else button};{x};{y}{'m' if is_up else 'M'}"
