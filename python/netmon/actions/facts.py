"""An alert as facts: environment variables of a command, one JSON object, and one sentence.

One table serves all. The key of an alert is text from the wire, so it is made harmless: no control character reaches
any output, and in a variable each character that a shell or a program may take for more than text is percent-encoded.
Pure: no clock, no environment, no output.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from netmon import format as fmt
from netmon._core import __version__
from netmon.measures import measure

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from netmon.actions.spec import Alert

SCHEMA = 1
"""The version of the JSON object."""

LENGTH = 1024
"""Characters of a text at most. Names from the wire are shorter; the names of rules are written by people."""

PREFIX = "NETMON_ALERT_"

PLAIN = frozenset("._:/[]+,~-")
"""Characters besides letters and digits that stay as they are in a variable."""

Value: TypeAlias = str | float | int | None


class Fact(NamedTuple):
    """A fact of an alert. `value` takes the alert and its key in a form that is safe for the output."""

    name: str
    value: Callable[[Alert, str], Value]
    meaning: str

    @property
    def variable(self) -> str:
        return PREFIX + self.name.upper()


def _summary(alert: Alert, key: str) -> str:
    """The alert in one sentence, without the time: ``checkout is slow: latency.p95 is 812 ms, above 500 ms``."""
    rule = alert.rule
    bound = "above" if rule.above is not None else "below" if rule.below is not None else ""
    threshold = rule.above if rule.above is not None else rule.below
    text = f"{rule.name}: {rule.metric} is {_shown(rule.metric, alert.value)}"
    if bound and alert.state == "fired":
        text += f", {bound} {_shown(rule.metric, threshold)}"
    if alert.state == "recovered":
        text += f", recovered after {fmt.duration(alert.duration)}"
    return ", ".join([text, f"{rule.per or ''} {key}".strip()]) if key else text


FACTS = (
    Fact("name", lambda alert, _: alert.rule.name, "the name of the rule"),
    Fact("state", lambda alert, _: alert.state, "`fired` or `recovered`"),
    Fact("severity", lambda alert, _: alert.rule.severity, "the severity of the rule"),
    Fact("summary", _summary, "all of it in one sentence"),
    Fact("metric", lambda alert, _: alert.rule.metric, "the measure, such as `latency.p95`"),
    Fact("value", lambda alert, _: alert.value, "its value, in seconds, bytes, bits, a share of 1, or a count"),
    Fact("above", lambda alert, _: alert.rule.above, "the threshold, if values above it fire"),
    Fact("below", lambda alert, _: alert.rule.below, "the threshold, if values below it fire"),
    Fact("per", lambda alert, _: alert.rule.per, "what the rule is applied to, such as `host`; empty for the total"),
    Fact("key", lambda _, key: key, "which of them, such as `shop.example`; empty for the total"),
    Fact("where", lambda alert, _: _text(alert.rule.where), "the filter of the rule"),
    Fact("span", lambda alert, _: alert.rule.span, "seconds over which the measure is taken"),
    Fact("at", lambda alert, _: iso(alert.at), "when it fired or recovered"),
    Fact("since", lambda alert, _: iso(alert.since), "when it fired"),
    Fact("duration", lambda alert, _: alert.duration, "seconds from firing to recovery; 0 when it fires"),
    Fact("times", lambda alert, _: alert.times, "how often it fired within the last minute"),
)
"""Every fact, in the order in which JSON has them."""


def document(alert: Alert) -> dict[str, Value]:
    """The facts as a JSON object. Text is sanitized; what is not known is null."""
    key = _bounded(alert.key)
    facts = {fact.name: _plain(fact.value(alert, key)) for fact in FACTS}
    return {"schema": SCHEMA, "source": "netmon", "version": __version__, **facts}


def variables(alert: Alert) -> Mapping[str, str]:
    """The facts as environment variables. Numbers have no unit and no grouping; what is not known is empty."""
    key = harmless(_bounded(alert.key))
    return {fact.variable: _variable(_plain(fact.value(alert, key))) for fact in FACTS}


def harmless(text: str) -> str:
    """Text from the wire for a variable: what is neither a letter, a digit nor in `PLAIN` is percent-encoded.

    A hyphen in front is encoded as well: a script that passes the variable on as an argument gives no option.
    """
    encoded = "".join(char if char.isalnum() or char in PLAIN else _percent(char) for char in text)
    return _percent("-") + encoded[1:] if encoded.startswith("-") else encoded


def iso(at: float) -> str:
    """A time in UTC with milliseconds, RFC 3339: ``2026-01-31T12:00:00.000Z``."""
    from datetime import UTC, datetime  # noqa: PLC0415  only alerts need it

    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def number(value: float) -> str:
    """A number as text that programs read: ``0.812``, ``7004``, never ``7004.0`` or ``1e+06``."""
    text = f"{value:.9f}".rstrip("0").rstrip(".")
    return "0" if text in {"", "-0"} else text


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _percent(char: str) -> str:
    return "".join(f"%{byte:02X}" for byte in char.encode("utf-8", "surrogatepass"))


def _bounded(text: str) -> str:
    return text if len(text) <= LENGTH else text[: LENGTH - 3] + "..."


def _plain(value: Value) -> Value:
    """A value that JSON can hold: no control characters, no infinity."""
    if isinstance(value, str):
        return fmt.sanitize(_bounded(value))
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        return int(value) if value.is_integer() and abs(value) < 2**53 else round(value, 9)
    return value


def _variable(value: Value) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return number(value)


def _shown(metric: str, value: float | str | None) -> str:
    """A value of a measure with its unit, for people."""
    if value is None or isinstance(value, str):
        return value or "unknown"
    if not math.isfinite(value):
        return "unknown"
    try:
        unit = measure(metric).unit
    except ValueError:
        return number(value)
    if unit == "s":
        return fmt.latency(value)
    if unit == "ratio":
        return fmt.percent(value)
    return number(round(value, 3)) if unit == "count" else fmt.scaled(value, unit)
