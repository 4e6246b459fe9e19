"""One server for each address: what is served at the same address shares its listening socket."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from netmon.address import Address
    from netmon.serving.server import Server


TAKEN = (errno.EADDRINUSE, errno.EACCES)
"""The errors of a port that another process has, or that only root may have."""

RESERVED, INSTEAD = 1024, 8000
"""Ports below the first are for root, whose rights netmon has given up by then; the second is added to such a port."""


class Served:
    """The outlet of what is served: its servers, which close with it."""

    def __init__(self, servers: Servers) -> None:
        self._servers = servers

    def news(self) -> list[str]:
        return []

    def abandon(self) -> None:
        """Nothing is held."""

    def close(self) -> None:
        self._servers.close()


class Servers:
    def __init__(self) -> None:
        self._open: dict[Address, Server] = {}

    def at(self, address: Address, flag: str) -> Server:
        """The server at an address. Raises OSError, whose message says how `flag` gets another port."""
        if address not in self._open:
            if (shared := next((server for server in self._open.values() if server.is_at(address)), None)) is not None:
                return shared
            from netmon.serving.server import Server  # noqa: PLC0415  loads asyncio, which few runs without a screen need

            try:
                self._open[address] = Server(address)
            except OSError as error:
                hint = _hint(error, address, flag)
                raise OSError(error.errno, f"{error.strerror or error}{hint}", f"{flag} {address}") from error
        return self._open[address]

    def close(self) -> None:
        """Closes all of them within 0.3 s."""
        servers = list(self._open.values())
        self._open.clear()
        for server in servers:
            server.stop()
        for server in servers:
            server.close()


def _hint(error: OSError, address: Address, flag: str) -> str:
    """What to type where a port cannot be had."""
    if error.errno == errno.EACCES and 0 < address.port < RESERVED:
        other = f"{flag} {address.at(address.port + INSTEAD)}"
        return f"; ports below {RESERVED} are for root, whose rights netmon gives up: {other}, or --user root"
    return f"; for any free port: {flag} {address.at(0)}" if error.errno in TAKEN else ""
