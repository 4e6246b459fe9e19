"""The live page in a real Chromium: at two widths, in both themes, while it is updated, cut off and ended."""

import pages
import pytest
from browser import CHROMIUM, Browser
from live import served
from netmon.sinks import web
from patience import eventually
from test_report_browser import PHONE, THEMES, WIDTHS, choose, is_visible, texts

pytest.importorskip("netmon.page.render", reason="needs the extra [html]")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs chromium (Debian's package chromium)")


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    made = Browser(tmp_path_factory.mktemp("chromium"))
    yield made
    made.close()


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    """States follow one another as soon as they are made, so that no test waits for the pace."""
    monkeypatch.setattr(web, "PACE", 0.0)
    monkeypatch.setattr(web, "REST", 0)
    monkeypatch.setattr(web.Web.__init__, "__kwdefaults__", {"pace": 0.02})


def steps(*numbers):
    return [pages.step(i) for i in numbers]


def shows(page, selector, words):
    """Waits until an element has these words."""
    try:
        eventually(lambda: words in " ".join(texts(page, selector)))
    except AssertionError:
        raise AssertionError(f"{words!r} is not in {texts(page, selector)}") from None


def number(page):
    """The time up to which a page shows what is known."""
    return texts(page, "#live-text")[0]


def push(live, page, *numbers):
    """Pushes steps, and waits until the page shows them."""
    live.push(*steps(*numbers))
    minutes, seconds = divmod(10 * numbers[-1] + 10, 60)
    shows(page, "#live-text", f"Live 12:{minutes:02}:{seconds:02}")


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_an_updated_page_fits_its_window_and_causes_no_complaint(browser, width, theme):
    with served(*steps(*range(40)), rules=pages.RULES) as live:
        page = browser.page(live.url, width=width, theme=theme)
        shows(page, "#live-text", "Live 12:06:40")
        for i in range(40, 45):
            push(live, page, i)
        assert page.run("document.documentElement.scrollWidth") <= width
        assert page.complaints == []
        addresses = page.requests
        assert addresses == [live.url, f"{live.url.replace('/?', '/events?')}&after=40"]
        assert is_visible(page, "#live")
        ground = page.run("getComputedStyle(document.body).backgroundColor")
        assert ground == {"light": "rgb(251, 250, 248)", "dark": "rgb(20, 23, 27)"}[theme]
        live.end()
        shows(page, "#trouble", "netmon has ended")
        assert page.run("document.documentElement.scrollWidth") <= width
        bar = page.run("document.getElementById('trouble').getBoundingClientRect().toJSON()")
        assert (bar["left"], bar["right"], bar["bottom"]) == (0, page.run("document.documentElement.clientWidth"), 900)
        assert page.complaints == []


@pytest.mark.parametrize("width", WIDTHS)
def test_without_scripts_the_page_is_as_it_was_when_it_was_loaded_and_says_so(browser, width):
    with served(*steps(*range(40)), rules=pages.RULES) as live:
        page = browser.page(live.url, width=width, scripts=False)
        assert is_visible(page, "noscript p")
        assert not is_visible(page, "#live")
        assert page.run("document.querySelectorAll('.view path').length") > 0
        assert page.requests == [live.url]
        assert page.run("document.documentElement.scrollWidth") <= width
        assert live.web.feed.readers == 0
        live.push(*steps(40))
        page.load(live.url)
        assert "6 min 50 s" in " ".join(texts(page, ".facts dd")).replace("\N{NO-BREAK SPACE}", " ")


def test_the_page_that_was_updated_is_the_page_that_is_loaded_anew(browser):
    parts = "[...document.querySelectorAll('[data-part]')].map((part) => [part.dataset.part, part.innerText])"
    with served(*steps(*range(3)), rules=pages.RULES) as live:
        page = browser.page(live.url)
        shows(page, "#live-text", "Live")
        for i in range(3, 45, 7):
            push(live, page, *range(i, i + 7))
        other = browser.page(live.url)
        shows(other, "#live-text", "Live")
        assert page.run(parts) == other.run(parts)
        assert page.run("document.title") == other.run("document.title")
        assert page.run("document.querySelectorAll('.cursor').length") == page.run(
            "document.querySelectorAll('.canvas').length"
        )


@pytest.mark.parametrize("loads", [True, False], ids=["loaded", "streamed"])
def test_hostile_names_are_shown_as_text_also_from_the_stream(browser, loads):
    told = pages.hostile_snapshot()
    with served(*([told] if loads else []), rules=pages.hostile_rules()) as live:
        page = browser.page(live.url)
        if not loads:
            shows(page, "#live-text", "Live")
            live.push(told)
        shows(page, "[data-part=hosts]", pages.HOSTILE[0])
        hosts = texts(page, "[data-table=hosts] tbody th")
        assert set(pages.HOSTILE[:8]) <= set(hosts)
        assert (
            page.run("document.images.length + document.querySelectorAll('main script, main style, iframe').length")
            == 0
        )
        live.push(told)
        shows(page, "[data-table=hosts] tbody", "18")
        assert set(pages.HOSTILE[:8]) <= set(texts(page, "[data-table=hosts] tbody th"))
        assert page.complaints == []


@pytest.mark.parametrize(
    "before",
    [
        "localStorage.setItem('netmon-theme', '\"><img src=x onerror=alert(1)>')",
        "Object.defineProperty(window, 'localStorage', { get() { throw new Error('denied') } })",
    ],
)
def test_hostile_storage_does_not_stop_the_stream(browser, before):
    with served(*steps(0)) as live:
        page = browser.page(live.url, before=before)
        push(live, page, 1)
        assert page.complaints == []


# What a person has chosen


def test_order_filter_rows_and_focus_stay_when_the_page_is_updated(browser):
    with served(*steps(*range(40))) as live:
        page = browser.page(live.url)
        buttons = "[...document.querySelectorAll('[data-table=sections] thead button')]"
        page.run(f"{buttons}.find((button) => button.textContent === 'Section').click()")
        page.run("document.querySelector('[data-table=sections] input').focus()")
        page.type("api")
        page.run("document.querySelector('[data-table=sections] input').setSelectionRange(1, 2)")
        page.click("[data-table=slowest] .more")
        page.run("document.querySelector('[data-table=sections] input').focus()")
        push(live, page, 40)
        push(live, page, 41)
        assert texts(page, "[data-table=sections] tbody th") == ["/v1", "/v2"]
        heads = "[...document.querySelectorAll('[data-table=sections] thead th')].filter((h) => h.ariaSort)"
        assert page.run(f"{heads}.map((h) => [h.textContent, h.ariaSort])") == [["Section", "ascending"]]
        assert page.run("document.activeElement.closest('[data-table]').dataset.table") == "sections"
        assert page.run("[document.activeElement.value, document.activeElement.selectionStart]") == ["api", 1]
        assert page.run("document.querySelector('[data-table=slowest] tbody').rows.length") == 100
        page.type("x")
        assert page.run("document.activeElement.value") == "axi", "typing goes on where it was"


def test_the_focus_stays_on_a_row_a_heading_and_a_region(browser):
    with served(*steps(*range(40)), rules=pages.RULES) as live:
        page = browser.page(live.url)
        wanted = (
            "document.querySelector('[data-table=slowest] tbody').rows[25]",
            "document.querySelectorAll('[data-table=hosts] thead button')[1]",
            "document.querySelector('#alerts .scroll')",
            "document.querySelector('#from')",
            "document.querySelector('#pause')",
        )
        page.click("[data-table=slowest] .more")
        for i, element in enumerate(wanted, 40):
            page.run(f"{element}.focus()")
            push(live, page, i)
            assert page.run(f"document.activeElement === {element}"), element


def test_a_chosen_time_a_moment_and_what_is_open_stay_when_the_page_is_updated(browser):
    with served(*steps(*range(40)), rules=pages.RULES) as live:
        page = browser.page(live.url)
        choose(page, to=20, **{"from": 10})
        choose(page, moment=15)
        page.run("document.querySelectorAll('details').forEach((each) => { each.open = true })")
        before = texts(page, "#range"), texts(page, "#reading")
        top = page.run("(window.scrollTo({ top: 900, behavior: 'instant' }), window.scrollY)")
        for i in range(40, 44):
            push(live, page, i)
        assert (texts(page, "#range"), texts(page, "#reading")) == before
        assert before[0][0].startswith("12:01:40 to 12:03:20")
        assert page.run("[...document.querySelectorAll('details')].every((each) => each.open)")
        assert page.run("window.scrollY") == top
        page.click("#whole")
        push(live, page, 44)
        assert texts(page, "#range")[0].startswith("12:00:00 to 12:07:30"), "the whole time grows"


def test_a_table_that_is_scrolled_sideways_stays_where_it_is(browser):
    with served(*steps(*range(40)), rules=pages.RULES) as live:
        page = browser.page(live.url, width=PHONE)
        regions = "[...document.querySelectorAll('.scroll')].filter((e) => e.scrollWidth > e.clientWidth)"
        page.run(f"{regions}.forEach((each) => {{ each.scrollLeft = 40 }})")
        before = page.run(f"{regions}.map((each) => [each.ariaLabelledByElements?.[0]?.id, each.scrollLeft])")
        assert len(before) > 2
        push(live, page, 40)
        assert page.run(f"{regions}.map((each) => [each.ariaLabelledByElements?.[0]?.id, each.scrollLeft])") == before


def test_order_and_filter_stay_when_a_table_gets_another_column(browser):
    with served(*(pages.step(i, agents=("",)) for i in range(3))) as live:
        page = browser.page(live.url)
        heads = "[...document.querySelectorAll('[data-table=slowest] thead th')]"
        assert "User agent" not in page.run(f"{heads}.map((h) => h.textContent)")
        page.run("document.querySelector('[data-table=slowest] thead button').click()")
        order = page.run(f"{heads}.filter((h) => h.ariaSort).map((h) => [h.textContent, h.ariaSort])")
        page.run("document.querySelector('[data-table=slowest] input').focus()")
        page.type("checkout")
        live.push(*steps(3))
        shows(page, "[data-table=slowest] thead", "User agent")
        assert page.run(f"{heads}.filter((h) => h.ariaSort).map((h) => [h.textContent, h.ariaSort])") == order
        assert page.run("[document.activeElement.tagName, document.activeElement.value]") == ["INPUT", "checkout"]
        assert all("checkout" in text for text in texts(page, "[data-table=slowest] tbody tr"))


def test_a_table_that_was_empty_gets_its_rows(browser):
    with served() as live:
        page = browser.page(live.url)
        shows(page, "[data-part=hosts]", "There is none.")
        shows(page, "#live-text", "Live")
        push(live, page, 0)
        assert len(texts(page, "[data-table=hosts] tbody tr")) == 4
        page.click("[data-table=hosts] thead button")
        assert page.complaints == []


def test_while_text_is_selected_the_newest_state_waits(browser):
    with served(*steps(0)) as live:
        page = browser.page(live.url)
        shows(page, "#live-text", "Live 12:00:10")
        page.run("getSelection().selectAllChildren(document.querySelector('[data-table=hosts] tbody th'))")
        live.push(*steps(1, 2))
        shows(page, "#live-text", "Waits while text is selected 12:00:10")
        assert page.run("getSelection().toString()") == "shop.example"
        page.run("getSelection().removeAllRanges()")
        shows(page, "#live-text", "Live 12:00:30")


def test_while_a_chart_is_dragged_the_newest_state_waits(browser):
    with served(*steps(*range(40))) as live:
        page = browser.page(live.url)
        shows(page, "#live-text", "Live 12:06:40")
        page.run("document.querySelector('#chart-errors').scrollIntoView({ block: 'center', behavior: 'instant' })")
        box = page.run("document.querySelector('#chart-errors .canvas').getBoundingClientRect().toJSON()")

        def mouse(kind, part):
            where = {"x": box["left"] + part * box["width"], "y": box["top"] + box["height"] / 2}
            page.call("Input.dispatchMouseEvent", type=kind, button="left", buttons=1, clickCount=1, **where)

        mouse("mousePressed", 0.25)
        mouse("mouseMoved", 0.4)
        live.push(*steps(40))
        eventually(lambda: live.web.feed.number == 41)
        page.run("new Promise((done) => setTimeout(done, 100))")
        mouse("mouseMoved", 0.5)
        mouse("mouseReleased", 0.5)
        shows(page, "#live-text", "Live 12:06:50")
        assert page.run("[document.getElementById('from').value, document.getElementById('to').value]") == ["10", "20"]


def test_a_page_is_paused_and_goes_on_by_keyboard(browser):
    with served(*steps(0)) as live:
        page = browser.page(live.url)
        shows(page, "#live-text", "Live 12:00:10")
        page.run("document.getElementById('pause').focus()")
        page.press("Enter")
        shows(page, "#live-text", "Paused 12:00:10")
        live.push(*steps(1, 2))
        eventually(lambda: live.web.feed.number == 3)
        page.run("new Promise((done) => setTimeout(done, 100))")
        assert texts(page, "#live") == ["Paused 12:00:10 Resume"]
        page.press("Enter")
        shows(page, "#live-text", "Live 12:00:30")
        assert texts(page, "#pause") == ["Pause"]


def test_updates_are_not_announced_and_trouble_is(browser):
    with served(*steps(*range(5))) as live:
        page = browser.page(live.url)
        push(live, page, 5)
        assert page.run("[...document.querySelectorAll('[role=status]')].every((e) => e.ariaLive === 'off')")
        assert page.run("document.getElementById('live').closest('[role], [aria-live]')") is None
        assert page.run("document.getElementById('trouble').getAttribute('role')") == "alert"
        assert not is_visible(page, "#trouble")


# When the stream is lost


def test_a_lost_stream_is_told_with_the_time_and_when_it_is_back_the_page_goes_on(browser):
    with served(*steps(*range(3))) as live:
        page = browser.page(live.url)
        shows(page, "#live-text", "Live 12:00:30")
        live.cut()
        shows(page, "#trouble", "The stream has been lost since ")
        told = texts(page, "#trouble")[0]
        assert told.endswith("This page shows what was known at 12:00:30, and tries again.")
        assert texts(page, "#live-text") == ["Stream lost"]
        assert is_visible(page, "#trouble")
        shows(page, "#trouble", "netmon cannot be reached")
        since = told.split("since ")[1][:8]
        assert since in texts(page, "#trouble")[0], "since it was lost, not since the last try"
        live.push(*steps(3))
        live.restore()
        shows(page, "#live-text", "Live 12:00:40")
        assert not is_visible(page, "#trouble")


def test_a_netmon_that_was_started_anew_is_told(browser):
    with served(*steps(0)) as live:
        page = browser.page(live.url)
        shows(page, "#live-text", "Live")
        live.cut()
        live.restore(token="another")
        shows(page, "#trouble", "netmon was started anew, with another address for this page")


def test_too_many_viewers_are_told_to_the_next_one_who_gets_in_when_one_leaves(browser, monkeypatch):
    with served(*steps(0)) as live:
        monkeypatch.setattr(live.web.feed, "_most", 1)
        held = live.web.feed.join(0)
        page = browser.page(live.url)
        shows(page, "#trouble", "too many people are looking at this page")
        assert texts(page, "h1"), "the page itself is there"
        held.leave()
        shows(page, "#live-text", "Live 12:00:10")
        assert not is_visible(page, "#trouble")


def test_a_stream_that_falls_silent_is_lost(browser):
    clock = "{const now = Date.now; window.ahead = 0; Date.now = () => now() + window.ahead}"
    with served(*steps(0)) as live:
        page = browser.page(live.url, before=clock)
        shows(page, "#live-text", "Live 12:00:10")
        page.run("window.ahead = 31000")
        shows(page, "#trouble", "nothing has come for half a minute")
        shows(page, "#live-text", "Live 12:00:10")


def test_the_end_is_told_and_nothing_is_tried_again(browser):
    with served(*steps(0)) as live:
        page = browser.page(live.url)
        shows(page, "#live-text", "Live 12:00:10")
        push(live, page, 1)
        live.end()
        shows(page, "#trouble", "netmon has ended. This page shows what was known at 12:00:20.")
        assert texts(page, "#live-text") == ["Ended 12:00:20"]
        asked = len(page.requests)
        page.run("new Promise((done) => setTimeout(done, 1500))")
        assert len(page.requests) == asked
        assert page.complaints == []
        page.click("[data-table=hosts] thead button")


def test_a_page_at_an_address_that_browsers_do_not_believe_to_be_secure_works_as_well(browser):
    with served(*steps(0), address="0.0.0.0:0") as live:
        page = browser.page(live.url)
        push(live, page, 1)
        assert page.complaints == []
