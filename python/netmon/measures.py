"""The measures: one table of the numbers that alerts, screens and exports show.

A measure takes a merged snapshot, or one of its rows, and returns a number in its unit; None if nothing was measured.
Names and headings of exports are those of the JSON fields. Some names have a parameter: ``status.503``,
``status.5xx``, ``grpc_status.UNAVAILABLE``, ``latency.p95``. Pure: no clock, no output, and no text for people.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias, get_args

from netmon._core import GRPC_STATUSES, Client, Host, Interface, Section, Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Unit: TypeAlias = Literal["count", "ratio", "s", "B", "bit"]
"""Counts, bytes and bits add up over time; a ratio is 0 to 1."""

Metric: TypeAlias = Literal["hits", "requests", "responses", "errors"]
METRICS: tuple[Metric, ...] = get_args(Metric)
"""The measures that an alert rule can add up."""


class Sum(NamedTuple):
    """A measure that is a sum of counts of the core, times a factor."""

    names: tuple[str, ...]
    factor: float = 1.0


class Ratio(NamedTuple):
    """A measure that is a sum of counts divided by a sum of counts."""

    parts: tuple[str, ...]
    whole: tuple[str, ...]


class Quantile(NamedTuple):
    """A measure that is a quantile, from 0 to 1, of a histogram of the core."""

    name: str
    q: float


class Absence(NamedTuple):
    """A measure that is the time since a row was last seen in traffic."""


MadeOf: TypeAlias = Sum | Ratio | Quantile | Absence
"""What a measure is made of, as `netmon._core.Sliding` names it; so it can be added up over a span."""

COUNTED = (Snapshot, Host, Section, Client)
TIMED = (Snapshot, Host, Section)
CARRIED = (Snapshot, Interface)
CONNECTED = (Snapshot, Host, Interface)
CAPTURED = (Snapshot,)
SEEN = (Snapshot, Host, Section, Client, Interface)
"""Which types of rows have counts of messages, durations, traffic, connections, what the capture missed, or any."""


class Measure(NamedTuple):
    """A measure: its name, its unit, the function from a row to its value, and the types of rows that have it."""

    name: str
    unit: Unit
    value: Callable[[Any], float | None]
    rows: tuple[type, ...] = ()
    explained: tuple[str, ...] = ()
    """Longer forms of the name that explain it, the longest first; empty if the name says enough."""
    made_of: MadeOf | None = None
    """How an alert rule adds it up; None if it cannot be added up, such as a median of medians."""

    @property
    def field(self) -> str:
        """The name as a JSON field or a heading, as `Snapshot.rows` spells it."""
        return self.name.replace(".", "_")


def ratio(part: float, whole: float) -> float | None:
    """`part` divided by `whole`; None if `whole` is 0."""
    return part / whole if whole else None


def lost_ratio(lost: int, received: int) -> float | None:
    """The share of all packets that the capture lost."""
    return ratio(lost, lost + received)


def _interfaces(row: Any) -> Sequence[Interface]:
    """The interface itself as a sequence of one, or all interfaces of a snapshot."""
    return (row,) if isinstance(row, Interface) else row.interfaces


def _carried(attribute: str, times: int = 1) -> Callable[[Any], float]:
    return lambda row: times * sum(getattr(interface, attribute) for interface in _interfaces(row))


def _of(attribute: str) -> Callable[[Any], float]:
    return lambda row: getattr(row, attribute)


def _tcp(attribute: str) -> Callable[[Any], float | None]:
    return lambda row: getattr(row.tcp, attribute)


def _grpc_calls(row: Any) -> int:
    """Calls of gRPC that have ended."""
    return sum(row.grpc_statuses.values())


def _grpc_errors(row: Any) -> int:
    """Calls of gRPC that failed."""
    return _grpc_calls(row) - int(row.grpc_statuses.get("OK", 0))


def _lost(row: Snapshot) -> int:
    """Packets dropped by the kernel and by interfaces, and those of a file that could not be read."""
    return row.capture.kernel_dropped + row.capture.interface_dropped + row.capture.unread


_LOST = ("kernel_dropped", "interface_dropped", "unread")

_http_bytes, _bytes = _carried("http_bytes"), _carried("bytes")

MEASURES: Mapping[str, Measure] = {
    measure.name: measure
    for measure in (
        Measure(
            "hits",
            "count",
            _of("hits"),
            COUNTED,
            explained=("hits (requests + responses)", "hits (requests+responses)"),
            made_of=Sum(("hits",)),
        ),
        Measure("requests", "count", _of("requests"), COUNTED, made_of=Sum(("requests",))),
        Measure("responses", "count", _of("responses"), COUNTED, made_of=Sum(("responses",))),
        Measure("errors", "count", _of("errors"), COUNTED, made_of=Sum(("errors",))),
        Measure(
            "error_ratio",
            "ratio",
            lambda row: ratio(row.errors, row.responses),
            COUNTED,
            made_of=Ratio(("errors",), ("responses",)),
        ),
        Measure("request_bytes", "B", _of("request_bytes"), COUNTED, made_of=Sum(("request_bytes",))),
        Measure("response_bytes", "B", _of("response_bytes"), COUNTED, made_of=Sum(("response_bytes",))),
        Measure(
            "message_bytes",
            "B",
            lambda row: row.request_bytes + row.response_bytes,
            COUNTED,
            made_of=Sum(("request_bytes", "response_bytes")),
        ),
        Measure("grpc_calls", "count", _grpc_calls, COUNTED, made_of=Sum(("grpc_calls",))),
        Measure("grpc_errors", "count", _grpc_errors, COUNTED, made_of=Sum(("grpc_errors",))),
        Measure(
            "grpc_error_ratio",
            "ratio",
            lambda row: ratio(_grpc_errors(row), _grpc_calls(row)),
            COUNTED,
            made_of=Ratio(("grpc_errors",), ("grpc_calls",)),
        ),
        Measure("request_messages", "count", _of("request_messages"), COUNTED, made_of=Sum(("request_messages",))),
        Measure("response_messages", "count", _of("response_messages"), COUNTED, made_of=Sum(("response_messages",))),
        Measure(
            "messages",
            "count",
            lambda row: row.request_messages + row.response_messages,
            COUNTED,
            made_of=Sum(("request_messages", "response_messages")),
        ),
        Measure(
            "resets",
            "count",
            lambda row: sum(row.client_resets.values()) + sum(row.server_resets.values()),
            COUNTED,
            made_of=Sum(("client_resets", "server_resets")),
        ),
        Measure("packets", "count", _carried("packets"), CARRIED, made_of=Sum(("packets",))),
        Measure("bytes", "B", _bytes, CARRIED, made_of=Sum(("bytes",))),
        Measure("bits", "bit", _carried("bytes", 8), CARRIED, made_of=Sum(("bytes",), 8)),
        Measure("http_bytes", "B", _http_bytes, CARRIED, made_of=Sum(("http_bytes",))),
        Measure("http_bits", "bit", _carried("http_bytes", 8), CARRIED, made_of=Sum(("http_bytes",), 8)),
        Measure(
            "http_ratio",
            "ratio",
            lambda row: ratio(_http_bytes(row), _bytes(row)),
            CARRIED,
            made_of=Ratio(("http_bytes",), ("bytes",)),
        ),
        Measure("opened", "count", _tcp("opened"), CONNECTED, made_of=Sum(("opened",))),
        Measure("closed", "count", _tcp("closed"), CONNECTED, made_of=Sum(("closed",))),
        Measure("reset", "count", _tcp("reset"), CONNECTED, made_of=Sum(("reset",))),
        Measure("refused", "count", _tcp("refused"), CONNECTED, made_of=Sum(("refused",))),
        Measure("segments", "count", _tcp("segments"), CONNECTED, made_of=Sum(("segments",))),
        Measure("retransmitted", "count", _tcp("retransmitted"), CONNECTED, made_of=Sum(("retransmitted",))),
        Measure(
            "retransmitted_ratio",
            "ratio",
            _tcp("retransmitted_share"),
            CONNECTED,
            made_of=Ratio(("retransmitted",), ("segments",)),
        ),
        Measure("out_of_order", "count", _tcp("out_of_order"), CONNECTED, made_of=Sum(("out_of_order",))),
        Measure("duplicate_acks", "count", _tcp("duplicate_acks"), CONNECTED, made_of=Sum(("duplicate_acks",))),
        Measure("zero_window", "count", _tcp("zero_window"), CONNECTED, made_of=Sum(("zero_window",))),
        Measure("rtt", "s", _tcp("rtt"), CONNECTED),
        Measure("to_client", "s", _tcp("to_client"), CONNECTED),
        Measure("to_server", "s", _tcp("to_server"), CONNECTED),
        Measure("lost", "count", _lost, CAPTURED, made_of=Sum(_LOST)),
        Measure(
            "lost_ratio",
            "ratio",
            lambda row: lost_ratio(_lost(row), row.capture.received),
            CAPTURED,
            made_of=Ratio(_LOST, ("received", *_LOST)),
        ),
        Measure("unanswered", "count", lambda row: row.capture.unanswered, CAPTURED, made_of=Sum(("unanswered",))),
        Measure(
            "undecrypted",
            "count",
            lambda row: sum(row.capture.undecrypted.values()),
            CAPTURED,
            made_of=Sum(("undecrypted",)),
        ),
        Measure("goaways", "count", lambda row: sum(row.capture.goaways.values()), CAPTURED, made_of=Sum(("goaways",))),
        Measure("absent", "s", lambda _row: None, SEEN, made_of=Absence()),
    )
}


def measure(name: str) -> Measure:
    """The measure of that name, with or without a parameter. Raises ValueError for an unknown name."""
    family, _, parameter = name.partition(".")
    found = MEASURES.get(name) or (_FAMILIES[family](name, parameter) if family in _FAMILIES else None)
    if found is None:
        raise ValueError(f"no measure is called {name!r}")
    return found


def _status(name: str, parameter: str) -> Measure | None:
    """Responses of a status code, ``503``, or of a class of codes, ``5xx``."""
    first, rest = parameter[:1], parameter[1:]
    if not (first in tuple("123456789") and len(rest) == 2 and (rest == "xx" or (rest.isascii() and rest.isdecimal()))):
        return None
    if rest == "xx":
        return Measure(
            name,
            "count",
            lambda row: sum(n for status, n in row.statuses.items() if status // 100 == int(first)),
            COUNTED,
            made_of=Sum((name,)),
        )
    return Measure(name, "count", lambda row: row.statuses.get(int(parameter), 0), COUNTED, made_of=Sum((name,)))


def _grpc_status(name: str, parameter: str) -> Measure | None:
    """Calls of gRPC with a status, by its name: ``UNAVAILABLE``."""
    if parameter not in GRPC_STATUSES:
        return None
    return Measure(name, "count", lambda row: row.grpc_statuses.get(parameter, 0), COUNTED, made_of=Sum((name,)))


def _latency(name: str, parameter: str) -> Measure | None:
    """A percentile of the time from a request's last byte to the response's first: ``p95``, ``p99.9``."""
    share = _percentile(parameter)
    if share is None:
        return None
    made_of = Quantile("latency", share)
    return Measure(name, "s", lambda row: row.latency.quantile(share), COUNTED, made_of=made_of)


def _duration(name: str, parameter: str) -> Measure | None:
    """A percentile of the time from a request's first byte to the response's last."""
    share = _percentile(parameter)
    if share is None:
        return None
    made_of = Quantile("duration", share)
    return Measure(name, "s", lambda row: row.duration.quantile(share), TIMED, made_of=made_of)


def _percentile(parameter: str) -> float | None:
    """0.95 for ``p95``, else None. Each percentile has one spelling, so ``p095`` and ``p95.0`` give None."""
    digits = parameter.removeprefix("p")
    try:
        percent = float(digits)
    except ValueError:
        return None
    is_spelt = 0 < percent < 100 and parameter == f"p{percent:g}"
    return percent / 100 if is_spelt else None


_FAMILIES: Mapping[str, Callable[[str, str], Measure | None]] = {
    "status": _status,
    "grpc_status": _grpc_status,
    "latency": _latency,
    "duration": _duration,
}
"""The measures whose name has a parameter after a dot."""
