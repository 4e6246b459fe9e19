"""`View`: everything that decides what is on the screen, in one immutable value.

A key, a new frame or the end of the capture makes a new view of the old one. Pure: nothing here draws or waits.
Rows are selected by name, so that a selection stays on its host while the order changes around it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING

from netmon.display.columns import TITLES, name, sort_key
from netmon.display.style import ASCII, UNICODE, Glyphs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from netmon._core import Host, Section
    from netmon.alerts import Alert
    from netmon.frames import Frame

ALERTS = 1000
"""Alerts kept in the log; older ones are in the outputs."""


class Panel(Enum):
    HOSTS = "hosts"
    SECTIONS = "sections"
    ALERTS = "alerts"


@dataclass(frozen=True)
class View:
    newest: Frame | None = None
    held: Frame | None = None
    ended: bool = False
    alerts: tuple[Alert, ...] = ()
    focus: Panel = Panel.HOSTS
    host: str | None = None
    section: str | None = None
    alert_row: int = 0
    is_drilled: bool = False
    helps: bool = False
    sort: str = "hits"
    is_reversed: bool = False
    plain_glyphs: bool = False

    @property
    def frame(self) -> Frame | None:
        """The frame to draw: the newest, or the one held by a pause."""
        return self.held or self.newest

    @property
    def glyphs(self) -> Glyphs:
        return ASCII if self.plain_glyphs else UNICODE

    @property
    def is_paused(self) -> bool:
        return self.held is not None

    @property
    def hosts(self) -> Sequence[Host]:
        return _ranked_hosts(self.frame, self.sort, self.is_reversed) if self.frame else ()

    @property
    def host_row(self) -> int:
        """Where the selected host is; the first row while none was selected, or while it is not in the window."""
        if self.host is None:
            return 0
        return next((row for row, host in enumerate(self.hosts) if host.name == self.host), 0)

    @property
    def selected_host(self) -> Host | None:
        hosts = self.hosts
        return hosts[self.host_row] if hosts else None

    @property
    def sections(self) -> Sequence[Section]:
        """The sections of the selected host."""
        host = self.selected_host
        if host is None:
            return ()
        if self.is_drilled:
            return sorted(host.sections, key=sort_key(self.sort), reverse=self.is_reversed)
        return host.sections

    @property
    def newest_alerts(self) -> Sequence[Alert]:
        return self.alerts[::-1]

    def with_frame(self, frame: Frame) -> View:
        return replace(self, newest=frame, alerts=(*self.alerts, *frame.alerts)[-ALERTS:])

    def with_end(self) -> View:
        return replace(self, ended=True)

    def paused(self) -> View:
        return replace(self, held=None if self.is_paused else self.newest)

    def helped(self) -> View:
        return replace(self, helps=not self.helps)

    def entered(self) -> View:
        if self.selected_host is None:
            return self
        return replace(self, is_drilled=True, focus=Panel.SECTIONS, host=self.selected_host.name)

    def left(self) -> View:
        """One step up: out of the help, then out of the host."""
        if self.helps:
            return replace(self, helps=False)
        return replace(self, is_drilled=False, focus=Panel.HOSTS, section=None)

    def focused(self, step: int) -> View:
        panels = [Panel.SECTIONS, Panel.ALERTS] if self.is_drilled else list(Panel)
        return replace(self, focus=panels[(panels.index(self.focus) + step) % len(panels)])

    def sorted_by_next(self) -> View:
        return replace(self, sort=TITLES[(TITLES.index(self.sort) + 1) % len(TITLES)])

    def reversed(self) -> View:
        return replace(self, is_reversed=not self.is_reversed)

    def moved(self, rows: int) -> View:
        """The selection of the focused panel, so many rows further down; it stops at either end."""
        if self.focus is Panel.HOSTS:
            hosts = self.hosts
            row = max(0, min(self.host_row + rows, len(hosts) - 1))
            return replace(self, host=hosts[row].name if hosts else None, section=None)
        if self.focus is Panel.SECTIONS:
            return replace(self, section=_step([name(row) for row in self.sections], self.section, rows))
        return replace(self, alert_row=max(0, min(self.alert_row + rows, len(self.alerts) - 1)))


def _step(names: Sequence[str], current: str | None, rows: int) -> str | None:
    if not names:
        return None
    at = names.index(current) if current in names else 0
    return names[max(0, min(at + rows, len(names) - 1))]


@lru_cache(maxsize=2)
def _ranked_hosts(frame: Frame, sort: str, is_reversed: bool) -> Sequence[Host]:
    """Kept for the frame that is shown and the one before, since a key or a resize draws the same frame again."""
    hosts = frame.window.hosts
    if sort == "hits":  # the order they come in
        return hosts[::-1] if is_reversed else hosts
    return sorted(hosts, key=sort_key(sort), reverse=is_reversed)
