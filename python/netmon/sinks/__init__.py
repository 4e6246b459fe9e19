"""Outputs: one module for each sink. A sink gets every frame through `update`; `close` is called after the last one.

A sink writes to the stream that it was made with, and flushes it after each record: a line or a document. The stream
writes records whole. A sink never opens or closes its stream, never decides when to stop, and does not catch
BrokenPipeError, which the session handles.
"""

from typing import NamedTuple, Protocol

from netmon.frames import Frame


class Stream(Protocol):
    """The methods of a byte stream that a sink uses."""

    def write(self, data: bytes, /) -> int: ...

    def flush(self) -> None:
        """Ends the record."""


class Text(Protocol):
    """The methods of a text stream that a sink uses."""

    def write(self, text: str, /) -> int: ...

    def flush(self) -> None:
        """Ends the record."""


class Sink(Protocol):
    """The methods of a sink that the session calls."""

    def update(self, frame: Frame) -> None:
        """Takes the next frame."""

    def close(self) -> None:
        """Writes what is still held back."""


class Out(Protocol):
    """The methods of the outlet of a sink that the session calls."""

    def news(self) -> list[str]:
        """Returns the new messages about the output for a person, and clears them."""

    def abandon(self) -> None:
        """Drops what is held."""

    def close(self) -> None:
        """Writes what is held, as far as that is accepted, and closes. Raises OSError if something is missing."""


class Opened(NamedTuple):
    """An output that takes frames."""

    name: str
    """What messages call it: the path of a file, or ``the live page``."""
    outlet: Out
    sink: Sink
    told: str = ""
    """What the user is told at the start, such as where to find it; a secret in it reaches no log."""
    stays: bool = False
    """Whether it is of use after the last packet of a file."""
