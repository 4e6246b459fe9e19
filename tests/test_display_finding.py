"""What `/` finds: whatever is on the screen, in every view."""

import pytest
import scene
from drawing import busy, pressed, text, view_of
from fakes import snapshot
from netmon import Rule
from netmon._core import Matching
from netmon.display.absent import nothing
from netmon.display.help import footer, help_page, prompt
from netmon.display.layout import screen
from netmon.display.rows import rows_of
from netmon.display.view import Page, Panel
from netmon.frames import Frames


def found(page, panel, typed, frames=None):
    view = view_of(busy(28) if frames is None else frames, [page, "/", *typed])
    there = rows_of(view, panel)
    return [there.key(row) for row in there.page(0, there.total)]


def hosts(typed, page="1", panel=Panel.HOSTS):
    return {host.split(".")[0] for host in found(page, panel, typed)}


@pytest.mark.parametrize(
    ("typed", "names"),
    [
        ("checkout", {"shop"}),
        ("/v2", {"api"}),
        ("503", {"shop"}),
        ("5xx", {"shop", "api"}),
        ("status:5xx", {"shop", "api"}),
        ("status:500", {"api"}),
        ("!status:2xx", {"evil\\x1b[2J\\xe2\\x80\\xae"}),
        ("host:shop", {"shop"}),
        ("host:checkout", set()),
        ("section:/cart", {"shop"}),
        ("path:/cart", {"shop"}),
        ("example status:304", {"static"}),
        ("method:delete", set()),
    ],
)
def test_a_host_is_found_by_its_sections_methods_and_statuses_and_by_fields_of_its_exchanges(typed, names):
    expected = {name.split(".")[0] for name in names}
    assert hosts(typed) == hosts(typed, "4", Panel.HOST_QUALITY) == expected


def test_a_host_is_found_by_the_interface_of_its_exchanges():
    told = [dict(each, interface="lo", status=503) for each in scene.exchanges(0, "api.example", 1)]
    told += list(scene.exchanges(0, "shop.example", 1))
    hosts = [scene.host(name, 1) for name in ("api.example", "shop.example")]
    frames = [Frames(keeps_exchanges=True).push(snapshot(scene.NOON, hosts=hosts, exchanges=told))]
    for typed, names in (("lo", ["api.example"]), ("lo status:5xx", ["api.example"]), ("eth0", ["shop.example"])):
        assert found("1", Panel.HOSTS, f"interface:{typed}", frames) == names


def test_a_client_finds_its_hosts_its_sections_and_its_requests():
    exchange = busy(28)[-1].tail.exchanges[0]
    typed = f"client:{exchange.client}"
    assert exchange.host in found("1", Panel.HOSTS, typed)
    assert (exchange.host, exchange.section) in found("2", Panel.ALL_SECTIONS, typed)
    assert {each.client for each in found("5", Panel.REQUESTS, typed)} == {exchange.client}
    assert exchange.interface in found("3", Panel.INTERFACES, typed)


@pytest.mark.parametrize(
    ("typed", "is_meant"),
    [
        ("checkout", lambda each: "checkout" in each.section),
        ("503", lambda each: each.status == 503 or "503" in each.client),
        ("status:4xx", lambda each: each.status is not None and each.status // 100 == 4),
        ("method:get shop", lambda each: each.host.startswith("shop") and each.method == "GET"),
        ("!get", lambda each: each.method != "GET"),
        ("eth0", lambda each: each.interface == "eth0"),
        ("10.0.0.7", lambda each: each.client.startswith("10.0.0.7")),
    ],
)
def test_a_request_is_found_by_all_it_shows(typed, is_meant):
    every = found("5", Panel.REQUESTS, "")
    assert found("5", Panel.REQUESTS, typed) == [each for each in every if is_meant(each)]


def test_sections_are_found_by_status_and_their_requests_too():
    assert {path for _, path in found("2", Panel.ALL_SECTIONS, "503")} == {"/items"}
    view = view_of(busy(28), ["2", "/", *"status:503"])
    there = rows_of(view, Panel.SLOWEST)
    assert {each.status for each in there.page(0, there.total)} == {503}


def test_interfaces_are_found_by_name_state_protocol_and_what_passed_them():
    frames = [
        Frames().push(
            snapshot(
                9,
                interfaces=[{"name": "eth0", "state": "up", "protocols": {"tls": 1}}, {"name": "lo", "state": "down"}],
            )
        )
    ]
    for typed, names in (
        ("eth", ["eth0"]),
        ("down", ["lo"]),
        ("TLS", ["eth0"]),
        ("interface:lo", ["lo"]),
        ("!lo", ["eth0"]),
    ):
        assert found("3", Panel.INTERFACES, typed, frames) == names
        assert found("4", Panel.INTERFACE_QUALITY, typed, frames) == names
    assert found("3", Panel.INTERFACES, "shop")


def test_alerts_are_found_in_their_view_and_stay_in_the_others():
    made = Frames(10.0, [Rule(5, 1)])
    frames = [made.push(snapshot(i, hits=n)) for i, n in enumerate([5, 0, 7, 0])]
    assert [alert.state for alert in found("6", Panel.ALERTS, "recovered", frames)] == ["recovered"] * 2
    assert [alert.value for alert in found("6", Panel.ALERTS, "7 hits", frames)] == [7]
    assert len(found("1", Panel.ALERTS, "zebra", frames)) == 4
    view = view_of(frames, ["6", "/", *"zebra", "enter"])
    assert "Nothing here matches zebra" in "".join(text(nothing(view, Panel.ALERTS, 80, 9)))
    assert "ALERTS 0 of 4" in "\n".join(text(screen(view, 80, 24)))


def test_within_a_host_its_own_name_finds_nothing_and_a_field_does():
    inside = view_of(busy(28), ["enter"])
    assert inside.place.host == "shop.example"
    assert rows_of(pressed(inside, ["/", *"shop"]), Panel.SECTIONS).total == 0
    assert rows_of(pressed(inside, ["/", *"host:shop"]), Panel.SECTIONS).total == 4
    assert rows_of(pressed(inside, ["/", *"status:503"]), Panel.SECTIONS).total == 1


def test_the_next_match_is_one_of_any_field():
    view = view_of(busy(28), ["/", *"status:500", "escape", "n"])
    assert view.selected[Panel.HOSTS] == "api.example"
    assert view.page is Page.HOSTS


def test_the_help_says_what_is_matched():
    page = "\n".join(text(help_page(view_of(busy(15), "?"), 120, 99)))
    for field in ("host", "section", "path", "method", "status", "client", "interface"):
        assert field in page
        assert Matching(f"{field}:zebra", ()).admits({"": "zebra"}) is False
    assert "status:5xx" in text([footer(view_of(busy(15), "/"), 80)])[0]


@pytest.mark.parametrize("width", [80, 100, 140])
def test_a_filter_with_a_mistake_that_is_kept_says_so_in_the_header(width):
    view = view_of(busy(3), ["/", *"latency>foo status:2xx", "enter"])
    [line] = [line for line in text(screen(view, width, 24)) if "only" in line]
    assert "only in part lat" in line
    assert "  foo is" in line
    assert "6" in line, "the tabs are there"
    assert "in part" not in "".join(text(screen(view_of(busy(3), ["/", *"status:2xx", "enter"]), width, 24)))


def test_the_note_on_a_long_filter_is_seen_at_80_columns():
    pattern = "host:shop.example section:/checkout method:POST status:5xx and"
    view = view_of(busy(3), ["/", *pattern])
    line = text([prompt(view, 80)])[0]
    assert "status:5xx and" in line
    assert line.rstrip().endswith("and needs a term behind it")
