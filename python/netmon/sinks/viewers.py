"""Who may look at the live page: requests in, the page or its stream out, or a sentence that says what to do.

The address of the page has a token in its query. A query is in no name that netmon counts, so that the token reaches no
output, even where netmon watches its own page.
"""

from __future__ import annotations

import hmac
import secrets
import socket
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from netmon.serving import trust
from netmon.serving.messages import HTML, Response
from netmon.sinks import Opened
from netmon.sinks.web import Web

if TYPE_CHECKING:
    from collections.abc import Sequence

    from netmon.address import Address
    from netmon.options import Settings
    from netmon.serving.messages import Request
    from netmon.serving.servers import Servers

TOKEN_BYTES = 16
"""Bytes of the token: 128 bits, which nobody guesses."""

DIGITS = 15
"""Digits of the number of a state at most."""

OTHER_NAME = "This server has another name. Open the address that netmon printed; --web-host NAME allows another name."
NO_TOKEN = "This page has a secret address, which netmon prints when it starts. Open that address."  # noqa: S105  a sentence
EMBEDDED = "This page cannot be a part of another page. Open it by itself."
ELSEWHERE = "Only the page itself may read its stream."
FULL = "Too many people are looking at this page; try again later."


def opened(settings: Settings, servers: Servers) -> Opened:
    """Serves the page. Raises OSError."""
    if settings.web is None:
        raise ValueError("no address is given")
    server = servers.at(settings.web, "--web")
    web, token = Web(settings.where), secrets.token_urlsafe(TOKEN_BYTES)
    viewers = Viewers(web, token, server.bound, (server.address, settings.web, *settings.web_hosts))
    server.handle("/", viewers.page)
    server.handle("/events", viewers.events)
    return Opened("the live page", Open(servers, web), web, f"live page: {url(server.address, token)}", stays=True)


def url(address: Address, token: str) -> str:
    """What to open in a browser. For a server bound to all addresses, that is one that others can reach as well."""
    host = _reachable(address.host == "::") if address.host in ALL else address.host
    return f"http://{f'[{host}]' if ':' in host else host}:{address.port}/?token={token}"


ALL = ("0.0.0.0", "::")  # noqa: S104  only compared
FAR = {socket.AF_INET6: "2001:db8::1", socket.AF_INET: "192.0.2.1"}
"""Addresses for documentation, to which nothing is sent."""


def _reachable(is_ipv6: bool) -> str:
    """The address of this machine towards other networks; that of loopback if it has none."""
    for family in (socket.AF_INET, *([socket.AF_INET6] if is_ipv6 else [])):
        with socket.socket(family, socket.SOCK_DGRAM) as line:
            try:
                line.connect((FAR[family], 9))  # sends nothing, but the kernel chooses an address
            except OSError:
                continue
            return str(line.getsockname()[0])
    return "127.0.0.1"


class Viewers:
    """Answers requests. `bound` is where the server listens, `names` are the further names that it has."""

    def __init__(self, web: Web, token: str, bound: Address, names: Sequence[str]) -> None:
        self._web, self._token, self._bound = web, token.encode(), bound
        machine = socket.gethostname().lower()
        own = () if trust.is_loopback(bound) else (machine, f"{machine}.local")
        self._names = {*filter(None, map(trust.host_of, names)), *own}

    def page(self, request: Request) -> Response:
        refused = self._refused(request)
        if refused is not None:
            return refused
        if request.path != "/":
            return Response.text(404, "There is nothing here.")
        if not trust.is_opened(request, self._names):
            return Response.text(403, EMBEDDED)
        from netmon.page.render import live_policy  # noqa: PLC0415  loads Jinja2, which only the first viewer needs

        policy = ("Content-Security-Policy", f"{live_policy()}; frame-ancestors 'none'")
        return Response(200, self._web.state.page, HTML, (policy,))

    def events(self, request: Request) -> Response:
        refused = self._refused(request)
        if refused is not None:
            return refused
        if not trust.is_from_us(request, self._names):
            return Response.text(403, ELSEWHERE)
        full = Response.text(503, FULL, headers=(("Retry-After", "10"),))
        if request.method == "HEAD":
            return full if self._web.feed.is_full else Response(200, kind="text/event-stream")
        after = _first(request, "after")
        reader = self._web.feed.join(int(after) if after.isdecimal() and len(after) <= DIGITS else 0)
        return full if reader is None else Response(200, reader, "text/event-stream")

    def _refused(self, request: Request) -> Response | None:
        """Why this request is answered with a sentence alone; the same whether there is such a page or not."""
        if not trust.is_for_us(request, self._bound, self._names):
            return Response.text(403, OTHER_NAME)
        if not hmac.compare_digest(_first(request, "token").encode(), self._token):
            return Response.text(403, NO_TOKEN)
        return None


def _first(request: Request, name: str) -> str:
    """The first value of a parameter in the query; empty if there is none."""
    try:
        return parse_qs(request.query, max_num_fields=10).get(name, [""])[0]
    except ValueError:  # more than ten
        return ""


class Open:
    """The outlet: the servers, for as long as the page is served."""

    def __init__(self, servers: Servers, web: Web) -> None:
        self._servers, self._web = servers, web

    def news(self) -> list[str]:
        return self._web.news()

    def abandon(self) -> None:
        """Nothing is held."""

    def close(self) -> None:
        self._servers.close()
