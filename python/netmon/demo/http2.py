"""The demo's HTTP/2: a server that answers requests and gRPC calls, and a client that shares a connection among them.

Both ends are this module's, so it encodes fields in one way only: as literals without indexing (RFC 7541 §6.2.2).
"""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, NamedTuple

from netmon.demo.pages import HEAD_START

if TYPE_CHECKING:
    import ssl
    from asyncio import StreamReader, StreamWriter
    from collections.abc import AsyncIterator

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, SETTINGS = 0, 1, 4
END_STREAM, END_HEADERS = 1, 4
CONNECTION = 0
"""The number of the stream that stands for the connection."""


class Call(NamedTuple):
    """One kind of request with its response. `share` is its relative frequency, `delay` is in milliseconds.

    With a gRPC status the request is a gRPC call, which returns `messages` messages of `size` bytes.
    """

    host: str
    method: str
    path: str
    size: int
    delay: int
    share: int
    grpc: int | None = None
    messages: int = 1


CALLS = (
    Call("orders.example", "POST", "/shop.Orders/Place", 40, 30, 8, grpc=0),
    Call("orders.example", "POST", "/shop.Orders/Place", 0, 250, 1, grpc=14, messages=0),
    Call("orders.example", "POST", "/shop.Orders/Watch", 25, 60, 2, grpc=0, messages=5),
    Call("stock.example", "POST", "/shop.Stock/Reserve", 12, 15, 5, grpc=0),
    Call("stock.example", "POST", "/shop.Stock/Reserve", 0, 8, 1, grpc=9, messages=0),
    Call("gateway.example", "GET", "/v3/basket", 900, 20, 6),
)
"""What is asked in clear text: calls between services."""

PRIVATE = (
    Call("accounts.example", "GET", "/profile/7", 1_200, 25, 6),
    Call("accounts.example", "POST", "/login", 300, 80, 3),
    Call("accounts.example", "GET", "/invoices", 6_000, 45, 2),
)
"""What is asked inside TLS."""

PAUSE = (0.3, 1.2)
"""Seconds between the requests of a client: the least and the most."""


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """A frame (RFC 9113 §4.1)."""
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


def block(fields: dict[str, str]) -> bytes:
    """Fields as a header block. Names and values have less than 127 bytes."""
    parts = [b"\0%c%b%c%b" % (len(name), name.encode(), len(value), value.encode()) for name, value in fields.items()]
    return b"".join(parts)


def fields_of(encoded: bytes) -> dict[str, str]:
    """The fields of a header block that `block` has made."""
    texts: list[str] = []
    at = 0
    while at < len(encoded):
        at += not len(texts) % 2  # the octet that says what follows stands before each name
        end = at + 1 + encoded[at]
        texts.append(encoded[at + 1 : end].decode())
        at = end
    return dict(zip(texts[::2], texts[1::2], strict=True))


def message(size: int) -> bytes:
    """A message of gRPC: not compressed, its length, its bytes."""
    return b"\0" + size.to_bytes(4, "big") + b"x" * size


async def frames(reader: StreamReader) -> AsyncIterator[tuple[int, int, int, bytes]]:
    """Kind, flags, stream and payload of each frame, until the other side closes the connection."""
    try:
        while True:
            head = await reader.readexactly(9)
            payload = await reader.readexactly(int.from_bytes(head[:3], "big"))
            yield head[3], head[4], int.from_bytes(head[5:], "big"), payload
    except (asyncio.IncompleteReadError, ConnectionError):
        pass


async def serve(reader: StreamReader, writer: StreamWriter) -> None:
    """Serves one connection: answers each stream when its request has ended, several at the same time."""
    answers: dict[int, asyncio.Task[None]] = {}
    asked: dict[int, Call] = {}
    try:
        await reader.readexactly(len(PREFACE))
        writer.write(frame(SETTINGS, 0, CONNECTION))
        async for kind, flags, stream, payload in frames(reader):
            if kind == HEADERS:
                asked[stream] = _chosen(fields_of(payload))
            if stream in asked and flags & END_STREAM:
                answers[stream] = asyncio.create_task(_answer(writer, stream, asked.pop(stream)))
                answers[stream].add_done_callback(lambda _, stream=stream: answers.pop(stream, None))  # type: ignore[misc]
    except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
        pass  # the end of a connection, or of the demo
    except (LookupError, ValueError):
        pass  # a stranger's request
    finally:
        for answer in answers.values():
            answer.cancel()
        writer.close()


def _chosen(fields: dict[str, str]) -> Call:
    wanted = (fields[":authority"], fields[":method"], fields[":path"])
    calls = [call for call in CALLS + PRIVATE if (call.host, call.method, call.path) == wanted]
    return random.choices(calls, [call.share for call in calls])[0]  # noqa: S311  no secret


async def _answer(writer: StreamWriter, stream: int, call: Call) -> None:
    await asyncio.sleep(call.delay * random.uniform(0.6, 1.8) / 1000)  # noqa: S311
    if call.grpc is None:
        writer.write(frame(HEADERS, END_HEADERS, stream, block({":status": "200", "server": "netmon-demo"})))
        writer.write(frame(DATA, END_STREAM, stream, b"x" * call.size))
        return
    status = {"grpc-status": str(call.grpc)}
    head = {":status": "200", "content-type": "application/grpc"}
    if not call.messages:
        writer.write(frame(HEADERS, END_HEADERS | END_STREAM, stream, block(head | status)))
        return
    writer.write(frame(HEADERS, END_HEADERS, stream, block(head)))
    for _ in range(call.messages):
        writer.write(frame(DATA, 0, stream, message(call.size)))
        await asyncio.sleep(call.delay / 1000)
    writer.write(frame(HEADERS, END_HEADERS | END_STREAM, stream, block(status)))


async def ask(port: int, address: str, calls: tuple[Call, ...], tls: ssl.SSLContext | None = None) -> None:
    """One client: 20 to 60 requests per connection, of which some wait at the same time."""
    await asyncio.sleep(HEAD_START)
    while True:
        name = calls[0].host if tls else None
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, local_addr=(address, 0), ssl=tls, server_hostname=name
        )
        writer.write(PREFACE + frame(SETTINGS, 0, CONNECTION))
        open_streams = random.randint(20, 60)  # noqa: S311  clients come and go
        answered = asyncio.create_task(_skip_answers(reader, open_streams))
        for number in range(open_streams):
            call = random.choices(calls, [call.share for call in calls])[0]  # noqa: S311
            writer.write(request(call, 2 * number + 1, "https" if tls else "http"))
            await asyncio.sleep(random.uniform(*PAUSE))  # noqa: S311
        await answered
        writer.close()


def request(call: Call, stream: int, scheme: str) -> bytes:
    """The frames of a request."""
    fields = {":method": call.method, ":scheme": scheme, ":path": call.path, ":authority": call.host}
    if call.grpc is None:
        return frame(HEADERS, END_HEADERS | END_STREAM, stream, block(fields | {"user-agent": "netmon-demo"}))
    fields |= {"content-type": "application/grpc", "te": "trailers", "user-agent": "grpc-demo/1.0"}
    return frame(HEADERS, END_HEADERS, stream, block(fields)) + frame(DATA, END_STREAM, stream, message(16))


async def _skip_answers(reader: StreamReader, count: int) -> None:
    """Reads until `count` streams have ended, or the connection has."""
    async for _, flags, stream, _ in frames(reader):
        count -= stream != CONNECTION and flags & END_STREAM
        if count == 0:
            return
