"""The parts of the screen, and the parts of each page, as tables.

To show more on a page, add a `Part`, add it to the `STEPS` of the page according to its importance, and to the `BANDS`
of the page according to its position.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from netmon.display import about, charts, header, inspector, streams, tables
from netmon.display.help import footer
from netmon.display.timeline import timeline
from netmon.display.view import Page, Panel, View

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from netmon.display.canvas import Line

    Draw: TypeAlias = Callable[[View, int, int], list[Line]]

INTERFACES = 4
"""Maximum number of interfaces in the traffic panel. The busiest ones are shown."""

LEAST_LOG = 7
"""Rows that the log of alerts takes in its own view, however few there are: an empty one says why it is."""

UNLIMITED = 1_000_000
"""The maximum number of rows of a part without a limit: more rows than a terminal has."""


def _any(_view: View) -> int:
    return UNLIMITED


class Part(NamedTuple):
    """A part of the screen."""

    draw: Draw
    weight: int = 0
    """Its share of the rows that remain after all steps. 0: it gets no remaining rows."""
    most: Callable[[View], int] = _any
    """Returns the maximum number of rows that the part can use."""
    columns: int = 1
    """Minimum width of the screen at which the part is shown."""
    panel: Panel | None = None
    """The table that keys and the mouse act on in this part."""


def _line(draw: Callable[[View, int], Line], columns: int = 1) -> Part:
    return Part(lambda view, width, _height: [draw(view, width)], most=lambda _view: 1, columns=columns)


def _table(panel: Panel, weight: int, most: Callable[[View], int] = _any) -> Part:
    return _drawn(lambda view, width, height: tables.table(view, panel, width, height), panel, weight, most)


def _drawn(draw: Draw, panel: Panel, weight: int, most: Callable[[View], int] = _any) -> Part:
    return Part(draw, weight, most, columns=16, panel=panel)


def _interfaces(view: View) -> int:
    return 1 + max(1, len(header.busiest(view.frame)) if view.frame else 0)


def _traffic(view: View) -> int:
    return min(_interfaces(view), 1 + INTERFACES)


def _rules(view: View) -> int:
    """The rows of all rules that match. They are only matched if there is a filter."""
    rules = about.listed(view) if view.filter else view.frame.gauges if view.frame else ()
    return max(1, 2 * len(rules))


def _told(view: View) -> int:
    """In their own view, alerts leave the rows that they do not need to the rules."""
    return max(LEAST_LOG, 1 + len(view.told)) if view.page is Page.ALERTS else UNLIMITED


def _rows(n: int) -> Callable[[View], int]:
    return lambda _view: n


TITLE, RATES, CAPTURE, ALERT, TRAFFIC, TABS, FOOTER = "title", "rates", "capture", "alert", "traffic", "tabs", "footer"
RULES, KEPT, HEALTH, STATUSES, TIMELINE = "rules", "kept", "health", "statuses", "timeline"
ABOUT_INTERFACE, ABOUT_HOST, ABOUT_SECTION = "about interface", "about host", "about section"
ABOUT_CLIENT, ABOUT_CONNECTION, CLOSED = "about client", "about connection", "closed"
STREAMS, ABOUT_SERVER = "streams", "about server"

AIR = "air"
"""Blank lines between parts. `AIR` is used in steps, but is not drawn as a part."""

MAIN_PARTS: Mapping[Page, str] = {Page.EXCHANGE: TIMELINE}
"""The main part of a page, if that is not the table with the focus."""

MAIN = "main"
"""In steps, stands for the main part of the page: the table with the focus, or the part in `MAIN_PARTS`."""

PARTS: Mapping[str, Part] = {
    AIR: Part(lambda _view, _width, _height: []),
    TITLE: _line(header.title_line, columns=34),
    RATES: _line(header.rates_line),
    CAPTURE: _line(header.capture_line, columns=28),
    ALERT: _line(header.alert_bar, columns=32),
    TRAFFIC: Part(header.traffic, most=_traffic, columns=38),
    TABS: _line(header.tabs, columns=26),
    FOOTER: _line(footer),
    RULES: Part(about.rules, 6, most=_rules, columns=24),
    KEPT: _line(about.kept, columns=30),
    CLOSED: _line(about.closed, columns=30),
    HEALTH: _line(about.health, columns=30),
    STATUSES: Part(charts.statuses, most=_rows(5), columns=36),
    TIMELINE: Part(timeline, most=_rows(14), columns=16),
    ABOUT_INTERFACE: Part(about.about_interface, most=_rows(3), columns=24),
    ABOUT_HOST: Part(about.about_host, most=_rows(4), columns=24),
    ABOUT_SECTION: Part(about.about_section, most=_rows(3), columns=24),
    ABOUT_CLIENT: Part(about.about_client, most=_rows(3), columns=24),
    ABOUT_CONNECTION: Part(inspector.about_connection, most=_rows(6), columns=24),
    STREAMS: Part(streams.open_streams, most=streams.rows, columns=24),
    ABOUT_SERVER: Part(about.about_server, most=_rows(3), columns=24),
    Panel.HOSTS.value: _table(Panel.HOSTS, 55),
    Panel.SECTIONS.value: _table(Panel.SECTIONS, 45),
    Panel.ALL_SECTIONS.value: _table(Panel.ALL_SECTIONS, 60),
    Panel.INTERFACES.value: _table(Panel.INTERFACES, 50, _interfaces),
    Panel.INTERFACE_HOSTS.value: _table(Panel.INTERFACE_HOSTS, 50),
    Panel.CONNECTIONS.value: _table(Panel.CONNECTIONS, 60),
    Panel.INTERFACE_QUALITY.value: _table(Panel.INTERFACE_QUALITY, 50, _interfaces),
    Panel.HOST_QUALITY.value: _table(Panel.HOST_QUALITY, 50),
    Panel.REQUESTS.value: _table(Panel.REQUESTS, 50),
    Panel.SLOWEST.value: _table(Panel.SLOWEST, 50),
    Panel.CLIENTS.value: _table(Panel.CLIENTS, 45),
    Panel.OF_CLIENT.value: _table(Panel.OF_CLIENT, 50),
    Panel.OF_CONNECTION.value: _table(Panel.OF_CONNECTION, 50),
    Panel.SERVERS.value: _table(Panel.SERVERS, 50),
    Panel.ALERTS.value: _drawn(tables.alerts, Panel.ALERTS, 6, _told),
}

Steps = tuple[tuple[str, int], ...]

FIRST: Steps = ((RATES, 1), (MAIN, 3), (ALERT, 1), (CAPTURE, 1), (MAIN, 7), (FOOTER, 1), (TABS, 1))
"""The first steps of any page. Each step grows a part to a number of rows, one step after the other."""

TYPING: Steps = ((RATES, 1), (FOOTER, 1))
"""These steps come first while the user types or the last line shows a message."""

INSIDE: Steps = ((RATES, 1), (MAIN, 3), (ALERT, 1), (TABS, 1))
"""These steps come first on a page that Enter opened, since the line of tabs names its subject."""

LAST: Steps = ((TRAFFIC, 2), (TITLE, 1), (TRAFFIC, 1 + INTERFACES))


def _of(panel: Panel, rows: int) -> tuple[str, int]:
    return panel.value, rows


STEPS: Mapping[Page, Steps] = {
    Page.HOSTS: (
        _of(Panel.HOSTS, 3),
        _of(Panel.SECTIONS, 3),
        (TRAFFIC, 2),
        (TITLE, 1),
        _of(Panel.ALERTS, 2),
        (TRAFFIC, 1 + INTERFACES),
        _of(Panel.ALERTS, 3),
        _of(Panel.SECTIONS, 6),
        (AIR, 5),
        _of(Panel.HOSTS, 9),
        (STATUSES, 5),
        _of(Panel.CLIENTS, 6),
        _of(Panel.ALL_SECTIONS, 7),
        (AIR, 8),
    ),
    Page.SECTIONS: (_of(Panel.ALL_SECTIONS, 3), _of(Panel.SLOWEST, 3), *LAST, _of(Panel.SLOWEST, 5), (AIR, 5)),
    Page.INTERFACES: (_of(Panel.INTERFACES, 2), _of(Panel.INTERFACE_HOSTS, 2), (TITLE, 1), (AIR, 5)),
    Page.CONNECTIONS: (
        (HEALTH, 1),
        *LAST,
        _of(Panel.CONNECTIONS, 12),
        _of(Panel.HOST_QUALITY, 4),
        _of(Panel.INTERFACE_QUALITY, 3),
        (AIR, 5),
        _of(Panel.HOST_QUALITY, 7),
    ),
    Page.REQUESTS: ((KEPT, 1), *LAST, (AIR, 5)),
    Page.ALERTS: ((RULES, 1), (TRAFFIC, 2), (TITLE, 1), (RULES, 24), (TRAFFIC, 1 + INTERFACES), (AIR, 5)),
    Page.CLIENTS: (_of(Panel.CLIENTS, 3), _of(Panel.OF_CLIENT, 3), *LAST, _of(Panel.OF_CLIENT, 5), (AIR, 5)),
    Page.SERVERS: ((CLOSED, 1), *LAST, (ABOUT_SERVER, 3), (AIR, 5)),
    Page.INTERFACE: ((ABOUT_INTERFACE, 1), *LAST, (ABOUT_INTERFACE, 3), (AIR, 5)),
    Page.HOST: (
        _of(Panel.SECTIONS, 3),
        (ABOUT_HOST, 4),
        _of(Panel.SLOWEST, 3),
        *LAST,
        _of(Panel.SLOWEST, 5),
        (AIR, 5),
    ),
    Page.CLIENT: ((ABOUT_CLIENT, 3), *LAST, (AIR, 5)),
    Page.CONNECTION: ((ABOUT_CONNECTION, 6), (STREAMS, 3), (STREAMS, 9), *LAST, (AIR, 5)),
    Page.SECTION: ((ABOUT_SECTION, 3), *LAST, (AIR, 5)),
    Page.EXCHANGE: ((TIMELINE, 14), _of(Panel.SLOWEST, 3), (TITLE, 1), (AIR, 5)),
}
"""The steps of each page after `FIRST`."""

Band = tuple[tuple[str, int], ...]
"""Parts that stand side by side, each with its share of the width."""


def _stack(*parts: Panel | str) -> tuple[Band, ...]:
    return tuple(((part.value if isinstance(part, Panel) else part, 1),) for part in parts)


BANDS: Mapping[Page, tuple[tuple[int, tuple[Band, ...]], ...]] = {
    Page.HOSTS: (
        (
            160,
            (
                *_stack(Panel.HOSTS),
                (_of(Panel.SECTIONS, 49), (STATUSES, 25), _of(Panel.ALERTS, 26)),
                (_of(Panel.ALL_SECTIONS, 50), _of(Panel.CLIENTS, 50)),
            ),
        ),
        (
            120,
            (
                *_stack(Panel.HOSTS),
                (_of(Panel.SECTIONS, 66), _of(Panel.ALERTS, 34)),
                (_of(Panel.CLIENTS, 66), (STATUSES, 34)),
                (_of(Panel.ALL_SECTIONS, 1),),
            ),
        ),
        (1, _stack(Panel.HOSTS, Panel.SECTIONS, Panel.CLIENTS, Panel.ALL_SECTIONS, STATUSES, Panel.ALERTS)),
    ),
    Page.SECTIONS: ((1, _stack(Panel.ALL_SECTIONS, Panel.SLOWEST)),),
    Page.INTERFACES: ((1, _stack(Panel.INTERFACES, Panel.INTERFACE_HOSTS)),),
    Page.CONNECTIONS: (
        (120, (*_stack(HEALTH, Panel.CONNECTIONS), (_of(Panel.INTERFACE_QUALITY, 50), _of(Panel.HOST_QUALITY, 50)))),
        (1, _stack(HEALTH, Panel.CONNECTIONS, Panel.INTERFACE_QUALITY, Panel.HOST_QUALITY)),
    ),
    Page.REQUESTS: ((1, _stack(Panel.REQUESTS, KEPT)),),
    Page.ALERTS: ((1, _stack(RULES, Panel.ALERTS)),),
    Page.CLIENTS: ((1, _stack(Panel.CLIENTS, Panel.OF_CLIENT)),),
    Page.SERVERS: ((1, _stack(CLOSED, Panel.SERVERS, ABOUT_SERVER)),),
    Page.INTERFACE: ((1, _stack(ABOUT_INTERFACE, Panel.INTERFACE_HOSTS)),),
    Page.HOST: ((1, _stack(ABOUT_HOST, Panel.SECTIONS, Panel.SLOWEST)),),
    Page.CLIENT: ((1, _stack(ABOUT_CLIENT, Panel.OF_CLIENT)),),
    Page.CONNECTION: ((1, _stack(ABOUT_CONNECTION, STREAMS, Panel.OF_CONNECTION)),),
    Page.SECTION: ((1, _stack(ABOUT_SECTION, Panel.SLOWEST)),),
    Page.EXCHANGE: ((1, _stack(TIMELINE, Panel.SLOWEST)),),
}
"""The bands of each page from top to bottom, for a minimum width of the screen; the widest first."""

TOP, BOTTOM = _stack(TITLE, RATES, ALERT, CAPTURE, TRAFFIC, TABS), _stack(FOOTER)
"""The bands above and below those of every page."""

BREATHING = (TABS, FOOTER, TRAFFIC)
"""The first blank lines go above these parts, in this order. Further blank lines go between the bands of the page."""
