"""Writes the packets that a capture records to pcapng files, on a thread of its own, so that nobody waits for a disk.

The core hands over whole blocks in the order of time. What cannot be written is tried again, as with every output, and
the capture goes on meanwhile: packets that find no room are counted as not written. A file ends with a whole block.
"""

from __future__ import annotations

import errno
import threading
import time
from typing import TYPE_CHECKING

from netmon.outlet import GRACE, STEP, Patience
from netmon.packet_files import UNLIMITED, PacketFiles

if TYPE_CHECKING:
    import os

    from netmon._core import Recording
    from netmon.outlet import Outlet


class PacketWriter:
    """`files` gives the files; or `outlet`, such as standard output, takes everything.

    The thread is started by `start`. `close` waits until all that was recorded is written, or while there is patience.
    """

    def __init__(
        self,
        recording: Recording,
        name: str,
        patience: Patience,
        *,
        files: PacketFiles | None = None,
        outlet: Outlet | None = None,
    ) -> None:
        self.name = name
        self.written = 0
        """Packets."""
        self._recording, self._patience = recording, patience
        self._files, self._outlet = files, outlet
        self._room = UNLIMITED if files is None else files.room
        self._size = self._described = 0
        self._since: int | None = None
        self._pending = 0
        self._is_stuck = False
        self._news: list[str] = []
        self._trouble: OSError | None = None
        self._is_told = False
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="netmon-packets", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def check(self) -> None:
        """Raises BrokenPipeError if nobody reads the packets any more."""
        if isinstance(self._trouble, BrokenPipeError):
            raise self._trouble

    def news(self) -> list[str]:
        """Returns the new messages about the packets for a person, and clears them."""
        news, self._news = self._news, []
        missing = missing_words(*self._recording.lost)
        if missing and not self._is_told and self._trouble is None:
            self._is_told = True
            news.append(f"{self.name}: packets are missing{missing}")
        return news

    def abandon(self) -> None:
        """Ends without writing what is left."""
        self._recording.give_up()

    def wait(self) -> None:
        """Waits until everything is written, within patience; the capture has ended."""
        self._ending.set()
        while self._thread.is_alive():
            self._thread.join(STEP)
            if self._patience.is_ending and not self._patience.left:
                self._recording.give_up()

    def close(self) -> None:
        """Waits until everything is written, within patience. Raises OSError if packets are missing."""
        self.wait()
        missing = missing_words(*self._recording.lost)
        trouble, self._trouble = self._trouble, None
        if isinstance(trouble, BrokenPipeError):
            raise trouble
        if trouble is not None or missing:
            number = (trouble and trouble.errno) or errno.EIO
            words = (trouble and trouble.strerror) or "was not written whole"
            raise OSError(number, words + missing, self.name)

    def _run(self) -> None:
        try:
            while self._step():
                pass
            self._end_file()
        except Exception as error:  # whatever it is, nobody else would tell that the packets are missing
            self._trouble = error if isinstance(error, OSError) else OSError(errno.EIO, repr(error))
            if not isinstance(error, BrokenPipeError):
                self._news.append(f"{self.name}: {self._trouble.strerror or error}; no more packets are written")
            self._recording.lose(self._pending)
            self._recording.give_up()

    def _step(self) -> bool:
        """Writes what there is to write; False at the end of the capture."""
        if self._outlet is not None and self._outlet.is_behind:
            return self._retry(self._outlet)
        age = None if self._files is None else self._files.age
        taken = self._recording.take(STEP, max(0, self._room - self._size), self._since, age, self._described)
        if taken is None:
            return False
        blocks, packets, first, described, is_full = taken
        if first is not None:
            outlet = self._outlet or self._begin(first)
            self._pending = packets
            outlet.write(blocks)
            outlet.flush()
            self._size += len(blocks)
            self._described = described
            self._since = first if self._since is None else self._since
            self._note(outlet)
        if is_full and not self._is_stuck and self._files is not None:
            self._end_file()
        return True

    def _begin(self, first: int) -> Outlet:
        if self._files is None:
            raise BrokenPipeError(errno.EPIPE, "is closed", self.name)
        head = self._recording.head(0)
        self._outlet = self._files.opened(first, head)
        self._size = len(head)
        return self._outlet

    def _note(self, outlet: Outlet) -> None:
        """Takes note of whether the blocks were written."""
        self._news += outlet.news()
        if outlet.is_behind != self._is_stuck:
            self._is_stuck = outlet.is_behind
            self._recording.set_stuck(self._is_stuck)
        if not self._is_stuck:
            self.written += self._pending
            self._pending = 0
            outlet.head = self._recording.head(self._described)

    def _retry(self, outlet: Outlet) -> bool:
        """Tries again to write what was not accepted; False when that has been tried for long enough at the end."""
        time.sleep(STEP)
        outlet.flush()
        self._note(outlet)
        if self._is_stuck and (self._ending.is_set() or self._patience.is_ending):
            if self._deadline is None:
                self._deadline = time.monotonic() + GRACE
            if time.monotonic() >= self._deadline:
                self._recording.give_up()
                return False
        return True

    _deadline: float | None = None

    def _end_file(self) -> None:
        """Ends the open file, if any: with the statistics of its interfaces."""
        outlet, self._outlet = self._outlet, None
        if outlet is None and self._files is not None and not self._files.is_set and not self._described:
            outlet = self._begin(0)  # a capture without packets is a file without packets
            self._outlet = None
        if outlet is None:
            return
        if not outlet.is_behind and (tail := self._recording.tail()):
            outlet.write(tail)
        self._size = self._described = 0
        self._since = None
        try:
            outlet.close()
        except BrokenPipeError:
            raise
        except OSError as error:
            self._trouble = self._trouble or error
            self._recording.lose(self._pending)
            self._pending = 0
        self._news += outlet.news()
        if self._files is not None:
            self._news += self._files.troubles()


def missing_words(not_written: int, not_held: int) -> str:
    """What is missing, in brackets; empty if nothing is."""
    parts = []
    if not_written:
        parts.append(f"{not_written} {_packets(not_written)} not written")
    if not_held:
        parts.append(f"{not_held} {_packets(not_held)} of before it was known that their connection is to be written")
    return f" ({', '.join(parts)})" if parts else ""


def _packets(count: int) -> str:
    return "packet" if count == 1 else "packets"


def writer_of(
    recording: Recording,
    path: str | os.PathLike[str],
    patience: Patience,
    *,
    max_size: int | None = None,
    max_age: float | None = None,
    most: int = 0,
    force: bool = False,
) -> PacketWriter:
    """A writer to a file or a set of files. Raises OSError if the file exists or cannot be created."""
    import os  # noqa: PLC0415  only for the name

    name = os.fspath(path)
    files = PacketFiles(name, patience, max_size=max_size, max_age=max_age, most=most, force=force)
    return PacketWriter(recording, name, patience, files=files)
