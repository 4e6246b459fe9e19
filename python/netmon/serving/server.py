"""A server: one listening socket, a thread with an event loop of its own, and handlers by path.

Nothing here waits for a client on behalf of anybody else: the capture and the screen never notice a slow one. Every
client is bounded: in number, in the time and the bytes of its request, in the time in which it takes what it asked for.
The only module that knows asyncio, and the only one that opens a socket to listen.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from contextlib import suppress
from threading import Thread
from typing import TYPE_CHECKING, Any, TypeAlias

from netmon.address import Address
from netmon.serving import messages
from netmon.serving.feed import GZIP, Packed, Reader
from netmon.serving.messages import Refusal, Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable


Handler: TypeAlias = "Callable[[Request], Response]"

CONNECTIONS = 256
"""Connections at once at most. A hundred viewers have one or two each; more are told to come back later."""

REFUSED = 64
"""Connections beyond those that are told so; more are closed without a word."""

HEAD = 16 << 10
"""Bytes of the head of a request at most: what a browser sends with many cookies has 8 kB."""

REQUEST_TIME = 10.0
"""Seconds in which the head of a request must come: enough for a bad link, too short to hold a connection by it."""

IDLE_TIME = 75.0
"""Seconds that a connection may be kept without a request: longer than a proxy waits before it uses it again."""

SLICE = 64 << 10
"""Bytes that are written at once, and held for a slow client."""

WRITE_TIME = 20.0
"""Seconds in which a client must take a slice. A phone on a poor link takes it in five."""

KERNEL_BUFFER = 128 << 10
"""Bytes that the kernel holds for a client; with more, a slow viewer would see states of long ago."""

BEAT = 10.0
"""Seconds after which a stream without news has a sign of life: proxies close silent connections after 30 or 60 s."""

CLOSING = 0.2
"""Seconds that streams have for their last part once the server closes."""

JOIN = 0.1
"""Seconds that its thread is waited for after that."""


class Server:
    """Listens from the moment it is made. Raises OSError if the address cannot be used."""

    def __init__(self, address: Address) -> None:
        self._socket = _listening(address)
        self.address = address.at(self._socket.getsockname()[1])
        """The address with the port that was free, if port 0 was asked for."""
        self.bound = _numeric(self._socket)
        """The same as numbers: a name or an unusual spelling does not say whether it is loopback."""
        self._handlers: dict[str, Handler] = {}
        self._clients: set[asyncio.Task[None]] = set()
        self._streams: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._run, name="netmon-http", daemon=True)
        self._thread.start()

    def is_at(self, address: Address) -> bool:
        """Whether it already listens where `address` leads, however that is spelt: ``localhost`` is ``127.0.0.1``."""
        if address.port != self.bound.port:
            return False
        with suppress(OSError):  # a name that is not known
            found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
            return self.bound.host in [str(where[0]) for *_, where in found]
        return False

    def handles(self, path: str) -> bool:
        """Whether there is a handler for exactly that path."""
        return path in self._handlers

    def handle(self, path: str, handler: Handler) -> None:
        """Answers requests for `path`, or below it if it ends in a slash, with what `handler` returns.

        The longest path counts. `handler` is called by a thread of its own for each request.
        """
        self._handlers = {**self._handlers, path: handler}

    def stop(self) -> None:
        """Begins to end: no new client, a moment for the last part of streams, then every connection is closed."""
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._stop)

    def close(self) -> None:
        """Ends within 0.3 s."""
        self.stop()
        self._thread.join(CLOSING + JOIN)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._socket.close()
            self._loop.close()

    async def _serve(self) -> None:
        self._stopped = asyncio.Event()
        self._loop.set_exception_handler(_ignore)
        server = await asyncio.start_server(self._accept, sock=self._socket, limit=HEAD)
        await self._stopped.wait()
        server.close()
        for client in self._clients - self._streams:
            client.cancel()
        if self._streams:
            await asyncio.wait(self._streams, timeout=CLOSING)
        for client in self._clients:
            client.cancel()
        if self._clients:
            await asyncio.wait(self._clients, timeout=JOIN / 2)

    def _stop(self) -> None:
        if hasattr(self, "_stopped"):
            self._stopped.set()
        else:
            self._loop.call_later(0.01, self._stop)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  asyncio runs this as a task
        if len(self._clients) >= CONNECTIONS + REFUSED:
            writer.transport.abort()
            return
        self._clients.add(task)
        try:
            _set_up(writer)
            with suppress(ConnectionError, TimeoutError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await self._talk(reader, writer)
        finally:
            self._clients.discard(task)
            self._streams.discard(task)
            writer.transport.abort() if writer.transport.get_write_buffer_size() else writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answers the requests of one connection, one after the other."""
        patience, is_full = REQUEST_TIME, len(self._clients) > CONNECTIONS
        while True:
            try:
                asked = messages.request(await _head(reader, patience))
                response = _full() if is_full else await self._answer(asked)
                closes = is_full or self._stopped.is_set() or not asked.keeps_alive
            except Refusal as refusal:
                asked, response, closes = Request("GET", "/"), refusal.response, True
            if isinstance(response.body, Reader):
                await self._stream(reader, writer, asked, response, response.body)
                return
            await _write(writer, messages.whole(asked, response, response.body, closes=closes))
            if closes:
                await _hang_up(reader, writer)
                return
            patience = IDLE_TIME

    async def _answer(self, asked: Request) -> Response:
        """What the handler returns, which may take its time on a thread of its own."""
        path = asked.path
        found = [each for each in self._handlers if each == path or (each[-1] == "/" and path.startswith(each))]
        if not found:
            return Response.text(404, "There is nothing here.")
        handler = self._handlers[max(found, key=len)]
        try:
            return await _on_thread(self._loop, lambda: handler(asked))
        except Exception:
            return Response.text(500, "This could not be answered, because of a mistake in netmon.")

    async def _stream(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        asked: Request,
        response: Response,
        source: Reader,
    ) -> None:
        """Writes what a feed has, from now until it ends or the client leaves."""
        is_chunked, packed = asked.version >= (1, 1), Packed() if asked.accepts_gzip else None
        more = [("Connection", "close"), ("X-Accel-Buffering", "no"), ("Vary", "Accept-Encoding")]
        more += [("Transfer-Encoding", "chunked")] if is_chunked else []
        more += [("Content-Encoding", "gzip")] if packed else []
        framed = _chunk if is_chunked else bytes
        news = asyncio.Event()

        def wake() -> None:
            with suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(news.set)

        source.wake = wake
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  as above
        self._streams.add(task)
        gone = self._loop.create_task(reader.read(1))  # a client says nothing more until it leaves
        gone.add_done_callback(lambda _: news.set())
        try:
            await _write(writer, messages.head(response, more))
            if packed:
                await _write(writer, framed(GZIP))
            while asked.method != "HEAD" and not gone.done():
                news.clear()
                chunk = source.take()
                if chunk is None:
                    try:
                        async with asyncio.timeout(BEAT):
                            await news.wait()
                        continue
                    except TimeoutError:
                        chunk = source.beat
                await _write(writer, framed(packed.part(chunk) if packed else chunk.raw))
                if source.is_over:
                    last = framed(packed.end()) if packed else b""
                    await _write(writer, last + (b"0\r\n\r\n" if is_chunked else b""))
                    return
        finally:
            source.leave()
            gone.cancel()


def _numeric(listening: socket.socket) -> Address:
    """Where a socket listens."""
    host, port = listening.getsockname()[:2]
    return Address(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")


def _listening(address: Address) -> socket.socket:
    """A socket that listens. A name is that of its first address that can be used."""
    trouble: OSError = OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except socket.gaierror as error:
        raise OSError(errno.EADDRNOTAVAIL, error.strerror or "the name is not known") from error
    for family, kind, protocol, _, where in found:
        made = socket.socket(family, kind, protocol)
        try:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_BUFFER)
            if family == socket.AF_INET6:
                made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(address.host != "::"))
            made.bind(where)
            made.listen(CONNECTIONS)
        except OSError as error:
            made.close()
            trouble = error
        else:
            return made
    raise trouble


def _set_up(writer: asyncio.StreamWriter) -> None:
    """Holds nothing for a client beyond what is being written, and notices one that has vanished."""
    writer.transport.set_write_buffer_limits(high=0)
    line = writer.get_extra_info("socket")
    with suppress(OSError):
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(1000 * WRITE_TIME))


async def _head(reader: asyncio.StreamReader, patience: float) -> bytes:
    """The head of the next request; `patience` is for its first byte."""
    async with asyncio.timeout(patience):
        first = await reader.readexactly(1)
    try:
        async with asyncio.timeout(REQUEST_TIME):
            while first in b"\r\n":  # an empty line before a request is ignored, RFC 9112, 2.2
                first = await reader.readexactly(1)
            return first + await reader.readuntil(b"\r\n\r\n")
    except asyncio.LimitOverrunError:
        raise Refusal(Response.text(431, "The head of the request is too large.")) from None
    except TimeoutError:
        raise Refusal(Response.text(408, "The request took too long.")) from None


async def _write(writer: asyncio.StreamWriter, data: bytes) -> None:
    """Writes all of it, slice by slice, each within `WRITE_TIME`. Raises TimeoutError."""
    with memoryview(data) as view:
        for at in range(0, len(view), SLICE):
            writer.write(bytes(view[at : at + SLICE]))
            async with asyncio.timeout(WRITE_TIME):
                await writer.drain()


async def _hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Ends a connection so that the client gets all: what it still sends would have the kernel take the answer back."""
    writer.write_eof()
    with suppress(TimeoutError):
        async with asyncio.timeout(1.0):
            for _ in range(16):
                if not await reader.read(HEAD):
                    return


async def _on_thread(loop: asyncio.AbstractEventLoop, call: Callable[[], Response]) -> Response:
    """The result of `call` on a daemon thread, which never keeps the process from ending."""
    future: asyncio.Future[Response] = loop.create_future()

    def done(response: Response | None, error: Exception | None) -> None:
        if future.cancelled():
            return
        if error is not None:
            future.set_exception(error)
        elif response is not None:
            future.set_result(response)

    def run() -> None:
        response, problem = None, None
        try:
            response = call()
        except Exception as error:
            problem = error
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(done, response, problem)

    Thread(target=run, name="netmon-answer", daemon=True).start()
    return await future


def _chunk(data: bytes) -> bytes:
    """A chunk of the chunked transfer coding, RFC 9112, 7.1."""
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""


def _full() -> Response:
    return Response.text(503, "There are too many connections; try again later.", headers=(("Retry-After", "10"),))


def _ignore(_loop: asyncio.AbstractEventLoop, _context: dict[str, Any]) -> None:
    """Keeps what a client does to its connection off the terminal."""
