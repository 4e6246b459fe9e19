"""Rows hold still: the order while figures jitter, the selected row while it is quiet, and what Enter opens."""

import random
from itertools import pairwise

import pytest
from drawing import busy, pressed, text, view_of
from fakes import snapshot
from netmon import Rule
from netmon.display.control import clicked, seen
from netmon.display.export import document
from netmon.display.layout import screen
from netmon.display.rows import carried, rows_of, selected_row
from netmon.display.tables import table
from netmon.display.view import Page, Panel, Sort, View
from netmon.frames import Frames

SIZE = (120, 30)
NOON = 1_700_000_000.0


def second(at, **hits):
    return snapshot(
        NOON + at, hosts=[{"name": name, "hits": n, "sections": [{"path": "/", "hits": n}]} for name, n in hits.items()]
    )


def watched(snapshots, view=None, window=1.0):
    """Yields the view after each snapshot, as the application shows them one after the other."""
    made, view = Frames(window), view or View()
    for each in snapshots:
        frame = made.push(each)
        view = carried(view, frame).with_frame(frame)
        yield view


def names(view, panel=Panel.HOSTS):
    there = rows_of(view, panel)
    return [there.key(row) for row in there.page(0, there.total)]


def swaps(orders):
    return sum(one != other for one, other in pairwise(orders))


# The order


@pytest.mark.parametrize("panel", [Panel.HOSTS, Panel.SECTIONS, Panel.ALL_SECTIONS, Panel.HOST_QUALITY])
@pytest.mark.parametrize("window", [1.0, 10.0])
def test_rows_do_not_swap_while_their_figures_jitter(panel, window):
    drawn = random.Random(7)
    jittering = [
        snapshot(
            NOON + at,
            hosts=[
                {
                    "name": name,
                    "hits": 3 * 100,
                    "sections": [{"path": f"/{path}", "hits": drawn.randint(80, 120)} for path in "abc"],
                    "tcp": {"opened": drawn.randint(80, 120)},
                }
                | {"hits": drawn.randint(80, 120)}
                for name in "abc"
            ],
        )
        for at in range(60)
    ]
    page = {Panel.ALL_SECTIONS: Page.SECTIONS, Panel.HOST_QUALITY: Page.CONNECTIONS}.get(panel, Page.HOSTS)
    view = View().at(View().place._replace(page=page, focus=panel))
    view = view.with_sort(panel, Sort("opened" if panel is Panel.HOST_QUALITY else "hits"))
    still = [names(each, panel) for each in watched(jittering, view, window)]
    exact = [
        names(View(sorts=view.sorts, place=view.place).with_frame(each.frame), panel)
        for each in watched(jittering, window=window)
    ]
    assert len(still[0]) >= 3
    assert swaps(exact[10:]) > 8
    looks = 3  # every 15 seconds a smaller difference is enough to change the order
    assert swaps(still[10:]) <= looks + swaps(exact[10:]) // 10


def test_a_row_that_grows_moves_up_within_seconds():
    views = list(watched([second(at, a=100, b=30 if at < 10 else 300) for at in range(16)]))
    assert names(views[9]) == ["a", "b"]
    assert names(views[13]) == ["b", "a"]


def test_an_order_that_a_person_chooses_is_exact_at_once():
    *_, view = watched([second(at, a=101 - at % 2, b=100 + at % 2) for at in range(8)])
    assert names(view) == ["a", "b"]
    assert names(pressed(view, "rr")) == ["b", "a"]


def test_interfaces_hold_still_too():
    snapshots = [
        snapshot(
            NOON + at,
            interfaces=[{"name": name, "bytes": 1000 + (at % 2 == n)} for n, name in enumerate(("eth0", "lo"))],
        )
        for at in range(8)
    ]
    view = View().at(View().place._replace(page=Page.INTERFACES, focus=Panel.INTERFACES))
    orders = [names(each, Panel.INTERFACES) for each in watched(snapshots, view)]
    assert swaps(orders) == 0


def test_another_window_or_an_earlier_instant_is_in_its_own_order():
    made = Frames(1.0)
    first = made.push(second(0, a=101, b=100))
    later = made.push(second(1, a=100, b=101))
    view = carried(View().with_frame(first), later).with_frame(later)
    assert names(view) == ["a", "b"]
    back = carried(view, first)._replace(newest=first)
    assert names(back) == ["a", "b"]
    longer = made.resize(10.0)
    assert names(carried(view, longer).with_frame(longer)) == ["a", "b"]
    shorter = made.resize(1.0)
    assert names(carried(view, shorter).with_frame(shorter)) == ["a", "b"]


def test_ties_go_by_name():
    *_, view = watched([second(0, c=5, a=5, b=5)])
    assert names(view) == ["a", "b", "c"]


# The selected row while it is quiet


def quiet(keys="j", made=None):
    """A view with b selected, which was second before and has no hits in the last second."""
    first, then = second(0, a=3, b=2, c=1), second(1, a=3, c=2, d=1)
    made = made or Frames(1.0)
    one, other = made.push(first), made.push(then)
    view = view_of([one], keys)
    return carried(view, other).with_frame(other)


def test_the_selected_row_stays_where_it_was_while_its_host_is_quiet():
    view = quiet()
    assert names(view) == ["a", "b", "c", "d"]
    assert selected_row(view, Panel.HOSTS).name == "b"
    there = rows_of(view, Panel.HOSTS)
    assert (there.total, there.quiet) == (4, "b")
    for offset in range(5):
        for n in range(5):
            assert [row.name for row in there.page(offset, n)] == ["a", "b", "c", "d"][offset : offset + n]
    assert [there.position(name) for name in ("a", "b", "c", "d", "z")] == [0, 1, 2, 3, None]


def test_a_quiet_row_is_dim_and_has_zeros():
    lines = table(quiet(), Panel.HOSTS, 118, 6)
    row = lines[2]
    assert {style for style, _ in row} == {"class:cursor.quiet"}
    said = "".join(part for _, part in row).split()
    assert said[:2] == ["▸", "b"]
    assert set(said[2:7]) == {"·"}


def test_a_quiet_row_is_not_counted_and_a_table_with_no_other_row_says_why():
    view = quiet()
    assert "HOSTS 3 " in text(table(view, Panel.HOSTS, 118, 6))[0]
    empty = Frames(1.0).push(snapshot(NOON + 2))._replace(serial=9)
    lines = text(table(carried(view, empty).with_frame(empty), Panel.HOSTS, 118, 12))
    assert lines[0].startswith(" HOSTS  ")
    assert lines[1].startswith(" ▸ b")
    assert "No HTTP seen in this window" in lines[3]


def test_a_selected_alert_that_is_updated_is_listed_once():
    made = Frames(1.0, [Rule(5, 1)])
    frames = [made.push(snapshot(NOON + at, hits=9 * (at % 2))) for at in range(12)]
    view = view_of(frames[:8], "6j")
    for frame in frames[8:]:
        view = carried(view, frame).with_frame(frame)
        assert rows_of(view, Panel.ALERTS).total == len(view.told)


def test_a_request_of_an_interface_that_is_switched_off_does_not_stay():
    view = view_of(busy(15), ["5", "j"])
    view = view._replace(off=frozenset({"eth0", "lo"}))
    assert names(view, Panel.REQUESTS) == []


def test_a_quiet_row_comes_back_with_its_figures():
    made = Frames(1.0)
    view = quiet(made=made)
    again = made.push(second(2, a=3, b=9))
    view = carried(view, again).with_frame(again)
    assert selected_row(view, Panel.HOSTS).hits == 9
    assert rows_of(view, Panel.HOSTS).quiet is None


def test_a_quiet_row_goes_when_the_selection_moves_on():
    assert selected_row(pressed(quiet(), "j"), Panel.HOSTS).name == "c"
    assert names(pressed(quiet(), "j")) == ["a", "c", "d"]
    assert selected_row(pressed(quiet(), "k"), Panel.HOSTS).name == "a"


def test_enter_opens_a_quiet_host_and_a_quiet_section():
    view = pressed(quiet(), ["enter"])
    assert (view.page, view.place.host) == (Page.HOST, "b")
    assert "not in this window" in "\n".join(text(_screen(view)))
    inside = view_of([Frames(1.0).push(second(0, a=3, b=2))], ["j", "enter", "j"])
    empty = Frames(1.0).push(second(1, a=3))
    inside = carried(inside, empty).with_frame(empty)
    assert pressed(inside, ["enter"]).place[3:5] == ("b", "/")


def test_a_quiet_section_is_not_listed_under_another_host():
    view = view_of([Frames(1.0).push(second(0, a=3, b=2))], ["tab", "j"])
    other = Frames(1.0).push(snapshot(1, hosts=[{"name": "z", "hits": 9, "sections": [{"path": "/z", "hits": 9}]}]))
    assert names(carried(view, other).with_frame(other), Panel.SECTIONS) == ["/z"]


def test_a_quiet_row_is_not_exported():
    assert [line.split(",")[0] for line in document(quiet(), Panel.HOSTS).splitlines()] == ["name", "a", "c", "d"]


def test_a_quiet_row_goes_when_the_filter_changes():
    assert names(pressed(quiet(), ["/", "a"])) == ["a"]


def test_an_interface_and_a_request_stay_too():
    made = Frames(1.0)
    both = made.push(snapshot(0, interfaces=[{"name": "eth0", "bytes": 9}, {"name": "lo", "bytes": 1}]))
    view = view_of([both], ["3", "j"])
    one = made.push(snapshot(1, interfaces=[{"name": "eth0", "bytes": 9}]))
    assert names(carried(view, one).with_frame(one), Panel.INTERFACES) == ["eth0", "lo"]
    view = view_of(busy(15), ["5", "j"])
    kept = selected_row(view, Panel.REQUESTS)
    bare = view.frame._replace(tail=view.frame.tail._replace(exchanges=()))
    view = carried(view, bare)._replace(newest=bare)
    assert names(view, Panel.REQUESTS) == [kept]
    assert "·" not in text(table(view, Panel.REQUESTS, 118, 3))[1].split("/")[0]


# What is opened


def test_enter_opens_the_row_that_was_drawn_as_selected():
    made = Frames(1.0)
    first, then = made.push(second(0, a=3, b=2)), made.push(second(1, a=3, b=900))
    drawn = View().with_frame(first)
    later = drawn.with_frame(then)
    assert names(later)[0] == "b"
    assert pressed(seen(later, drawn, SIZE), ["enter"]).place.host == "a"
    assert pressed(seen(later, later, SIZE), ["enter"]).place.host == "b"


def test_a_click_selects_the_row_that_was_drawn_there():
    made = Frames(1.0)
    first, then = made.push(second(0, a=3, b=2)), made.push(second(1, b=900))
    drawn = View().with_frame(first)
    later = drawn.with_frame(then)
    once = clicked(later, SIZE, 10, 10, drawn)
    assert selected_row(once, Panel.HOSTS).name == "b"
    assert clicked(later, SIZE, 10, 9, drawn).place.host == "a"


def _screen(view):
    return screen(view, *SIZE)


def test_many_rows_are_ranked_by_the_core_and_paged():
    many = snapshot(0, hosts=[{"name": f"h{n:05}", "hits": n + 1} for n in range(20_000)])
    *_, view = watched([many, many])
    there = rows_of(view, Panel.HOSTS)
    assert (there.total, there.row(0).name, there.position("h00000")) == (20_000, "h19999", 19_999)
