"""One line for each event of a log, as text, JSON or for the journal; and which lines are too many. Pure.

Text that comes from the wire is made safe to show. A line never contains a line break.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from netmon import format as fmt
from netmon.events import Time

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

BARE = re.compile(r"[^\s\"=\\]+")
"""A value that is written without quotation marks."""

RESERVED = frozenset({"time", "level", "event"})
"""Names that every line has; a field of such a name gets an underscore behind it."""

PRIORITIES = {"error": 3, "warning": 4, "info": 6, "debug": 7}
"""The priorities of syslog, which the journal takes as ``<3>`` at the start of a line."""

MOST = 50
MINUTE = 60.0
"""Lines of one event at most in that many seconds: enough to see what happens, too few to fill a disk."""

KINDS = 1000
"""Events that are counted apart at most; all others count as one."""


class Line(NamedTuple):
    """What a line says: when, in seconds since 1970, how bad, what happened, and the facts."""

    at: float
    level: str
    event: str
    fields: Mapping[str, Any]


def text(line: Line) -> str:
    """``2026-11-26T12:00:00.123Z warning interface.lost interface=eth1``."""
    return f"{time(line.at)} {line.level} {words(line.event, line.fields)}"


def as_json(line: Line) -> str:
    """``{"time": "2026-11-26T12:00:00.123Z", "level": "warning", "event": "interface.lost", "interface": "eth1"}``."""
    return json.dumps({"time": time(line.at), **_said(line)}, ensure_ascii=False)


def journal(line: Line) -> str:
    """``<4>interface.lost interface=eth1``: the journal has a time and a priority of its own."""
    return f"<{PRIORITIES[line.level]}>{words(line.event, line.fields)}"


def journal_json(line: Line) -> str:
    """``<4>{"level": "warning", "event": "interface.lost", "interface": "eth1"}``."""
    return f"<{PRIORITIES[line.level]}>{json.dumps(_said(line), ensure_ascii=False)}"


def words(event: str, fields: Mapping[str, Any]) -> str:
    """``interface.lost interface=eth1``: the event and its fields, without a time."""
    return " ".join((event, *(f"{name}={_text(value)}" for name, value in _clean(fields))))


def time(at: float) -> str:
    """``2026-11-26T12:00:00.123Z``."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def _said(line: Line) -> dict[str, Any]:
    return {"level": line.level, "event": line.event, **dict(_clean(line.fields))}


def _clean(fields: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in fields.items():
        if value is not None:
            yield (f"{name}_" if name in RESERVED else name), _plain(value)


def _plain(value: Any) -> Any:
    """A value as JSON has it, with text made safe and seconds to the millisecond."""
    if isinstance(value, Time):
        return time(value)
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        rounded = round(float(value), 3)
        return int(rounded) if rounded.is_integer() else rounded if rounded - rounded == 0 else str(rounded)
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return fmt.sanitize(str(value))


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    shown = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    return shown if BARE.fullmatch(shown) else json.dumps(shown, ensure_ascii=False)


class Limit:
    """Counts lines by event, and says which are too many."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._since: dict[str, float] = {}

    def takes(self, event: str, now: float) -> bool:
        """Whether a line of this event is written at time `now`; `suppressed` counts it otherwise."""
        event = event if event in self._counts or len(self._counts) < KINDS else "other"
        self._since.setdefault(event, now)
        self._counts[event] = self._counts.get(event, 0) + 1
        return self._counts[event] <= MOST

    def suppressed(self, now: float) -> Iterator[tuple[str, int]]:
        """Yields each event whose minute is over by time `now`, with the lines that were left out, if any were."""
        over = [event for event, since in self._since.items() if now - since >= MINUTE]
        for event in over:
            del self._since[event]
            left_out = self._counts.pop(event) - MOST
            if left_out > 0:
                yield event, left_out
