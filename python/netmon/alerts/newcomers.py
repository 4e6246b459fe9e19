"""Names that were never seen before: of hosts, sections, clients or TLS servers. Snapshots in, new names out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netmon._core import OTHER
from netmon.alerts.watch import micros

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from netmon._core import Snapshot
    from netmon.alerts.rule import Rule

MOST_NAMES = 100_000
"""Names that are known at most. Beyond, newcomers are not told, because each would be told again and again."""


def _sections(snapshot: Snapshot) -> Iterator[str]:
    for host in snapshot.hosts:
        if host.name != OTHER:
            yield from (f"{host.name}{section.path}" for section in host.sections if section.path != OTHER)


NAMES: Mapping[str, Callable[[Snapshot], Iterable[str]]] = {
    "host": lambda snapshot: (host.name for host in snapshot.hosts),
    "section": _sections,
    "client": lambda snapshot: (client.address for client in snapshot.clients),
    "server_name": lambda snapshot: snapshot.server_names,
}
"""The names in a snapshot, by the value of `new`."""


def _apart(rule: Rule) -> Callable[[Snapshot], Iterable[str]]:
    """The names in the subset of a rule with a filter."""
    return lambda snapshot: snapshot.subset(rule.where, rule.new) or ()


class Known:
    """The names that a rule knows. It learns without a word until `learn` seconds after the first snapshot."""

    def __init__(self, rule: Rule) -> None:
        self._names = _apart(rule) if rule.where else NAMES[rule.new]
        self._learn = micros(rule.learn)
        self.until: int | None = None
        """When it has learned enough; None before the first snapshot."""
        self.names: dict[str, None] = {}
        """In the order in which they were learned."""
        self.overflow = 0

    def update(self, snapshot: Snapshot, now: int) -> list[str]:
        """Learns the names of a snapshot, and returns those to tell."""
        if self.until is None:
            self.until = micros(snapshot.start) + self._learn
        new = [name for name in self._names(snapshot) if name != OTHER and name not in self.names]
        room = max(0, MOST_NAMES - len(self.names))
        self.overflow += max(0, len(new) - room)
        self.names.update(dict.fromkeys(new[:room]))
        return new[:room] if now > self.until else []

    def take(self, names: Iterable[str]) -> None:
        """Knows these names from before; then there is nothing left to learn."""
        self.names.update(dict.fromkeys(names))
        if self.names:
            self.until = 0
