"""Alerts as bodies of messages: Alertmanager's webhook of version 4, Alertmanager's own API, and plain JSON.

Alerts of one rule go in, bytes come out. The labels of an alert are the same when it fires and when it recovers, so a
receiver knows that both are one alert. Pure: the time, and the name of this machine, are arguments.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from netmon import format as fmt
from netmon.actions.facts import FACTS, document, iso, metric

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from netmon.actions.spec import Alert

NEVER = "0001-01-01T00:00:00Z"
"""The end of an alert that has not recovered: the zero of Go's time, which receivers of version 4 expect."""

REMINDERS = 4
"""Alertmanager holds an alert for as many reminders as this, as with Prometheus. Then it counts as resolved."""

ANNOTATED = (
    *("summary", "value", "above", "below", "where", "span", "duration"),
    *(fact.name for fact in FACTS if fact.kind),
)
"""Facts that are annotations, where they are known."""

_FNV_OFFSET, _FNV_PRIME, _SEPARATOR = 0xCBF29CE484222325, 0x100000001B3, b"\xff"


def plain(alert: Alert) -> bytes:
    """One alert as the JSON object that a command gets on its standard input."""
    return _json(document(alert))


def webhook(alerts: Sequence[Alert], *, instance: str, truncated: int = 0) -> bytes:
    """Alerts of one rule as Alertmanager posts them to a webhook, version 4.

    `truncated` is the number of alerts of the rule that were dropped since the message before.
    """
    told = [_told(alert, instance) for alert in alerts]
    name = {"alertname": fmt.sanitize(alerts[0].rule.name)}
    fires = any(each["status"] == "firing" for each in told)
    return _json(
        {
            "version": "4",
            "groupKey": f"{{}}:{{alertname={_quoted(name['alertname'])}}}",
            "truncatedAlerts": truncated,
            "status": "firing" if fires else "resolved",
            "receiver": "netmon",
            "groupLabels": name,
            "commonLabels": _common(each["labels"] for each in told),
            "commonAnnotations": _common(each["annotations"] for each in told),
            "externalURL": "",
            "alerts": told,
        }
    )


def api(alerts: Sequence[Alert], *, instance: str, now: float, remind: float) -> bytes:
    """Alerts as Alertmanager's API takes them, ``POST /api/v2/alerts``.

    There an alert without an end recovers by itself. So the end of one that fires is a few reminders ahead of `now`.
    """
    return _json([_posted(alert, instance, now + REMINDERS * remind) for alert in alerts])


def labels(alert: Alert, instance: str) -> dict[str, str]:
    """The labels of an alert, sanitized. `instance` tells apart machines that run the same rules."""
    rule = alert.rule
    found = {"alertname": rule.name, "instance": instance, "metric": metric(rule), "severity": rule.severity}
    if alert.key:
        found[_label(rule.per or "key")] = alert.key
    return {name: fmt.sanitize(value) for name, value in sorted(found.items()) if value}


def fingerprint(of: Mapping[str, str]) -> str:
    """The fingerprint of labels, as Alertmanager computes it: FNV-1a of 64 bits over sorted names and values."""
    value = _FNV_OFFSET
    for name in sorted(of):
        for byte in name.encode() + _SEPARATOR + of[name].encode() + _SEPARATOR:
            value = ((value ^ byte) * _FNV_PRIME) & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"


def _told(alert: Alert, instance: str) -> dict[str, Any]:
    """One alert of a webhook message."""
    own = labels(alert, instance)
    return {
        "status": "firing" if alert.state == "fired" else "resolved",
        "labels": own,
        "annotations": _annotations(alert),
        "startsAt": iso(alert.since),
        "endsAt": NEVER if alert.state == "fired" else iso(alert.at),
        "generatorURL": "",
        "fingerprint": fingerprint(own),
    }


def _posted(alert: Alert, instance: str, end: float) -> dict[str, Any]:
    """One alert of the API."""
    return {
        "labels": labels(alert, instance),
        "annotations": _annotations(alert),
        "startsAt": iso(alert.since),
        "endsAt": iso(end if alert.state == "fired" else alert.at),
    }


def _annotations(alert: Alert) -> dict[str, str]:
    """What is told about an alert besides its labels: texts, none of them empty."""
    facts = document(alert)
    return {name: str(value) for name in ANNOTATED if (value := facts.get(name)) not in (None, "")}


def _common(tables: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """The entries that all tables have."""
    first, *others = tables
    return {name: value for name, value in first.items() if all(table.get(name) == value for table in others)}


def _label(name: str) -> str:
    """A name as one of a label: Alertmanager takes letters, digits and underscores of ASCII."""
    return "".join(char if char.isascii() and char.isalnum() else "_" for char in name)


def _quoted(text: str) -> str:
    """Text in double quotes. It is sanitized, so only quotes and backslashes need to be escaped."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _json(value: object) -> bytes:
    import json  # noqa: PLC0415  only alerts need it, and not every run has one

    return json.dumps(value, allow_nan=False).encode()
