"""Where netmon listens: text in, an address in one spelling out, or ValueError with what is expected. Opens nothing."""

from __future__ import annotations

import re
from typing import ClassVar, Self

LOOPBACK = "127.0.0.1"
"""The host where none is given: nobody but this machine can connect."""

MOST = 0xFFFF
"""The greatest port."""

NAME = re.compile(r"(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*\.?")
PARTS = re.compile(r"(?:\[(?P<bracketed>[^\[\]]*)\]|(?P<host>[^\[\]:]*))(?::(?P<port>[0-9]*))?")
LIKE = re.compile(r"\d+|\d+\.\d+\.\d+\.\d+|localhost|\[.*|[^\s\[\]]*:\d*|[0-9a-f:]*::[0-9a-f:.]*", re.IGNORECASE)


class Address(str):
    """A host and a port: ``127.0.0.1:9464``, ``[::1]:9464``, ``localhost:9464``. Port 0 is any free port.

    Either part may be left out when it is parsed, and then comes from the class: a number alone is a port, and True is
    the default as a whole.
    """

    __slots__ = ()
    PORT: ClassVar = 0
    """The port where none is given."""

    @classmethod
    def parse(cls, value: object) -> Self:
        if value is True:
            return cls(f"{LOOPBACK}:{cls.PORT}")
        text = "" if isinstance(value, (bool, float)) else str(value).strip().lower()
        host, is_ipv6, port = _parts(text)
        if not text or not (_is_ipv6(host) if is_ipv6 else _is_host(host)):
            usual = f"{LOOPBACK}:{cls.PORT}, [::1]:{cls.PORT} or localhost:{cls.PORT}"
            raise ValueError(f"{value!r} is not an address such as {cls.PORT}, {usual}")
        number = int(port[:6] or cls.PORT)
        if number > MOST:
            raise ValueError(f"{value!r} has a port above {MOST}")
        return cls(f"[{host}]:{number}" if is_ipv6 else f"{host or LOOPBACK}:{number}")

    @property
    def host(self) -> str:
        """The name or number of the host, without brackets."""
        return self.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        return int(self.rpartition(":")[2])

    def at(self, port: int) -> Self:
        """The same host with another port: the one that was free."""
        return type(self)(f"{self.rpartition(':')[0]}:{port}")


class WebAddress(Address):
    """Where the live page is served."""

    __slots__ = ()
    PORT: ClassVar = 8464  # no service is registered or known to use it


class PrometheusAddress(Address):
    """Where metrics are served."""

    __slots__ = ()
    PORT: ClassVar = 9464  # OpenTelemetry's port for Prometheus exporters


def is_meant(word: str) -> bool:
    """Whether a word behind a flag is meant as an address, and not as the first word of a filter: ``tcp``, ``port``.

    A name alone is not, except ``localhost``.
    """
    return bool(LIKE.fullmatch(word)) or word.lower() in {"true", "false", "yes", "no", "on", "off"}


def _parts(text: str) -> tuple[str, bool, str]:
    """The host, whether it can only be an IPv6 address, and the port; either is empty if it is not given."""
    found = PARTS.fullmatch(text)
    if found is None:
        return text, True, ""
    if found["bracketed"] is not None:
        return found["bracketed"], True, found["port"] or ""
    if found["port"] is None and found["host"].isascii() and found["host"].isdecimal():
        return "", False, found["host"]
    return found["host"], False, found["port"] or ""


def _is_ipv6(text: str) -> bool:
    import ipaddress  # noqa: PLC0415  few runs listen

    try:
        return bool(ipaddress.IPv6Address(text))
    except ValueError:
        return False


def _is_host(text: str) -> bool:
    """Whether this is a name or an IPv4 address; empty is the usual host."""
    if not re.fullmatch(r"[\d.]+", text):
        return not text or bool(NAME.fullmatch(text))
    import ipaddress  # noqa: PLC0415  as above

    try:
        return bool(ipaddress.IPv4Address(text))
    except ValueError:
        return False
