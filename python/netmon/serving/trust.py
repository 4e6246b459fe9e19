"""Which requests may be answered: by the host that they name, and by the page that sent them. Pure.

A page on the internet can make a browser send requests to this machine, also under a name of its own that it lets point
here (DNS rebinding). It cannot choose the host that the browser names in them, nor hide where they come from.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Collection

    from netmon.address import Address
    from netmon.serving.messages import Request


def named_host(value: str) -> str:
    """The host in the value of ``Host`` or in an authority: lower case, without its port; empty if it is no host."""
    return host_of(f"//{value}") if not set(value) & set("/?#@\\ ") else ""


def host_of(text: str) -> str:
    """The host that a person means with a name, a name and a port, or a whole URL; empty if it is none."""
    try:
        return (urlsplit(text if "//" in text else f"//{text}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def is_for_us(request: Request, bound: Address, names: Collection[str] = ()) -> bool:
    """Whether the host that a request names is one of this server, which is bound to `bound`.

    That is the name that it is bound to, each of `names` as `host_of` gives them, and ``localhost``. A number is one
    where it cannot mislead: nobody can let a number point elsewhere. A server bound to loopback has only the numbers of
    loopback, others have any, since they may be reached through a translated address. Without a host, no browser has
    sent the request.
    """
    if "host" not in request.headers:
        return True
    host = named_host(request.headers["host"])
    if host in {bound.host, "localhost", *names}:
        return bool(host)
    number = _number(host)
    return number is not None and (number.is_loopback or not is_loopback(bound))


def is_from_us(request: Request, names: Collection[str] = ()) -> bool:
    """Whether a request was sent by a page of this server, or by no page at all.

    A browser says where a request comes from in ``Sec-Fetch-Site``, but only to servers that it believes to be secure;
    else a request from elsewhere has an ``Origin``.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in {"same-origin", "none"}
    origin = request.headers.get("origin")
    if origin is None:
        return True
    try:
        parts = urlsplit(origin)
        own = {request.headers.get("host", "").lower()}
        return parts.netloc.lower() in own or parts.hostname in set(names)
    except ValueError:
        return False


def is_opened(request: Request, names: Collection[str] = ()) -> bool:
    """Whether a person opens this as a page: typed, by a link from anywhere, or from a page of ours; never embedded."""
    if is_from_us(request, names):
        return request.headers.get("sec-fetch-dest", "document") in {"document", "empty"}
    return (request.headers.get("sec-fetch-mode"), request.headers.get("sec-fetch-dest")) == ("navigate", "document")


def is_loopback(bound: Address) -> bool:
    number = _number(bound.host)
    return bound.host == "localhost" or (number is not None and number.is_loopback)


def _number(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
