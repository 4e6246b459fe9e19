"""Where and how metrics are sent: from the settings, and from the variables that OpenTelemetry defines for exporters.

Settings and an environment go in, a `Target` comes out, or ValueError with what is wrong. A setting counts before a
variable, and a variable for metrics before the one for all signals. Secrets come from variables alone: a command line
can be read by everybody. Pure, but for the files that variables name.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote

from netmon._core import __version__
from netmon.actions import address as addresses

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping

    from netmon.actions.address import Address
    from netmon.options import Settings

PATH = "/v1/metrics"
"""The path of a collector for metrics, where a URL has none."""

INTERVAL, TIMEOUT = 60.0, 10.0
"""Seconds between exports, and seconds for each, where nothing says otherwise: OpenTelemetry's."""

LONGEST = 86_400.0
"""Seconds of a variable at most."""

PREFIX, OF_METRICS = "OTEL_EXPORTER_OTLP_", "OTEL_EXPORTER_OTLP_METRICS_"

TEMPORALITIES = {"cumulative": False, "delta": True, "lowmemory": True}
HISTOGRAMS = {"base2_exponential_bucket_histogram": False, "explicit_bucket_histogram": True}
COMPRESSIONS = {"gzip": True, "none": False}

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
OWN = ("content-type", "content-encoding", "content-length", "host", "connection", "transfer-encoding")
"""Fields that say how the body is sent."""


class Target(NamedTuple):
    address: Address
    fields: Mapping[str, str]
    """The fields of each request."""
    resource: tuple[tuple[str, str], ...]
    interval: float
    timeout: float
    is_delta: bool
    is_explicit: bool
    is_packed: bool
    context: Callable[[], ssl.SSLContext] | None = None
    """Makes the TLS settings, if a variable names certificates."""

    @property
    def shown(self) -> str:
        """What messages show of the URL."""
        return self.address.origin


def target(settings: Settings, environment: Mapping[str, str], host: str) -> Target:
    """The target of ``--otlp``. `host` is the name of this machine. Raises ValueError."""
    given = _Variables(environment)
    to = addresses.parse(settings.otlp or "")
    if to.target == "/":
        to = to._replace(target=PATH)
    is_packed = given.one_of("COMPRESSION", COMPRESSIONS, "gzip")
    fields = {"User-Agent": f"netmon/{__version__}", "Content-Type": "application/x-protobuf"}
    fields |= {"Content-Encoding": "gzip"} if is_packed else {}
    kinds = {"auto": "", "exponential": "base2_exponential_bucket_histogram", "explicit": "explicit_bucket_histogram"}
    return Target(
        to,
        {**fields, **_headers(given)},
        _resource(given, host),
        float(settings.otlp_interval or given.seconds("OTEL_METRIC_EXPORT_INTERVAL", INTERVAL)),
        given.seconds(given.named("TIMEOUT"), TIMEOUT),
        given.one_of(
            "TEMPORALITY_PREFERENCE", TEMPORALITIES, "cumulative", settings.otlp_temporality.replace("auto", "")
        ),
        given.one_of(
            "DEFAULT_HISTOGRAM_AGGREGATION",
            HISTOGRAMS,
            "base2_exponential_bucket_histogram",
            kinds[settings.otlp_histogram],
        ),
        is_packed,
        _context(given),
    )


class _Variables:
    """The variables of an environment; an empty one is none, as OpenTelemetry says."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    def get(self, name: str) -> str:
        text = self._environment.get(name, "").strip()
        if any("\ud800" <= char <= "\udfff" for char in text):
            raise ValueError(f"{name} is not valid text")
        return text

    def named(self, end: str) -> str:
        """The name of the variable that counts: the one for metrics if it is set, else the one for all signals."""
        return OF_METRICS + end if self.get(OF_METRICS + end) else PREFIX + end

    def seconds(self, name: str, usual: float) -> float:
        text = self.get(name)
        if not text:
            return usual
        if not re.fullmatch(r"\d{1,12}", text) or not 0 < int(text) / 1000 <= LONGEST:
            raise ValueError(f"{name}: {text!r} is no number of milliseconds up to a day")
        return int(text) / 1000

    def one_of(self, end: str, values: Mapping[str, bool], usual: str, setting: str | None = None) -> bool:
        name = self.named(end)
        value = setting or self.get(name).lower() or usual
        if value not in values:
            raise ValueError(f"{name}: {value!r} is not one of {', '.join(values)}")
        return values[value]

    def pairs(self, name: str) -> dict[str, str]:
        """Pairs as in ``a=1,b=2``, with escapes as in URLs."""
        pairs = {}
        for part in filter(None, (part.strip() for part in self.get(name).split(","))):
            key, equals, value = part.partition("=")
            if not equals or not key.strip():
                raise ValueError(f"{name} must be written as name=value,name=value")
            pairs[unquote(key.strip())] = unquote(value.strip())
        return pairs


def _headers(given: _Variables) -> dict[str, str]:
    """The fields that a variable adds, such as the key of an account. No message shows a value."""
    name = given.named("HEADERS")
    headers = given.pairs(name)
    for key, value in headers.items():
        if not _NAME.fullmatch(key) or key.lower() in OWN:
            raise ValueError(f"{name}: {key!r} is no field that can be added")
        if not value.isascii() or any(ord(char) < 0x20 or ord(char) == 0x7F for char in value):
            raise ValueError(f"{name}: the value of {key} has characters that no field may have")
    return headers


def _resource(given: _Variables, host: str) -> tuple[tuple[str, str], ...]:
    """What the metrics are of. `OTEL_SERVICE_NAME` counts before `OTEL_RESOURCE_ATTRIBUTES`, as OpenTelemetry says."""
    usual = {"service.name": "netmon", "service.instance.id": host, "service.version": __version__, "host.name": host}
    named = {"service.name": name} if (name := given.get("OTEL_SERVICE_NAME")) else {}
    return tuple({**usual, **given.pairs("OTEL_RESOURCE_ATTRIBUTES"), **named}.items())


def _context(given: _Variables) -> Callable[[], ssl.SSLContext] | None:
    """TLS settings with the certificates that variables name. Files are read now, so that a mistake is told at the
    start.
    """
    ends = ("CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY")
    trusted, certificate, key = (given.get(given.named(end)) for end in ends)
    if not (trusted or certificate):
        return None
    import ssl  # noqa: PLC0415  only HTTPS needs it

    from netmon.actions.credentials import trusting  # noqa: PLC0415  as above

    context = trusting(trusted) if trusted else ssl.create_default_context()
    if certificate:
        try:
            context.load_cert_chain(certificate, key or None)
        except OSError as error:
            name = given.named("CLIENT_CERTIFICATE")
            raise ValueError(f"{name}: {certificate} cannot be used: {error.strerror or error}") from None
    return lambda: context
