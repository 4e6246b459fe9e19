"""What is compared of each row: a kind for each measure, made of the table of measures. Pure.

Sums become rates per second, ratios become shares, and percentiles stay what they are. Of statuses, a comparison looks
at their share of all responses; a condition of ``--fail-if`` at their number, which is what the measure is.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from netmon._core import Host, Section, Snapshot
from netmon.compare import spread
from netmon.compare.measured import ANY, Measured, Percentile, Rate, Share, Unknown, above
from netmon.measures import MEASURES, Quantile, Ratio, Sum, measure

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from netmon._core import Histogram
    from netmon.compare.course import Course
    from netmon.compare.spread import Spread
    from netmon.measures import Unit

Form: TypeAlias = Literal["rate", "share", "percentile"]

Place: TypeAlias = tuple[str, ...]
"""Which row: nothing for all traffic, a host, or a host and a path."""

ROWS: Sequence[type] = (Snapshot, Host, Section)
"""The types of rows by the length of their place."""

DEPENDENT = frozenset({"hits", "packets", "segments", "retransmitted", "retransmitted_ratio", "out_of_order"}) | {
    *("duplicate_acks", "zero_window", "lost", "lost_ratio", "http_ratio")
}
"""Measures whose events come in groups, so that nothing is certain where their dispersion is not known. Amounts of
bytes are such measures too.
"""

WORSE_UP = frozenset({"errors", "error_ratio", "reset", "refused", "retransmitted", "retransmitted_ratio"}) | {
    *("out_of_order", "duplicate_acks", "zero_window", "to_client", "to_server", "lost", "lost_ratio", "unanswered"),
    *("grpc_errors", "grpc_error_ratio", "resets", "undecrypted"),
}
"""Measures that are worse when they are higher. Percentiles of times and statuses from 400 on are too; all others are
neither better nor worse.
"""


class Kind(NamedTuple):
    """One measure as it is compared: its name, its unit, and how a row gives what the test needs."""

    name: str
    form: Form
    unit: Unit
    events: Callable[[Any], float]
    """The events of a row: the part of a share."""
    whole: Callable[[Any], float]
    """What a share is a part of."""
    histogram: Callable[[Any], Histogram | None]
    q: float
    rows: Sequence[type]
    """The types of rows that have it."""

    @property
    def is_worse_up(self) -> bool:
        """Whether a higher value is worse."""
        family, _, parameter = self.name.partition(".")
        if family == "status":
            return parameter[0] in "456789"
        return self.form == "percentile" or self.name in WORSE_UP

    @property
    def is_independent(self) -> bool:
        """Whether events may be taken for independent where their dispersion is not known."""
        return self.name not in DEPENDENT and self.unit not in {"B", "bit"}


def _none(_row: Any) -> Any:
    return 0


def _amount(row: Any, name: str) -> float:
    """A count of a row by the name that the core gives it."""
    found = MEASURES.get(name)
    return float((found.value(row) if found else getattr(row.capture, name)) or 0)


def _histogram_of(name: str) -> Callable[[Any], Histogram | None]:
    return lambda row: getattr(row, name)


def _handshakes_of(name: str) -> Callable[[Any], Histogram | None]:
    return lambda row: getattr(row.tcp, name)


HANDSHAKES = {"to_client": "client_handshake_rtt", "to_server": "server_handshake_rtt"}
"""Measures that are the median of a histogram of handshakes."""


def kind(name: str) -> Kind:
    """The kind of a measure. Raises ValueError for an unknown name, and for a measure that has no kind."""
    found = measure(name)
    made_of = found.made_of
    if name in HANDSHAKES:
        return Kind(name, "percentile", "s", _none, _none, _handshakes_of(HANDSHAKES[name]), 0.5, found.rows)
    if isinstance(made_of, Quantile):
        return Kind(name, "percentile", "s", _none, _none, _histogram_of(made_of.name), made_of.q, found.rows)
    if isinstance(made_of, Ratio):
        parts, wholes = made_of.parts, made_of.whole
        return Kind(
            name,
            "share",
            "ratio",
            lambda row: sum(_amount(row, part) for part in parts),
            lambda row: sum(_amount(row, whole) for whole in wholes),
            _none,
            0.0,
            found.rows,
        )
    if isinstance(made_of, Sum):
        return Kind(name, "rate", found.unit, lambda row: float(found.value(row) or 0), _none, _none, 0.0, found.rows)
    raise ValueError(f"{name} cannot be compared")


def status_share(name: str) -> Kind:
    """The share of all responses that a status, ``status.404``, or a class of statuses has."""
    found = measure(name)
    return Kind(
        name,
        "share",
        "ratio",
        lambda row: float(found.value(row) or 0),
        lambda row: float(row.responses),
        _none,
        0.0,
        found.rows,
    )


def compared(
    kind: Kind, rows: tuple[Any, Any], sides: tuple[Course, Course], *, with_none: bool = False
) -> Measured | None:
    """The comparison of one kind, as if events were independent; None if neither side has anything of it.

    Using `with_none`, rates of nothing at all are compared as well, where it is known that there was nothing.
    """
    if kind.form == "percentile":
        histograms = [kind.histogram(row) if row is not None else None for row in rows]
        before, after = (histogram or _EMPTY for histogram in histograms)
        return Percentile((before, after), kind.q) if before.count or after.count else None
    counts = _both(kind.events, rows)
    if kind.form == "share":
        wholes = _both(kind.whole, rows)
        return Share(counts, wholes) if any(wholes) else None
    seconds, unseen = (sides[0].seconds, sides[1].seconds), (sides[0].unseen, sides[1].unseen)
    is_known = any(counts) or (with_none and all(_is_counted(kind, side) for side in sides))
    return Rate(counts, seconds, unseen) if is_known else None


def _is_counted(kind: Kind, side: Course) -> bool:
    """Whether a side counts events of this kind; tables of sections do not have those of packets and connections."""
    total = side.total
    return Section in kind.rows or bool(total.capture.received or total.tcp.segments)


_EMPTY = Snapshot().latency


def _both(value: Callable[[Any], float], rows: tuple[Any, Any]) -> tuple[float, float]:
    before, after = (value(row) if row is not None else 0.0 for row in rows)
    return before, after


def with_spread(kind: Kind, found: Measured, place: Place, sides: tuple[Course, Course]) -> Measured:
    """The same comparison with the dispersion that the blocks of both sides have in common. What neither side has any
    event of varies on neither.
    """
    if kind.form != "percentile" and not (found.before.events or found.after.events):
        return found
    before, after = (_spread(kind, found, place, side) for side in sides)
    common = spread.in_common(before, after, independent=kind.is_independent)
    if common is None:
        return Unknown(found.before._replace(interval=ANY), found.after._replace(interval=ANY))
    return replace(found, spread=common)  # type: ignore[type-var]


def _spread(kind: Kind, found: Measured, place: Place, side: Course) -> Spread | None:
    """The dispersion of one side."""
    rows = [(seconds, row_at(block, place)) for seconds, block in side.blocks]
    if isinstance(found, Percentile):
        histograms = [kind.histogram(row) or _EMPTY for _, row in rows if row is not None]
        parts = [(float(above(each, found.bound)), float(each.count)) for each in histograms]
    elif kind.form == "share":
        parts = [(kind.events(row), kind.whole(row)) for _, row in rows if row is not None]
    else:
        parts = [(kind.events(row) if row is not None else 0.0, seconds) for seconds, row in rows]
    return spread.of_blocks(parts, is_share=kind.form != "rate")


def row_at(snapshot: Snapshot | None, place: Place) -> Any:
    """The row of a place; None if the snapshot does not have it."""
    if snapshot is None or not place:
        return snapshot
    host = snapshot.host(place[0])
    return host.section(place[1]) if host is not None and len(place) > 1 else host
