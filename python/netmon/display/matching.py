"""Prepares a filter, which is typed after ``/``, for the rows of a frame. The core does the matching.

For rows that the core cannot match by itself (interfaces, connections, servers, alerts), this module gives the core
their fields.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from netmon import format as fmt
from netmon._core import Matching

if TYPE_CHECKING:
    from collections.abc import Iterable

    from netmon._core import Connection, Interface, Server
    from netmon.alerts import Alert, Gauge, Rule
    from netmon.frames import Frame


@lru_cache(maxsize=4)
def matching(frame: Frame, pattern: str) -> Matching:
    """The filter for the rows of this frame. Its exchanges tell which hosts a client or an interface used."""
    return Matching(pattern, frame.tail.exchanges if any(sign in pattern for sign in ":<>=") else ())


def note(pattern: str) -> str:
    """What is wrong with a filter, or not finished; empty if nothing is."""
    mistake = Matching(pattern).mistake
    return mistake[1] if mistake else ""


def interfaces(frame: Frame, pattern: str, rows: Iterable[Interface]) -> list[Interface]:
    """The interfaces that match, or on which a matching exchange was captured, since the hosts seen on an interface
    are listed below it.
    """
    if not pattern:
        return list(rows)
    wanted = matching(frame, pattern)
    crossed = {exchange.interface for exchange in wanted.exchanges(frame.tail.exchanges)}
    return [row for row in rows if row.name in crossed or wanted.admits(_interface(row))]


def alerts(pattern: str, rows: Iterable[Alert]) -> list[Alert]:
    wanted = Matching(pattern)
    return [row for row in rows if wanted.admits(_alert(row))]


def connections(pattern: str, rows: Iterable[Connection]) -> list[Connection]:
    wanted = Matching(pattern)
    return [row for row in rows if wanted.admits(_connection(row))] if pattern else list(rows)


def servers(pattern: str, rows: Iterable[Server]) -> list[Server]:
    wanted = Matching(pattern)
    return [row for row in rows if wanted.admits(_server(row))] if pattern else list(rows)


def _server(row: Server) -> dict[str, str]:
    return {"host": row.name, "": " ".join(name for name in ("tls", "quic", "ech", "decrypted") if getattr(row, name))}


def _connection(row: Connection) -> dict[str, str]:
    words = f"{row.server} {row.protocol} {row.state}"
    owner, other = row.process, row.client_process
    fields = {"client": row.client, "host": row.host, "interface": row.interface, "": words}
    if owner is not None:
        fields |= {"process": owner.name, "container": owner.container, "pod": owner.pod, "namespace": owner.namespace}
    return fields | ({"client_process": other.name} if other is not None else {})


def _interface(row: Interface) -> dict[str, str]:
    return {"interface": row.name, "": f"{row.state} {' '.join(row.protocols)}"}


def rules(pattern: str, gauges: Iterable[Gauge]) -> list[Gauge]:
    """The rules that match by name, row, state, severity, metric or filter."""
    wanted = Matching(pattern)
    return [gauge for gauge in gauges if wanted.admits(_rule(gauge))] if pattern else list(gauges)


def _rule(gauge: Gauge) -> dict[str, str]:
    return {"": f"{_about(gauge.rule, gauge.key)} {gauge.state}"}


def _about(rule: Rule, key: str) -> str:
    return f"{rule.name} {key} {rule.metric if rule.kind == 'bound' else rule.kind} {rule.severity} {rule.where}"


def _alert(row: Alert) -> dict[str, str]:
    word = "alert" if row.state == "fired" else row.state
    return {"": f"{fmt.clock(row.at)} {word} {fmt.count(row.value)} {row.rule.metric} {_about(row.rule, row.key)}"}
