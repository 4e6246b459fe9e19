"""Sorting by a letter, by a click on a heading and by going through the columns; other clicks; the footer."""

import pytest
from drawing import busy, pressed, text, view_of
from netmon.display import header
from netmon.display.control import clicked, seen
from netmon.display.help import footer
from netmon.display.layout import boxes, screen
from netmon.display.specs import SPECS, letters, titles
from netmon.display.view import VIEWS, Page, Panel, Sort, View
from netmon.playback import Progress

SIZES = [(120, 30), (80, 24), (40, 10)]


def shown(view, size):
    """The view after it was drawn: it knows which columns are on the screen."""
    return seen(view, view, size)


def heading_of(view, panel, size):
    box = next(box for box in boxes(view, *size) if box.panel is panel)
    return box, text(screen(view, *size))[box.top]


# Letters


@pytest.mark.parametrize("panel", [panel for panel in Panel if SPECS[panel].columns])
def test_each_column_has_a_letter_of_its_own(panel):
    assert sorted(letters(panel).values()) == sorted(titles(panel))
    assert all(len(letter) == 1 for letter in letters(panel))


def test_a_letter_sorts_and_the_same_letter_reverses():
    view = shown(view_of(busy(15)), (120, 30))
    view = pressed(view, "o")
    assert view.is_ordering
    assert text([footer(view, 120)])[0].split("  ")[:4] == [" sort by", "r req/s", "2 2xx", "3 3xx"]
    view = pressed(view, "5")
    assert (view.sort_of(Panel.HOSTS), view.is_ordering) == (Sort("5xx"), False)
    assert pressed(view, "o5").sort_of(Panel.HOSTS) == Sort("5xx", is_reversed=True)
    assert pressed(view, "o5o5").sort_of(Panel.HOSTS) == Sort("5xx")


@pytest.mark.parametrize("key", ["z", "\x1b[A", "q", "1"])
def test_any_other_key_leaves_the_order_as_it_is(key):
    view = pressed(shown(view_of(busy(15)), (120, 30)), ["o", key])
    assert (view.sort_of(Panel.HOSTS), view.is_ordering, view.page) == (Sort("req/s"), False, Page.HOSTS)


def test_only_columns_on_the_screen_are_sorted_by():
    wide, narrow = shown(view_of(busy(15)), (120, 30)), shown(view_of(busy(15)), (40, 10))
    assert "RTT" in wide.columns[Panel.HOSTS]
    assert narrow.columns[Panel.HOSTS] == ("req/s", "5xx", "p95")
    assert pressed(wide, "ot").sort_of(Panel.HOSTS) == Sort("RTT")
    assert pressed(narrow, "ot").sort_of(Panel.HOSTS) == Sort("req/s")
    gone = []
    view = narrow
    for _ in range(4):
        view = pressed(shown(view, (40, 10)), "s")
        gone.append(view.sort_of(Panel.HOSTS).title)
    assert gone == ["5xx", "p95", "req/s", "5xx"]
    assert pressed(narrow, "S").sort_of(Panel.HOSTS).title == "p95"


def test_requests_can_be_sorted_by_time():
    view = shown(view_of(busy(15), "5"), (120, 30))
    assert view.columns[Panel.REQUESTS][-1] == "time"
    assert "connect" not in view.columns[Panel.REQUESTS]
    assert pressed(view, "oa").sort_of(Panel.REQUESTS) == Sort("answer")
    assert pressed(pressed(view, "oa"), "ot").sort_of(Panel.REQUESTS) == Sort("time")


def test_a_view_without_columns_has_no_letters():
    assert not pressed(view_of(busy(15), "6"), "o").is_ordering


# The mouse


@pytest.mark.parametrize("size", SIZES)
def test_a_click_on_a_heading_sorts_and_another_reverses(size):
    view = view_of(busy(15))
    box, line = heading_of(view, Panel.HOSTS, size)
    for title in shown(view, size).columns[Panel.HOSTS]:
        at = line.index(title)
        once = clicked(shown(view, size), size, at, box.top)
        expected = Sort(title, is_reversed=title == "req/s")
        assert once.sort_of(Panel.HOSTS) == expected
        _, again = heading_of(once, Panel.HOSTS, size)
        twice = clicked(shown(once, size), size, again.index(title), box.top)
        assert twice.sort_of(Panel.HOSTS) == Sort(title, is_reversed=not expected.is_reversed)


def test_a_click_on_the_heading_of_another_panel_brings_the_keys_there():
    view = view_of(busy(15))
    box, _ = heading_of(view, Panel.SECTIONS, (120, 30))
    there = clicked(view, (120, 30), box.left + 2, box.top)
    assert there.focus is Panel.SECTIONS
    assert there.sorts == {}


@pytest.mark.parametrize("size", SIZES[:2])
def test_a_click_on_a_tab_opens_its_view(size):
    view = view_of(busy(15))
    box = next(box for box in boxes(view, *size) if box.has_tabs)
    line = text(screen(view, *size))[box.top]
    for number, page in enumerate(VIEWS, 1):
        assert clicked(view, size, line.index(f" {number}") + 1, box.top).page is page
    assert clicked(view, size, size[0] - 1, box.top) == view
    assert clicked(pressed(view, ["enter"]), size, 3, box.top).page is Page.HOSTS


def test_no_click_fails_wherever_it_is():
    for keys in ("1", "2", "3", "4", "5", "6", "?", ["enter"], ["enter", "enter", "enter"], ["/", "z"]):
        for view in (view_of(busy(15), keys), view_of([], keys)):
            for x in range(0, 80, 7):
                for y in range(24):
                    clicked(view, (80, 24), x, y)


# The footer and the capture filter


def playing(view, **how):
    how = {
        "at": 0.0,
        "speed": 1.0,
        "is_paused": False,
        "is_over": False,
        "earliest": 0.0,
        "latest": None,
        "forgets": False,
    } | how
    return view._replace(progress=Progress(**how))


@pytest.mark.parametrize("keys", ["1", "5", "6", ["enter"]])
def test_the_keys_of_playback_are_in_the_footer_while_a_file_plays(keys):
    view = view_of(busy(15), keys)
    for width in (80, 120):
        line = text([footer(playing(view), width)])[0]
        assert all(hint in line for hint in ("p pause", ". step", "< back", "> on", "0 start"))
        assert line.count("pause") == 1
        assert "p play" in text([footer(playing(view, is_paused=True), width)])[0]
        assert "step" not in text([footer(view, width)])[0]


@pytest.mark.parametrize(
    ("size", "said"), [((120, 30), "filter tcp port 8080"), ((80, 24), "filter tcp port"), ((60, 20), "tcp port")]
)
def test_the_capture_filter_is_on_the_screen(size, said):
    view = view_of(busy(15), capture_filter="tcp port 8080\x1b[31m and host 192.0.2.7 and not net 198.51.100.0/24")
    drawn = "\n".join(text(screen(view, *size)))
    assert said in drawn
    assert "\x1b" not in drawn
    assert "filter tcp" not in "\n".join(text(screen(view_of(busy(15)), *size)))


def test_a_long_capture_filter_is_shortened_and_leaves_room_for_the_time():
    view = view_of(busy(15), capture_filter="tcp " * 99)
    line = text([header.title_line(view, 120)])[0]
    assert "…" in line
    assert line.endswith("12:00:15 +00:00")


def test_a_frame_that_was_never_drawn_has_no_columns():
    assert seen(View(), View(), (0, 0)) == View()
