"""A capture as an iterator of snapshots: wraps the engine of the native core for use from Python.

Settings go in, one `Snapshot` per interval comes out. Waits in bounded steps with the interpreter released, so that
Ctrl-C and cancellation work at once. Never keeps a snapshot, never prints; reads a clock only for timeouts and speed.
"""

from __future__ import annotations

import os
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator, Sequence
from math import inf
from typing import TYPE_CHECKING, Protocol, Self, TypeAlias, Unpack, get_type_hints

from netmon._core import Engine, Recording, Snapshot
from netmon.given import Files, Readable
from netmon.options import DEFAULTS, CaptureSettings
from netmon.pace import Schedule

if TYPE_CHECKING:
    from inspect import Signature

    from netmon._core import Confinement
    from netmon.alerts import Alert, Policy
    from netmon.packet_writer import PacketWriter

STEP = 0.1
"""Seconds of one wait for the engine: the longest delay of Ctrl-C or of a cancellation."""

Names: TypeAlias = str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | None
Read: TypeAlias = Readable | Sequence[Readable] | None

TAKEN = """\
the snapshots of this Monitor have already been requested, and each comes only once: keep them in a list to use them \
again, or make another Monitor to capture again"""


class Source(Protocol):
    """What `Monitor` needs of an engine; tests use a fake one."""

    @property
    def interfaces(self) -> list[str]: ...
    def start(self, *, held: bool = ...) -> None: ...
    def confine(self, confinement: Confinement, /) -> None: ...
    def begin(self) -> None: ...
    def next(self, timeout: float, /) -> Snapshot | None: ...
    @property
    def recording(self) -> Recording | None: ...
    def close(self) -> None: ...
    def log(self) -> list[tuple[str, str]]: ...
    def set_subsets(self, subsets: Sequence[tuple[str, str]], /) -> None: ...


class _SpelledSignature:
    """The signature of `Monitor` with every capture setting by name; otherwise ``help`` would show ``**settings``."""

    def __get__(self, _monitor: Monitor | None, kind: type[Monitor]) -> Signature:
        signature = spelled(kind.__init__)
        _self, *given = signature.parameters.values()
        return signature.replace(parameters=given)


def spelled(function: Callable[..., object]) -> Signature:
    """The signature of a function that passes capture settings on, with each of them by name."""
    from inspect import Parameter, signature  # noqa: PLC0415  only ``help`` needs it

    short = signature(function)
    given = short.parameters.values()
    own = {each.name: each for each in given if each.kind is not Parameter.VAR_KEYWORD}
    passed_on = get_type_hints(CaptureSettings) if len(own) < len(given) else {}
    settings = [
        Parameter(name, Parameter.KEYWORD_ONLY, default=DEFAULTS[name], annotation=kind_of_value)
        for name, kind_of_value in passed_on.items()
        if name not in own
    ]
    return short.replace(parameters=[*own.values(), *settings])


class Monitor:
    """Watches interfaces, or reads capture files.

    `interfaces`, `netns` and `read` take one value or several. `netns` is a network namespace to capture in, by its
    name, the number of a process or a path, or ``"self"``; its interfaces have names such as ``web:eth0``. Interfaces
    may be globs; none means every interface that is up. With `read`, interfaces are ignored. With `exit_on_down`, the
    iterator raises SourceError when an interface given by its name, or the last one, goes down; otherwise netmon waits
    for it. `read` takes paths, the bytes of a capture, and file objects open for reading bytes; a file object is read
    from its current position and not closed. Several files are merged by time, whatever their order. A pipe is
    followed: if its packets are recent, the clock closes intervals while it is silent.
    `keylog` takes the paths of key logs, as SSLKEYLOGFILE makes them: TLS connections whose secrets are in one are
    decrypted. A live capture follows them as they grow, and waits for those that do not exist yet; before files are
    read, they are read whole. A named pipe may be one. The variable SSLKEYLOGFILE itself is not looked at.
    `speed` plays files at that many times real time, with the silence between packets; ``inf`` is as fast as possible.
    Without `speed`, files are read at once and empty intervals are skipped. `interval` and `timeout` are seconds.
    `buffer_size` is the size of each interface's buffer in bytes; without it, all interfaces share `BUFFER_BUDGET` by
    their traffic. `filter` is a BPF expression that replaces the default. `exchanges` asks for a row per exchange in
    each snapshot; `slowest` is cheaper and asks for that many of each interval, those with the greatest latency.
    `connections` asks for a row per connection, 1,000 at most, see `Snapshot.connections`. `decode_tunnels` decodes
    GRE, VXLAN, GTP-U and other tunnels. `count_copies` counts a connection again where NAT on this machine rewrote an
    address. A silent connection whose request has no response yet is kept for `response_timeout` seconds.
    `workers` is the number of threads that share the connections, 1 to 64; the counts do not depend on it. ``"auto"``
    is two for files of small packets where two cores are free, otherwise one.
    `user_agents` asks for the name of the user agent of each exchange; with `redact` ``"all"``, exchanges have neither
    a user agent nor a path. Unless `processes` is false, a live capture on Linux looks for the processes of this
    machine at the ends of connections, with the rights that this process has. `where` is a filter as `Filter` describes
    them: only exchanges that match are counted and listed. If it needs the response, an exchange is counted when it has
    ended. Packets, interfaces and connections are counted whole. `policy` is any object whose method `update` takes a
    snapshot and returns alerts, such as an `AlertPolicy`; it sees each snapshot before it is yielded, and `alerts` has
    what it returned. If it has an attribute `subsets`, these are counted, see `set_subsets`.

    `write` is the path of a pcapng file that gets the packets of all HTTP connections, or with `where` of those with an
    exchange that matches; the file must not exist. `log` tells what could not be written. With ``True``, the packets
    are only available from `recording`, for a writer of your own. If `evidence` is true, `evidence_size` bytes of the
    latest packets are kept in memory for `Recording.evidence`, with payload only if `evidence_payload` is true.

    A client is the address at the client's end of a connection. Behind a proxy, `client_from` says where the proxy
    tells the address of its client: ``X-Forwarded-For``, ``Forwarded``, ``X-Real-IP``, or ``PROXY`` for the PROXY
    protocol. In a list, the entry number `trusted_proxies` from the right counts, or the first entry of a shorter list;
    anybody can write the entries left of it. If there is no address, that of the connection counts.
    `client_ipv6_prefix` is the number of leading bits by which IPv6 clients are counted.

    Nothing is opened before `open`, ``with`` or a call of `snapshots` or `asnapshots`; these raise PermissionError,
    SourceError (nothing to capture from) and FilterError. A `where` that is no filter raises WhereError at once.
    ``for`` and ``async for`` over the monitor itself call `snapshots` and `asnapshots`. Each snapshot comes once, so a
    second call raises RuntimeError.
    """

    __signature__ = _SpelledSignature()
    _policy: Policy | None = None
    _write: str | os.PathLike[str] | None = None
    _writer: PacketWriter | None = None
    _is_recorded = False

    def __init__(
        self,
        interfaces: Names = None,
        *,
        read: Read = None,
        keylog: Names = (),
        speed: float | None = None,
        interval: float = 1.0,
        timeout: float | None = None,
        exclude_interfaces: Names = (),
        netns: Names = (),
        exchanges: bool = False,
        slowest: int = 0,
        policy: Policy | None = None,
        write: str | os.PathLike[str] | bool | None = None,
        evidence: str | bool | None = None,
        evidence_size: int = DEFAULTS["evidence_size"],
        evidence_payload: bool = False,
        **settings: Unpack[CaptureSettings],
    ) -> None:
        if unknown := settings.keys() - CaptureSettings.__annotations__.keys():
            raise TypeError(f"Monitor() got an unexpected keyword argument {min(unknown)!r}")
        files = Files(read)
        if speed is not None and not (speed > 0 and files.paths):
            raise ValueError(f"speed must be above 0 and needs a file to read, not {speed}")
        engine = Engine(
            interfaces=_names(interfaces),
            exclude_interfaces=_names(exclude_interfaces),
            netns=_names(netns),
            read=files.paths,
            keylog=_names(keylog),
            names=files.names,
            lent=files.lent,
            interval=interval,
            timeout=timeout,
            exchanges=exchanges,
            slowest=slowest,
            write=bool(write),
            evidence=bool(evidence),
            evidence_size=evidence_size,
            evidence_payload=evidence_payload,
            **settings,
        )
        self._set_up(engine, files, Schedule(speed, interval), timeout=timeout, clock=time.monotonic, sleep=time.sleep)
        self._policy = policy
        self._is_recorded = bool(write) or bool(evidence)
        self._write = None if isinstance(write, bool) else write
        self.count_for(policy)

    @classmethod
    def _of(
        cls,
        engine: Source,
        *,
        speed: float | None = None,
        timeout: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> Self:
        """A monitor of another engine and another clock, for tests."""
        made = cls.__new__(cls)
        made._set_up(engine, Files(None), Schedule(speed, 1.0), timeout=timeout, clock=clock, sleep=sleep)
        return made

    def _set_up(
        self,
        engine: Source,
        files: Files,
        schedule: Schedule,
        *,
        timeout: float | None,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
    ) -> None:
        self._opened = self._closed = self._is_taken = False
        self._engine, self._files, self._schedule, self._clock, self._sleep = engine, files, schedule, clock, sleep
        self._timeout, self._deadline = timeout, inf
        self._alerts: Sequence[Alert] = ()
        self._troubles: list[tuple[str, str]] = []
        self._subsets: Sequence[tuple[str, str]] = ()
        self.always: Sequence[tuple[str, str]] = ()
        """The subsets that `count_for` counts whatever the policy."""

    @property
    def alerts(self) -> Sequence[Alert]:
        """The alerts that `policy` gave for the snapshot that came last; empty without a policy."""
        return self._alerts

    def _judged(self, snapshot: Snapshot) -> Snapshot:
        """Lets the policy see a snapshot before it is yielded."""
        if self._policy is not None:
            self._alerts = tuple(self._policy.update(snapshot))
        return snapshot

    @property
    def interfaces(self) -> list[str]:
        """The names of the interfaces captured from at this moment; for files, their paths."""
        return self._engine.interfaces

    @property
    def recording(self) -> Recording | None:
        """The packets that are recorded; None without `write` and `evidence`."""
        return self._engine.recording if self._is_recorded else None

    def open(self) -> None:
        """Starts the capture; does nothing if it has started."""
        self._open(self._engine.start)

    def hold(self) -> None:
        """Opens what is captured from, and looks at no packet of an interface before `begin`."""
        self._open(lambda: self._engine.start(held=True))

    def confine(self, confinement: Confinement) -> None:
        """Confines the threads of a capture that is held. Raises OSError."""
        self._engine.confine(confinement)

    def begin(self) -> None:
        """Lets a capture that is held go on."""
        self._engine.begin()

    def _open(self, start: Callable[[], None]) -> None:
        if not self._opened:
            if self._write is not None and self.recording is not None:
                from netmon.outlet import Patience  # noqa: PLC0415  few monitors write packets
                from netmon.packet_writer import writer_of  # noqa: PLC0415  as above

                self._writer = writer_of(self.recording, self._write, Patience())
            with self._files.opening():
                start()
            if self._writer is not None:
                self._writer.start()
            self._opened = True
            if self._timeout is not None:
                self._deadline = self._clock() + self._timeout

    def set_subsets(self, subsets: Sequence[tuple[str, str]]) -> None:
        """Sets which exchanges are counted apart: pairs of a filter and ``""``, ``"host"``, ``"section"``,
        ``"client"``, ``"interface"`` or ``"process"``. `Snapshot.subset` has the counts, from the first snapshot or, if
        it has started, the next. An exchange whose process is not known is in no row by process.

        At most 64 are counted, and ``("", "outcome")``: durations by method, status and host. Raises WhereError for a
        text that is no filter, ValueError for an unknown kind of rows.
        """
        if subsets != self._subsets:
            self._engine.set_subsets(list(subsets))
            self._subsets = subsets

    def count_for(self, policy: Policy | None) -> None:
        """Counts the exchanges apart that a policy needs: those of its attribute `subsets`, if it has one."""
        self.set_subsets((*self.always, *getattr(policy, "subsets", ())))

    @property
    def _is_over(self) -> bool:
        """Whether to stop waiting for steps that are not due yet: the monitor is closed or its timeout is over."""
        return self._closed or self._clock() >= self._deadline

    def close(self) -> None:
        """Stops the capture within 0.3 s. A running iterator still yields what was counted until now."""
        self._closed = True
        self._engine.close()
        self._files.close()
        self._end_writing()

    def _end_writing(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            try:
                writer.close()
            except OSError as error:
                self._troubles.append(("error", f"{error.filename}: {error.strerror}"))

    def log(self) -> list[tuple[str, str]]:
        """Returns the messages of the capture since the last call, as (level, message), safe to show.

        Level ``"error"`` means that a compressed file was not read whole; the others are ``"warning"`` and ``"info"``.
        """
        troubles, self._troubles = self._troubles, []
        if self._writer is not None:
            troubles += [("error", news) for news in self._writer.news()]
        return self._engine.log() + troubles

    def snapshots(self) -> Generator[Snapshot]:
        """One snapshot per interval until the end; the capture is closed when the iterator ends or is dropped."""
        self._take()
        return self._snapshots()

    def __iter__(self) -> Iterator[Snapshot]:
        return self.snapshots()

    def _take(self) -> None:
        if self._is_taken:
            raise RuntimeError(TAKEN)
        self.open()
        self._is_taken = True

    def _snapshots(self) -> Generator[Snapshot]:
        try:
            while True:
                snapshot = self._engine.next(STEP)
                for step, due in self._schedule.push(snapshot, self._clock()) if snapshot else ():
                    while (left := due - self._clock()) > 0 and not self._is_over:
                        self._sleep(min(left, STEP))
                    if left > 0:
                        return
                    yield self._judged(step)
        except EOFError:
            self._files.check()
        finally:
            self.close()

    def asnapshots(self) -> AsyncGenerator[Snapshot]:
        """`snapshots` for asyncio. Cancelling the task that waits ends the iterator and closes the capture."""
        self._take()
        return self._asnapshots()

    def __aiter__(self) -> AsyncIterator[Snapshot]:
        return self.asnapshots()

    async def _asnapshots(self) -> AsyncGenerator[Snapshot]:
        import asyncio  # noqa: PLC0415  loads slowly, and the plain iterator does not need it

        try:
            while True:
                snapshot = await asyncio.to_thread(self._engine.next, STEP)
                for step, due in self._schedule.push(snapshot, self._clock()) if snapshot else ():
                    while (left := due - self._clock()) > 0 and not self._is_over:
                        await asyncio.to_thread(self._sleep, min(left, STEP))
                    if left > 0:
                        return
                    yield self._judged(step)
        except EOFError:
            self._files.check()
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
