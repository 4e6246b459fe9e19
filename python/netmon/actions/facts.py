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
    from collections.abc import Callable, Iterator, Mapping

    from netmon.actions.spec import Alert, Rule

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
    kind: str = ""
    """The kind of rules whose alerts have it; all if empty."""

    @property
    def variable(self) -> str:
        return PREFIX + self.name.upper()


def _summary(alert: Alert, key: str) -> str:
    """The alert in one sentence, without the time: ``checkout is slow: latency.p95 is 812 ms, above 500 ms``."""
    rule = alert.rule
    if rule.kind == "new":
        parts = [f"a new {rule.new.replace('_', ' ')}"]
    elif rule.kind == "slo":
        parts = [f"burn rate is {_rate(alert.value)}"]
    else:
        parts = [f"{rule.metric} is {_shown(rule.metric, alert.value)}"]
    parts.append(f"recovered after {fmt.duration(alert.duration)}" if alert.state == "recovered" else _bound(alert))
    parts += [_left(alert.details.budget), f"{rule.per or ''} {key}".strip()]
    return f"{rule.name}: ".removeprefix(": ") + ", ".join(filter(None, parts))


def _bound(alert: Alert) -> str:
    """What the value is beyond, in words."""
    rule, details = alert.rule, alert.details
    if details.window is not None:
        spans = f"{fmt.duration(details.window.long)} and {fmt.duration(details.window.short)}"
        return f"above {_rate(details.window.factor)} over {spans}"
    if details.usual is not None:
        low, high = details.usual
        return f"usual is {_shown(rule.metric, max(low, 0))} to {_shown(rule.metric, high)}"
    if rule.above is not None:
        return f"above {_shown(rule.metric, rule.above)}"
    return f"below {_shown(rule.metric, rule.below)}" if rule.below is not None else ""


def _left(budget: float | None) -> str:
    """What is left of the error budget, in words."""
    if budget is None:
        return ""
    return f"{fmt.percent(budget)} of the error budget left" if budget >= 0 else "the error budget is overdrawn"


def _rate(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3g}"


def metric(rule: Rule) -> str:
    """The measure of a rule: with an objective it is the burn rate, and a rule about newcomers measures nothing."""
    return {"slo": "burn_rate", "new": ""}.get(rule.kind, rule.metric)


def _span(alert: Alert) -> Value:
    """The span of the value: with an objective that of the window, and a newcomer has none."""
    kind = alert.rule.kind
    return None if kind == "new" else _window(alert, "long") if kind == "slo" else alert.rule.span


def _window(alert: Alert, name: str) -> Value:
    return None if alert.details.window is None else float(getattr(alert.details.window, name))


def _usual(alert: Alert, place: int) -> Value:
    return None if alert.details.usual is None else alert.details.usual[place]


FACTS = (
    Fact("name", lambda alert, _: alert.rule.name, "the name of the rule"),
    Fact("state", lambda alert, _: alert.state, "`fired` or `recovered`"),
    Fact("severity", lambda alert, _: alert.rule.severity, "the severity of the rule"),
    Fact("summary", _summary, "all of it in one sentence"),
    Fact(
        "metric",
        lambda alert, _: metric(alert.rule),
        "the measure, such as `latency.p95`; `burn_rate` for a rule with `slo`",
    ),
    Fact("value", lambda alert, _: alert.value, "its value, in seconds, bytes, bits, a share of 1, or a count"),
    Fact("above", lambda alert, _: alert.rule.above, "the threshold, if values above it fire"),
    Fact("below", lambda alert, _: alert.rule.below, "the threshold, if values below it fire"),
    Fact("per", lambda alert, _: alert.rule.per, "what the rule is applied to, such as `host`; empty for the total"),
    Fact("key", lambda _, key: key, "which of them, such as `shop.example`; empty for the total"),
    Fact("where", lambda alert, _: _text(alert.rule.where), "the filter of the rule"),
    Fact("span", lambda alert, _: _span(alert), "seconds over which the measure is taken"),
    Fact("at", lambda alert, _: iso(alert.at), "when it fired or recovered"),
    Fact("since", lambda alert, _: iso(alert.since), "when it fired"),
    Fact("duration", lambda alert, _: alert.duration, "seconds from firing to recovery; 0 when it fires"),
    Fact("times", lambda alert, _: alert.times, "how often it fired within the last minute"),
    Fact("slo", lambda alert, _: alert.rule.slo, "with `slo`: the share of responses that must be good", "slo"),
    Fact("burn_rate", lambda alert, _: alert.value, "with `slo`: 1 uses up the error budget exactly", "slo"),
    Fact("factor", lambda alert, _: _window(alert, "factor"), "with `slo`: the burn rate that may be", "slo"),
    Fact("window", lambda alert, _: _window(alert, "long"), "with `slo`: seconds over which it burns", "slo"),
    Fact("short_window", lambda alert, _: _window(alert, "short"), "with `slo`: and the last seconds of these", "slo"),
    Fact("budget", lambda alert, _: alert.details.budget, "with `slo`: the share of the error budget left", "slo"),
    Fact("usual_low", lambda alert, _: _usual(alert, 0), "with `baseline`: the lowest usual value", "baseline"),
    Fact("usual_high", lambda alert, _: _usual(alert, 1), "with `baseline`: the highest usual value", "baseline"),
    Fact("new", lambda alert, _: alert.rule.new, "with `new`: what is new, such as `host`; `key` is its name", "new"),
)
"""Every fact, in the order in which JSON has them."""


def document(alert: Alert) -> dict[str, Value]:
    """The facts as a JSON object. Text is sanitized; what is not known is null."""
    key = _bounded(alert.key)
    facts = {fact.name: _plain(fact.value(alert, key)) for fact in _of(alert)}
    return {"schema": SCHEMA, "source": "netmon", "version": __version__, **facts}


FIGURES: Mapping[str, tuple[str, ...]] = {
    "bound": ("metric", "value", "threshold", "span"),
    "slo": ("metric", "value", "factor", "window", "short_window", "budget"),
    "baseline": ("metric", "value", "usual_low", "usual_high", "span"),
    "new": ("new",),
}
"""What an alert compares with what, by the kind of its rule: names of facts, and `threshold` for either bound."""

_BY_NAME: Mapping[str, Fact] = {fact.name: fact for fact in FACTS}


def figures(alert: Alert, threshold: float) -> dict[str, Value]:
    """What was measured and what it is compared with, for a log. Rules with a bound have a `threshold`."""
    names = FIGURES[alert.rule.kind]
    return {name: threshold if name == "threshold" else _BY_NAME[name].value(alert, "") for name in names}


def limit(alert: Alert, threshold: float) -> Value:
    """The one value that an alert is beyond, of those of `figures`; None for a newcomer."""
    kind, usual, value = alert.rule.kind, alert.details.usual, alert.value or 0
    if kind == "baseline":
        return None if usual is None else usual[0] if value < usual[0] else usual[1]
    return {"slo": _window(alert, "factor"), "new": None}.get(kind, threshold)


def variables(alert: Alert) -> Mapping[str, str]:
    """The facts as environment variables. Numbers have no unit and no grouping; what is not known is empty."""
    key = harmless(_bounded(alert.key))
    return {fact.variable: _variable(_plain(fact.value(alert, key))) for fact in _of(alert)}


def _of(alert: Alert) -> Iterator[Fact]:
    """Yields the facts that an alert has."""
    yield from (fact for fact in FACTS if fact.kind in {"", alert.rule.kind})


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
