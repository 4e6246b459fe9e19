"""Traffic for a demonstration on loopback: HTTP/1 with calm and storm in turn, HTTP/2 and gRPC, and HTTP/2 inside TLS.

``traffic()`` runs servers and clients in a child process (``python -P -m netmon.demo``), so that making requests does
not slow down the capture. Started by root, the child becomes the user that netmon becomes. It ends when its standard
input is closed, so it never outlives its parent. It listens on 127.0.0.1 only; nothing leaves the machine.
"""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator


class Traffic(NamedTuple):
    """Ports of the servers: HTTP/1, HTTP/2, and HTTP/2 inside TLS. `keys` is the path of the key log of its clients."""

    http1: int
    http2: int
    tls: int
    keys: str

    @property
    def filter(self) -> str:
        """The capture filter that lets only the demo's traffic through."""
        return f"tcp port {self.http1} or tcp port {self.http2} or tcp port {self.tls}"


@contextmanager
def traffic() -> Iterator[Traffic]:
    """Makes traffic while the context lasts; yields where it is."""
    child = subprocess.Popen(
        [sys.executable, "-P", "-m", "netmon.demo"],  # -P: nothing is loaded from the current folder
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with child:
        try:
            assert child.stdout is not None  # noqa: S101  for the type checker: it is a pipe
            told = child.stdout.readline()
            if not told:
                raise OSError("the demo's server did not start")
            yield Traffic(**json.loads(told))
        finally:
            with suppress(PermissionError):  # netmon may have become another user; the child ends with its input
                child.terminate()
