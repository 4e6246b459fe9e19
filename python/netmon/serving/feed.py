"""A stream whose readers all get the same states: whoever is slow gets the newest state next, and nobody a queue.

`publish` may be called from any thread and never waits. Each state is encoded and compressed once, however many read
it: every compressed chunk is a part of a gzip stream that needs none of the parts before it. Writes to no socket.
"""

from __future__ import annotations

import struct
import zlib
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING

from netmon.serving.messages import LEVEL

if TYPE_CHECKING:
    from collections.abc import Callable

GZIP = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
"""The beginning of a gzip stream, RFC 1952: no name, no time."""


class Chunk:
    """A part of the stream."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw

    @cached_property
    def packed(self) -> bytes:
        """The part as deflated blocks that end at a byte and refer to nothing before them."""
        made = zlib.compressobj(LEVEL, wbits=-zlib.MAX_WBITS)
        return made.compress(self.raw) + made.flush(zlib.Z_FULL_FLUSH)


class Packed:
    """The gzip stream of one reader."""

    def __init__(self) -> None:
        self._sum, self._size = zlib.crc32(b""), 0

    def part(self, chunk: Chunk) -> bytes:
        self._sum = zlib.crc32(chunk.raw, self._sum)
        self._size += len(chunk.raw)
        return chunk.packed

    def end(self) -> bytes:
        """The last block, which is empty, then the checksum and the size."""
        return b"\x03\x00" + struct.pack("<II", self._sum, self._size & 0xFFFFFFFF)


class Feed:
    """A stream for at most `most` readers at once.

    `beat` is sent to a reader who has got nothing for a while, so that he knows that it goes on. `on_reader` is called
    when a reader has joined.
    """

    def __init__(self, *, most: int, beat: bytes, on_reader: Callable[[], None] = lambda: None) -> None:
        self.beat = Chunk(beat)
        self.number = 0
        """The number of the newest state."""
        self._most, self._on_reader = most, on_reader
        self._newest: Chunk | None = None
        self._last: Chunk | None = None
        self._readers: set[Reader] = set()
        self._lock = Lock()

    @property
    def readers(self) -> int:
        return len(self._readers)

    @property
    def is_full(self) -> bool:
        return len(self._readers) >= self._most

    def publish(self, state: bytes, number: int) -> None:
        """Gives every reader this state next, which is newer than all before."""
        with self._lock:
            self._newest, self.number = Chunk(state), number
        self._wake()

    def end(self, last: bytes) -> None:
        """Gives every reader what is left to say, and ends the stream."""
        with self._lock:
            self._last = Chunk(last)
        self._wake()

    def _wake(self) -> None:
        with self._lock:
            readers = list(self._readers)
        for reader in readers:
            reader.wake()

    def join(self, after: int) -> Reader | None:
        """A new reader, who has state number `after`; None if there is no room for another."""
        with self._lock:
            if self.is_full:
                return None
            reader = Reader(self, after)
            self._readers.add(reader)
        self._on_reader()
        return reader

    def leave(self, reader: Reader) -> None:
        with self._lock:
            self._readers.discard(reader)

    def newer(self, than: int) -> tuple[Chunk | None, int, bool]:
        """What a reader gets who has state number `than`, the number that he then has, and whether that is the end."""
        with self._lock:
            if self.number > than and self._newest is not None:
                return self._newest, self.number, False
            return self._last, than, self._last is not None


class Reader:
    """One reader of a feed. `wake` is called by any thread whenever there may be something to take."""

    def __init__(self, feed: Feed, after: int) -> None:
        self._feed, self._has = feed, after
        self.beat = feed.beat
        self.wake: Callable[[], None] = lambda: None
        self.is_over = False

    def take(self) -> Chunk | None:
        """What is new, or None; after the last part `is_over` is true."""
        chunk, self._has, self.is_over = self._feed.newer(self._has)
        return chunk

    def leave(self) -> None:
        self._feed.leave(self)
