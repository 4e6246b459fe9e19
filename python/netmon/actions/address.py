"""A URL of a webhook as parts: where to connect, what to ask for, what may be shown, which redirects are followed.

Text goes in, an `Address` comes out, or ValueError with what is wrong. No message shows more of a URL than its origin:
user, password, path and query may all be secret, also where a receiver quotes them. Never connects, never resolves a
name.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import SplitResult, quote, unquote, urljoin, urlsplit

PORTS = {"http": 80, "https": 443}

API = "/api/v2/alerts"
"""The path of Alertmanager's API to which alerts are posted."""

LENGTH = 4096
"""Characters of a URL at most."""

HIDDEN = "..."
"""What stands for a part of a URL that may be secret."""

TOKEN, SHORTEST = 8, 3
"""Characters at least of a part of a path, and of another part, that is hidden by itself: shorter ones are words."""


class Address(NamedTuple):
    """Where to post: `target` is the path with its query, as it stands in the request."""

    scheme: str
    host: str
    port: int
    target: str
    authorization: str = ""
    """The value of the ``Authorization`` field; empty for none."""

    @property
    def origin(self) -> str:
        """Scheme, host and port: what messages show of a URL."""
        return f"{self.scheme}://{self.authority}"

    @property
    def authority(self) -> str:
        """Host and port as in the field ``Host``: without the port that the scheme implies."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"


@lru_cache(maxsize=256)
def parse(url: str) -> Address:
    """The parts of a URL. Raises ValueError; its message shows nothing of the URL that may be secret."""
    if len(url) > LENGTH:
        raise ValueError(f"has more than {LENGTH} characters")
    if any("\ud800" <= char <= "\udfff" for char in url):
        raise ValueError("is not valid text")
    if any(ord(char) <= 0x20 or ord(char) == 0x7F for char in url):
        raise ValueError("has a space or a control character")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("is not a valid URL") from None
    if parts.scheme not in PORTS:
        raise ValueError("must begin with http:// or https://")
    if not parts.hostname or port == 0:
        raise ValueError("must name a host, and a port above 0 if any")
    target = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._") + (f"?{_query(parts)}" if parts.query else "")
    return Address(parts.scheme, _ascii(parts.hostname), port or PORTS[parts.scheme], target, _basic(parts))


def _query(parts: SplitResult) -> str:
    return quote(parts.query, safe="/?%:@!$&'()*+,;=~-._")


def _ascii(host: str) -> str:
    try:
        return host.encode("ascii" if host.isascii() else "idna").decode()
    except UnicodeError:
        raise ValueError("has a host that is no name") from None


def _basic(parts: SplitResult) -> str:
    """The user and the password of a URL as a field of Basic authentication, RFC 7617."""
    if parts.username is None:
        return ""
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return f"Basic {b64encode(pair.encode()).decode()}"


def shown(url: str) -> str:
    """A URL as it may be shown: ``https://hooks.example/...``, without user, password, path and query."""
    try:
        address = parse(url)
    except ValueError:
        return HIDDEN
    is_all = address.target == "/" and not address.authorization
    return address.origin if is_all else f"{address.origin}/{HIDDEN}"


def hidden(text: str, address: Address) -> str:
    """Text of a receiver, which may quote the request, without the parts of its address that may be secret."""
    for secret in sorted(_secrets(address), key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text


@lru_cache(maxsize=256)
def _secrets(address: Address) -> frozenset[str]:
    """What `hidden` hides: path and query, the tokens in them, user and password; as sent and as meant."""
    path, _, query = address.target.partition("?")
    credentials = address.authorization.removeprefix("Basic ")
    user, _, password = b64decode(credentials).decode().partition(":")
    values = (pair.partition("=")[2] or pair for pair in query.split("&"))
    tokens = (part for part in path.split("/") if len(part) >= TOKEN)
    parts = {address.target, path, query, *values, *tokens, credentials, user, password}
    return frozenset(each for part in parts for each in (part, unquote(part)) if len(each) >= SHORTEST)


def api(address: Address) -> Address | None:
    """The address of Alertmanager's API, where a path ends in ``/api``, ``/api/v2`` or ``/api/v2/alerts``, or None.

    A URL with a query is not one of the API.
    """
    path = "" if "?" in address.target else address.target.rstrip("/")
    for end in ("/api", "/api/v2", API):
        if path.endswith(end):
            return address._replace(target=path.removesuffix(end) + API)
    return None


def redirected(address: Address, location: str) -> Address:
    """The address to which a redirect leads. Raises ValueError if it must not be followed.

    The scheme stays the same: a redirect to a file, or from https to http, leads away from what the rule says, and one
    from http to https is better written into the rule. Another origin gets no password.
    """
    if not location:
        raise ValueError("has no Location")
    try:
        to = parse(urljoin(f"{address.origin}{address.target}", location))
    except ValueError as error:
        raise ValueError(f"leads to a URL that {error}") from None
    if to.scheme != address.scheme:
        raise ValueError(f"leads from {address.scheme} to {to.scheme}, and is not followed")
    return to._replace(authorization=address.authorization if to.origin == address.origin else "")
