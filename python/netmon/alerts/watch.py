"""The state of one rule for one row: quiet, pending, firing. Pure: time, value and what may be believed go in.

Times are whole microseconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from netmon.alerts.rule import Rule, Window

MICRO = 1_000_000
"""Microseconds in a second."""


def micros(seconds: float) -> int:
    return round(seconds * MICRO)


class Details(NamedTuple):
    """What is known of an alert besides its value, by the kind of its rule."""

    window: Window | None = None
    """With an objective, the pair of spans whose burn rate is the value: that which is farthest beyond its factor."""
    budget: float | None = None
    """With an objective, the share of the error budget that is left; below 0 if it is overdrawn."""
    usual: tuple[float, float] | None = None
    """With a baseline, the lowest and the highest usual value."""


NO_DETAILS = Details()


class Alert(NamedTuple):
    """A rule that fired or recovered at time `at`; `value` is the value at that time, `since` is when it fired.

    `key` is the row that the rule is about, empty for all traffic. With `times` above 1, the alert is the last of that
    many firings within a minute (`flapping.py`).
    """

    rule: Rule
    state: Literal["fired", "recovered"]
    at: float
    value: float
    since: float
    times: int = 1
    key: str = ""
    details: Details = NO_DETAILS

    @property
    def duration(self) -> float:
        """Seconds from firing to this event: 0 for the firing itself."""
        return max(0.0, self.at - self.since)  # the clock may have been set back


class Judged(NamedTuple):
    """What is known of a value: itself, and which conclusions it allows."""

    value: float | None
    is_beyond: bool
    """Whether the rule fires by this value."""
    is_back: bool
    """Whether an alert ends by this value."""
    may_fire: bool = True
    may_recover: bool = True
    details: Details = NO_DETAILS


class Watch:
    """One state. `deadline` is when it changes next if the value stays as it is."""

    __slots__ = ("alert", "calm", "pending")

    def __init__(self) -> None:
        self.alert: Alert | None = None
        self.pending: int | None = None
        """Since when the value is beyond the bound, until the rule fires."""
        self.calm: int | None = None
        """Since when the value is back, until the rule recovers."""

    @property
    def is_quiet(self) -> bool:
        return self.alert is None and self.pending is None

    def deadline(self, rule: Rule) -> int | None:
        if self.alert is None:
            return None if self.pending is None else self.pending + micros(rule.for_)
        return None if self.calm is None else self.calm + micros(rule.keep_firing_for)

    def judge(self, rule: Rule, key: str, now: int, judged: Judged) -> Alert | None:
        """Takes the value at `now`; returns the alert if the rule fires or recovers."""
        if self.alert is None:
            return self._quiet(rule, key, now, judged)
        return self._firing(rule, now, judged)

    def _quiet(self, rule: Rule, key: str, now: int, judged: Judged) -> Alert | None:
        if not (judged.is_beyond and judged.may_fire):
            self.pending = None
            return None
        if self.pending is None:
            self.pending = now
        if now - self.pending < micros(rule.for_):
            return None
        at = now / MICRO
        self.alert = Alert(rule, "fired", at, judged.value or 0, at, key=key, details=judged.details)
        self.pending = None
        return self.alert

    def _firing(self, rule: Rule, now: int, judged: Judged) -> Alert | None:
        if self.alert is None or not (judged.is_back and judged.may_recover):
            self.calm = None
            return None
        if self.calm is None:
            self.calm = now
        if now - self.calm < micros(rule.keep_firing_for):
            return None
        fired, self.alert, self.calm = self.alert, None, None
        return fired._replace(state="recovered", at=now / MICRO, value=judged.value or 0, details=judged.details)

    def copy(self) -> Watch:
        twin = Watch()
        twin.alert, twin.pending, twin.calm = self.alert, self.pending, self.calm
        return twin
