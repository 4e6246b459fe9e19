"""The state of a policy as plain data, for a file or a pickle: sums, states of rows, what is believed.

A rule is known again by all its settings. A rule that changed begins anew. Sums are known again by what they add up: a
rule that stayed the same goes on whatever others come and go, and what nobody added up before begins anew. Raises
ValueError for data that no policy wrote.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Any

from netmon.actions.spec import SETTINGS
from netmon.alerts.plain import number, text, time, undamaged
from netmon.alerts.rule import Rule, Window
from netmon.alerts.watch import MICRO, Alert, Details, Watch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from netmon.alerts.group import Placed
    from netmon.alerts.policy import AlertPolicy

VERSION = 2
"""The version of the data. It rises when a reader of an older version could misunderstand them."""

ACTIONS = ("severity", *SETTINGS)
"""Settings of a rule that change what it does, and not when."""

_ANY = Rule()
"""Stands in an alert that was read until `_take` sets its rule."""


def state_of(policy: AlertPolicy) -> dict[str, Any]:
    """The state as JSON can hold it."""
    return {
        "version": VERSION,
        "now": policy.now,
        "interval": policy.interval,
        "trust": policy.trust.state(),
        "sums": {name: b64encode(past).decode() for name, past in policy.sums.dump().items()},
        "kinds": {_name(group.rules[0].rule): kept for group in policy.groups if (kept := group.state()) is not None},
        "rules": {
            _name(placed.rule): {key: _row(watch) for key, watch in placed.watches.items()}
            for group in policy.groups
            for placed in group.rules
        },
    }


def resume(policy: AlertPolicy, state: Mapping[str, Any]) -> None:
    """Takes up a state that `state_of` gave, as far as the rules are the same. After ValueError nothing has changed."""
    taken = policy.copy()
    with undamaged():
        _resume(taken, state)
    vars(policy).update(vars(taken))


def _resume(policy: AlertPolicy, state: Mapping[str, Any]) -> None:
    if (version := state.get("version")) != VERSION:
        raise ValueError(f"the state has version {version!r:.60}, and this netmon reads version {VERSION}")
    past = {name: b64decode(text(dump)) for name, dump in state["sums"].items()}
    rows = {name: {key: _watch(row) for key, row in kept.items()} for name, kept in state["rules"].items()}
    kinds = dict(state["kinds"])
    now, interval = time(state["now"]), time(state["interval"])
    policy.trust.resume(state["trust"])
    policy.sums.load(past, now)
    for group in policy.groups:
        for placed in group.rules:
            _take(placed, rows.get(_name(placed.rule), {}))
        name = _name(group.rules[0].rule)
        if (kept := kinds.get(name)) is not None:
            group.resume(kept, now)
        elif name in rows and group.state() is not None:
            raise ValueError("the state is damaged: a rule lacks what it has learned")
    policy.now, policy.interval = now, interval
    policy.was_behind = True  # so a state of the future is none


def _name(rule: Rule) -> str:
    """All settings of a rule on which its state depends, however their numbers were written. Its actions are no part of
    it, and neither is their secret.
    """
    settings = rule._asdict()
    kept = [value for name, value in settings.items() if name not in ACTIONS]
    return repr([float(value) if isinstance(value, (int, float)) else value for value in kept])


def _take(placed: Placed, rows: Mapping[str, Watch]) -> None:
    for key, watch in rows.items():
        if key and not placed.rule.per:
            raise ValueError("the state is damaged: a rule about all traffic has rows")
        if watch.alert is not None:
            watch.alert = watch.alert._replace(rule=placed.rule, key=key)
        placed.watches[key] = watch


def _row(watch: Watch) -> list[Any]:
    alert = watch.alert
    return [watch.pending, watch.calm, alert and [alert.at, alert.value, *alert.details]]


def _watch(row: Any) -> Watch:
    watch = Watch()
    pending, calm, alert = row
    watch.pending, watch.calm = (None if at is None else time(at) for at in (pending, calm))
    if alert is not None:
        at, value, *details = alert
        watch.alert = Alert(_ANY, "fired", _seconds(at), number(value), _seconds(at), details=_details(*details))
    return watch


def _seconds(value: Any) -> float:
    """A time in seconds."""
    time(int(number(value) * MICRO))
    return float(value)


def _details(window: Any = None, budget: float | None = None, usual: Any = None) -> Details:
    return Details(
        None if window is None else Window(*map(float, map(number, window))),
        None if budget is None else number(budget),
        None if usual is None else _range(*usual),
    )


def _range(low: Any, high: Any) -> tuple[float, float]:
    return float(number(low)), float(number(high))
