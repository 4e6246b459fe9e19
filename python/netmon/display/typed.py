"""What is typed, out of the bytes that a terminal sends: bytes in, keys out.

Between keys a terminal sends what nobody typed: late answers to a question that another program asked, reports of the
mouse and of the focus, some of them cut short. Each control sequence is taken whole, as ECMA-48 has it, so that no part
of one acts as a key. Pure: time is an argument. Of what is swallowed nothing is kept.

A key is the text it sends: one character, or a whole sequence that begins with ``ESC [`` or ``ESC O``. Which sequences
are keys is for the reader to know. A report of the mouse has xterm's form 1006, whatever form it came in, and pasted
text begins with `PASTE`.
"""

from __future__ import annotations

import re
from codecs import getincrementaldecoder

PATIENCE = 1.0
"""Seconds of silence after which an unfinished sequence has no end; a slow link delays its parts by less."""

LONGEST = 40
"""Characters between ``ESC [`` and the end of a sequence; no key and no report has more."""

LONGEST_PASTE = 4096
"""Characters kept of pasted text; the filter it is meant for holds fewer."""

ESC, BEL, INTERRUPT, DELETE = "\x1b", "\x07", "\x03", "\x7f"
ABORTS = "\x18\x1a"
"""CAN and SUB end any sequence."""

PASTE, PASTE_END = ESC + "[200~", ESC + "[201~"

TEXT, ESCAPE, CONTROL, CONSOLE, SHIFT, STRING, MOUSE, PASTING = range(8)
"""The states: what the next character belongs to."""

INTRODUCED = {"[": CONTROL, "O": SHIFT, "]": STRING, "P": STRING, "_": STRING, "^": STRING, "X": STRING}
"""What ``ESC`` and one of these begin: CSI and SS3 are sequences; OSC, DCS, APC, PM and SOS are strings."""

EIGHT_BIT = {0x9B: "[", 0x8F: "O", 0x9D: "]", 0x90: "P", 0x9F: "_", 0x9E: "^", 0x98: "X", 0x9C: "\\"}
"""The same, and ST, which ends a string, as one byte each."""

LATE = "[]_^\\"
"""What may follow an ``ESC`` that is already taken for the key Esc: none of these is a key of its own."""

PENDING, TOLD, INSIDE = range(3)
"""What an ``ESC`` is: perhaps the key, the key, or part of a string."""

REPORT = re.compile(r"(<?)(\d{1,5});(\d{1,5});(\d{1,5})([Mm])")
"""A report of the mouse: with ``<`` of xterm's form 1006, without it of urxvt's form 1015."""


class Typed:
    """Takes bytes in parts of any size. However they are cut, the keys are the same."""

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
        """The keys that `data` completes; it was read at `at`, in seconds of any steady clock."""
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
        """The keys that are known because nothing followed for a moment: an ``ESC`` alone is the key Esc."""
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
        """What came before is no sequence; the character begins anew."""
        self._to(TEXT)
        self._take(character)

    def _ends(self, key: str) -> None:
        self._to(TEXT)
        self._keys.append(key)

    def _take(self, character: str) -> None:
        code = ord(character)
        short = EIGHT_BIT.get(code - 0xDC00 if code >= 0xDC80 else code) if code >= 0x80 else None
        if character == INTERRUPT:  # whatever else is open, a person gets out
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
        elif character < " ":  # ECMA-48 has it act in between
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
        """``ESC [ [`` and one more is a function key of the Linux console."""
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
        """``ESC [ M`` and three bytes, from blank on: the button, the column and the row."""
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
    """A report of an older form, in which 32 is added to the button and 3 is any button that is let go."""
    button -= 32
    is_up = button & 0b11 == 0b11 and button < 32
    return f"{ESC}[<{button & ~0b11 if is_up else button};{x};{y}{'m' if is_up else 'M'}"
