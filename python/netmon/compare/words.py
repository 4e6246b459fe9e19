"""A comparison in words: values, intervals, sentences. Names from the wire are sanitized. Pure."""

from __future__ import annotations

from math import inf, isfinite
from typing import TYPE_CHECKING

from netmon import format as fmt
from netmon.compare.measured import ANY_RATIO

if TYPE_CHECKING:
    from collections.abc import Callable

    from netmon.compare.findings import Finding
    from netmon.compare.kinds import Kind, Place
    from netmon.compare.measured import Value

NAMES = {
    "error_ratio": "error ratio",
    "grpc_error_ratio": "failed gRPC calls",
    "retransmitted_ratio": "resent segments",
    "reset": "resets",
    "resets": "reset streams",
    "refused": "refusals",
    "to_client": "RTT to clients",
    "to_server": "RTT to servers",
}
"""What measures are called; others by their own name, with blanks."""

FACTOR = 2.0
"""A change of more than this is told as a factor, else in percent."""

ALL = "all traffic"

UNKNOWN = "not known"
"""An interval that has no bound."""


def name(kind: Kind) -> str:
    """``error ratio``, ``p95``, ``status 404``."""
    family, _, parameter = kind.name.partition(".")
    if family == "latency":
        return parameter
    if family == "status":
        return f"status {parameter}"
    return NAMES.get(kind.name) or kind.name.replace("_", " ").replace(".", " ")


def where(place: Place) -> str:
    """A host, or a host and a path; ``all traffic`` for all."""
    return fmt.sanitize("".join(place)) or ("-" if place else ALL)


def value(kind: Kind, amount: float | None) -> str:
    """``3.1 %``, ``20 ms``, ``62.5/s``, ``1.2 MB/s``; ``-`` if nothing was measured."""
    if amount is None:
        return "-"
    if kind.form == "percentile":
        return fmt.latency(amount)
    if kind.form == "share":
        return share(amount)
    return f"{amount_of(kind, amount)}/s"


def amount_of(kind: Kind, amount: float) -> str:
    """A count, or an amount of bytes or bits."""
    if kind.unit in {"B", "bit"}:
        return fmt.scaled(amount, "B" if kind.unit == "B" else "bit")
    return f"{amount:.2g}" if 0 < amount < 0.095 else fmt.rate(amount)


def share(part: float) -> str:
    """``3.1 %``, with one decimal, and two figures below 0.1 %; shows 0 only for 0, and 100 only for all."""
    percent = 100 * part
    if part <= 0 or part >= 1:
        return "0 %" if part <= 0 else "100 %"
    if percent < 0.0995:
        return f"{percent:.2g} %" if percent >= 1e-4 else "<0.0001 %"
    return f"{percent:.1f} %" if percent < 99.95 else ">99.9 %"


def basis(kind: Kind, side: Value) -> str:
    """Of how many events a value is made: ``190 of 6 100``; of a rate, how many; of a percentile, of how many."""
    if kind.form == "share":
        return f"{fmt.count(side.events)} of {fmt.count(side.of)}"
    if kind.form == "percentile":
        return f"of {fmt.count(side.events)}"
    return (
        fmt.scaled(side.events, "B" if kind.unit == "B" else "bit") if kind.unit != "count" else fmt.count(side.events)
    )


def change(finding: Finding) -> str:
    """The interval of a change: ``+2.4 to +3.4 points``, ``-30 to -12 %``, ``x3.9 to x5.0``."""
    if finding.kind.form == "share":
        low, high = finding.measured.difference
        if not (isfinite(low) and isfinite(high)):
            return UNKNOWN
        return f"{_signed(100 * low, 100 * high)} points"
    if finding.kind.form == "percentile" and finding.measured.ratio == ANY_RATIO:
        return span(*finding.measured.difference, fmt.latency)
    return ratio(*finding.measured.ratio)


def span(low: float, high: float, shown: Callable[[float], str]) -> str:
    """An interval of amounts: ``+13 ms to +22 ms``."""
    if not (isfinite(low) or isfinite(high)):
        return UNKNOWN
    if not (isfinite(low) and isfinite(high)):
        return f"{_sized(low, shown)} or more" if isfinite(low) else f"{_sized(high, shown)} or less"
    return f"{_sized(low, shown)} to {_sized(high, shown)}"


def _sized(amount: float, shown: Callable[[float], str]) -> str:
    return f"{'+' if amount > 0 else '-' if amount < 0 else ''}{shown(abs(amount))}"


def ratio(low: float, high: float) -> str:
    """The interval of a ratio in words."""
    if low <= 0 and high == inf:
        return UNKNOWN
    if high == inf:
        return f"x{_figure(low)} or more" if low >= FACTOR else f"{_signed(100 * (low - 1))} % or more"
    if high > FACTOR and low >= 1:
        return f"x{_figure(low)} to x{_figure(high)}"
    return f"{_signed(100 * (low - 1), 100 * (high - 1))} %"


def _signed(*numbers: float) -> str:
    return " to ".join(f"{'+' if number > 0 else '-' if text != '0' else ''}{text}" for number, text in _texts(numbers))


def _texts(numbers: tuple[float, ...]) -> list[tuple[float, str]]:
    """Each number with its size as text; all with the decimals that the smallest one needs."""
    greatest = max(map(abs, numbers))
    digits = 0 if greatest >= 9.95 else 1 if greatest >= 0.995 else 2
    return [
        (number, f"{abs(number):.{digits}f}" if abs(number) < 10_000 else fmt.short(abs(number))) for number in numbers
    ]


def _figure(factor: float) -> str:
    return f"{factor:.1f}" if factor < 9.95 else fmt.short(factor)


def sentence(finding: Finding) -> str:
    """What changed, with the counts: ``error ratio of api.example rose from 0.2 % (12 of 6 000) to 3.1 % (190 of
    6 100)``.
    """
    before, after = finding.measured.before, finding.measured.after
    row = where(finding.place)
    if finding.has_appeared:
        return f"{row} appeared: {fmt.plural(int(after.events), 'request')} after, none before"
    if finding.has_vanished:
        return f"{row} vanished: {fmt.plural(int(before.events), 'request')} before, none after"
    values = [value(finding.kind, side.value) for side in (before, after)]
    first, second = (_basis(finding, side) for side in (before, after))
    what = f"{name(finding.kind)} {'to' if finding.kind.name == 'requests' and finding.place else 'of'} {row}"
    if values[0] == values[1]:
        return f"{what} stayed at {values[0]} ({first} before, {second} after)"
    verb = "rose" if finding.change > 0 else "fell" if finding.change < 0 else "went"
    return f"{what} {verb} from {values[0]} ({first}) to {values[1]} ({second})"


def _basis(finding: Finding, side: Value) -> str:
    text = basis(finding.kind, side)
    if finding.kind.form == "percentile":
        return f"{text} {'handshakes' if finding.kind.name.startswith('to_') else 'responses'}"
    return f"{text} in {fmt.duration(side.of)}" if finding.kind.form == "rate" else text
