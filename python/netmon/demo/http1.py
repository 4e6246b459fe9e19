"""The demo's HTTP/1: a server, and clients that keep their connections for many requests."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

from netmon.demo.pages import CLIENTS, HEAD_START, PAGES, REASONS, Page, rate_at

if TYPE_CHECKING:
    from asyncio import StreamReader, StreamWriter


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
    except (LookupError, ValueError):
        pass  # a stranger's request
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
            writer.write(request(page))
            await _skip_response(reader, page)
            rate = rate_at(loop.time() - started) / len(CLIENTS)
            await asyncio.sleep(random.uniform(0.5, 1.5) / rate - page.delay / 1000)  # noqa: S311
        writer.close()


def request(page: Page) -> bytes:
    body = b"item=tea&count=1" if page.method in ("POST", "PUT") else b""
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    return f"{page.method} {page.path} HTTP/1.1\r\nHost: {page.host}\r\n{length}\r\n".encode() + body


async def _skip_response(reader: StreamReader, page: Page) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    if page.method != "HEAD":
        length = head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0]
        await reader.readexactly(int(length or 0))
