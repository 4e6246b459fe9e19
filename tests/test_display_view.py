"""The view and what keys do to it: selecting, going in and out, sorting, filtering, searching."""

import pytest
from drawing import ACTIONS, busy, pressed, view_of
from fakes import snapshot
from netmon.display import ranked
from netmon.display.rows import in_sight, rows_of, selected_row
from netmon.display.view import LENGTHS, PANELS, VIEWS, Page, Panel, Sort, View
from netmon.frames import Frames


def of_hosts(frames=None, **hits):
    return (frames or Frames()).push(snapshot(0, hosts=[{"name": name, "hits": n} for name, n in hits.items()]))


def selected(view):
    return selected_row(view, Panel.HOSTS).name


def names(view, panel):
    there = rows_of(view, panel)
    return [there.key(row) for row in there.page(0, there.total)]


def test_a_selection_stays_on_its_host_while_the_order_changes():
    made = Frames()
    view = view_of([of_hosts(made, a=3, b=2, c=1)], ["j"])
    assert selected(view) == "b"
    assert selected(view.with_frame(of_hosts(made, c=90))) == "b"


def test_without_a_selection_the_busiest_host_is_shown():
    made = Frames()
    view = view_of([of_hosts(made, a=3, b=2)])
    assert selected(view) == "a"
    assert selected(view.with_frame(of_hosts(made, b=90))) == "b"


def test_the_first_row_is_selected_if_the_selected_one_is_gone():
    view = view_of([of_hosts(a=3, b=2)]).with_selected(Panel.HOSTS, "gone")
    assert selected(view) == "a"


@pytest.mark.parametrize(
    ("keys", "host"),
    [
        ("", "a"),
        ("k", "a"),
        ("j", "b"),
        ("G", "c"),
        ("Gk", "b"),
        ("jg", "a"),
        (["pagedown"], "c"),
        (["end", "home"], "a"),
    ],
)
def test_moving_stops_at_either_end(keys, host):
    assert selected(view_of([of_hosts(a=3, b=2, c=1)], keys)) == host


@pytest.mark.parametrize(
    ("rows_", "at", "height", "seen"),
    [
        ("abc", 0, 5, "abc"),
        ("abcdefgh", 0, 3, "abc"),
        ("abcdefgh", 4, 3, "def"),
        ("abcdefgh", 7, 3, "fgh"),
        ("abc", 0, 0, ""),
        ("", 0, 3, ""),
    ],
)
def test_the_selected_row_is_in_sight(rows_, at, height, seen):
    first, count = in_sight(at, len(rows_), height)
    assert rows_[first : first + count] == seen


def test_a_pause_holds_the_frame_and_the_capture_goes_on():
    made = Frames()
    first, second = of_hosts(made, a=1), of_hosts(made, a=2)
    view = view_of([first]).paused().with_frame(second)
    assert view.frame is first
    assert view.paused().frame is second


def test_sorting_and_filtering_work_on_what_a_pause_holds():
    view = view_of([of_hosts(a=3, b=2)], ["p", "r"])
    assert names(view, Panel.HOSTS) == ["b", "a"]
    assert names(pressed(view, ["/", "a"]), Panel.HOSTS) == ["a"]


def test_a_frame_older_than_the_one_shown_is_not_shown():
    made = Frames()
    old = of_hosts(made, a=1)
    new = made.resize(1.0)
    view = View().with_frame(new).with_frame(old)
    assert view.frame is new


# Windows and totals


def test_the_key_of_the_window_goes_through_its_lengths_and_the_one_that_was_set():
    made = Frames(30.0)
    view = view_of([made.push(snapshot(i, hits=1)) for i in range(3)])
    seen = []
    for _ in range(6):
        seen.append(view.next_length)
        view = view.with_changed(made.resize(view.next_length))
    assert seen == [60.0, float("inf"), 1.0, 10.0, 30.0, 60.0]
    assert set(LENGTHS) < set(seen)


def test_another_window_counts_what_is_already_there():
    made = Frames(10.0)
    view = view_of([made.push(snapshot(i, hits=1)) for i in range(30)])
    hits = [view.with_changed(made.resize(length)).frame.window.hits for length in LENGTHS]
    assert hits == [1, 10, 30, 30]


def test_another_window_is_seen_in_a_pause_too():
    made = Frames(10.0)
    view = view_of([made.push(snapshot(i, hits=1)) for i in range(30)]).paused()
    view = view.with_changed(made.resize(1.0))
    assert view.is_paused
    assert view.frame.window.hits == 1


def test_clearing_counts_anew_and_outputs_keep_the_total():
    made = Frames(10.0)
    for i in range(5):
        made.push(snapshot(i, hits=1, capture={"received": 10, "kernel_dropped": 1}))
    cleared = made.clear()
    assert (cleared.window.hits, cleared.shown.packets, cleared.shown.lost) == (0, 0, 0)
    frame = made.push(snapshot(5, hits=1, capture={"received": 10}))
    assert (frame.window.hits, frame.shown.packets) == (1, 10)
    assert (frame.tally.hits, frame.tally.packets, frame.total.hits) == (6, 60, 6)
    assert (made.clear().total.hits, made.push(snapshot(6, hits=1)).total.hits) == (6, 7)


# Going in and out


@pytest.mark.parametrize(
    ("keys", "page", "about"),
    [
        (["enter"], Page.HOST, ("shop.example", None)),
        (["j", "enter"], Page.HOST, ("api.example", None)),
        (["enter", "j", "enter"], Page.SECTION, ("shop.example", "/")),
        (["tab", "j", "enter"], Page.SECTION, ("shop.example", "/")),
        (["2", "j", "j", "enter"], Page.SECTION, ("api.example", "/v2")),
        (["3", "enter"], Page.INTERFACE, (None, None)),
        (["3", "enter", "enter"], Page.HOST, ("shop.example", None)),
        (["3", "enter", "enter", "enter", "enter"], Page.EXCHANGE, ("shop.example", "/items")),
        (["4", "tab", "tab", "j", "enter"], Page.HOST, ("shop.example", None)),
        (["5", "enter"], Page.EXCHANGE, ("shop.example", "/checkout")),
        (["6", "enter"], Page.ALERTS, (None, None)),
    ],
)
def test_enter_leads_from_interface_to_host_to_section_to_exchange(keys, page, about):
    view = view_of(busy(), keys)
    assert view.page is page
    assert (view.place.host, view.place.section) == about


@pytest.mark.parametrize("key", ["escape", "backspace", "left"])
def test_going_back_takes_the_same_pages_as_going_in(key):
    keys = ["3", "enter", "enter", "enter", "enter"]
    pages = [view_of(busy(), keys[:n]).page for n in range(1, len(keys) + 1)]
    view = view_of(busy(), keys)
    back = [view.page]
    while view.trail:
        view = pressed(view, [key])
        back.append(view.page)
    assert back == pages[::-1]


def test_exchanges_of_a_section_are_its_own_the_slowest_first():
    view = view_of(busy(), ["enter", "enter"])
    found = names(view, Panel.SLOWEST)
    assert {(each.host, each.section) for each in found} == {("shop.example", "/items")}
    assert found == sorted(found, key=lambda each: -each.latency)
    assert found[0].status == 503


def test_inside_an_exchange_the_arrows_go_to_the_next_ones():
    view = view_of(busy(), ["enter", "enter", "enter"])
    slowest = names(view, Panel.SLOWEST)
    assert view.place.exchange is slowest[0]
    assert pressed(view, "jj").place.exchange is slowest[2]


@pytest.mark.parametrize("number", range(1, 7))
def test_a_number_opens_its_view_from_everywhere(number):
    for keys in ([], ["enter", "enter", "enter"], ["?"]):
        view = view_of(busy(), [*keys, str(number)])
        assert view.page is VIEWS[number - 1]
        assert not view.trail


def test_tab_goes_round_the_panels_of_each_page():
    for page, panels in PANELS.items():
        if page in VIEWS:
            view = view_of(busy(), [str(VIEWS.index(page) + 1)])
            seen = [pressed(view, ["tab"] * n).focus for n in range(len(panels) + 1)]
            assert seen == [*panels, panels[0]]
            assert pressed(view, ["s-tab"]).focus is panels[-1]


def test_no_key_fails_on_any_page_with_or_without_frames():
    keys = [name for name, action in ACTIONS.items() if callable(action)]
    for frames in ((), busy()):
        for page in ([], "2", "3", "4", "5", "6", ["enter"], ["enter", "enter"], ["5", "enter"], ["/"], ["/", "z"]):
            for key in keys:
                view_of(frames, [*page, key, "enter", key])


# Order


def test_sorting_goes_through_all_columns_and_back():
    view, seen = view_of(busy()), []
    while (title := view.sort_of(Panel.HOSTS).title) not in seen:
        seen.append(title)
        view = pressed(view, "s")
    assert seen[:2] == ["req/s", "2xx"]
    assert len(seen) == 13
    assert pressed(view, "S").sort_of(Panel.HOSTS).title == seen[-1]


def test_each_panel_has_its_own_order():
    view = view_of(busy(), ["s", "2", "r"])
    assert view.sort_of(Panel.HOSTS) == Sort("2xx")
    assert view.sort_of(Panel.ALL_SECTIONS) == Sort("p95", is_reversed=True)


def test_the_view_of_sections_begins_with_the_slowest():
    first = names(view_of(busy(), "2"), Panel.ALL_SECTIONS)[0]
    assert first[0].startswith("a-very-long-name")


def test_reversing_turns_the_table_over_and_leaves_what_is_unknown_last():
    view = view_of(busy(), "4")  # eth0 has round trips, lo has none
    view = view.with_sort(Panel.INTERFACE_QUALITY, Sort("cli RTT"))
    assert names(view, Panel.INTERFACE_QUALITY) == ["eth0", "lo"]
    assert names(pressed(view, "r"), Panel.INTERFACE_QUALITY) == ["eth0", "lo"]


# Filters


def filtered(text, page="1"):
    return view_of(busy(), [page, "/", *text])


@pytest.mark.parametrize(
    ("text", "hosts"),
    [("", 6), ("shop", 1), ("SHOP", 1), ("!shop", 5), ("example", 6), ("zebra", 0), ("!", 6)],
)
def test_a_filter_works_as_it_is_typed_on_every_panel(text, hosts):
    for page, panel in (("1", Panel.HOSTS), ("3", Panel.INTERFACE_HOSTS), ("4", Panel.HOST_QUALITY)):
        assert len(names(filtered(text, page), panel)) == hosts
    sections = names(filtered(text, "2"), Panel.ALL_SECTIONS)
    exchanges = names(filtered(text, "5"), Panel.REQUESTS)
    assert len({host for host, _ in sections}) == len({each.host for each in exchanges}) == hosts


def test_enter_keeps_a_filter_and_escape_drops_it():
    view = filtered("shop")
    kept, dropped = pressed(view, ["enter"]), pressed(view, ["escape"])
    assert (kept.is_typing, kept.filter) == (False, "shop")
    assert (dropped.is_typing, dropped.filter) == (False, "")
    assert pressed(kept, ["escape"]).filter == ""


@pytest.mark.parametrize(
    ("typed", "filter_"),
    [(["a", "b", "backspace"], "a"), (["a", "c-u", "b"], "b"), (["a\x1b\u202eb"], "ab"), (["x" * 500], "x" * 100)],
)
def test_what_is_typed_or_pasted_is_printable_and_bounded(typed, filter_):
    assert filtered(typed).filter == filter_


def test_within_a_host_a_filter_is_about_sections_and_ends_when_the_host_is_left():
    view = view_of(busy(), ["enter", "/", "c", "enter"])
    assert names(view, Panel.SECTIONS) == ["/cart", "/checkout"]
    assert {each.section for each in names(view, Panel.SLOWEST)} == {"/cart", "/checkout"}
    assert view.filter == ""
    assert len(names(pressed(view, ["escape", "escape"]), Panel.SECTIONS)) == 4


def test_a_section_is_filtered_by_status_method_and_client():
    for text in ("503", "10.0.0.7:50025"):
        found = names(view_of(busy(), ["enter", "enter", "/", *text]), Panel.SLOWEST)
        assert found
        assert all(text in f"{each.status} {each.client}" for each in found)


def test_n_goes_to_the_next_match_and_from_the_last_to_the_first():
    view = view_of([of_hosts(xa=6, b=5, xc=4, d=3, xe=2, f=1)], ["/", "x", "escape"])
    seen = []
    for key in "nnnnNNN":
        view = pressed(view, key)
        seen.append(selected(view))
    assert seen == ["xc", "xe", "xa", "xc", "xa", "xe", "xc"]


def test_n_without_a_match_or_a_pattern_stays():
    view = view_of([of_hosts(a=2, b=1)], ["j"])
    assert selected(pressed(view, "nN")) == "b"
    assert selected(pressed(view, ["/", "z", "escape", "n"])) == "b"


# Interfaces on and off


def test_i_leads_to_the_interfaces_and_switches_there():
    view = view_of(busy(), "i")
    assert (view.page, view.off) == (Page.INTERFACES, frozenset())
    assert pressed(view, "i").off == {"eth0"}
    assert pressed(view, "ii").off == frozenset()
    assert pressed(view, "ji").off == {"lo"}


def test_requests_of_an_interface_that_is_off_are_not_listed_and_come_back():
    view = view_of(busy(), ["3", "i", "5"])
    assert names(view, Panel.REQUESTS) == []
    assert names(pressed(view, ["3", "i", "5"]), Panel.REQUESTS)


# What is asked of the core


def test_only_rows_in_sight_are_made():
    frame = of_hosts(**{f"h{i}": i + 1 for i in range(500)})
    asked = []
    there = rows_of(view_of([frame]), Panel.HOSTS)
    spied = there._replace(page=lambda offset, n: asked.append(n) or there.page(offset, n))
    assert spied.row(10_000).name == "h0"
    assert asked == [1]


def test_a_frame_is_ranked_once():
    ranked.hosts.cache_clear()
    view = view_of([of_hosts(a=2, b=1)])
    for keys in ("", "j", "k", "?"):
        rows_of(pressed(view, keys), Panel.HOSTS)
    assert ranked.hosts.cache_info().misses == 1


# Clients


def test_enter_on_a_client_lists_its_requests_newest_first():
    view = view_of(busy(), ["7", "j", "enter"])
    assert (view.page, view.place.client) == (Page.CLIENT, "10.0.0.8")
    found = rows_of(view, Panel.OF_CLIENT).page(0, 1000)
    assert found
    assert all(exchange.client.startswith("10.0.0.8:") for exchange in found)
    assert [exchange.ts for exchange in found] == sorted((exchange.ts for exchange in found), reverse=True)
    inside = pressed(view, ["enter"])
    assert (inside.page, inside.place.exchange) == (Page.EXCHANGE, found[0])
    assert pressed(inside, ["escape", "escape"]).page is Page.CLIENTS


def test_clients_are_found_by_address_method_and_status():
    for typed, addresses in (("0.8", ["10.0.0.8"]), ("client:db8", ["2001:db8::10"]), ("status:5xx", ["10.0.0.7"])):
        view = view_of(busy(), ["7", "/", *typed])
        assert [row.address for row in rows_of(view, Panel.CLIENTS).page(0, 9)] == addresses


def test_a_filter_within_a_client_is_about_its_requests():
    view = view_of(busy(), ["7", "enter", "/", *"static"])
    assert {exchange.host for exchange in rows_of(view, Panel.OF_CLIENT).page(0, 1000)} == {"static.example"}
    assert not view.filter


def test_the_shares_of_clients_add_up_to_all_requests():
    rows = rows_of(view_of(busy(), ["7"]), Panel.CLIENTS).page(0, 9)
    assert sum(row.requests for row in rows) == busy()[-1].window.requests
