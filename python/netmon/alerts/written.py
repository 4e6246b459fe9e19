"""Rules as they are written in a file, ``[[alert]]``: the table of their keys, and each rule as a sentence."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

from netmon._core import Filter, WhereError
from netmon.actions.spec import SETTINGS, Setting, agree
from netmon.alerts.quantity import number
from netmon.alerts.rule import LONGEST_SPAN, MOST_REQUESTS, SHORTEST_SPAN, Kind, New, Rule, Severity, Window
from netmon.alerts.scope import Per
from netmon.measures import Unit, measure
from netmon.values import Duration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from netmon.alerts.policy import Gauge
    from netmon.alerts.watch import Alert


class RuleError(ValueError):
    """A rule of a file that cannot be used. The message is for the user; `key` is the key that is wrong, or empty.

    `others` are further mistakes of the same rule.
    """

    def __init__(self, key: str, message: str, others: Iterable[RuleError] = ()) -> None:
        super().__init__(message)
        self.key = key
        self.others = tuple(others)


class Key(NamedTuple):
    """A key of a rule: its name, the parameter of `Rule`, what it means, and the check that gives the value."""

    name: str
    parameter: str
    help: str
    check: Callable[[Any], Any]


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not a string in quotes")
    return value


def _one_of(kind: object) -> Callable[[object], str]:
    names = [name for name in get_args(kind) if name]

    def check(value: object) -> str:
        if value not in names:
            raise ValueError(f"{value!r} is not one of {', '.join(names)}{_meant(value, names)}")
        return str(value)

    return check


def _amount(value: object) -> float | str:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError(f"{value!r} is not an amount: a number, or text such as '5%' or '200ms'")
    if not isinstance(value, str) and not abs(number(value)) < inf:
        raise ValueError(f"{value!r} is not an amount that netmon can compare: it is too large")
    return value


def _filter(value: object) -> str:
    try:
        Filter(text := _text(value))
    except WhereError as error:
        raise ValueError(str(error)) from None
    return text


def _seconds(value: object) -> float:
    return float(Duration.parse(value))


def _span(value: object) -> float:
    if (seconds := _seconds(value)) > LONGEST_SPAN:
        raise ValueError(f"{value!r} is longer than 7 days, the longest span of a rule")
    if seconds < SHORTEST_SPAN:
        raise ValueError(f"{value!r} is too short: the span of a rule is 1 ms at least")
    return seconds


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"{value!r} is not a whole number of 0 or more")
    if value > MOST_REQUESTS:
        raise ValueError(f"{value!r} is more than netmon counts")
    return value


def _number(value: object) -> float:
    if not 0 < (given := number(value)) < inf:
        raise ValueError(f"{value!r} is not a number above 0")
    return given


def _new(value: object) -> str:
    return _one_of(New)(value.replace(" ", "_") if isinstance(value, str) else value)


def _windows(value: object) -> tuple[Window, ...]:
    try:
        pairs = [(_seconds(long), _seconds(short), _number(factor)) for long, short, factor in value]  # type: ignore[attr-defined]
    except (TypeError, ValueError) as error:
        raise ValueError(f'burn rates are written as in [["1h", "5m", 14.4]]: {error}') from None
    if not pairs or any(short > long for long, short, _ in pairs):
        raise ValueError("the first span of a pair is the longer one")
    return tuple(Window(*pair) for pair in pairs)


def _action(setting: Setting) -> Key:
    """The key of a setting for actions, with its check. A time may be text, as elsewhere in a file."""

    def check(value: object) -> object:
        return setting.check(_seconds(value) if setting.name == "timeout" and isinstance(value, str) else value)

    return Key(setting.name, setting.name, setting.help, check)


KEYS: Mapping[str, Key] = {
    key.name: key
    for key in (
        Key("name", "name", "what the rule is called; it must be there, and no other rule may have it", _text),
        Key("metric", "metric", "what is measured: a measure such as errors, error_ratio, latency.p95", _text),
        Key("where", "where", "which traffic counts: a filter such as host:shop.example section:/checkout", _filter),
        Key("per", "per", "one state for each host, section, interface or client", _one_of(Per)),
        Key("above", "above", "the rule fires above this value", _amount),
        Key("below", "below", "the rule fires below this value", _amount),
        Key("recover", "recover", "the alert ends at this value; by default at the bound itself", _amount),
        Key("span", "span", "how long events add up; 120s by default", _span),
        Key("for", "for_", "how long the value must stay beyond the bound before the rule fires", _seconds),
        Key("keep_firing_for", "keep_firing_for", "how long it must be back before the alert ends", _seconds),
        Key("min_requests", "min_requests", "requests in the span below which the rule does not fire", _whole),
        Key("severity", "severity", "info, warning or critical", _one_of(Severity)),
        Key("slo", "slo", "the share of responses that must be good, such as 99.9%", _amount),
        Key("good", "good", "which responses are good: a filter such as status<500 and latency<300ms", _filter),
        Key("windows", "windows", "burn rates: pairs of spans, long and short, with a factor", _windows),
        Key("baseline", "baseline", "how much of its own past a value is compared with, such as 1h", _span),
        Key(
            "deviations",
            "deviations",
            "deviations from the median that are still usual; 6 by default",
            _number,
        ),
        Key("new", "new", "tell each host, section, client or server_name that was never seen", _new),
        Key("learn", "learn", "how long a rule with new learns before it tells; 1h by default", _seconds),
        *map(_action, SETTINGS.values()),
    )
}
"""Every key that a rule in a file may have."""


def read_rule(table: Mapping[str, Any]) -> Rule:
    """The rule that a table describes; raises RuleError."""
    given: dict[str, Any] = {}
    wrong: list[RuleError] = []
    for name, value in table.items():
        if name not in KEYS:
            wrong.append(RuleError(name, f"a rule has no key {name!r}{_meant(name, KEYS)}"))
            continue
        try:
            given[KEYS[name].parameter] = KEYS[name].check(value)
        except ValueError as error:
            wrong.append(RuleError(name, str(error)))
    if wrong:
        raise RuleError(wrong[0].key, str(wrong[0]), wrong[1:])
    if not given.get("name"):
        raise RuleError("", "a rule needs a name")
    is_of_kind = any(name in given for name in ("slo", "new"))
    if not is_of_kind and "metric" not in given:
        raise RuleError("", "a rule needs a metric: what it measures")
    if not is_of_kind and not any(name in given for name in ("above", "below", "baseline")):
        raise RuleError("", "a rule needs above or below: the value at which it fires")
    try:
        agree(rule := Rule(**given))
        return rule
    except ValueError as error:
        raise RuleError(_blamed(str(error), table), str(error)) from None


def _blamed(words: str, table: Mapping[str, Any]) -> str:
    """The key that an error of `Rule` is about: the first that its words name, or a key of the file."""
    named = [name for name in KEYS if name in table and (f"`{name}`" in words or repr(table[name]) in words)]
    return next(iter(named), "")


def _meant(name: object, known: Iterable[str]) -> str:
    from difflib import get_close_matches  # noqa: PLC0415  only a mistyped name needs it

    near = get_close_matches(str(name), list(known), n=1)
    return f", did you mean {near[0]}?" if near else ""


def amount(value: float, unit: Unit) -> str:
    """A value in its unit, for people: ``500 ms``, ``5 %``, ``10 Mbit``."""
    from netmon import format as fmt  # noqa: PLC0415  only people need it

    if unit == "ratio":
        return fmt.percent(value)
    if unit == "s":
        return fmt.latency(value) if value < 1 else fmt.duration(value)
    return fmt.count(value) if unit == "count" else fmt.scaled(value, unit)


def told(rule: Rule, value: float) -> str:
    """A value of a rule, for people; a rate says so."""
    return amount(value, measure(rule.metric).unit) + ("/s" if rule.per_second else "")


def sentence(rule: Rule) -> str:
    """What a rule does, in words."""
    from netmon import format as fmt  # noqa: PLC0415  as above

    if rule.kind != "bound":
        return _other(rule)
    bound, where = told(rule, rule.threshold), f" ({rule.where})" if rule.where else ""
    if rule.metric == "absent" and rule.below is None:
        of_what = f" of {_ONE[rule.per]}" if rule.per else ""
        words = f"fires when nothing was seen{of_what}{where} for {bound}"
    else:
        side = "below" if rule.below is not None else "above" if rule.above is not None else "at least"
        subject = f"{rule.metric} of each {rule.per}" if rule.per else rule.metric
        span = "" if rule.metric == "absent" else f" over {fmt.duration(rule.span)}"
        words = f"fires when {subject}{where}{span} is {side} {bound}"
    if rule.for_:
        words += f" for {fmt.duration(rule.for_)}"
    if rule.min_requests:
        words += f", with {fmt.plural(rule.min_requests, 'request')} at least"
    words += f"; recovers {_back(rule)}"
    return words + (f" for {fmt.duration(rule.keep_firing_for)}" if rule.keep_firing_for else "")


_ONE: Mapping[Per, str] = {
    "host": "a host",
    "section": "a section",
    "interface": "an interface",
    "client": "a client",
    "process": "a process",
}


def _back(rule: Rule) -> str:
    """Where an alert ends, in words: ``at 500 ms or below``."""
    if rule.recover is None and rule.above is rule.below is None:
        return f"below {told(rule, rule.threshold)}"
    value = told(rule, rule.threshold if rule.recover is None else rule.recover)
    return f"at {value} or {'above' if rule.below is not None else 'below'}"


def _other(rule: Rule) -> str:
    """The sentence of a rule without a bound."""
    from netmon import format as fmt  # noqa: PLC0415  as above

    where = f" ({rule.where})" if rule.where else ""
    if rule.kind == "slo":
        rates = ", ".join(f"{w.factor:g} over {fmt.duration(w.long)} and {fmt.duration(w.short)}" for w in rule.windows)
        share = f"{100 * (rule.slo or 0):.6g} %"
        of_each = f" of each {rule.per}" if rule.per else ""
        what = f"responses{of_each}{where} that are not {rule.good}"
        return f"fires when {what} use up the budget of {share} too fast: {rates}"
    if rule.kind == "new":
        learning = f"after learning for {fmt.duration(rule.learn)}"
        return f"tells each {rule.new.replace('_', ' ')}{where} that was never seen before, {learning}"
    subject = f"{rule.metric} of each {rule.per}" if rule.per else rule.metric
    past = f"the last {fmt.duration(rule.baseline)}"
    away = f"{rule.deviations:g} deviation{'' if rule.deviations == 1 else 's'}"
    return f"fires when {subject}{where} over {fmt.duration(rule.span)} is {away} from {past}"


def subject(alert: Alert) -> str:
    """What an alert is about: the name of its rule and its row; empty if it has neither."""
    return ", ".join(filter(None, (alert.rule.called, alert.key)))


def finding(alert: Alert) -> str:
    """What was found, for people: ``latency.p95 = 620 ms``."""
    rule = alert.rule
    if rule.kind == "new":
        return f"a new {rule.new.replace('_', ' ')}"
    if rule.kind == "slo":
        return f"the error budget {burning(alert.value)}{_allowed(alert)}"
    return f"{rule.metric} = {told(rule, alert.value)}"


def brief(alert: Alert, *, is_short: bool = False) -> str:
    """What was found, in few words: ``620 ms latency.p95``; with `is_short` in fewer, if there are."""
    rule = alert.rule
    if rule.kind == "slo":
        return f"burns {alert.value:.3g} times" if is_short else burning(alert.value)
    return finding(alert) if rule.kind == "new" else f"{told(rule, alert.value)} {rule.metric}"


def burning(rate: float) -> str:
    """A burn rate, for people."""
    return f"burns {rate:.3g} times as fast as allowed"


def _allowed(alert: Alert) -> str:
    window = alert.details.window
    return f", the rule fires above {window.factor:g}" if window and alert.state == "fired" else ""


def within(rule: Rule) -> str:
    """The span of a value, for people: `` in 2 min``. Empty for a rule whose value has none."""
    from netmon import format as fmt  # noqa: PLC0415  as above

    return f" in {fmt.duration(rule.span)}" if rule.kind == "bound" and rule.metric != "absent" else ""


def standing(gauge: Gauge) -> tuple[str, ...]:
    """Where a rule stands, in parts. The first part says most, and each further one continues those before it."""
    return _STANDINGS[gauge.rule.kind](gauge)


def _of_bound(gauge: Gauge) -> tuple[str, ...]:
    rule = gauge.rule
    value, bound = told(rule, gauge.value), told(rule, rule.threshold)
    if rule.below is not None:
        return f"{value} {rule.metric}, fires below {bound}", within(rule)
    return f"{value} {rule.metric}", f", limit {bound}", within(rule)


def _of_objective(gauge: Gauge) -> tuple[str, ...]:
    from netmon import format as fmt  # noqa: PLC0415  as above

    budget = gauge.budget or 0.0
    left = "no" if budget <= 0 else f"{fmt.percent(budget)} of the"
    return f"{left} error budget left", f", {burning(gauge.value)}", f", fires above {gauge.bound:g}"


def _of_baseline(gauge: Gauge) -> tuple[str, ...]:
    rule = gauge.rule
    value = f"{told(rule, gauge.value)} {rule.metric}"
    if gauge.learning:
        return f"learning, {_learned(gauge.learning)}", f", {value}"
    return value, f", usually {told(rule, gauge.bound)} at most" if gauge.bound else ""


def _of_newcomers(gauge: Gauge) -> tuple[str, ...]:
    from netmon import format as fmt  # noqa: PLC0415  as above

    known = fmt.plural(int(gauge.value), f"known {gauge.rule.new.replace('_', ' ')}")
    return (f"learning, {known}", f", {_learned(gauge.learning)}") if gauge.learning else (known,)


def _learned(learning: tuple[float, float]) -> str:
    from netmon import format as fmt  # noqa: PLC0415  as above

    return f"{fmt.duration(learning[0])} of {fmt.duration(learning[1])}"


_STANDINGS: Mapping[Kind, Callable[[Gauge], tuple[str, ...]]] = {
    "bound": _of_bound,
    "slo": _of_objective,
    "baseline": _of_baseline,
    "new": _of_newcomers,
}
