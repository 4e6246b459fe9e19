"""The page of a run in a real Chromium: at two widths, in both themes, without scripts, on paper, by keyboard."""

import json

import pages
import pytest
from browser import CHROMIUM, Browser
from netmon.page import columns
from netmon.page.data import document
from netmon.page.record import Record

render = pytest.importorskip("netmon.page.render", reason="needs the extra [html]")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs chromium (Debian's package chromium)")

PHONE, DESKTOP = 390, 1440
WIDTHS, THEMES = (PHONE, DESKTOP), ("light", "dark")

ROWS = "document.querySelector('[data-table={}] tbody').rows"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    made = Browser(tmp_path_factory.mktemp("chromium"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    """The address of a page, by name; each is written once."""
    folder, made = tmp_path_factory.mktemp("pages"), {"busy": lambda: pages.busy(lost=1_500), "hostile": pages.hostile}

    def url(name):
        path = folder / f"{name}.html"
        if not path.exists():
            path.write_text(render.page(made[name]()))
        return path.as_uri()

    return url


def texts(page, selector):
    return page.run(f"[...document.querySelectorAll({selector!r})].map((each) => each.textContent.trim())")


def is_visible(page, selector):
    return page.run(f"document.querySelector({selector!r}).checkVisibility()")


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["busy", "hostile"])
def test_a_page_fits_its_window_loads_nothing_and_causes_no_complaint(browser, url, name, width, theme, scripts):
    page = browser.page(url(name), width=width, theme=theme, scripts=scripts)
    assert page.run("document.documentElement.scrollWidth") <= width
    assert page.complaints == []
    assert page.requests == [url(name)]
    assert is_visible(page, "#zoom") == scripts
    ground = page.run("getComputedStyle(document.body).backgroundColor")
    assert ground == {"light": "rgb(251, 250, 248)", "dark": "rgb(20, 23, 27)"}[theme]


def test_without_scripts_the_answer_the_charts_and_the_tables_are_there(browser, url):
    page = browser.page(url("busy"), scripts=False)
    assert texts(page, "h1")[0].startswith("2 alerts fired")
    assert page.run(f"{ROWS.format('hosts')}.length") == 4
    assert page.run("[...document.querySelectorAll('.view path')].every((path) => path.getBBox().width > 0)")
    assert page.run("[...document.querySelectorAll('button, input')].every((control) => !control.checkVisibility())")
    assert page.run("document.querySelector('#points').tBodies[0].rows.length") == 90


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
def test_hostile_names_are_shown_as_text(browser, url, scripts):
    page = browser.page(url("hostile"), scripts=scripts)
    hosts = texts(page, "[data-table=hosts] tbody th")
    assert "-" in hosts, "an empty name"
    assert set(pages.HOSTILE[:8]) <= set(hosts)
    assert page.run("document.images.length + document.querySelectorAll('main script, main style, iframe').length") == 0
    targets = texts(page, "[data-table=slowest] tbody td")
    assert any(pages.HOSTILE[0] in text for text in targets)


def test_filtered_and_sorted_hostile_names_are_still_text(browser, url):
    page = browser.page(url("hostile"))
    page.click("[data-table=hosts] thead button")
    page.run("document.querySelector('[data-table=sections] input').focus()")
    page.type("<IMG")
    assert texts(page, "[data-table=sections] tbody th") == ['/"><img src=x onerror=alert(1)>']
    assert page.run("document.images.length") == 0
    assert page.complaints == []


def test_the_policy_keeps_a_script_from_running_that_the_page_did_not_bring(browser, url):
    page = browser.page(url("busy"))
    page.run("{const s = document.createElement('script'); s.textContent = 'window.ran = 1'; document.body.append(s)}")
    page.run("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.ran = 2\">')")
    page.run("new Promise((done) => setTimeout(done, 50))")
    assert page.run("window.ran") is None
    assert page.complaints


@pytest.mark.parametrize(
    "before",
    [
        "localStorage.setItem('netmon-theme', '\"><img src=x onerror=alert(1)>')",
        "localStorage.setItem('netmon-theme', 'constructor')",
        "Object.defineProperty(window, 'localStorage', { get() { throw new Error('denied') } })",
        "Storage.prototype.getItem = Storage.prototype.setItem = () => { throw new Error('full') }",
    ],
)
def test_hostile_storage_changes_nothing(browser, url, before):
    page = browser.page(url("busy"), before=before)
    assert page.run("document.documentElement.dataset.theme ?? ''") == ""
    page.run("{const t = document.getElementById('theme'); t.value = 'dark'; t.dispatchEvent(new Event('change'))}")
    assert page.run("document.documentElement.dataset.theme") == "dark"
    assert is_visible(page, "#zoom")
    assert page.complaints == []


def test_a_chosen_theme_is_remembered_and_can_be_forgotten(browser, url):
    page = browser.page(url("busy"), theme="light")

    def choose(theme):
        page.run(
            f"{{const t = document.getElementById('theme'); t.value = '{theme}'; t.dispatchEvent(new Event('change'))}}"
        )

    def ground():
        return page.run("getComputedStyle(document.body).backgroundColor")

    choose("dark")
    page.load(url("busy"))
    assert (ground(), page.run("document.getElementById('theme').value")) == ("rgb(20, 23, 27)", "dark")
    choose("")
    page.load(url("busy"))
    assert (ground(), page.run("localStorage.length")) == ("rgb(251, 250, 248)", 0)


def test_the_script_shows_every_value_as_the_server_does(browser, tmp_path, monkeypatch):
    made = pages.busy(3)
    numbers = sorted(
        {n * 10**power for n in (0, 1, 4, 5, 9, 12, 15, 25, 45, 75, 95, 99, 999, 9995, 12_500) for power in range(6)}
    )
    shares = sorted(
        {round(n / 100_000, 5) for n in (*range(0, 1_300, 7), 9_949, 9_950, 12_500, 50_500, 99_999, 100_000)}
    )
    table = made["tables"]["hosts"]
    values = {"count": numbers, "size": numbers, "latency": [None, *numbers, 99_499, 994_999, 999_499], "share": shares}
    table["rows"] = [
        [f"h{i:03}", *(values[c["kind"]][i % len(values[c["kind"]])] for c in table["columns"][1:])] for i in range(300)
    ]
    table["rows"].sort(key=lambda row: -row[1])
    monkeypatch.setattr(render, "FIRST_ROWS", 1_000)
    path = tmp_path / "values.html"
    path.write_text(render.page(made))
    page = browser.page(path.as_uri())
    body = "document.querySelector('[data-table={}] tbody').innerHTML.replace(/\\s*([<>])\\s*/g, '$1')"
    for name in (name for name, table in made["tables"].items() if table["rows"]):
        before = page.run(body.format(name))
        page.run(f"document.querySelector('[data-table={name}] input').dispatchEvent(new Event('input'))")
        assert page.run(body.format(name)).split("<tr>") == before.split("<tr>"), name
        assert before.count("<tr>") == len(made["tables"][name]["rows"])


def test_a_heading_sorts_and_says_so(browser, url):
    page = browser.page(url("busy"))

    def column(number):
        return page.run(f"[...{ROWS.format('sections')}].map((row) => row.cells[{number}].textContent)")

    heads = page.run("[...document.querySelectorAll('[data-table=sections] thead th')].map((h) => h.textContent)")
    name, errors = heads.index("Section"), heads.index("Errors")
    for at, order in ((name, "ascending"), (name, "descending"), (errors, "descending"), (errors, "ascending")):
        page.run(f"document.querySelectorAll('[data-table=sections] thead button')[{at}].click()")
        sorts = page.run(
            "[...document.querySelectorAll('[data-table=sections] thead th')].map((h) => h.getAttribute('aria-sort'))"
        )
        assert sorts == [order if i == at else None for i in range(len(sorts))]
        shown = column(at)
        key = int if at == errors else str
        assert shown == sorted(shown, key=key, reverse=order == "descending")


def test_a_filter_tells_how_many_rows_match(browser, url):
    page = browser.page(url("busy"))
    page.run("document.querySelector('[data-table=sections] input').focus()")
    page.type("API")
    assert texts(page, "[data-table=sections] tbody td:nth-child(2)") == ["api.example"] * 2
    assert texts(page, "[data-table=sections] .found") == ["2 of 9 sections"]
    assert page.run("document.querySelector('[data-table=sections] .found').getAttribute('role')") == "status"


def test_more_rows_are_shown_on_request_and_the_focus_goes_on_with_them(browser, url):
    page = browser.page(url("busy"))
    assert texts(page, "[data-table=slowest] .found") == ["100 requests, 25 shown"]
    page.click("[data-table=slowest] .more")
    assert page.run(f"{ROWS.format('slowest')}.length") == 100
    assert page.run(f"document.activeElement === {ROWS.format('slowest')}[25]")
    assert not is_visible(page, "[data-table=slowest] .more")


def choose(page, **ends):
    for name, value in ends.items():
        page.run(
            f"{{const i = document.getElementById('{name}'); i.value = {value}; i.dispatchEvent(new Event('input'))}}"
        )


def test_the_figures_of_the_whole_time_are_those_of_the_answer(browser, url):
    page = browser.page(url("busy"))
    told = texts(page, "#range")[0]
    assert told == (
        "12:00:00 to 12:15:00 (15 min): 49 195 requests, 54.7/s; 154 server errors (0.3 %); "
        "p50 15 ms, p95 197 ms, p99 897 ms; 1 500 packets lost."
    )
    answer = " ".join(texts(page, ".facts dd")).replace("\N{NO-BREAK SPACE}", " ")
    assert all(figure in answer for figure in ("49 195", "54.7", "154", "15 ms", "197 ms", "897 ms", "1 500 lost"))


def test_a_chosen_time_shows_its_part_of_charts_alerts_requests_and_figures(browser, url):
    page = browser.page(url("busy"))
    whole = page.run("document.querySelector('.view').getAttribute('viewBox')")
    choose(page, to=20, **{"from": 10})
    assert texts(page, "#range")[0].startswith("12:01:40 to 12:03:20 (1 min 40 s): ")
    boxes = page.run(
        "[...document.querySelectorAll('.view')].map((v) => v.getAttribute('viewBox').split(' ').slice(0, 3).join(' '))"
    )
    assert set(boxes) == {"10 0 10"}
    assert texts(page, "#alerts-found") == ["0 of 2 in the chosen time."]
    assert page.run("[...document.querySelector('#points').tBodies[0].rows].filter((row) => !row.hidden).length") == 10
    assert all("12:01:40" <= text < "12:03:20" for text in texts(page, "[data-table=slowest] tbody .time"))
    choose(page, to=90, **{"from": 30})
    within = texts(page, "[data-table=slowest] tbody .time")
    assert within
    assert min(within) >= "12:05:00"
    page.click("#whole")
    assert page.run("document.querySelector('.view').getAttribute('viewBox')") == whole
    assert texts(page, "#alerts-found") == [""]
    assert page.complaints == []


def test_the_ends_of_the_chosen_time_never_cross(browser, url):
    page = browser.page(url("busy"))
    choose(page, **{"from": 89})
    choose(page, to=5)
    assert page.run("[document.getElementById('from').value, document.getElementById('to').value]") == ["4", "5"]
    for button, times in (("#nearer", 9), ("#farther", 9)):
        for _ in range(times):
            page.click(button)
    assert page.run("[document.getElementById('from').value, document.getElementById('to').value]") == ["0", "90"]


def test_dragging_across_a_chart_zooms_in(browser, url):
    page = browser.page(url("busy"))
    page.run("document.querySelector('#chart-errors').scrollIntoView({ block: 'center', behavior: 'instant' })")
    box = page.run("document.querySelector('#chart-errors .canvas').getBoundingClientRect().toJSON()")
    y = box["top"] + box["height"] / 2
    for kind, part in (("mousePressed", 0.25), ("mouseMoved", 0.395), ("mouseReleased", 0.395)):
        page.call(
            "Input.dispatchMouseEvent",
            type=kind,
            x=box["left"] + part * box["width"],
            y=y,
            button="left",
            buttons=1,
            clickCount=1,
        )
    assert page.run("document.getElementById('from').value") == "22"
    assert page.run("document.getElementById('to').value") == "36"


def test_a_moment_is_read_off_by_keyboard(browser, url):
    page = browser.page(url("busy"))
    page.run("document.getElementById('moment').focus()")
    for _ in range(3):
        page.press("ArrowRight")
    told = texts(page, "#reading")[0]
    assert told.startswith("12:00:30 to 12:00:40 (10 s): ")
    assert page.run("document.getElementById('moment').getAttribute('aria-valuetext')") == told
    assert page.run(
        "[...document.querySelectorAll('.cursor')].every((c) => c.getAttribute('visibility') === 'visible')"
    )


CONTROLS = ["from", "to", "nearer", "farther", "whole", "moment"]
FOLLOWS = "(each, i) => !i || order[i - 1].compareDocumentPosition(each) & Node.DOCUMENT_POSITION_FOLLOWING"


def test_the_keyboard_reaches_everything_in_the_order_of_the_page(browser, url):
    page = browser.page(url("busy"))
    page.run("window.order = []; document.addEventListener('focusin', (event) => order.push(event.target))")
    wanted = "a, button, input, select, summary, [tabindex='0']"
    reachable = page.run(f"[...document.querySelectorAll({wanted!r})].filter((e) => e.checkVisibility()).length")
    for _ in range(reachable):
        page.press("Tab")
    reached = page.run("order.map((each) => each.id || each.className || each.getAttribute('href') || '')")
    assert reached[:3] == ["skip", "theme", "#answer"]
    assert [name for name in reached if name in CONTROLS] == CONTROLS
    assert len(reached) == reachable
    assert page.run(f"order.every({FOLLOWS})")


def test_the_skip_link_leads_to_the_answer(browser, url):
    page = browser.page(url("busy"))
    page.press("Tab")
    assert page.run("document.activeElement.getBoundingClientRect().left") >= 0
    page.press("Enter")
    assert page.run("document.activeElement.id") == "answer"


def test_a_screen_reader_finds_a_name_for_every_picture_table_and_control(browser, url):
    page = browser.page(url("busy"))
    page.call("Accessibility.enable")
    nodes = page.call("Accessibility.getFullAXTree")["nodes"]
    roles = ("image", "table", "slider", "searchbox", "button", "combobox", "region", "columnheader", "figure", "link")
    found = [
        (n["role"]["value"], n["name"].get("value", ""))
        for n in nodes
        if not n["ignored"] and n["role"]["value"] in roles
    ]
    assert {role for role, _ in found} >= {"image", "table", "slider", "searchbox", "button", "combobox"}
    assert [role for role, name in found if not name and role != "figure"] == []
    described = [
        n for n in nodes if n.get("role", {}).get("value") == "image" and n.get("description", {}).get("value")
    ]
    assert len(described) == 7


def test_on_paper_there_are_no_controls_and_the_colours_are_light(browser, url):
    page = browser.page(url("busy"), theme="dark", media="print")
    assert not any(is_visible(page, selector) for selector in ("nav", "#zoom", ".tools", ".more", ".theme"))
    assert page.run("getComputedStyle(document.body).color") == "rgb(30, 34, 39)"
    assert is_visible(page, "#hosts table")
    assert is_visible(page, "#chart-latency")


def test_ten_thousand_hosts_are_filtered_and_sorted_in_the_browser(browser, tmp_path):
    path = tmp_path / "many.html"
    path.write_text(render.page(document(pages.many())))
    page = browser.page(path.as_uri(), width=PHONE)
    page.run("document.querySelector('[data-table=hosts] input').focus()")
    page.type("host-0999")
    assert page.run(f"{ROWS.format('hosts')}.length") == 10
    assert texts(page, "[data-table=hosts] .found") == ["10 of 10 004 hosts"]
    assert page.run("document.documentElement.scrollWidth") <= PHONE


def test_every_kind_of_column_is_shown_by_the_script():
    script = render._own("page.js")
    kinds = {column.kind for table in (columns.HOSTS, columns.SLOWEST) for column in table.columns}
    assert kinds == {"text", "count", "share", "latency", "size", "time", "status"}
    assert all(f'case "{kind}"' in script for kind in kinds - {"text", "status"})


def test_the_script_labels_the_time_as_the_server_does(browser, url):
    with_script, without = (browser.page(url("busy"), scripts=scripts) for scripts in (True, False))
    axis = "[...document.querySelectorAll('.xaxis')].map((axis) => axis.innerHTML)"
    assert with_script.run(axis) == without.run(axis)


# A page that is given a newer document


def update(page, document):
    detail = json.dumps({"document": document, "parts": render.parts(document)})
    page.run(f"document.dispatchEvent(new CustomEvent('netmon-update', {{ detail: {detail} }}))")


def test_a_newer_document_replaces_the_figures_and_keeps_what_a_person_chose(browser, tmp_path):
    path = tmp_path / "page.html"
    path.write_text(render.page(pages.busy(60)))
    page = browser.page(path.as_uri())
    page.run("document.querySelectorAll('[data-table=sections] thead button')[0].click()")
    page.run("document.querySelector('[data-table=sections] input').focus()")
    page.type("shop")
    choose(page, **{"from": 20})
    choose(page, moment=35)
    reading = texts(page, "#reading")
    update(page, pages.busy(90))
    assert texts(page, "[data-table=sections] tbody th") == ["/", "/cart", "/checkout", "/items"]
    assert page.run("document.activeElement.value") == "shop"
    assert texts(page, "#reading") == reading
    assert texts(page, "#range")[0].startswith("12:03:20 to 12:15:00 (11 min 40 s): ")
    assert page.run("document.querySelector('.view').getAttribute('viewBox')").startswith("20 0 70 ")
    assert "49\N{NO-BREAK SPACE}195 requests" in texts(page, ".facts .lead")[0]
    assert page.run("document.querySelectorAll('.cursor').length") == page.run(
        "document.querySelectorAll('.chart').length"
    )
    assert page.complaints == []


def test_an_update_is_not_announced_but_what_a_person_does_is(browser, url):
    page = browser.page(url("busy"))
    live = "[...new Set([...document.querySelectorAll('[role=status]')].map((s) => s.getAttribute('aria-live')))]"
    update(page, pages.busy(90))
    assert page.run(live) == ["off"]
    page.click("#nearer")
    assert page.run(live) == [None]


def test_a_page_of_an_empty_run_fills_when_something_was_seen(browser, tmp_path):
    path = tmp_path / "page.html"
    path.write_text(render.page(document(Record())))
    page = browser.page(path.as_uri())
    assert not is_visible(page, "#zoom")
    update(page, pages.busy(30))
    assert is_visible(page, "#zoom")
    assert len(texts(page, "[data-table=hosts] tbody tr")) == 4
    page.run("document.querySelector('[data-table=hosts] input').focus()")
    page.type("api")
    assert texts(page, "[data-table=hosts] tbody th") == ["api.example"]
    assert page.complaints == []


def test_hostile_names_in_an_update_are_text(browser, url):
    page = browser.page(url("busy"))
    update(page, pages.hostile())
    assert set(pages.HOSTILE[:8]) <= set(texts(page, "[data-table=hosts] tbody th"))
    assert page.run("document.images.length + document.querySelectorAll('main script, main style').length") == 0
    assert page.complaints == []


def test_a_document_of_another_version_changes_nothing(browser, url):
    page = browser.page(url("busy"))
    before = page.run("document.querySelector('main').innerHTML")
    update(page, pages.hostile() | {"version": 2})
    assert page.run("document.querySelector('main').innerHTML") == before
