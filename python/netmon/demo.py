"""Traffic for a demonstration: a small HTTP server and its clients on loopback, with calm and storm in turn.

``traffic()`` runs them in a child process (``python -P -m netmon.demo``), so that making requests does not slow down
the capture, and yields the port of the server. Started by root, the child becomes the user that netmon becomes. It
ends when its standard input is closed, so it never outlives its parent. It listens on 127.0.0.1 only; nothing leaves
the machine.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from asyncio import StreamReader, StreamWriter
    from collections.abc import Iterator

CLIENTS = ("127.0.0.2",) * 3 + ("127.0.0.3",) * 2 + ("127.0.0.4", "127.0.0.5", "127.0.0.6")
"""Addresses of the clients; all of 127.0.0.0/8 is this machine. An address that is listed n times has n clients."""

HEAD_START = 1.0
"""Seconds before the first request. By then the capture runs, so it sees every connection from its beginning."""

CALM, STORM = 12.0, 200.0
"""Requests per second of all clients together: 24 and 400 hits/s, far below and above 1000 hits in 10 s."""

SCHEDULE = ((10.0, CALM), (8.0, STORM), (17.0, CALM))
"""Seconds and rate of each phase, repeated. An alert fires about 13 s after the start and recovers by 30 s."""


class Page(NamedTuple):
    """One kind of request with its response. `share` is its relative frequency, `delay` is in milliseconds."""

    host: str
    method: str
    path: str
    status: int
    size: int
    delay: int
    share: int


PAGES = (
    Page("shop.example", "GET", "/", 200, 9_000, 12, 16),
    Page("shop.example", "GET", "/items/41", 200, 5_200, 18, 20),
    Page("shop.example", "GET", "/items/gone", 404, 310, 6, 3),
    Page("shop.example", "POST", "/cart", 201, 180, 25, 8),
    Page("shop.example", "POST", "/checkout/pay", 200, 240, 140, 4),
    Page("shop.example", "POST", "/checkout/pay", 503, 90, 600, 1),
    Page("api.example", "GET", "/v1/users?id=7", 200, 1_400, 30, 12),
    Page("api.example", "PUT", "/v1/users/7", 204, 0, 35, 4),
    Page("api.example", "DELETE", "/v1/users/8", 204, 0, 28, 1),
    Page("api.example", "GET", "/v2/search?q=tea", 200, 3_100, 90, 6),
    Page("api.example", "GET", "/v2/search?q=all", 500, 120, 300, 1),
    Page("blog.example", "GET", "/posts/hello", 200, 14_000, 20, 7),
    Page("blog.example", "GET", "/feed", 304, 0, 4, 4),
    Page("blog.example", "GET", "/old", 301, 150, 3, 2),
    Page("static.example", "GET", "/css/site.css", 304, 0, 1, 8),
    Page("static.example", "GET", "/img/tea.png", 200, 48_000, 3, 9),
    Page("static.example", "HEAD", "/img/tea.png", 200, 0, 1, 1),
)

REASONS = {
    200: "OK",
    201: "Created",
    204: "No Content",
    301: "Moved Permanently",
    304: "Not Modified",
    404: "Not Found",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


def filter_for(port: int) -> str:
    """The capture filter that lets only the demo's traffic through."""
    return f"tcp port {port}"


@contextmanager
def traffic() -> Iterator[int]:
    """Makes traffic while the context lasts; yields the port of the server."""
    child = subprocess.Popen(
        [sys.executable, "-P", "-m", "netmon.demo"],  # -P: nothing is loaded from the current folder
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with child:
        try:
            assert child.stdout is not None  # noqa: S101  for the type checker: it is a pipe
            port = child.stdout.readline()
            if not port:
                raise OSError("the demo's server did not start")
            yield int(port)
        finally:
            with suppress(PermissionError):  # netmon may have become another user; the child ends with its input
                child.terminate()


def rate_at(seconds: float) -> float:
    """Requests per second of all clients, `seconds` after the start."""
    seconds %= sum(length for length, _ in SCHEDULE)
    for length, rate in SCHEDULE:
        if seconds < length:
            return rate
        seconds -= length
    return CALM


async def serve(reader: StreamReader, writer: StreamWriter) -> None:
    """Serves one connection: responds to each request until the client closes it."""
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            method, path, host, body_size = _parse(head)
            await reader.readexactly(body_size)
            pages = [page for page in PAGES if (page.host, page.method, page.path) == (host, method, path)]
            page = random.choices(pages, [page.share for page in pages])[0]  # noqa: S311  no secret
            await asyncio.sleep(page.delay * random.uniform(0.6, 1.8) / 1000)  # noqa: S311
            writer.write(_response(page))
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
        pass  # the end of a connection, or of the demo: Python 3.11 prints a traceback for a task that was cancelled
    finally:
        writer.close()


def _parse(head: bytes) -> tuple[str, str, str, int]:
    """Method, path, host and size of the body of a request of the demo's own clients."""
    first, *lines = head.decode().split("\r\n")
    method, path, _ = first.split(" ")
    fields = dict(line.split(": ", 1) for line in lines if line)
    return method, path, fields["Host"], int(fields.get("Content-Length", 0))


def _response(page: Page) -> bytes:
    has_length = page.status not in (204, 304)
    head = f"HTTP/1.1 {page.status} {REASONS[page.status]}\r\nServer: netmon-demo\r\n"
    head += f"Content-Length: {page.size}\r\n" if has_length else ""
    return f"{head}\r\n".encode() + b"x" * page.size


async def ask(port: int, started: float, address: str) -> None:
    """One client: sends its part of the current rate of requests, 20 to 60 of them per connection."""
    loop = asyncio.get_running_loop()
    await asyncio.sleep(HEAD_START)
    while True:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(address, 0))
        for _ in range(random.randint(20, 60)):  # noqa: S311  clients come and go
            page = random.choices(PAGES, [page.share for page in PAGES])[0]  # noqa: S311
            writer.write(_request(page))
            await _skip_response(reader, page)
            rate = rate_at(loop.time() - started) / len(CLIENTS)
            await asyncio.sleep(random.uniform(0.5, 1.5) / rate - page.delay / 1000)  # noqa: S311
        writer.close()


def _request(page: Page) -> bytes:
    body = b"item=tea&count=1" if page.method in ("POST", "PUT") else b""
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    return f"{page.method} {page.path} HTTP/1.1\r\nHost: {page.host}\r\n{length}\r\n".encode() + body


async def _skip_response(reader: StreamReader, page: Page) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    if page.method != "HEAD":
        length = head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0]
        await reader.readexactly(int(length or 0))


async def _main() -> None:
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    print(port, flush=True)
    loop = asyncio.get_running_loop()
    clients = [asyncio.create_task(ask(port, loop.time(), address)) for address in CLIENTS]
    ended = asyncio.create_task(_until_parent_ends())
    await asyncio.wait([ended, *clients], return_when=asyncio.FIRST_COMPLETED)


async def _until_parent_ends() -> None:
    """Returns when standard input is closed: the parent has ended, for whatever reason."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()


def _give_up_root() -> None:
    """Lets this process become the user that netmon itself becomes. It can still load its modules."""
    from netmon._core import no_new_rights, switch_user  # noqa: PLC0415  only root needs them
    from netmon.modules import Folders  # noqa: PLC0415  as above
    from netmon.options import Settings  # noqa: PLC0415  as above
    from netmon.privileges import planned  # noqa: PLC0415  as above

    no_new_rights()
    user = planned(Settings(), os.environ, os.geteuid(), acts=False).user
    if user is not None:
        folders = Folders()
        switch_user(user.uid, user.gid)
        folders.use()


if __name__ == "__main__":
    with suppress(OSError):  # root that may not switch shows its demo all the same
        _give_up_root()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C signals the whole process group; the parent ends this process
    asyncio.run(_main())
