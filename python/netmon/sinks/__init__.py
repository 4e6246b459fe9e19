"""Outputs: one file each, all alike. A sink is given every frame and is told when there are no more.

A sink writes to the stream it was made with and flushes after each record, a line or a document, which the stream keeps
whole. It never opens or closes that stream, never decides when to stop, and lets BrokenPipeError pass to the session.
"""

from typing import Protocol

from netmon.frames import Frame


class Stream(Protocol):
    """What a sink needs of an output for bytes."""

    def write(self, data: bytes, /) -> int: ...

    def flush(self) -> None:
        """Ends the record."""


class Text(Protocol):
    """What a sink needs of an output for text."""

    def write(self, text: str, /) -> int: ...

    def flush(self) -> None:
        """Ends the record."""


class Sink(Protocol):
    """What the session knows of an output."""

    def update(self, frame: Frame) -> None:
        """Takes the next frame."""

    def close(self) -> None:
        """Writes what is still held back."""
