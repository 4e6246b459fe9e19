"""Outputs: one file each, all alike. A sink is given every frame and is told when there are no more.

A sink writes to the stream it was made with and flushes what a reader may wait for. It never opens or closes that
stream, never decides when to stop, and lets OSError (a closed pipe, a full disk) pass to the session.
"""

from typing import Protocol

from netmon.frames import Frame


class Sink(Protocol):
    """What the session knows of an output."""

    def update(self, frame: Frame) -> None:
        """Takes the next frame."""

    def close(self) -> None:
        """Writes what is still held back."""
