"""The live page: the page of the report, made of what is known now, and sent anew to all who look at it.

`Web` is the sink. It takes frames and never waits for a viewer: pages are made by the threads of those who ask.
"""

from __future__ import annotations

import hmac
import secrets
from threading import Lock
from typing import TYPE_CHECKING

from netmon.page.data import document
from netmon.page.record import Record
from netmon.serving import trust
from netmon.serving.messages import HTML, Body, Response
from netmon.sinks import Opened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from netmon.address import Address
    from netmon.frames import Frame
    from netmon.options import Settings
    from netmon.serving.messages import Request
    from netmon.serving.servers import Servers

TOKEN_BYTES = 16
"""Bytes of the token in the address of the page: 128 bits, which nobody guesses."""

NAME = "the live page"

UNKNOWN_HOST = (
    "This server has another name. Open the address that netmon printed; --web-host NAME allows another name."
)
UNKNOWN_PAGE = "This page has a secret address, which netmon prints when it starts. Open that address."


def opened(settings: Settings, servers: Servers) -> Opened:
    """Serves the page. Raises OSError."""
    if settings.web is None:
        raise ValueError("no address is given")
    server = servers.at(settings.web, "--web")
    token = secrets.token_urlsafe(TOKEN_BYTES)
    web = Web(Record(settings.where))
    pages = Pages(web, token, server.address, settings.web_hosts)
    server.handle("/", pages.respond)
    return Opened(NAME, Open(servers), web, f"live page: {url(server.address, token)}", stays=True)


def url(address: Address, token: str) -> str:
    """The address to open in a browser. Where any address of the machine will do, that of loopback."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address.host, address.host)  # noqa: S104  not bound here
    return f"http://{f'[{host}]' if ':' in host else host}:{address.port}/{token}/"


class Web:
    """The sink: what the page is made of, and the page as it was made last."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self._taken = self._made = 0
        self._body: Body | None = None
        self._lock, self._making = Lock(), Lock()

    def update(self, frame: Frame) -> None:
        with self._lock:
            self._record.update(frame)
            self._taken += 1

    def close(self) -> None:
        """Everything has been taken."""

    def page(self) -> Body:
        """The newest page. Several who ask at once get the same one."""
        from netmon.page.render import page  # noqa: PLC0415  loads Jinja2, which only the first page needs

        with self._making:
            with self._lock:
                taken, record = self._taken, self._record.copy()
            if self._body is None or self._made != taken:
                self._made, self._body = taken, Body(page(document(record)).encode())
            return self._body


class Pages:
    """Answers requests: the page to whoever knows the token, and a sentence to everybody else."""

    def __init__(self, web: Web, token: str, bound: Address, names: Sequence[str]) -> None:
        self._web, self._token, self._bound, self._names = web, token, bound, names

    def respond(self, request: Request) -> Response:
        if not trust.is_for_us(request, self._bound, self._names):
            return Response.text(403, UNKNOWN_HOST)
        token, _, rest = request.path[1:].partition("/")
        if not hmac.compare_digest(token.encode("latin-1"), self._token.encode()):
            return Response.text(404, UNKNOWN_PAGE)
        if rest or not request.path.endswith("/"):
            return Response.text(404, "There is nothing here.")
        if not trust.is_opened(request):
            return Response.text(403, "This page cannot be a part of another page.")
        return Response(200, self._web.page(), HTML)


class Open:
    """The outlet: the servers, as long as the page is served."""

    def __init__(self, servers: Servers) -> None:
        self._servers = servers

    def news(self) -> list[str]:
        return []

    def abandon(self) -> None:
        """Nothing is held."""

    def close(self) -> None:
        self._servers.close()
