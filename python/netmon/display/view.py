"""`View`: everything that decides what is on the screen, in one immutable value.

A key, a new frame, a message or the end of the capture makes a new view from the old one. Pure: nothing here draws,
waits or reads a clock. A row is selected by its key, not by its position, so that the selection stays on its host when
the order changes, and while the host has no traffic.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple

from netmon.display.themes import UNICODE, Glyphs
from netmon.frames import LOGGED_ALERTS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from netmon._core import Exchange, Standing
    from netmon.alerts import Alert
    from netmon.frames import Frame
    from netmon.playback import Moment, Progress

LENGTHS = (1.0, 10.0, 60.0, float("inf"))
"""The window lengths, in seconds, that the key `w` cycles through, in addition to the length that the user set."""


class Page(Enum):
    """The eight views, and the pages that Enter on a row opens. The value is the title."""

    HOSTS = "Hosts"
    SECTIONS = "Sections"
    INTERFACES = "Interfaces"
    CONNECTIONS = "Connections"
    REQUESTS = "Requests"
    ALERTS = "Alerts"
    CLIENTS = "Clients"
    SERVERS = "Servers"
    INTERFACE = "Interface"
    HOST = "Host"
    CLIENT = "Client"
    SECTION = "Section"
    EXCHANGE = "Request"
    CONNECTION = "Connection"


VIEWS = tuple(Page)[:8]
"""The pages that have a number key, in the order of the keys."""


class Panel(Enum):
    """The tables. The value is part of the name of an exported file."""

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
    SERVERS = "servers"
    OF_CONNECTION = "connection-requests"
    ALERTS = "alerts"


PANELS: Mapping[Page, tuple[Panel, ...]] = {
    Page.HOSTS: (Panel.HOSTS, Panel.SECTIONS, Panel.ALERTS),
    Page.SECTIONS: (Panel.ALL_SECTIONS, Panel.SLOWEST),
    Page.INTERFACES: (Panel.INTERFACES, Panel.INTERFACE_HOSTS),
    Page.CONNECTIONS: (Panel.CONNECTIONS, Panel.INTERFACE_QUALITY, Panel.HOST_QUALITY),
    Page.REQUESTS: (Panel.REQUESTS,),
    Page.ALERTS: (Panel.ALERTS,),
    Page.CLIENTS: (Panel.CLIENTS, Panel.OF_CLIENT),
    Page.SERVERS: (Panel.SERVERS,),
    Page.INTERFACE: (Panel.INTERFACE_HOSTS,),
    Page.HOST: (Panel.SECTIONS, Panel.SLOWEST),
    Page.CLIENT: (Panel.OF_CLIENT,),
    Page.SECTION: (Panel.SLOWEST,),
    Page.EXCHANGE: (Panel.SLOWEST,),
    Page.CONNECTION: (Panel.OF_CONNECTION,),
}
"""The tables of a page that Tab cycles through, in this order. Large screens also show tables of other views."""


class Place(NamedTuple):
    """A page and its subject. From the top down, the subjects are: interface; host, client or connection; section;
    exchange.
    """

    page: Page = Page.HOSTS
    focus: Panel | None = Panel.HOSTS
    interface: str | None = None
    host: str | None = None
    section: str | None = None
    exchange: Exchange | None = None
    client: str | None = None
    connection: tuple[float, str, str] | None = None
    """When its first packet was seen, its client and its server."""
    inner: str = ""
    """The filter of its rows, if the page is about one host, client or connection."""

    @property
    def is_within(self) -> bool:
        """True if the page is about one host, client or connection. Such a page has a filter of its own."""
        return any(each is not None for each in (self.host, self.client, self.connection))

    @classmethod
    def of(cls, page: Page) -> Place:
        return cls(page, next(iter(PANELS[page]), None))


class Sort(NamedTuple):
    title: str
    is_reversed: bool = False


SORTS: Mapping[Panel, Sort] = {
    Panel.ALL_SECTIONS: Sort("p95"),
    Panel.INTERFACES: Sort("bit/s"),
    Panel.SERVERS: Sort("to client"),
    Panel.CONNECTIONS: Sort("state", is_reversed=True),
    Panel.INTERFACE_QUALITY: Sort("retr"),
    Panel.HOST_QUALITY: Sort("retr"),
    Panel.REQUESTS: Sort("time"),
    Panel.OF_CLIENT: Sort("time"),
    Panel.OF_CONNECTION: Sort("time"),
    Panel.SLOWEST: Sort("answer"),
}
"""The initial sort order of a table, if it is not by requests."""


class EarlierStanding(NamedTuple):
    """The standing of the rows of a table in the frame before. `at` is the end of that frame, in unix seconds."""

    standing: Standing
    at: float
    counted: tuple[str, float, float]
    """The sort column, the length of the window, and the start of counting. The standing is only used again if all
    three are unchanged.
    """


class Last(NamedTuple):
    """A selected row as it was when the frame last had it, so that the table can keep it while it has no traffic."""

    key: Any
    row: Any
    number: int
    scope: Any
    """The subject of the table then, for example a host: another subject may have a row with the same key."""
    pattern: str
    """The filter of the table then."""


class View(NamedTuple):
    newest: Frame | None = None
    held: Frame | None = None
    ended: bool = False
    alerts: tuple[Alert, ...] = ()
    acknowledged: float = float("-inf")
    """The user has acknowledged the alerts up to this time, in unix seconds."""
    notice: str = ""
    """A message that the last line shows for some seconds."""
    place: Place = Place()
    trail: tuple[Place, ...] = ()
    """The places that led here; Esc goes back to the last of them."""
    selected: Mapping[Panel, Any] = {}
    last: Mapping[Panel, Last] = {}
    """The selected rows as they were when a frame last had them."""
    seen: Mapping[Panel, Last] = {}
    """The rows that were highlighted when the screen was last drawn."""
    columns: Mapping[Panel, tuple[str, ...]] = {}
    """The titles of the columns that were last drawn."""
    stood: Mapping[Panel, EarlierStanding] = {}
    sorts: Mapping[Panel, Sort] = {}
    is_ordering: bool = False
    """The next key is the letter of a column to sort by."""
    filter: str = ""
    pattern: str = ""
    """The last filter text that was not empty. `n` and `N` search for it."""
    is_typing: bool = False
    off: frozenset[str] = frozenset()
    """Names of the interfaces that the user switched off on the screen."""
    helps: bool = False
    help_row: int = 0
    first_length: float | None = None
    """The length of the window at the start, in seconds."""
    has_mouse: bool = False
    glyphs: Glyphs = UNICODE
    capture_filter: str = ""
    """The capture filter that the user set; empty if there is none."""
    where: str = ""
    """The filter of the exchanges that are counted; empty if there is none."""
    announced: Sequence[str] = ()
    """What outputs tell at the start, such as ``live page: http://...``; the help has it for as long as netmon runs."""
    progress: Progress | None = None
    """The position in the file that is played; None if no file is played."""

    @property
    def frame(self) -> Frame | None:
        """The frame to draw: during a pause the frame that is held, otherwise the newest."""
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
        """The log of alerts, oldest first. Alerts of a flapping rule are held back and shown in one line that still
        changes.
        """
        return (*self.alerts, *(self.newest.held if self.newest else ()))

    @property
    def typed(self) -> str:
        """The filter of the current place, which typing changes."""
        return self.place.inner if self.place.is_within else self.filter

    def sort_of(self, panel: Panel) -> Sort:
        return self.sorts.get(panel) or SORTS.get(panel) or Sort("req/s")

    @property
    def next_length(self) -> float:
        """The window length that the key `w` sets next, in seconds."""
        now = self.newest.window_length if self.newest else LENGTHS[-1]
        lengths = sorted({*LENGTHS, self.first_length or now})
        return next((length for length in lengths if length > now), lengths[0])

    def with_frame(self, frame: Frame) -> View:
        """The view with `frame` as the newest. If the view has a later frame already, only the alerts of `frame` are
        added.
        """
        alerts = (*self.alerts, *frame.alerts)[-LOGGED_ALERTS:]
        if self.newest is not None and frame.serial < self.newest.serial:
            return self._replace(alerts=alerts)
        return self._replace(newest=frame, alerts=alerts, first_length=self.first_length or frame.window_length)

    def with_moment(self, moment: Moment) -> View:
        """The view at a moment of the file that is played, which may be earlier than the moment shown before."""
        frame, progress = moment.frame, moment.progress
        shown = self._replace(newest=frame, alerts=moment.alerts, progress=progress, ended=progress.is_over)
        return shown._replace(first_length=self.first_length or frame.window_length)

    def with_changed(self, frame: Frame | None) -> View:
        """The view with a frame that a command of the user made. It is shown at once, even during a pause."""
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
        """The view at `place`, without a way back."""
        return self._replace(place=place, trail=(), helps=False, is_typing=False, is_ordering=False)

    def into(self, place: Place) -> View:
        """The view at `place`. Esc returns to the current place."""
        return self._replace(place=place, trail=(*self.trail, self.place))

    def with_selected(self, panel: Panel, key: Any) -> View:
        return self._replace(selected={**self.selected, panel: key})

    def with_last(self, panel: Panel, last: Last) -> View:
        """The view with the row `last` selected."""
        return self._replace(selected={**self.selected, panel: last.key}, last={**self.last, panel: last})

    def with_sort(self, panel: Panel, sort: Sort) -> View:
        """The view with another sort order. The new order applies at once, so the earlier standing is dropped."""
        stood = {other: each for other, each in self.stood.items() if other is not panel}
        return self._replace(sorts={**self.sorts, panel: sort}, stood=stood, is_ordering=False)

    def with_typed(self, text: str) -> View:
        if self.place.is_within:
            return self._replace(place=self.place._replace(inner=text), pattern=text or self.pattern)
        return self._replace(filter=text, pattern=text or self.pattern)
