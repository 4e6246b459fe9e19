"""`read`: captures that are kept somewhere, as the iterator of snapshots that `Monitor` gives.

Paths, URLs, bytes and file objects go in, one `Snapshot` per interval comes out, with every count that a file on disk
gives. Nothing is read whole: file objects and URLs are streamed in blocks, and of many few are open.
"""

from __future__ import annotations

from io import TextIOBase
from typing import TYPE_CHECKING, Any, Self

from netmon import remote
from netmon.given import can_read, can_seek, name_of, several
from netmon.lending import Kept
from netmon.monitor import Monitor, spelled

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from typing import Unpack

    from netmon._core import Snapshot
    from netmon.alerts import Policy
    from netmon.given import Readable
    from netmon.monitor import Read
    from netmon.options import CaptureSettings


class Recording(Monitor):
    """A `Monitor` of what is kept, and itself the iterator of its snapshots; `read` makes it."""

    _iterator: Generator[Snapshot] | None = None

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Snapshot:
        if self._iterator is None:
            self._iterator = self.snapshots()
        return next(self._iterator)


def read(
    source: Read,
    *,
    storage_options: Mapping[str, Any] | None = None,
    speed: float | None = None,
    interval: float = 1.0,
    timeout: float | None = None,
    exchanges: bool = False,
    policy: Policy | None = None,
    **settings: Unpack[CaptureSettings],
) -> Recording:
    """An iterator over the snapshots of a capture, or of several that are merged by time.

    `source` is one of these, or a list of them: the path of a pcap or pcapng file, plain or compressed with gzip or
    zstd; the bytes of such a file; a file object open for reading bytes; a URL of fsspec such as ``s3://``,
    ``https://`` or ``memory://``, which may have ``*`` in its path. URLs need the extra ``fsspec``, and
    `storage_options` are the options of their file systems. A file object is read from its current position and not
    closed. Whatever it is, it has an end: no clock closes intervals while it gives nothing, as `Monitor` does for a
    live pipe.

    The result is a `Monitor` and has its keywords, methods and errors. Nothing is opened before the first snapshot is
    asked for, ``with`` or `open`. A file object or a URL that fails raises CaptureError, or SourceError if it fails at
    the beginning; the cause is the error of the object.

        for snapshot in netmon.read("s3://captures/2026-11-26/*.pcap.zst", interval=60):
            print(snapshot.hits)
    """
    return Recording(
        read=_located(source, storage_options),
        speed=speed,
        interval=interval,
        timeout=timeout,
        exchanges=exchanges,
        policy=policy,
        **settings,
    )


setattr(read, "__signature__", spelled(read))  # noqa: B010  mypy knows no such attribute of a function


def _located(source: Read, options: Mapping[str, Any] | None) -> list[Readable]:
    """The sources, with URLs looked up, and with file objects that cannot seek as what has an end."""
    found: list[Readable] = []
    for one in several(source):
        if isinstance(one, str) and options and remote.is_url(one):
            found += remote.files_of(one, options)
        elif can_read(one) and not can_seek(one) and not isinstance(one, TextIOBase):
            found.append(Kept(one, name_of(one)))
        else:
            found.append(one)
    return found
