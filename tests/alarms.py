"""Rules and alerts as actions read them, with only the fields a test needs; and events, collected."""

import threading
from types import SimpleNamespace

from patience import eventually

START = 1_767_225_600.0
"""2026-01-01, midnight in UTC."""

HOSTILE = "-rf\x1b]0;x\x07\u202e`id`$(id);\n'\"\\ <b>\u2028\udc80.example"
"""A host that is an option, a terminal code, a command, two lines, and no valid text."""


def rule(name="checkout is slow", **fields):
    defaults = {
        "metric": "latency.p95",
        "where": "host:shop.example",
        "per": "host",
        "above": 0.5,
        "below": None,
        "severity": "critical",
        "span": 60.0,
        "exec": (),
        "webhook": "",
        "format": "alertmanager",
        "secret": "",
        "timeout": None,
        "secret_file": "",
        "ca_file": "",
        "kind": "bound",
        "slo": None,
        "new": "",
    }
    return SimpleNamespace(name=name, **{**defaults, **fields})


NO_DETAILS = SimpleNamespace(window=None, budget=None, usual=None)


def fired(of, *, key="shop.example", at=START, value=0.812, times=1):
    return SimpleNamespace(
        rule=of, state="fired", at=at, value=value, since=at, duration=0.0, times=times, key=key, details=NO_DETAILS
    )


def recovered(of, *, key="shop.example", at=START + 130, since=START, value=0.2, times=1):
    alert = fired(of, key=key, at=at, value=value, times=times)
    alert.state, alert.since, alert.duration = "recovered", since, at - since
    return alert


class Events:
    """Takes the events of actions, on whatever thread they come."""

    def __init__(self):
        self._lock, self._told = threading.Lock(), []

    def __call__(self, name, level, /, **fields):
        with self._lock:
            self._told.append(SimpleNamespace(name=name, level=level, **fields))

    def of(self, *outcomes):
        with self._lock:
            return [event for event in self._told if event.outcome in outcomes]

    def wait(self, outcome, count=1):
        """Waits until `count` events of an outcome have come, and returns them."""
        eventually(lambda: len(self.of(outcome)) >= count)
        return self.of(outcome)
