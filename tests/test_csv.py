"""Tables written as CSV: each heading is the JSON field that has the same figure."""

import csv
import io
import re

import pytest
from drawing import at, busy
from netmon import format as fmt
from netmon.alerts import Alert, Rule
from netmon.display.export import document
from netmon.display.rows import rows_of
from netmon.display.specs import SPECS
from netmon.display.view import Panel
from netmon.measures import measure
from netmon.sinks import requests
from scene import second

VIEWS = {
    Panel.HOSTS: at(),
    Panel.SECTIONS: at("enter"),
    Panel.ALL_SECTIONS: at("2"),
    Panel.INTERFACES: at("3"),
    Panel.INTERFACE_HOSTS: at("3", "enter"),
    Panel.CONNECTIONS: at("4"),
    Panel.INTERFACE_QUALITY: at("4"),
    Panel.HOST_QUALITY: at("4"),
    Panel.REQUESTS: at("5"),
    Panel.SLOWEST: at("2"),
    Panel.CLIENTS: at("7"),
    Panel.OF_CLIENT: at("7", "enter"),
    Panel.SERVERS: at("8"),
    Panel.OF_CONNECTION: at("4", "/", *"10.0.0.7:50000", "enter", "enter"),
    Panel.ALERTS: at("6", seconds=50),
}

COUNTED = {"status_2xx", "status_3xx", "status_4xx", "status_5xx", "latency_p50", "latency_p95", "latency_p99"}
"""Headings of figures that are nested in JSON: the names that `Snapshot.rows` has for them."""

DERIVED = {"rtt", "to_client", "to_server", "process"}
"""Attributes of `Tcp` that follow from several JSON fields, and the name of a process, which JSON has in an object."""

TIMES = {"opened", "ts"}
"""Headings of times, which are text in JSON."""


def written(panel):
    return list(csv.DictReader(io.StringIO(document(VIEWS[panel](), panel))))


def of_json(panel):
    """The rows of a table as JSON has them, with the health of connections beside the other fields."""
    frame = VIEWS[panel]().frame
    window = frame.window.to_dict()
    hosts = [host | host["tcp"] for host in window["hosts"]]
    sections = [
        section | {"host": host["name"], "section": section["path"]} for host in hosts for section in host["sections"]
    ]
    interfaces = [interface | interface["tcp"] for interface in window["interfaces"]]
    listed = (frame.listed or frame.window).to_dict()["connections"]
    exchanges = [each for i in range(28) for each in second(i).to_dict()["exchanges"]]
    found = {
        Panel.SECTIONS: sections,
        Panel.ALL_SECTIONS: sections,
        Panel.INTERFACES: interfaces,
        Panel.INTERFACE_QUALITY: interfaces,
        Panel.CONNECTIONS: listed,
        Panel.CLIENTS: window["clients"],
        Panel.SERVERS: window["servers"],
    }
    return found.get(
        panel, exchanges if panel in (Panel.REQUESTS, Panel.SLOWEST, Panel.OF_CLIENT, Panel.OF_CONNECTION) else hosts
    )


def test_every_table_is_tried():
    assert set(VIEWS) == set(Panel) == set(SPECS)


@pytest.mark.parametrize("panel", sorted(set(Panel) - {Panel.ALERTS}, key=lambda panel: panel.value))
def test_headings_are_json_fields_and_each_figure_is_that_of_the_field(panel):
    lines = written(panel)
    headings, known = list(lines[0]), of_json(panel)
    assert len(headings) == len(set(headings))
    assert {name for name in headings if name not in known[0]} <= COUNTED | DERIVED
    plain = [name for name in headings if name in known[0] and name not in TIMES]
    shown = {tuple(_plain(row[name]) for name in plain) for row in known}
    assert len(lines) > 1 or panel is Panel.INTERFACES
    for line in lines:
        assert tuple(_plain(line[name]) for name in plain) in shown, line


def _plain(value):
    """A figure as a number, and text as it is made safe for a file."""
    if value is None or value == "":
        return ""
    try:
        return float(value)
    except ValueError:
        return fmt.sanitize(value)


@pytest.mark.parametrize("panel", [Panel.HOSTS, Panel.ALL_SECTIONS, Panel.CLIENTS])
def test_nested_figures_are_those_of_the_measure_of_the_same_name(panel):
    rows = rows_of(VIEWS[panel](), panel)
    for line, row in zip(written(panel), rows.page(0, rows.total), strict=True):
        for heading in COUNTED:
            value = measure(heading.replace("_", ".")).value(row)
            assert line[heading] == ("" if value is None else str(value))


def test_headings_of_nested_figures_are_those_of_flat_records():
    assert set(busy()[-1].window.rows()[0]) >= COUNTED


def test_headings_of_alerts_are_attributes_of_an_alert_and_of_its_rule():
    assert set(written(Panel.ALERTS)[0]) <= {*Alert._fields, *Rule._fields, "duration", "summary"}


def test_alerts_have_their_time_in_utc_and_what_they_are_about():
    last = written(Panel.ALERTS)[-1]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", last["at"])
    assert last["severity"] == "warning"
    assert (last["metric"], last["threshold"]) == ("hits", "5000")
    assert last["summary"].startswith("hits is ")


def test_requests_as_json_have_the_fields_of_exchanges_in_their_order():
    assert ["ts", *requests.FIELDS] == list(second(20).to_dict()["exchanges"][0])
