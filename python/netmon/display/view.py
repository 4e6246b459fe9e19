"""`View`: everything that decides what is on the screen, in one immutable value.

A key, a new frame, a message or the end of the capture makes a new view of the old one. Pure: nothing here draws, waits
or looks at a clock. Rows are selected by what they are, not by where they are, so that a selection stays on its host
while the order changes around it, and while the host is quiet.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple

from netmon.display.themes import UNICODE, Glyphs
from netmon.frames import LOGGED_ALERTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from netmon._core import Exchange, Standing
    from netmon.alerts import Alert
    from netmon.frames import Frame
    from netmon.playback import Moment, Progress

LENGTHS = (1.0, 10.0, 60.0, float("inf"))
"""Seconds of the windows that a key goes through, beside the one that was set."""


class Page(Enum):
    """The views, and what is inside of their rows. The value is the title."""

    HOSTS = "Hosts"
    SECTIONS = "Sections"
    INTERFACES = "Interfaces"
    CONNECTIONS = "Connections"
    REQUESTS = "Requests"
    ALERTS = "Alerts"
    CLIENTS = "Clients"
    INTERFACE = "Interface"
    HOST = "Host"
    CLIENT = "Client"
    SECTION = "Section"
    EXCHANGE = "Request"


VIEWS = tuple(Page)[:7]
"""The pages that have a number key, in its order."""


class Panel(Enum):
    """The tables."""

    HOSTS = "hosts"
    SECTIONS = "sections"
    ALL_SECTIONS = "all-sections"
    INTERFACES = "interfaces"
    INTERFACE_HOSTS = "interface-hosts"
    CONNECTIONS = "connections"
    INTERFACE_QUALITY = "interface-connections"
    HOST_QUALITY = "host-connections"
    REQUESTS = "requests"
    SLOWEST = "slowest"
    CLIENTS = "clients"
    OF_CLIENT = "client-requests"
    ALERTS = "alerts"


PANELS: Mapping[Page, tuple[Panel, ...]] = {
    Page.HOSTS: (Panel.HOSTS, Panel.SECTIONS, Panel.ALERTS),
    Page.SECTIONS: (Panel.ALL_SECTIONS, Panel.SLOWEST),
    Page.INTERFACES: (Panel.INTERFACES, Panel.INTERFACE_HOSTS),
    Page.CONNECTIONS: (Panel.CONNECTIONS, Panel.INTERFACE_QUALITY, Panel.HOST_QUALITY),
    Page.REQUESTS: (Panel.REQUESTS,),
    Page.ALERTS: (Panel.ALERTS,),
    Page.CLIENTS: (Panel.CLIENTS, Panel.OF_CLIENT),
    Page.INTERFACE: (Panel.INTERFACE_HOSTS,),
    Page.HOST: (Panel.SECTIONS, Panel.SLOWEST),
    Page.CLIENT: (Panel.OF_CLIENT,),
    Page.SECTION: (Panel.SLOWEST,),
    Page.EXCHANGE: (Panel.SLOWEST,),
}
"""What a page shows, in the order of Tab; large screens show tables of other views beside it."""


class Place(NamedTuple):
    """A page and what it is about: the way down is interface, host or client, section, exchange."""

    page: Page = Page.HOSTS
    focus: Panel | None = Panel.HOSTS
    interface: str | None = None
    host: str | None = None
    section: str | None = None
    exchange: Exchange | None = None
    client: str | None = None
    inner: str = ""
    """What its rows are filtered by, where it is about one host."""

    @property
    def is_within(self) -> bool:
        """It is about one host or client, and has a filter of its own."""
        return self.host is not None or self.client is not None

    @classmethod
    def of(cls, page: Page) -> Place:
        return cls(page, next(iter(PANELS[page]), None))


class Sort(NamedTuple):
    title: str
    is_reversed: bool = False


SORTS: Mapping[Panel, Sort] = {
    Panel.ALL_SECTIONS: Sort("p95"),
    Panel.INTERFACES: Sort("bit/s"),
    Panel.CONNECTIONS: Sort("state", is_reversed=True),
    Panel.INTERFACE_QUALITY: Sort("retr"),
    Panel.HOST_QUALITY: Sort("retr"),
    Panel.REQUESTS: Sort("time"),
    Panel.OF_CLIENT: Sort("time"),
    Panel.SLOWEST: Sort("answer"),
}
"""The order to begin with, where it is not by requests: what is slow, ill or open first."""


class EarlierStanding(NamedTuple):
    """How the rows of a table stood in the frame before, and what that is comparable with."""

    standing: Standing
    at: float
    counted: tuple[str, float, float]
    """The column, the length of the window, and since when it is counted."""


class Last(NamedTuple):
    """A selected row when it was last there, so that it stays while it is quiet."""

    key: Any
    row: Any
    number: int
    scope: Any
    """What the table was about: the same key may be of another host."""
    pattern: str
    """What its rows were filtered by."""


class View(NamedTuple):
    newest: Frame | None = None
    held: Frame | None = None
    ended: bool = False
    alerts: tuple[Alert, ...] = ()
    acknowledged: float = float("-inf")
    """Alerts until then have been seen by a person."""
    notice: str = ""
    """A message, for a while."""
    place: Place = Place()
    trail: tuple[Place, ...] = ()
    """The places one came through, to go back to."""
    selected: Mapping[Panel, Any] = {}
    last: Mapping[Panel, Last] = {}
    """The selected rows as they were last seen."""
    seen: Mapping[Panel, Last] = {}
    """The rows that stood out when the screen was last drawn."""
    columns: Mapping[Panel, tuple[str, ...]] = {}
    """The columns that were drawn."""
    stood: Mapping[Panel, EarlierStanding] = {}
    sorts: Mapping[Panel, Sort] = {}
    is_ordering: bool = False
    """The next key is the letter of a column to sort by."""
    filter: str = ""
    pattern: str = ""
    """What was looked for last."""
    is_typing: bool = False
    off: frozenset[str] = frozenset()
    """Interfaces a person switched off."""
    helps: bool = False
    help_row: int = 0
    first_length: float | None = None
    """The length of the window that was set."""
    has_mouse: bool = False
    glyphs: Glyphs = UNICODE
    capture_filter: str = ""
    """What a person captures only."""
    progress: Progress | None = None
    """Where in a file that is played one is."""

    @property
    def frame(self) -> Frame | None:
        """The frame to draw: the newest, or the one held by a pause."""
        return self.held or self.newest

    @property
    def is_paused(self) -> bool:
        return self.held is not None or (self.progress is not None and self.progress.is_paused)

    @property
    def page(self) -> Page:
        return self.place.page

    @property
    def focus(self) -> Panel | None:
        return self.place.focus

    @property
    def newest_alerts(self) -> list[Alert]:
        return list(reversed(self.told))

    @property
    def told(self) -> tuple[Alert, ...]:
        """The log of alerts, oldest first; those that are held have a line that is still written on."""
        return (*self.alerts, *(self.newest.held if self.newest else ()))

    @property
    def typed(self) -> str:
        """The filter that the place at hand has, and that typing changes."""
        return self.place.inner if self.place.is_within else self.filter

    def sort_of(self, panel: Panel) -> Sort:
        return self.sorts.get(panel) or SORTS.get(panel) or Sort("req/s")

    @property
    def next_length(self) -> float:
        """The length of window that the key gives next."""
        now = self.newest.window_length if self.newest else LENGTHS[-1]
        lengths = sorted({*LENGTHS, self.first_length or now})
        return next((length for length in lengths if length > now), lengths[0])

    def with_frame(self, frame: Frame) -> View:
        """`frame` is what is newest now, unless it was overtaken; its alerts happened anyway."""
        alerts = (*self.alerts, *frame.alerts)[-LOGGED_ALERTS:]
        if self.newest is not None and frame.serial < self.newest.serial:
            return self._replace(alerts=alerts)
        return self._replace(newest=frame, alerts=alerts, first_length=self.first_length or frame.window_length)

    def with_moment(self, moment: Moment) -> View:
        """An instant of a file that is played, which may be before the one that was shown."""
        frame, progress = moment.frame, moment.progress
        shown = self._replace(newest=frame, alerts=moment.alerts, progress=progress, ended=progress.is_over)
        return shown._replace(first_length=self.first_length or frame.window_length)

    def with_changed(self, frame: Frame | None) -> View:
        """What a person changed is seen at once, in a pause too."""
        if frame is None:
            return self
        return self.with_frame(frame)._replace(held=frame if self.is_paused else None)

    def with_end(self) -> View:
        return self._replace(ended=True)

    def with_notice(self, notice: str) -> View:
        return self._replace(notice=notice)

    def paused(self) -> View:
        return self._replace(held=None if self.is_paused else self.newest)

    def helped(self) -> View:
        return self._replace(helps=not self.helps, help_row=0)

    def with_acknowledged(self) -> View:
        last = max((alert.at for alert in self.told), default=self.acknowledged)
        return self._replace(acknowledged=max(last, self.acknowledged))

    def with_mouse(self) -> View:
        return self._replace(has_mouse=not self.has_mouse)

    def at(self, place: Place) -> View:
        """At `place`, with nothing to go back to."""
        return self._replace(place=place, trail=(), helps=False, is_typing=False, is_ordering=False)

    def into(self, place: Place) -> View:
        """At `place`, from which one comes back."""
        return self._replace(place=place, trail=(*self.trail, self.place))

    def with_selected(self, panel: Panel, key: Any) -> View:
        return self._replace(selected={**self.selected, panel: key})

    def with_last(self, panel: Panel, last: Last) -> View:
        """Another row is selected."""
        return self._replace(selected={**self.selected, panel: last.key}, last={**self.last, panel: last})

    def with_sort(self, panel: Panel, sort: Sort) -> View:
        """In another order at once: how rows stood before does not count."""
        stood = {other: each for other, each in self.stood.items() if other is not panel}
        return self._replace(sorts={**self.sorts, panel: sort}, stood=stood, is_ordering=False)

    def with_typed(self, text: str) -> View:
        if self.place.is_within:
            return self._replace(place=self.place._replace(inner=text), pattern=text or self.pattern)
        return self._replace(filter=text, pattern=text or self.pattern)
