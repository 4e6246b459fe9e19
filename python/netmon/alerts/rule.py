"""A rule: which measure of which rows is compared with which bound, and for how long. Checked when it is made."""

from __future__ import annotations

import re
from math import inf, isfinite
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self, get_args

from netmon._core import Filter
from netmon.alerts.quantity import Quantity, quantity
from netmon.alerts.scope import ROWS, Per, both, reads_exchanges
from netmon.measures import MEASURES, Measure, measure

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Severity = Literal["info", "warning", "critical"]
Format = Literal["alertmanager", "plain"]

LONGEST_SPAN = 7 * 86400.0
"""Seconds of the longest span of a rule."""

SHORTEST_SPAN = 0.001
"""Seconds of the shortest span of a rule: an interval has ten times as many at least."""

LONGEST_LEARNING = 3650 * 86400.0
"""Seconds that a rule about newcomers learns at most: times of a capture are certain to have room for them."""

MOST_REQUESTS = 2**53
"""The largest `min_requests`: beyond, a float does not tell two numbers apart."""

SOME = 12
"""Measures that a message names of those that a rule may count."""

USUAL = "high traffic"
"""The name of the rule that is always there, and of any other one without a name that fires when hits are many."""

NAME_LENGTH = 200
"""Maximum number of characters of a rule's name."""


New = Literal["", "host", "section", "client", "server_name"]
Kind = Literal["bound", "slo", "baseline", "new"]


class Window(NamedTuple):
    """A pair of spans over which an error budget may burn at most at a `factor` of the rate that uses it up exactly."""

    long: float
    short: float
    factor: float


MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
LONGEST_WINDOW = 30 * DAY
"""Seconds of the longest span of a pair. Responses are counted by minute, so a span has whole minutes."""
WINDOWS = (Window(HOUR, HOUR / 12, 14.4), Window(6 * HOUR, HOUR / 2, 6.0), Window(3 * DAY, 6 * HOUR, 1.0))
"""Long span, short span and factor of the burn rates in chapter 5 of the Site Reliability Workbook."""

DEVIATIONS = 6.0
"""Deviations from the median, in units of the usual one, within which a value is as it was before."""

LEARN = HOUR
"""Seconds in which a rule about newcomers learns what is known."""


class _Rule(NamedTuple):
    threshold: float
    span: float
    metric: str
    name: str
    where: str
    per: Per
    above: float | None
    below: float | None
    recover: float | None
    for_: float
    keep_firing_for: float
    min_requests: int
    severity: Severity
    exec: tuple[str, ...]
    webhook: str
    format: Format
    secret: str
    timeout: float | None
    secret_file: str
    ca_file: str
    slo: float | None
    good: str
    windows: tuple[Window, ...]
    baseline: float
    deviations: float
    new: New
    learn: float
    per_second: bool


class Rule(_Rule):
    """An alert when `metric`, measured over the last `span` seconds, crosses a bound.

    With `threshold` the bound is crossed at that value or more, with `above` only above it, with `below` only below it.
    The alert recovers when the value is back at `recover`, by default the bound itself. Bounds are numbers in the unit
    of the measure, or texts: ``"500ms"``, ``"5%"``, ``"10Mbit/s"``; a rate is compared with the mean over the span.

    `per` keeps one state for each ``"host"``, ``"section"``, ``"interface"``, ``"client"`` or ``"process"``; without
    it, the rule is about all traffic. The value must stay beyond the bound for `for_` seconds before the rule fires,
    and back for `keep_firing_for` seconds before it recovers. Below `min_requests` requests in the span it does not
    fire. `exec`, `webhook`, `format`, `secret`, `timeout`, `secret_file` and `ca_file` are about its actions.
    ValueError says what is wrong with a rule.
    """

    __slots__ = ()

    def __new__(  # noqa: PLR0917  a rule has this many settings, all but three of them by name
        cls,
        threshold: float = 7000,
        span: float = 120.0,
        metric: str = "hits",
        name: str = "",
        where: str = "",
        per: Per = "",
        above: float | str | None = None,
        below: float | str | None = None,
        recover: float | str | None = None,
        for_: float = 0.0,
        keep_firing_for: float = 0.0,
        min_requests: int = 0,
        severity: Severity = "warning",
        exec: Iterable[str] = (),  # noqa: A002  the name of the setting
        webhook: str = "",
        format: Format = "alertmanager",  # noqa: A002  as above
        secret: str = "",
        timeout: float | None = None,
        secret_file: str = "",
        ca_file: str = "",
        slo: float | str | None = None,
        good: str = "",
        windows: Iterable[Sequence[float]] = WINDOWS,
        baseline: float = 0.0,
        deviations: float = DEVIATIONS,
        new: New = "",
        learn: float = LEARN,
        per_second: bool = False,
    ) -> Self:
        where = where if where.strip() else ""
        kind = _measure(metric, per, where)
        if above is not None and below is not None:
            raise ValueError("a rule has `above` or `below`, not both")
        bound, per_second = _bound(above, below, threshold, kind, is_rate=per_second)
        back = None if recover is None else _recovery(recover, kind, per_second, above, below, bound)
        _check_times(span, for_, keep_firing_for, metric)
        _check_kind(slo=slo, baseline=baseline, new=new, above=above, below=below)
        if 0 < baseline < span:
            raise ValueError(f"`baseline` of a rule is many spans long, not {baseline:g} s with a span of {span:g} s")
        if new:
            _check_newcomers(new, where, per, learn)
        pairs = tuple(Window(*map(float, window)) for window in windows)
        _check_windows(pairs)
        if not 0 < deviations < inf:
            raise ValueError(f"`deviations` of a rule is a number above 0, not {deviations}")
        if not 0 <= min_requests <= MOST_REQUESTS:
            raise ValueError(f"`min_requests` of a rule is 0 or more and at most 2^53, not {min_requests}")
        if severity not in get_args(Severity):
            raise ValueError(f"the severity of a rule is one of {', '.join(get_args(Severity))}, not {severity!r}")
        return super().__new__(
            cls,
            bound,
            span,
            metric,
            name[:NAME_LENGTH],
            where,
            per,
            None if above is None else bound,
            None if below is None else bound,
            back,
            for_,
            keep_firing_for,
            min_requests,
            severity,
            tuple(exec),
            webhook,
            format,
            secret,
            timeout,
            secret_file,
            ca_file,
            None if slo is None else _objective(slo, good, where),
            good,
            pairs,
            baseline,
            deviations,
            new,
            learn,
            per_second,
        )

    @classmethod
    def _make(cls, iterable: Iterable[Any]) -> Self:  # type: ignore[override]
        """Called by `_replace`: checks a changed rule like a new one."""
        return cls(*iterable)

    def __repr__(self) -> str:
        usual = Rule()
        shown = ["threshold"] if self.above is self.below is None else []
        shown += ["span", "metric"]
        others = [name for name in self._fields if name not in {"threshold", "span", "metric", "secret"}]
        shown += [name for name in others if getattr(self, name) != getattr(usual, name)]
        values = {name: getattr(self, name) for name in shown}
        if self.webhook:
            from netmon.actions.address import shown as may_be_shown  # noqa: PLC0415  loads slowly, few rules need it

            values["webhook"] = may_be_shown(self.webhook)
        return f"Rule({', '.join(f'{name}={value!r}' for name, value in values.items())})"

    @property
    def called(self) -> str:
        """The name of the rule; ``high traffic`` for the one of the flags, and empty for another one without a name."""
        return self.name or (USUAL if self.metric == "hits" and not self.per and self.below is None else "")

    @property
    def title(self) -> str:
        """The name of the rule, or else what it is about."""
        return self.called or (f"{self.metric} per {self.per}" if self.per else self.metric)

    @property
    def kind(self) -> Kind:
        """What is compared: a value with a bound, a burn rate, a value with its past, or names with known names."""
        return "slo" if self.slo is not None else "baseline" if self.baseline else "new" if self.new else "bound"

    @property
    def subsets(self) -> tuple[tuple[str, str], ...]:
        """The subsets of exchanges that snapshots must have for this rule: pairs of a filter and a kind of rows.

        For an objective, these are all exchanges that it is about, and the good ones.
        """
        match self.kind:
            case "slo":
                if asks_for_no_error(self.good) and not (self.where or self.per):
                    return ()
                return (self.where, self.per), (both(self.where, without_failed_calls(self.good)), self.per)
            case "new":
                return ((self.where, self.new),) if self.where else ()
            case _:
                is_apart = reads_exchanges(self.where, self.per, self.metric)
                return ((self.where, self.per),) if is_apart else ()

    @property
    def is_low(self) -> bool:
        """Whether fewer events make the rule fire, so that missing packets could."""
        return self.below is not None or self.metric == "absent"

    def fires(self, value: float) -> bool:
        """Whether the value is beyond the bound."""
        if self.below is not None:
            return value < self.below
        return value > self.above if self.above is not None else value >= self.threshold

    def recovers(self, value: float) -> bool:
        """Whether the value is back, so that an alert may end."""
        if self.recover is None:
            return not self.fires(value)
        return value >= self.recover if self.below is not None else value <= self.recover


def _measure(metric: str, per: str, where: str) -> Measure:
    try:
        kind = measure(metric)
    except ValueError:
        kind = None
    if kind is None or kind.made_of is None:
        from difflib import get_close_matches  # noqa: PLC0415  only a mistyped name needs it

        names = known()
        if near := next(iter(get_close_matches(metric, names, n=1)), ""):
            others = f"{near} and {len(names) - 1} others"
            raise ValueError(f"a rule counts one of {others}, not {metric!r}: did you mean {near}?")
        some = f"{', '.join(names[:SOME])} and {len(names) - SOME} others"
        raise ValueError(f"a rule counts one of {some}, not {metric!r}")
    if per not in ROWS:
        raise ValueError(f"a rule is per {', '.join(name for name in ROWS if name)}, not {per!r}")
    reads_exchanges(where, per, metric)
    return kind


def known() -> list[str]:
    """The measures that a rule can count; those with a parameter by an example."""
    return [name for name, each in MEASURES.items() if each.made_of] + ["status.5xx", "latency.p95", "duration.p95"]


def _bound(above: Any, below: Any, threshold: float, kind: Measure, *, is_rate: bool) -> tuple[float, bool]:
    given = above if above is not None else below
    if given is None:
        if threshold < 1:
            raise ValueError(f"the threshold of a rule is 1 or more, not {threshold}")
        return threshold, is_rate
    found = _amount(given, kind)
    return found.number, is_rate or found.per_second


def _amount(given: float | str, kind: Measure) -> Quantity:
    try:
        return quantity(given, kind.unit)
    except ValueError as error:
        raise ValueError(f"{kind.name} of a rule: {error}") from None


def _recovery(recover: Any, kind: Measure, is_rate: bool, above: Any, below: Any, bound: float) -> float:  # noqa: PLR0917
    found = _amount(recover, kind)
    if isinstance(recover, str) and found.per_second != is_rate and found.value:
        raise ValueError(f"`recover` of a rule is a rate like its bound, or a number like it, not {recover!r}")
    is_behind = found.value < bound if below is not None else found.value > bound
    if is_behind:
        side = "above" if above is not None or below is None else "below"
        raise ValueError(f"`recover` of a rule lies on the safe side of its bound, not {side} it: {recover!r}")
    return found.number


def _objective(slo: float | str, good: str, where: str) -> float:
    share = quantity(slo, "ratio").value
    if not 0 < share < 1:
        raise ValueError(f"the objective `slo` of a rule is a share between 0 and 1 such as 99.9%, not {slo!r}")
    if not good.strip():
        raise ValueError("a rule with `slo` needs `good`: which responses are good, such as status<500")
    try:
        Filter(good)
    except ValueError as error:
        raise ValueError(f"`good` of a rule is a filter such as status<500 and latency<300ms: {error}") from None
    Filter(both(where, good))
    return share


def _check_newcomers(new: str, where: str, per: str, learn: float) -> None:
    if not 0 <= learn <= LONGEST_LEARNING:
        raise ValueError(f"`learn` of a rule is a number of seconds up to 3650 days, not {learn}")
    if per:
        raise ValueError("a rule with `new` has no `per`: what is new is what it tells one by one")
    if where and new == "server_name":
        raise ValueError("a rule about a new server name has no `where`: netmon sees no exchange of such a connection")


def asks_for_no_error(good: str) -> bool:
    """Whether `good` means no more than that a response is no error, which snapshots count anyway."""
    return bool(re.fullmatch(r"status\s*<\s*500", good.strip()))


def without_failed_calls(good: str) -> str:
    """The same filter, without gRPC calls that failed if it asks for statuses: such a call has the status 200.

    A filter that says itself which calls are good stays as it is.
    """
    asks = re.search(r"\bstatus\b", good) and not re.search(r"\bgrpc\b", good)
    return both(good, "not grpc:failed") if asks else good


def _check_windows(pairs: Sequence[Window]) -> None:
    if not pairs:
        raise ValueError("`windows` of a rule has one pair of spans at least")
    for pair in pairs:
        if not MINUTE <= pair.short <= pair.long <= LONGEST_WINDOW:
            raise ValueError("`windows` of a rule has pairs of a long and a short span, from 1 minute to 30 days")
        if pair.long % MINUTE or pair.short % MINUTE:
            raise ValueError("`windows` of a rule has spans of whole minutes, because responses are counted by minute")
        if not 0 < pair.factor < inf:
            raise ValueError(f"a factor in `windows` of a rule is a number above 0, not {pair.factor}")


def _check_kind(*, slo: object, baseline: float, new: str, above: object, below: object) -> None:
    if new not in get_args(New):
        raise ValueError(f"`new` of a rule is one of {', '.join(filter(None, get_args(New)))}, not {new!r}")
    if not 0 <= baseline <= LONGEST_SPAN:
        raise ValueError(f"`baseline` of a rule is a number of seconds up to 7 days, not {baseline}")
    is_bound = above is not None or below is not None
    kinds = {"`slo`": slo is not None, "`baseline`": bool(baseline), "`new`": bool(new), "a bound": is_bound}
    given = [name for name, is_given in kinds.items() if is_given]
    if len(given) > 1:
        raise ValueError(f"a rule has one of {' and '.join(given)}")


def _check_times(span: float, for_: float, keep_firing_for: float, metric: str) -> None:
    if not 0 < span < float("inf"):
        raise ValueError(f"the span of a rule is a number of seconds above 0, not {span}")
    if span < SHORTEST_SPAN:
        raise ValueError(f"the `span` of a rule is 1 ms at least, not {span} s")
    if span > LONGEST_SPAN:
        raise ValueError(f"the span of a rule is at most 7 days, not {span} s")
    for name, seconds in (("for", for_), ("keep_firing_for", keep_firing_for)):
        if not (isfinite(seconds) and seconds >= 0):
            raise ValueError(f"`{name}` of a rule on {metric} is a number of seconds, not {seconds}")
