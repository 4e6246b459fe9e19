"""`View`: everything that decides what is on the screen, in one immutable value.

A key, a new frame or the end of the capture makes a new view of the old one. Pure: nothing here draws or waits.
Rows are selected by name, so that a selection stays on its host while the order changes around it. The core ranks the
rows and makes those in sight; nothing here walks a table.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING

from netmon.display.columns import TITLES, sort_key
from netmon.display.style import ASCII, UNICODE, Glyphs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from netmon._core import Host, HostRanking, PathRanking, Section
    from netmon.alerts import Alert
    from netmon.frames import Frame
    from netmon.playback import Moment, Progress

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
    progress: Progress | None = None
    """Where in a file that is played one is."""

    @property
    def frame(self) -> Frame | None:
        """The frame to draw: the newest, or the one held by a pause."""
        return self.held or self.newest

    @property
    def glyphs(self) -> Glyphs:
        return ASCII if self.plain_glyphs else UNICODE

    @property
    def is_paused(self) -> bool:
        return self.held is not None or (self.progress is not None and self.progress.is_paused)

    @property
    def _hosts(self) -> HostRanking | None:
        return _ranked_hosts(self.frame, self.sort, self.is_reversed) if self.frame else None

    @property
    def host_count(self) -> int:
        return len(self._hosts) if self._hosts else 0

    @property
    def host_row(self) -> int:
        """Where the selected host is; the first row while none was selected, or while it is not in the window."""
        if self.host is None or self._hosts is None:
            return 0
        return self._hosts.position(self.host) or 0

    def hosts_in_sight(self, height: int) -> Sequence[tuple[int, Host]]:
        """The rows of hosts around the selected one, with their numbers."""
        if self._hosts is None:
            return ()
        first, rows = in_sight(self.host_row, self.host_count, height)
        return list(enumerate(self._hosts.page(first, rows), first))

    @property
    def selected_host(self) -> Host | None:
        found = self._hosts.page(self.host_row, 1) if self._hosts else ()
        return found[0] if found else None

    @property
    def _sections(self) -> PathRanking | None:
        """The sections of the selected host; by hits as long as it is one of many."""
        host = self.selected_host
        if host is None:
            return None
        if self.is_drilled:
            return host.ranked_sections(sort_key(self.sort), reverse=self.is_reversed)
        return host.ranked_sections()

    @property
    def section_row(self) -> int:
        """Where the selected section is; the first row while none was selected, or while it is not in the window."""
        sections = self._sections
        return sections.position(self.section) or 0 if sections and self.section else 0

    def sections_in_sight(self, height: int) -> Sequence[tuple[int, Section]]:
        """The rows of sections around the selected one, with their numbers."""
        sections = self._sections
        if sections is None:
            return ()
        first, rows = in_sight(self.section_row, len(sections), height)
        return list(enumerate(sections.page(first, rows), first))

    @property
    def newest_alerts(self) -> Sequence[Alert]:
        return self.alerts[::-1]

    def with_frame(self, frame: Frame) -> View:
        return replace(self, newest=frame, alerts=(*self.alerts, *frame.alerts)[-ALERTS:])

    def with_moment(self, moment: Moment) -> View:
        """An instant of a file that is played, which may be before the one that was shown."""
        progress = moment.progress
        return replace(self, newest=moment.frame, alerts=moment.alerts, progress=progress, ended=progress.is_over)

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
            row = max(0, min(self.host_row + rows, self.host_count - 1))
            found = self._hosts.page(row, 1) if self._hosts else ()
            return replace(self, host=found[0].name if found else None, section=None)
        if self.focus is Panel.SECTIONS:
            sections = self._sections
            row = max(0, min(self.section_row + rows, len(sections) - 1)) if sections else 0
            paths = sections.page(row, 1) if sections else ()
            return replace(self, section=paths[0].path if paths else None)
        return replace(self, alert_row=max(0, min(self.alert_row + rows, len(self.alerts) - 1)))


def in_sight(selected: int, count: int, height: int) -> tuple[int, int]:
    """The first of the rows in sight and how many: the selected one in the middle where there are enough around it."""
    height = max(height, 0)
    return max(0, min(selected - height // 2, count - height)), height


@lru_cache(maxsize=2)
def _ranked_hosts(frame: Frame, sort: str, is_reversed: bool) -> HostRanking:
    """Kept for the frame that is shown and the one before, since a key or a resize draws the same frame again."""
    return frame.window.ranked(sort_key(sort), reverse=is_reversed)
