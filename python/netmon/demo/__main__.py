"""The child process of the demonstration: its servers and its clients."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import ssl
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from netmon.demo import Traffic, http1, http2, pages

if TYPE_CHECKING:
    from asyncio import Server

CERTIFICATE = Path(__file__).with_name("certificate.pem")
"""A certificate and its key, which protect nothing: everybody has them."""

CALLERS = ("127.0.0.7", "127.0.0.8")
"""Addresses of the clients of HTTP/2 in clear text."""

PRIVATE = "127.0.0.9"
"""Address of the client of HTTP/2 inside TLS."""


async def _main(keys: Path) -> None:
    inside, outside = _contexts(keys)
    plain = await asyncio.start_server(http1.serve, "127.0.0.1", 0)
    calls = await asyncio.start_server(http2.serve, "127.0.0.1", 0)
    sealed = await asyncio.start_server(http2.serve, "127.0.0.1", 0, ssl=inside)
    told = Traffic(_port(plain), _port(calls), _port(sealed), str(keys))
    print(json.dumps(told._asdict()), flush=True)
    started = asyncio.get_running_loop().time()
    clients = [http1.ask(told.http1, started, address) for address in pages.CLIENTS]
    clients += [http2.ask(told.http2, address, http2.CALLS) for address in CALLERS]
    clients.append(http2.ask(told.tls, PRIVATE, http2.PRIVATE, outside))
    tasks = [asyncio.create_task(each) for each in (_until_parent_ends(), *clients)]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)


def _contexts(keys: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """TLS for the server and for its client, which writes its keys to a file that nobody else can read."""
    inside = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    inside.load_cert_chain(CERTIFICATE)
    outside = ssl.create_default_context(cafile=str(CERTIFICATE))
    keys.touch(mode=0o600)
    outside.keylog_filename = str(keys)
    for context in (inside, outside):
        context.set_alpn_protocols(["h2"])
    return inside, outside


def _port(server: Server) -> int:
    port: int = server.sockets[0].getsockname()[1]
    return port


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


def _end(*_: object) -> None:
    """Ends the process by an exception, so that the folder of the keys is removed."""
    sys.exit()


if __name__ == "__main__":
    with suppress(OSError):  # root that may not switch shows its demo all the same
        _give_up_root()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C signals the whole process group; the parent ends this process
    signal.signal(signal.SIGTERM, _end)
    with tempfile.TemporaryDirectory(prefix="netmon-demo-") as folder:
        asyncio.run(_main(Path(folder, "tls.keys")))
