"""What a rule counts: rows of the tables of a snapshot, or the exchanges of a subset.

The tables have a row for each host, section, client and interface; rows by process are of subsets alone. A filter that
is about the former alone is decided by rows, and costs nothing. Any other filter is evaluated by the core for each
exchange, in a subset of its own, which also counts what a table does not: durations of clients, messages of interfaces.
A row of clients has an address without a port, and with ``client_ipv6_prefix`` a part of it: a filter that asks for
more is not decided by rows. Pure.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from netmon._core import Client, Filter, Host, Interface, Section, Snapshot
from netmon.measures import measure

if TYPE_CHECKING:
    from collections.abc import Mapping

    from netmon.measures import Measure

Per = Literal["", "host", "section", "interface", "client", "process"]

ROWS: Mapping[str, type] = {
    "": Snapshot,
    "host": Host,
    "section": Section,
    "interface": Interface,
    "client": Client,
    "process": Section,
}
"""The type of row that a rule is about, by the value of `per`. Rows by process have the measures of a section."""

FIELDS: Mapping[str, frozenset[str]] = {
    "host": frozenset({"host"}),
    "section": frozenset({"host", "section"}),
    "client": frozenset({"client"}),
    "interface": frozenset({"interface"}),
}
"""The fields that a filter may be about if it is decided by rows, by the kind of row that is read then."""


@lru_cache(maxsize=1024)
def reads_exchanges(where: str, per: str, metric: str) -> bool:
    """Whether a rule needs a subset. ValueError if neither a table nor a subset has what it measures."""
    counted = measure(metric)
    row = _row(where, per)
    if row is not None and ROWS[row] in counted.rows:
        return False
    if not _is_of_exchanges(counted):
        what = f"a rule with `where` {where!r}" if where else f"a rule per {per}"
        known = f"of each {row}" if row else "of single exchanges"
        raise ValueError(f"{what} cannot count {metric}: it is not known {known}")
    return True


def _row(where: str, per: str) -> str | None:
    """The kind of row of the table that has what the filter is about; None if no table has."""
    if per == "process":
        return None
    if not where:
        return per
    wanted = Filter(where)
    if wanted.client_bits != 0:
        return None
    fields = set(wanted.fields)
    wider = {"": FIELDS, "host": ("host", "section")}.get(per, (per,))
    return next((kind for kind in wider if fields <= FIELDS[kind]), None)


def _is_of_exchanges(counted: Measure) -> bool:
    """Whether exchanges have the measure: all that is counted of sections."""
    return Section in counted.rows


def both(where: str, other: str) -> str:
    """The filter that admits what both filters admit."""
    return f"({where}) ({other})" if where else other
