"""Posts a message over HTTP or HTTPS: one attempt, bounded in time, in what is read, and in redirects.

An address, a body and fields go in, an `Outcome` comes out; no error is raised. The time limit holds for everything
together: finding the address of a name, connecting, TLS, sending and reading, all redirects included. So a receiver
that sends a byte now and then holds no thread for longer. Certificates are verified. Proxies of the environment are
not used. Never tries again: that is for `runner` to decide.
"""

from __future__ import annotations

import io
import socket
import threading
import time
from contextlib import closing
from functools import cache
from http.client import HTTPConnection, HTTPException, HTTPResponse
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from netmon import format as fmt
from netmon.actions import address as addresses
from netmon.actions.delivery import KEPT_METHOD, Outcome, judged

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping

    from netmon.actions.address import Address

REDIRECTS = 3
"""Redirects that are followed at most."""

READ = 2048
"""Bytes of a response's body that are read, to tell why a message was refused."""

SHOWN = 200
"""Characters of it that are told."""


def post(
    to: Address,
    body: bytes,
    fields: Mapping[str, str],
    *,
    timeout: float,
    context: Callable[[], ssl.SSLContext] | None = None,
    judge: Callable[[int, str, str, float, str], Outcome] = judged,
    said: Callable[[bytes], str] | None = None,
) -> Outcome:
    """Posts `body` within `timeout` seconds. `context` makes the TLS settings; by default those of the system.

    `judge` says what a response means, as `judged` does; `said` reads the beginning of the body of a successful one,
    which is not waited for without it.
    """
    limit = Limit(timeout)
    try:
        for _ in range(REDIRECTS + 1):
            outcome, location = _exchange(to, body, fields, limit, context=context or _system, judge=judge, said=said)
            if location is None:
                return outcome
            try:
                to = addresses.redirected(to, location)
            except ValueError as error:
                return Outcome("failed", f"answers with a redirect that {error}")
    except TimeoutError:
        return Outcome("retry", f"does not answer within {timeout:g} s")
    except OSError as error:
        return Outcome("failed" if _is_distrust(error) else "retry", _words(error))
    except HTTPException as error:
        return Outcome("retry", f"gives no valid response ({type(error).__name__})")
    return outcome


class Limit:
    """A point in time. `left` is how many seconds remain; it raises TimeoutError where none do."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._end = clock, clock() + seconds

    @property
    def left(self) -> float:
        left = self._end - self._clock()
        if left <= 0:
            raise TimeoutError
        return left


class Line:
    """A connected socket as `http.client` uses it, whose every step ends at the same limit. Closing it does nothing."""

    def __init__(self, sock: socket.socket, limit: Limit) -> None:
        self._sock, self._limit = sock, limit

    def sendall(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            self._sock.settimeout(self._limit.left)
            view = view[self._sock.send(view) :]

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Reader(self._sock, self._limit))

    def close(self) -> None:
        pass


class _Reader(io.RawIOBase):
    def __init__(self, sock: socket.socket, limit: Limit) -> None:
        self._sock, self._limit = sock, limit

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._sock.settimeout(self._limit.left)
        return self._sock.recv_into(buffer)


def _exchange(
    to: Address,
    body: bytes,
    fields: Mapping[str, str],
    limit: Limit,
    *,
    context: Callable[[], ssl.SSLContext],
    judge: Callable[[int, str, str, float, str], Outcome],
    said: Callable[[bytes], str] | None,
) -> tuple[Outcome, str | None]:
    """One request and its response: what it means, and where a redirect leads that is followed."""
    with closing(_connected(to, limit)) as plain, closing(_secured(plain, to, limit, context)) as sock:
        connection = HTTPConnection(to.authority)
        connection.auto_open = 0
        connection.sock = Line(sock, limit)
        connection.putrequest("POST", to.target, skip_host=True, skip_accept_encoding=True)
        authorization = {"Authorization": to.authorization} if to.authorization else {}
        own = {"Host": to.authority, "Content-Length": str(len(body)), "Connection": "close"}
        for name, value in {**own, **authorization, **fields}.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        response = connection.getresponse()
        if response.status in KEPT_METHOD:
            return _judge(judge, response, to, ""), response.getheader("Location", "")
        if 200 <= response.status < 300:
            return _judge(judge, response, to, said(_body(response)) if said else ""), None
        return _judge(judge, response, to, _beginning(response, to)), None


def _judge(
    judge: Callable[[int, str, str, float, str], Outcome], response: HTTPResponse, to: Address, output: str
) -> Outcome:
    phrase = fmt.sanitize(addresses.hidden(response.reason.strip(), to)[:80])
    return judge(response.status, phrase, response.getheader("Retry-After", ""), time.time(), output)


def _beginning(response: HTTPResponse, to: Address) -> str:
    """The beginning of a body as one line."""
    line = " ".join(_body(response).decode("utf-8", "replace").split())
    return fmt.sanitize(addresses.hidden(line, to))[:SHOWN]


def _body(response: HTTPResponse) -> bytes:
    """The beginning of a body; nothing if it does not come."""
    try:
        return response.read(READ)
    except (OSError, HTTPException, ValueError):
        return b""


def _connected(to: Address, limit: Limit) -> socket.socket:
    """Connects to the first address of the host that accepts. Each gets its share of the time."""
    found = _resolved(to, limit)
    for number, (family, kind, protocol, _, where) in enumerate(found):
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(limit.left / (len(found) - number))
            sock.connect(where)
        except OSError:
            sock.close()
            if number == len(found) - 1:
                raise
        else:
            return sock
    raise OSError(f"{to.host} has no address")


def _resolved(to: Address, limit: Limit) -> list[Any]:
    """The addresses of a host. The system's resolver cannot be given a time limit, so it is waited for."""
    answers: SimpleQueue[list[Any] | OSError] = SimpleQueue()

    def resolve() -> None:
        try:
            answers.put(socket.getaddrinfo(to.host, to.port, type=socket.SOCK_STREAM))
        except OSError as error:
            answers.put(error)
        except UnicodeError:
            answers.put(OSError(f"{to.host} is no name"))

    threading.Thread(target=resolve, name="netmon-resolve", daemon=True).start()
    try:
        found = answers.get(timeout=limit.left)
    except Empty:
        raise TimeoutError from None
    if isinstance(found, OSError):
        raise found
    return found


def _secured(plain: socket.socket, to: Address, limit: Limit, context: Callable[[], ssl.SSLContext]) -> socket.socket:
    plain.settimeout(limit.left)
    return plain if to.scheme == "http" else context().wrap_socket(plain, server_hostname=to.host)


@cache
def _system() -> ssl.SSLContext:
    import ssl  # noqa: PLC0415  only HTTPS needs it

    return ssl.create_default_context()


def _is_distrust(error: OSError) -> bool:
    """Whether the certificate was refused, which trying again does not change."""
    return type(error).__name__ == "SSLCertVerificationError"


def _words(error: OSError) -> str:
    if _is_distrust(error):
        return f"has a certificate that is not trusted: {fmt.sanitize(getattr(error, 'verify_message', ''))}"
    if isinstance(error, ConnectionRefusedError):
        return "refuses the connection"
    if isinstance(error, ConnectionError):
        return "breaks the connection off"
    return f"cannot be reached: {fmt.sanitize(error.strerror or str(error))}"
