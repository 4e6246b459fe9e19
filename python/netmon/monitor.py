"""A capture as an iterator of snapshots: the engine of the native core with Python's manners.

Settings go in, one `Snapshot` per interval comes out. Waits in bounded steps with the interpreter released, so that
Ctrl-C and cancellation work at once. Never keeps a snapshot, never prints; looks at a clock to play a file only.
"""

from __future__ import annotations

import os
import time
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from math import inf
from typing import Protocol, Self, TypeAlias

from netmon._core import DEFAULT_SNAPLEN, Engine, Snapshot
from netmon.pace import Schedule

STEP = 0.1
"""Seconds of one wait for the engine: how long Ctrl-C or a cancellation may have to wait."""

Names: TypeAlias = str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | None


class Source(Protocol):
    """What `Monitor` needs of an engine; tests bring their own."""

    @property
    def interfaces(self) -> list[str]: ...
    def start(self) -> None: ...
    def next(self, timeout: float, /) -> Snapshot | None: ...
    def close(self) -> None: ...
    def log(self) -> list[tuple[str, str]]: ...


class Monitor:
    """Watches interfaces, or reads capture files.

    `interfaces` and `read` take one name or several; interfaces may be globs, none means every interface that is up,
    and `read` wins. Several files are merged by time, in whatever order they are given. A pipe is followed: while it
    says nothing, its packets being of about now, the clock closes intervals. `speed` plays files at that many times
    real time, with the silence between packets, ``inf`` as fast as it goes; without it they are read at once and empty
    intervals are skipped. `interval` and `timeout` are seconds. `buffer_size` is that of each interface, in
    bytes; without it all share `BUFFER_BUDGET` by their traffic.
    `filter` is a BPF expression in place of the default. `exchanges` asks for a row per exchange in each snapshot.
    `decode_tunnels` looks into GRE, VXLAN, GTP-U and others. `count_copies` counts a connection again where
    NAT on this machine rewrote an address. A silent connection is kept `response_timeout` seconds for a response.
    `workers` is the number of threads that share
    the connections, 1 to 64; the counts are the same.

    Nothing is opened before `open`, ``with`` or the first call of `snapshots`; these raise PermissionError,
    SourceError (nothing to capture from) and FilterError.
    """

    def __init__(
        self,
        interfaces: Names = None,
        *,
        read: Names = None,
        speed: float | None = None,
        interval: float = 1.0,
        timeout: float | None = None,
        filter: str | None = None,  # noqa: A002  the name of the setting everywhere
        exclude_interfaces: Names = (),
        section_depth: int = 1,
        snaplen: int = DEFAULT_SNAPLEN,
        buffer_size: int | None = None,
        promiscuous: bool = True,
        exchanges: bool = False,
        decode_tunnels: bool = False,
        count_copies: bool = False,
        response_timeout: float = 3600.0,
        workers: int = 1,
        _engine: Source | None = None,
        _clock: Callable[[], float] = time.monotonic,
        _sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if speed is not None and not (speed > 0 and _names(read)):
            raise ValueError(f"speed is above 0 and needs a file to read, not {speed} of {read}")
        self._opened = self._closed = False
        self._schedule, self._clock, self._sleep = Schedule(speed, interval), _clock, _sleep
        self._timeout, self._deadline = timeout, inf
        self._engine = _engine or Engine(
            interfaces=_names(interfaces),
            exclude_interfaces=_names(exclude_interfaces),
            read=_names(read),
            filter=filter,
            snaplen=snaplen,
            buffer_size=buffer_size,
            promiscuous=promiscuous,
            interval=interval,
            section_depth=section_depth,
            timeout=timeout,
            exchanges=exchanges,
            decode_tunnels=decode_tunnels,
            count_copies=count_copies,
            response_timeout=response_timeout,
            workers=workers,
        )

    @property
    def interfaces(self) -> list[str]:
        """The interfaces captured from at this moment; files by their path."""
        return self._engine.interfaces

    def open(self) -> None:
        """Starts the capture, once."""
        if not self._opened:
            self._engine.start()
            self._opened = True
            if self._timeout is not None:
                self._deadline = self._clock() + self._timeout

    @property
    def _is_over(self) -> bool:
        """Whether a step that is not due yet is not waited for any more: the engine ends when it has read all."""
        return self._closed or self._clock() >= self._deadline

    def close(self) -> None:
        """Stops the capture, within 0.3 s. What was counted until now still comes out of a running iterator."""
        self._closed = True
        self._engine.close()

    def log(self) -> list[tuple[str, str]]:
        """Takes what the capture had to say since last asked: (level, message), safe to show.

        An ``"error"`` says that a compressed file was not read whole; the others are ``"warning"`` and ``"info"``.
        """
        return self._engine.log()

    def snapshots(self) -> Generator[Snapshot]:
        """One snapshot per interval until the end; the capture is closed when the iterator ends or is dropped."""
        self.open()
        return self._snapshots()

    def _snapshots(self) -> Generator[Snapshot]:
        try:
            while True:
                snapshot = self._engine.next(STEP)
                for step, due in self._schedule.push(snapshot, self._clock()) if snapshot else ():
                    while (left := due - self._clock()) > 0 and not self._is_over:
                        self._sleep(min(left, STEP))
                    if left > 0:
                        return
                    yield step
        except EOFError:
            return
        finally:
            self.close()

    async def asnapshots(self) -> AsyncGenerator[Snapshot]:
        """`snapshots` for asyncio. Cancelling the task that waits ends the iterator and closes the capture."""
        import asyncio  # noqa: PLC0415  takes longer to import than all the rest, and the plain iterator needs none

        self.open()
        try:
            while True:
                snapshot = await asyncio.to_thread(self._engine.next, STEP)
                for step, due in self._schedule.push(snapshot, self._clock()) if snapshot else ():
                    while (left := due - self._clock()) > 0 and not self._is_over:
                        await asyncio.to_thread(self._sleep, min(left, STEP))
                    if left > 0:
                        return
                    yield step
        except EOFError:
            return
        finally:
            self.close()

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()


def _names(names: Names) -> list[str]:
    if names is None:
        return []
    several = [names] if isinstance(names, (str, os.PathLike)) else names
    return [os.fspath(name) for name in several]
