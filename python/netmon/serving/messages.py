"""Requests and responses of HTTP/1: the head of a request as bytes in, a `Request` out; a `Response` in, bytes
out. Pure.

Only what a browser or a collector of metrics sends is understood: GET and HEAD without a body. Everything else raises
`Refusal` with the response to send.
"""

from __future__ import annotations

import gzip
import re
from functools import cached_property
from http import HTTPStatus
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from netmon.serving.feed import Reader

TEXT, HTML = "text/plain; charset=utf-8", "text/html; charset=utf-8"

LEAST_PACKED = 1024
"""Bytes from which on a body is worth compressing."""

LEVEL = 5
"""How hard to compress: a page takes 10 ms and gets as small as with twice the effort but for a few percent."""

FIELDS = 100
"""Fields of a head at most."""

SAFE: Sequence[tuple[str, str]] = (
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("X-Frame-Options", "DENY"),
    ("Server", "netmon"),
)
"""Fields of every response: it is not stored, guessed at, embedded or told to others."""

_LINE = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+) (\S+) HTTP/(\d)\.(\d)")
_FIELD = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):([^\r\n\0]*)")
"""A field. White space around its value is stripped afterwards: an expression would take hours for a line of it."""


class Body:
    """The bytes of a body, compressed at most once however many clients ask for it."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw

    @cached_property
    def packed(self) -> bytes:
        """The body as gzip."""
        return gzip.compress(self.raw, LEVEL, mtime=0)


class Request(NamedTuple):
    """A request. `path` and `query` are as they were sent; names of fields in `headers` are lower case."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = MappingProxyType({})
    version: tuple[int, int] = (1, 1)

    @property
    def accepts_gzip(self) -> bool:
        return accepts(self.headers.get("accept-encoding", ""), "gzip")

    @property
    def keeps_alive(self) -> bool:
        """Whether the client may send another request over the same connection."""
        words = [word.strip().lower() for word in self.headers.get("connection", "").split(",")]
        return "close" not in words and (self.version >= (1, 1) or "keep-alive" in words)


class Response(NamedTuple):
    """What a handler answers. A body that is a `Reader` is a stream, which ends when its feed does."""

    status: int = 200
    body: Body | Reader = Body(b"")
    kind: str = TEXT
    headers: Sequence[tuple[str, str]] = ()

    @classmethod
    def text(cls, status: int, text: str, *, headers: Sequence[tuple[str, str]] = ()) -> Response:
        """A sentence for a person."""
        return cls(status, Body(f"{text}\n".encode()), TEXT, headers)


class Refusal(Exception):  # noqa: N818  it is an answer
    """A request that no handler sees, with the response to it. The connection is closed after it."""

    def __init__(self, response: Response) -> None:
        super().__init__(response)
        self.response = response


def _refused(status: int, text: str, *headers: tuple[str, str]) -> Refusal:
    return Refusal(Response.text(status, text, headers=headers))


def request(head: bytes) -> Request:
    """Reads the head of a request, up to and with its empty line. Raises Refusal."""
    first, *lines = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    found = _LINE.fullmatch(first)
    if found is None or len(lines) > FIELDS:
        raise _refused(400, "This is not a request of HTTP/1.")
    method, target, version = found[1], found[2], (int(found[3]), int(found[4]))
    if version[0] != 1:
        raise _refused(505, "Only HTTP/1 is spoken here.")
    headers: dict[str, str] = {}
    for line in lines:
        field = _FIELD.fullmatch(line)
        if field is None:
            raise _refused(400, "The request has a line that is no field.")
        name, value = field[1].lower(), field[2].strip(" \t")
        if name == "host" and "host" in headers:
            raise _refused(400, "The request names two hosts.")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    if version >= (1, 1) and "host" not in headers:
        raise _refused(400, "The request names no host.")
    if "transfer-encoding" in headers or headers.get("content-length", "0") != "0":
        raise _refused(413, "A request with a body is not accepted here.")
    if method not in ("GET", "HEAD"):
        raise _refused(405, f"Only GET and HEAD are answered here, not {method[:20]}.", ("Allow", "GET, HEAD"))
    if not target.startswith("/"):
        raise _refused(400, "The target of the request must begin with a slash.")
    path, _, query = target.partition("?")
    return Request(method, path, query, headers, version)


def accepts(accepted: str, coding: str) -> bool:
    """Whether a value of ``Accept-Encoding`` admits a coding, RFC 9110, 12.5.3."""
    weights = {}
    for part in accepted.split(","):
        name, _, parameter = part.partition(";")
        found = re.fullmatch(r"\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*", parameter, re.IGNORECASE)
        weights[name.strip().lower()] = float(found[1]) if found else 0.0 if parameter.strip() else 1.0
    return weights.get(coding, weights.get("*", 0.0)) > 0


def head(response: Response, more: Sequence[tuple[str, str]]) -> bytes:
    """The head of a response. `more` are fields about how it is sent."""
    own = {name.lower() for name, _ in response.headers}
    fields = [
        ("Content-Type", response.kind),
        *(field for field in SAFE if field[0].lower() not in own),
        *response.headers,
        *more,
    ]
    lines = (f"{name}: {_one_line(value)}\r\n" for name, value in fields)
    status = f"HTTP/1.1 {response.status} {HTTPStatus(response.status).phrase}\r\n"
    return (status + "".join(lines) + "\r\n").encode("latin-1", "replace")


def _one_line(value: str) -> str:
    """A value that cannot end its line."""
    return re.sub(r"[\r\n\0]", " ", value)


def whole(request: Request, response: Response, body: Body, *, closes: bool) -> bytes:
    """A response that is no stream: its head and, unless only that was asked for, its body."""
    packs = len(body.raw) >= LEAST_PACKED
    data = body.packed if packs and request.accepts_gzip else body.raw
    more = [("Content-Length", str(len(data)))]
    more += [("Vary", "Accept-Encoding")] if packs else []
    more += [("Content-Encoding", "gzip")] if data is not body.raw else []
    more += [("Connection", "close" if closes else "keep-alive")]
    return head(response, more) + (b"" if request.method == "HEAD" else data)
