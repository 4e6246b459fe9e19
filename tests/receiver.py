"""A real HTTP server on loopback that fails in the ways a test asks for.

A reply is a function of the connection, called once the whole request was read; each request gets the next reply, and
the last reply serves all further ones.
"""

import socket
import ssl
import struct
import threading
import time
from contextlib import contextmanager, suppress
from types import SimpleNamespace

from patience import eventually

SLOW = 0.02
"""Seconds between two bytes of a receiver that drips."""


def answer(status=200, body=b"", **fields):
    """A complete response. Underscores in the names of fields stand for hyphens."""
    lines = [f"HTTP/1.1 {status} Reason", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
    return lambda line: line.sendall("\r\n".join((*lines, "", "")).encode() + body)


def resets(line):
    """Sends half of a head, then resets the connection."""
    line.sendall(b"HTTP/1.1 200 O")
    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def closes(_line):
    """Sends nothing at all."""


def hangs(line):
    """Waits, without an answer, until the other side has gone."""
    with suppress(OSError):
        line.recv(1)


def _floods(line):
    with suppress(OSError):
        while True:
            line.sendall(b"x" * 65536)


def huge_body(line):
    """A body that never ends."""
    line.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 99999999999\r\n\r\n")
    _floods(line)


def huge_head(line):
    """A head that never ends."""
    line.sendall(b"HTTP/1.1 200 OK\r\nX: ")
    _floods(line)


def drips(line):
    """One byte of a head now and then, without an end."""
    with suppress(OSError):
        for byte in b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000:
            line.sendall(bytes([byte]))
            time.sleep(SLOW)


def no_http(line):
    line.sendall(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")


class Receiver:
    """`requests` are those received so far, each with its method, target, fields (names in lower case) and body."""

    def __init__(self, replies, context=None):
        self.requests, self._replies, self._context = [], list(replies), context
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.url = f"{'https' if context else 'http'}://127.0.0.1:{self.port}/hook"
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def wait(self, count):
        eventually(lambda: len(self.requests) >= count)
        return self.requests

    def close(self):
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()

    def _accept(self):
        while True:
            try:
                line, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(line,), daemon=True).start()

    def _serve(self, line):
        with suppress(OSError, ssl.SSLError), line:
            whole = self._context.wrap_socket(line, server_side=True) if self._context else line
            with whole, whole.makefile("rb") as stream:
                if not (first := stream.readline().decode()):
                    return  # the client has gone without a word
                method, target, _ = first.split()
                fields = {}
                while text := stream.readline().decode().strip():
                    name, _, value = text.partition(":")
                    fields[name.lower()] = value.strip()
                body = stream.read(int(fields.get("content-length", 0)))
                reply = self._replies[min(len(self.requests), len(self._replies) - 1)]
                self.requests.append(SimpleNamespace(method=method, target=target, fields=fields, body=body))
                reply(whole)


@contextmanager
def receiving(*replies, context=None):
    """A receiver that gives these replies; 200 to everything if there are none."""
    receiver = Receiver(replies or [answer()], context)
    try:
        yield receiver
    finally:
        receiver.close()
