"""Where the parts of the screen are, at every size: a view and a size in, boxes out."""

import pytest
from drawing import INSIDE, SCENES, VIEWS, at, text
from netmon.display import canvas, layout, parts
from netmon.display.layout import boxes, screen
from netmon.display.view import PANELS, Page

WIDTHS, HEIGHTS = range(20, 251), range(5, 71)

WHERE_WIDTH_MATTERS = (*range(20, 45), *range(74, 82), *range(118, 122), *range(158, 162), 249, 250)
"""Widths to try for pages that resemble a page which is tried at every width."""

VIEWS_TO_WALK = {
    **VIEWS,
    **INSIDE,
    "alerts of hosts": at("tab", "tab"),
    "typing": at("/", "s"),
    "start": SCENES["start"],
    "notice": SCENES["notice"],
}


@pytest.mark.parametrize("name", VIEWS_TO_WALK)
def test_one_row_or_column_less_removes_one_part_at_the_most_and_nothing_overlaps_or_is_cut(name):
    """At every size from 20x5 to 250x70."""
    view = VIEWS_TO_WALK[name]()
    before = {}
    for width in WIDTHS if name in ("hosts", "host") else WHERE_WIDTH_MATTERS:
        for height in HEIGHTS:
            found = boxes(view, width, height)
            names = {box.name for box in found}
            assert len(names) == len(found)
            for near in ((width - 1, height), (width, height - 1)):
                lost = before.get(near, set()) - names
                more = names - before.get(near, names)
                assert len(more - layout.MERGED) <= 1, f"{near} has no {more}, {width}x{height} has"
                assert lost <= layout.MERGED, f"{near} has {lost}, {width}x{height} has not"
            check(view, found, width, height)
            before[width, height] = names


def check(view, found, width, height):
    """Each box is on the screen, is more than the heading of a table, and shares no cell with another box."""
    taken = set()
    for box in found:
        assert box.height >= 1
        assert box.width >= min(width, 16)
        assert 0 <= box.top <= box.top + box.height <= height
        assert 0 <= box.left <= box.left + box.width <= width
        assert box.height >= 2 or box.panel is None, f"{box.name} is a heading without rows"
        ends = (box.left, box.left + box.width - 1)
        rows = {(row, column) for row in range(box.top, box.top + box.height) for column in ends}
        assert not rows & taken
        taken |= rows
    if view.focus and view.page is not Page.EXCHANGE:
        assert view.focus in [box.panel for box in found]


@pytest.mark.parametrize("name", VIEWS_TO_WALK)
def test_no_part_draws_more_than_its_box_and_the_frame_is_exactly_of_the_size(name):
    view = VIEWS_TO_WALK[name]()
    sizes = [*((width, 24) for width in WIDTHS), *((width, height) for width in (20, 79, 200) for height in HEIGHTS)]
    for width, height in sizes:
        for box in boxes(view, width, height):
            drawn = box.draw(view, box.width, box.height)
            assert len(drawn) <= box.height
            assert max(map(canvas.width, drawn), default=0) <= box.width, box.name
        lines = screen(view, width, height)
        assert len(lines) == height
        assert {canvas.width(line) for line in lines} == {width}


COMMON = {"title", "rates", "alert", "traffic", "tabs", "hosts", "sections", "alerts", "footer"}


@pytest.mark.parametrize(
    ("size", "more"), [((80, 24), set()), ((80, 23), set()), ((79, 40), {"statuses"}), ((120, 20), set())]
)
def test_a_slightly_smaller_screen_loses_no_panel(size, more):
    """80x23 is a terminal of 24 lines inside tmux, which takes one line for its status."""
    assert {box.name for box in boxes(at()(), *size)} == COMMON | more


def test_a_large_screen_is_used():
    names = {box.name for box in boxes(at()(), 200, 60)}
    assert names >= {"hosts", "sections", "all-sections", "statuses", "alerts", "traffic", "title", "footer"}


def test_tables_of_other_views_show_their_first_rows_and_nothing_is_selected_there():
    shown = text(screen(at("7", "j", "j", "1")(), 200, 60))
    found = [box for box in boxes(at()(), 200, 60) if box.name in ("clients", "all-sections")]
    assert [box.panel for box in found] == [None, None]
    assert any("CLIENTS 4, see 7" in line for line in shown)
    assert sum("▸" in line for line in shown) == 2


def test_every_part_of_a_page_has_a_step_and_a_place():
    top = {name for band in (*parts.TOP, *parts.BOTTOM) for name, _ in band}
    for page in Page:
        steps = {name for name, _ in (*parts.FIRST, *parts.STEPS[page])} - {parts.MAIN, parts.AIR} - top
        shown = [{name for band in bands for name, _ in band} for _, bands in parts.BANDS[page]]
        assert steps | {PANELS[page][0].value} | {panel.value for panel in PANELS[page]} == shown[0] | steps
        assert all(each == shown[0] for each in shown)
        assert {panel.value for panel in PANELS[page]} <= shown[0]


def test_the_focused_table_stays_longest():
    for keys, title in (((), "HOSTS"), (("tab",), "SECTIONS"), (("tab", "tab"), "ALERTS")):
        assert any(line.startswith(f" {title}") for line in text(screen(at(*keys)(), 40, 8)))
