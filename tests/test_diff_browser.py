"""The page of a comparison in a real Chromium: at two widths, in both themes, without scripts, with hostile names."""

import pages
import pytest
from browser import CHROMIUM, Browser
from netmon.compare.conditions import condition
from netmon.compare.result import result
from netmon.compare.view import view
from test_compare import LATER, course, side
from traffic import Shape

render = pytest.importorskip("netmon.page.render", reason="needs the extra [html]")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs chromium (Debian's package chromium)")

PHONE, DESKTOP = 390, 1440
WIDTHS, THEMES = (PHONE, DESKTOP), ("light", "dark")


def busy():
    before = {
        ("api.example", "/v1"): Shape(40, errors=0.002),
        ("www.example", "/"): Shape(30, errors=0.002),
        ("static.a-very-long-name-of-a-host.internal.example", "/images"): Shape(20, errors=0.0),
        ("old.example", "/x"): Shape(3),
    }
    after = {
        ("api.example", "/v1"): Shape(40, errors=0.06, seconds=0.03),
        ("www.example", "/"): Shape(30, errors=0.002, seconds=0.012),
        ("static.a-very-long-name-of-a-host.internal.example", "/images"): Shape(8, errors=0.0),
        ("new.example", "/x"): Shape(3),
    }
    conditions = [condition(each) for each in ("error_ratio > 1% worse", "p99 > 3% change per host", "p50 > 90% worse")]
    sides = side(course(before), name="before.ndjson"), side(course(after, seed=2, start=LATER), name="after.ndjson")
    return result(*sides, conditions)


def hostile():
    before = {(name, f"/{name}"): Shape(12, errors=0.0) for name in pages.HOSTILE if name}
    after = {key: Shape(12, errors=0.5) for key in before}
    sides = (
        side(course(before, 40), name=pages.HOSTILE[0]),
        side(course(after, 40, seed=2, start=LATER), name=pages.HOSTILE[1], where=pages.HOSTILE[3]),
    )
    return result(*sides, [condition("error_ratio > 1% worse per host")])


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    made = Browser(tmp_path_factory.mktemp("chromium"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    """The address of a page, by name; each is written once."""
    folder, made = tmp_path_factory.mktemp("pages"), {"busy": busy, "hostile": hostile}

    def url(name):
        path = folder / f"{name}.html"
        if not path.exists():
            path.write_text(render.comparison(view(made[name](), all_rows=True)))
        return path.as_uri()

    return url


def texts(page, selector):
    return page.run(f"[...document.querySelectorAll({selector!r})].map((each) => each.textContent.trim())")


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["busy", "hostile"])
def test_a_page_fits_its_window_loads_nothing_and_causes_no_complaint(browser, url, name, width, theme, scripts):
    page = browser.page(url(name), width=width, theme=theme, scripts=scripts)
    assert page.run("document.documentElement.scrollWidth") <= width
    assert page.complaints == []
    assert page.requests == [url(name)]
    ground = page.run("getComputedStyle(document.body).backgroundColor")
    assert ground == {"light": "rgb(251, 250, 248)", "dark": "rgb(20, 23, 27)"}[theme]


def test_the_page_begins_with_the_answer_and_has_each_part(browser, url):
    page = browser.page(url("busy"), scripts=False)
    assert texts(page, "h1")[0].startswith("error ratio of api.example rose from 0.2\N{NO-BREAK SPACE}% (")
    assert texts(page, ".facts dt") == ["What changed", "Before", "After", "How certain"]
    assert texts(page, ".conditions b") == ["failed", "failed", "passed"]
    parts = ["Conditions", "Changes", "All traffic", "Statuses", "Status mix", "Not certain", "How to read it"]
    assert texts(page, "h2") == parts
    assert texts(page, "nav a") == ["Answer", *parts]
    rows = texts(page, "#changes .group th")
    assert rows[0] == "api.example"
    assert {"www.example", "old.example", "new.example"} <= set(rows)
    assert set(texts(page, "#changes .verdict")) == {"worse", "better", "changed"}


def test_bars_lie_on_the_side_to_which_the_figure_changed(browser, url):
    page = browser.page(url("busy"))
    places = page.run(
        "[...document.querySelectorAll('#changes .line')].map((row) => [row.querySelector('.verdict').textContent,"
        " Number(row.querySelector('rect.at').getAttribute('x')), row.cells[0].textContent])"
    )
    assert len(places) >= 6
    for verdict, at, figure in places:
        if figure in {"error ratio", "p50", "p95", "p99"}:
            assert (at > 50) == (verdict == "worse"), (verdict, at, figure)
    assert page.run(
        "[...document.querySelectorAll('.scale svg')].every((each) => each.getBoundingClientRect().width > 50)"
    )


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
def test_hostile_names_are_shown_as_text(browser, url, scripts):
    page = browser.page(url("hostile"), scripts=scripts)
    rows = "\n".join(texts(page, ".group th"))
    assert all(name in rows for name in pages.HOSTILE[:8])
    assert "\\x1b[2J" in rows
    assert page.run("document.images.length + document.querySelectorAll('main script, main style, iframe').length") == 0
    assert pages.HOSTILE[1].rpartition("/")[2] in texts(page, ".about")[0]
    assert page.run("document.title").startswith("error ratio of ")


@pytest.mark.parametrize("stored", ["'\"><img src=x onerror=alert(1)>'", "'constructor'"])
def test_a_hostile_storage_changes_nothing(browser, url, stored):
    page = browser.page(url("busy"), before=f"localStorage.setItem('netmon-theme', {stored})")
    assert page.run("document.documentElement.dataset.theme") is None
    assert page.run("document.images.length") == 0
    assert page.complaints == []


def test_a_theme_that_was_chosen_on_a_report_holds_here(browser, url):
    page = browser.page(url("busy"), before="localStorage.setItem('netmon-theme', 'dark')")
    assert page.run("getComputedStyle(document.body).backgroundColor") == "rgb(20, 23, 27)"


def test_the_policy_keeps_a_script_from_running_that_the_page_did_not_bring(browser, url):
    page = browser.page(url("busy"))
    page.run("{const s = document.createElement('script'); s.textContent = 'window.ran = 1'; document.body.append(s)}")
    page.run("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.ran = 2\">')")
    page.run("new Promise((done) => setTimeout(done, 50))")
    assert page.run("window.ran") is None
    assert page.complaints


def test_the_keyboard_reaches_the_links_and_the_tables_in_order(browser, url):
    page = browser.page(url("busy"), width=PHONE)
    page.run("window.order = []; document.addEventListener('focusin', (event) => order.push(event.target))")
    reachable = page.run("document.querySelectorAll('a, [tabindex=\"0\"]').length")
    for _ in range(reachable):
        page.press("Tab")
    reached = page.run("order.map((each) => each.className || each.getAttribute('href'))")
    assert reached[:3] == ["skip", "#answer", "#conditions"]
    assert reached.count("scroll") == 5
    assert len(reached) == reachable


def test_a_screen_reader_finds_a_name_for_every_table_and_region(browser, url):
    page = browser.page(url("busy"))
    page.call("Accessibility.enable")
    nodes = page.call("Accessibility.getFullAXTree")["nodes"]
    found = [
        (node["role"]["value"], node["name"].get("value", ""))
        for node in nodes
        if not node["ignored"] and node["role"]["value"] in {"table", "region", "columnheader", "rowheader", "link"}
    ]
    assert {role for role, _ in found} >= {"table", "region", "columnheader", "rowheader", "link"}
    assert [role for role, name in found if not name] == []


def test_on_paper_the_colours_are_light_and_the_tables_are_there(browser, url):
    page = browser.page(url("busy"), theme="dark", media="print")
    assert page.run("getComputedStyle(document.body).color") == "rgb(30, 34, 39)"
    assert not page.run("document.querySelector('nav').checkVisibility()")
    assert page.run("document.querySelector('#changes table').checkVisibility()")
