"""Alert policy: snapshots in, alerts fired and recovered out.

Pure: the only time is the time of the snapshots, so a rule tried on a capture file fires at the times at which it would
have fired live. At time `at`, a rule looks at the snapshots that end within ``(at - span, at]``. It is checked at the
end of every interval, including empty intervals, which a file skips. Never sends, prints or stores anything.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

from netmon._core import MAX_SUBSETS
from netmon.alerts.group import Group
from netmon.alerts.kinds import Baselines, Newcomers, Objectives
from netmon.alerts.rule import Rule
from netmon.alerts.sums import Sums
from netmon.alerts.trust import MAX_LOSS, Trust
from netmon.alerts.watch import Alert, micros

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from netmon._core import Snapshot
    from netmon.alerts.group import Learning, Placed
    from netmon.alerts.sums import Value

MOST_STATES = 10_000
"""States of all rules with `per` that are pending or firing. Rows beyond are not judged, and counted in `overflow`."""

BACK = 10_000_000
"""Microseconds that time may run backwards because packets were late. Beyond, it may be that of another clock."""

PAST = 60
"""Values of a rule that are kept to draw its trend."""

State = Literal["ok", "pending", "firing", "unknown"]


class Policy(Protocol):
    """What can be passed as a policy: any object with this method.

    If it has an attribute `subsets` as `AlertPolicy` has, snapshots come with these.
    """

    def update(self, snapshot: Snapshot, /) -> Sequence[Alert]: ...


class Gauge(NamedTuple):
    """The state of a rule after the newest snapshot; `alert` is its alert that has not recovered, if any.

    With `per`, `value` and `key` are those of the row of `alert`, or else of the row that is nearest to the bound;
    `firing` counts the rows.
    """

    rule: Rule
    value: float
    alert: Alert | None
    state: State = "ok"
    key: str = ""
    firing: int = 0
    reason: str = ""
    """Why the state is unknown."""
    budget: float | None = None
    """With an objective, the share of the error budget that is left, the least of all rows; below 0 if overdrawn."""
    bound: float = 0.0
    """What `value` is compared with: a threshold, the factor of a burn rate, the upper end of the usual range, or 0."""
    past: tuple[float, ...] = ()
    """The values after the newest snapshots, oldest first, `PAST` at most."""
    learning: Learning | None = None
    """How far the rule has learned what it needs to know before it fires; None if it knows enough or learns nothing."""


class AlertPolicy:
    """Applies rules to a stream of snapshots.

    With `live`, time without a snapshot is time in which netmon did not run, and nothing is concluded from it; without,
    as in a file, it is silence. `interfaces` are those that are needed: while one of them is lost, no rule fires or
    recovers; neither does it while more than `max_loss` of the packets are lost.
    """

    def __init__(
        self,
        rules: Iterable[Rule] = (Rule(),),
        *,
        live: bool = False,
        interfaces: Collection[str] = (),
        max_loss: float = MAX_LOSS,
    ) -> None:
        self.rules = tuple(rules)
        self._settings = {"live": live, "interfaces": tuple(interfaces), "max_loss": max_loss}
        self.sums = Sums(self.rules)
        self.subsets = subsets_of(self.rules)
        """The subsets of exchanges that snapshots must have: pairs of a filter and a kind of rows."""
        self.trust = Trust(needed=interfaces, max_loss=max_loss, subsets=self.subsets)
        self.groups = _grouped(self.rules, self.sums.values)
        self.now = 0
        self.was_behind = False
        """Whether the newest snapshot was of an earlier time; two in turn are of a clock that was set back."""
        self.interval = 0  # length of the shortest snapshot so far; longer ones are several merged
        self._pasts = [deque[float](maxlen=PAST) for _ in self.rules]
        self.overflow = 0
        """Number of times that a row was not judged because too many states were kept."""

    def update(self, snapshot: Snapshot) -> list[Alert]:
        """Takes the next snapshot and returns the new alerts up to its end, in order of time."""
        start, end = micros(snapshot.start), micros(snapshot.end)
        if end > start:
            self.interval = min(self.interval or end - start, end - start)
        is_behind = self.now - end > BACK
        if is_behind and (self.was_behind or self._settings["live"]):
            self._turn_back(start)
            is_behind = False
        self.was_behind = is_behind
        events = list(self._pass_gap(start))
        self.trust.update(snapshot)
        if not (snapshot.capture.received or snapshot.hits):  # it may stand for many intervals
            events += self._pass_gap(end)
        self.now = max(self.now, end)  # packet time may jump backwards; alerts already given stay
        self.sums.push(snapshot, self.now)
        for group in self.groups:
            group.push(snapshot, self.now)
        events += self._judge_all(self.now)
        for group in self.groups:
            for placed in group.rules:
                self._pasts[placed.place].append(group.shown(placed).value)
        return sorted(events, key=lambda alert: alert.at)

    def _pass_gap(self, until: int) -> Iterator[Alert]:
        """Passes the empty intervals before `until`, and yields the alerts of their ends.

        What live capture gives no snapshot of was not captured, so nothing is concluded from it.
        """
        if until <= self.now:
            return
        if self._settings["live"] and self.now and until > self.now and self.trust.ended < until:
            self.trust.missed(until)
            return
        while (now := self._next_change()) is not None and now <= until:
            self.now = now
            self.sums.pass_time(now)
            yield from self._judge_all(now)
        for group in self.groups:
            group.stay(until)

    def _turn_back(self, start: int) -> None:
        """Goes on at an earlier time, because the clock was set back or the state is one of the future.

        What was added up belongs to no span any more, so the sums begin anew, and nothing is concluded before they are
        whole. Alerts go on, and so does what rules have learned.
        """
        self.sums, before = Sums(self.rules), self.groups
        self.groups = _grouped(self.rules, self.sums.values)
        for mine, theirs in zip(before, self.groups, strict=True):
            theirs.take(mine)
            theirs.turn_back(mine.state(), start)
        self.trust.turn_back()
        self.now = start

    def _next_change(self) -> int | None:
        """The first end of an empty interval at which a sum or a state changes; None if none does."""
        interval = self.interval or 1
        leaving = [end + _whole(span, interval) for end, span in self.sums.oldest]
        deadlines = [deadline for group in self.groups for deadline in group.deadlines(self.now)]
        reached = [self.now + _whole(deadline - self.now, interval) for deadline in deadlines]
        return min((at for at in (*leaving, *reached) if at > self.now), default=None)

    def _judge_all(self, now: int) -> list[Alert]:
        room = MOST_STATES - sum(group.states for group in self.groups)
        events: list[Alert] = []
        for group in self.groups:
            found, refused, room = group.judge(now, self.trust, room)
            events += found
            self.overflow += refused
        return events

    def __getstate__(self) -> tuple[Any, ...]:
        from netmon.alerts.kept import state_of  # noqa: PLC0415  only a pickle needs it

        return self.rules, self._settings, state_of(self)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        from netmon.alerts.kept import resume  # noqa: PLC0415  as above

        rules, settings, kept = state
        AlertPolicy.__init__(self, rules, **settings)
        resume(self, kept)

    def copy(self) -> AlertPolicy:
        """Returns an independent copy with the same state."""
        twin = AlertPolicy(())
        twin.rules, twin._settings, twin.subsets = self.rules, self._settings, self.subsets
        twin.sums, twin.trust = self.sums.copy(), self.trust.copy()
        twin.groups = _grouped(self.rules, twin.sums.values)
        for mine, theirs in zip(self.groups, twin.groups, strict=True):
            theirs.take(mine)
            theirs.resume(mine.state(), self.now)
        twin._pasts = [past.copy() for past in self._pasts]
        twin.now, twin.interval, twin.overflow = self.now, self.interval, self.overflow
        twin.was_behind = self.was_behind
        return twin

    def take_trends(self, other: AlertPolicy) -> None:
        """Goes on with the trends of the rules that the other policy has as well."""
        known = dict(zip(other.rules, other._pasts, strict=True))
        for rule, past in zip(self.rules, self._pasts, strict=True):
            past.extend(known.get(rule, ()))

    @property
    def gauges(self) -> Sequence[Gauge]:
        """The state of each rule, in the order of the rules."""
        found = {placed.place: self._gauge(group, placed) for group in self.groups for placed in group.rules}
        return [found[place] for place in range(len(self.rules))]

    def _gauge(self, group: Group, placed: Placed) -> Gauge:
        rule, firing = placed.rule, group.firing(placed)
        alert = firing[0] if firing else None
        value, key, bound = group.shown(placed)
        why = self.trust.reason_for(rule)
        is_unknown = bool(why) or not (alert or group.may(rule, self.now, self.trust)[0])
        is_pending = any(watch.pending is not None for watch in placed.watches.values())
        state: State = "unknown" if is_unknown else "firing" if alert else "pending" if is_pending else "ok"
        reason = (why or "a part of its span was not captured") if is_unknown else ""
        budget = group.left if isinstance(group, Objectives) else None
        past = tuple(self._pasts[placed.place])
        learning = group.learning(key, self.now)
        return Gauge(rule, value, alert, state, key, len(firing), reason, budget, bound, past, learning)


def subsets_of(rules: Iterable[Rule]) -> tuple[tuple[str, str], ...]:
    """The subsets that rules need, each once; ValueError if they are too many."""
    found = tuple(dict.fromkeys(subset for rule in rules for subset in rule.subsets))
    if len(found) > MAX_SUBSETS:
        raise ValueError(f"rules need {len(found)} filters of single exchanges; netmon counts {MAX_SUBSETS} at most")
    return found


def _grouped(rules: Sequence[Rule], values: Sequence[Value]) -> list[Group]:
    """The rules with a bound by the value that they look at, and each other rule by itself."""
    by_value: dict[int, list[tuple[int, Rule]]] = {}
    others: list[Group] = []
    for place, (rule, value) in enumerate(zip(rules, values, strict=True)):
        match rule.kind:
            case "bound":
                by_value.setdefault(id(value), []).append((place, rule))
            case "slo":
                others.append(Objectives(place, rule))
            case "baseline":
                others.append(Baselines(place, rule, value))
            case "new":
                others.append(Newcomers(place, rule))
    return [Group(values[same[0][0]], same) for same in by_value.values()] + others


def _whole(span: int, interval: int) -> int:
    """The least number of whole intervals, in microseconds, that is not shorter than `span`."""
    return -(-span // interval) * interval
