"""The page of a run, before any browser: its document is bounded and true, its HTML is safe and says everything."""

import base64
import hashlib
import json
import re
import time
from html.parser import HTMLParser

import pages
import pytest
from fakes import histogram, snapshot
from netmon import Snapshot
from netmon.page import axes
from netmon.page.answer import answer
from netmon.page.charts import charts, quality
from netmon.page.clock import Clock
from netmon.page.columns import CLIENTS, CONNECTIONS, HOSTS, SECTIONS, SLOWEST
from netmon.page.data import document
from netmon.page.escape import packed
from netmon.page.latencies import Latencies
from netmon.page.record import ALERTS, Record
from netmon.page.shapes import area, line
from netmon.page.timeline import NAMES, POINTS, Timeline

render = pytest.importorskip("netmon.page.render", reason="needs the extra [html]")

LIMIT = 2_000_000


@pytest.fixture(scope="module")
def busy():
    return pages.busy(lost=1_500)


@pytest.fixture(scope="module")
def hostile():
    return pages.hostile()


class Elements(HTMLParser):
    """Every element with its attributes, and the text outside of scripts and styles."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.open, self.texts = [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        self.open.append(tag)

    def handle_endtag(self, tag):
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data):
        if not {"script", "style"} & set(self.open[-1:]):
            self.texts.append(data.strip())

    def of(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


# Time points


def second(at, requests=1, length=1.0, **more):
    latency = histogram(at=0.01 * (1 + at % 7), count=max(requests, 1))
    fields = {"requests": requests, "hits": requests, "latency": latency, "capture": {"received": requests}}
    return snapshot(float(at), at + length, **(fields | more))


@pytest.mark.parametrize("seconds", [1, 239, 240, 241, 5_000])
def test_a_run_of_any_length_has_a_bounded_number_of_points_and_all_counts(seconds):
    timeline = Timeline()
    for at in range(seconds):
        timeline.push(second(at, requests=at % 5 + 1))
    assert len(timeline.points) <= timeline.count <= POINTS
    assert seconds <= 2 or timeline.count > POINTS / 2 or seconds < POINTS
    assert sum(timeline.column("requests")) == sum(at % 5 + 1 for at in range(seconds))


def test_a_point_has_the_percentiles_of_all_its_snapshots():
    timeline, all_of_them = Timeline(most=4), [second(at, requests=at % 3 + 1) for at in range(8)]
    for each in all_of_them:
        timeline.push(each)
    assert timeline.step == 2
    for number, point in timeline.points.items():
        merged = Snapshot.merge(all_of_them[2 * number : 2 * number + 2]).latency
        for q in (0, 0.5, 0.95, 1):
            assert point.latencies.quantile(q) == pytest.approx(merged.quantile(q), rel=1e-6)


def test_latencies_of_different_scales_add_up_at_the_lower_one():
    fine, coarse = Latencies(), Latencies(scale=2)
    fine.add(Snapshot.merge([second(at) for at in range(7)]).latency)
    coarse.add(second(3).latency)
    coarse.plus(fine)
    assert (coarse.scale, coarse.count, sum(coarse.counts.values())) == (2, 8, 8)
    assert coarse.quantile(0.5) == pytest.approx(0.04, rel=0.1)


def test_no_step_is_shorter_than_the_longest_interval_with_packets():
    timeline = Timeline()
    timeline.push(second(0))
    timeline.push(second(1, length=3.0))
    assert (timeline.step, timeline.start) == (3, -2)
    assert timeline.column("requests") == [1, 1]


def test_a_short_first_interval_leaves_every_later_one_a_step_of_its_own():
    timeline = Timeline()
    timeline.push(second(0, length=0.3))
    for at in range(50):
        timeline.push(second(at + 0.3, requests=5))
    assert timeline.column("requests") == [1] + [5] * 50


def test_intervals_that_differ_a_little_do_not_make_steps_longer():
    timeline = Timeline()
    for at in range(100):
        timeline.push(second(1.0003 * at, requests=5, length=1.0003 if at else 1.0))
    assert timeline.step == 1
    assert sum(timeline.column("requests")) == 500


def test_a_silence_is_no_interval_and_widens_nothing():
    timeline = Timeline()
    timeline.push(second(0))
    timeline.push(snapshot(1.0, 101.0))
    timeline.push(second(101))
    assert (timeline.step, timeline.count, sorted(timeline.points)) == (1, 102, [0, 101])


def test_a_clock_that_jumps_by_years_leaves_the_number_of_points_bounded():
    timeline = Timeline()
    timeline.push(second(0))
    timeline.push(second(10**9))
    assert timeline.count <= POINTS
    assert sum(timeline.column("requests")) == 2


def test_without_any_snapshot_there_are_no_points():
    assert (Timeline().count, charts(document(Record())), quality(document(Record()))) == (0, [], [])


# The document


def test_the_points_of_a_document_add_up_to_the_whole_run(busy):
    points = busy["points"]
    kept = pages.record([pages.step(i) for i in range(90)], pages.RULES)
    total = kept.frame.total
    for name, expected in (("requests", total.requests), ("errors", total.errors), ("responses", total.responses)):
        assert sum(row[points["names"].index(name)] for row in points["rows"]) == expected
    assert sum(sum(counts) for _, *counts in points["latencies"]) == total.latency.count
    assert points["names"][1 : len(NAMES) + 1] == list(NAMES)


def test_the_rows_of_tables_are_those_of_the_merged_run(busy):
    total = pages.record([pages.step(i) for i in range(90)]).frame.total
    hosts, sections, clients = (busy["tables"][name]["rows"] for name in ("hosts", "sections", "clients"))
    assert [row[:2] for row in hosts] == [[host.name, host.requests] for host in total.top(10, "requests")]
    assert [row[2] for row in sections] == sorted((row[2] for row in sections), reverse=True)
    assert sum(row[2] for row in sections) == sum(row[1] for row in hosts) == total.requests
    assert len(clients) == total.client_count
    assert busy["tables"]["connections"]["rows"][0][:2] == ["all", sum(i.packets for i in total.interfaces)]


def test_the_slowest_requests_are_the_slowest_of_the_whole_run(busy):
    latencies = sorted((e.latency for i in range(90) for e in pages.step(i).exchanges), reverse=True)
    shown = [row[0] / 1e6 for row in busy["tables"]["slowest"]["rows"]]
    assert shown == pytest.approx(latencies[: len(shown)])
    assert len(shown) == 100


def test_the_user_agents_are_a_column_only_where_they_are_known(busy):
    def keys(document):
        return [column["key"] for column in document["tables"]["slowest"]["columns"]]

    assert "user_agent" in keys(busy)
    without = pages.record([snapshot(0.0, 1.0, exchanges=[pages.exchange(0, "a", "/", 0.1)])])
    assert keys(document(without)) == [key for key in keys(busy) if key != "user_agent"]


def test_an_alert_lasts_from_firing_to_recovery_and_a_lasting_one_has_no_end():
    steps = [pages.step(i) for i in range(90)]
    done, lasting = (document(pages.record(steps[:n], pages.RULES))["alerts"] for n in (90, 40))
    assert [alert["name"] for alert in done] == ["checkout fails", "slow"]
    assert all(alert["since"] < alert["until"] for alert in done)
    assert [alert["until"] for alert in lasting] == [None, None]


def test_of_many_alerts_the_newest_are_kept_and_the_others_counted():
    kept, frame = Record(), pages.record([pages.step(0)], [pages.Rule(1, 10.0)]).frame
    (fired,) = frame.events
    for at in range(ALERTS + 10):
        kept.update(frame._replace(events=(fired._replace(since=float(at), at=float(at)),)))
    assert (len(kept.periods), kept.dropped) == (ALERTS, 10)
    assert min(since for _, _, since in kept.periods) == 10


def test_names_from_the_wire_hold_no_character_that_hides_or_reorders_text(hostile):
    texts = [
        cell for table in hostile["tables"].values() for row in table["rows"] for cell in row if isinstance(cell, str)
    ]
    assert any("gnp.exe" in text for text in texts)
    assert not {"\u202e", "\u2028", "\x00", "\x1b"} & set("".join(texts))


# Size and time


def test_ten_thousand_hosts_take_two_megabytes_at_most():
    made = document(pages.many())
    html = render.page(made).encode()
    assert len(html) < LIMIT
    hosts = made["tables"]["hosts"]
    assert (len(hosts["rows"]), hosts["left"]) == (10_004, 0)


def test_names_as_long_as_can_be_take_two_megabytes_at_most_and_what_is_left_out_is_counted():
    row = pages.counts([(9, {200: 8, 500: 1}, 0.01)])
    hosts = [
        {"name": f"{'<' * 240}{i}", "sections": [{"path": f"/{'&' * 240}{n}", **row} for n in range(2)], **row}
        for i in range(4_000)
    ]
    told = [pages.exchange(0, "<" * 250, "/" + "<" * 250, 1 + n / 1_000, agent="<" * 60) for n in range(200)]
    steps = [
        snapshot(10.0 * i, 10.0 * i + 10, **pages.counts([(i + 7, {200: 1}, 0.0001 * 1.4**n) for n in range(40)]))
        for i in range(1, 240)
    ]
    made = document(pages.record([snapshot(0.0, 10.0, hosts=hosts, exchanges=told), *steps]))
    assert len(render.page(made).encode()) < LIMIT
    for table in (HOSTS, SECTIONS, CLIENTS, SLOWEST, CONNECTIONS):
        assert len(packed(made["tables"][table.name]["rows"])) <= table.room + 2
    assert len(made["tables"]["hosts"]["rows"]) + made["tables"]["hosts"]["left"] == 4_000
    assert made["tables"]["hosts"]["left"] > 0


def test_a_page_of_ten_thousand_hosts_takes_no_longer_than_their_json():
    kept = pages.many()

    def least(work):
        times = []
        for _ in range(3):
            began = time.process_time()
            work()
            times.append(time.process_time() - began)
        return min(times)

    as_json = least(lambda: json.dumps(kept.frame.total.to_dict()))
    assert least(lambda: render.page(document(kept))) < as_json


# The answer


def facts(*snapshots, rules=()):
    made = document(pages.record(snapshots, rules))["answer"]
    return made | {fact["term"]: [fact["lead"], *fact["more"]] for fact in made["facts"]}


def test_the_answer_says_what_happened_when_to_whom_and_how_certain_in_this_order(busy):
    terms = [fact["term"] for fact in busy["answer"]["facts"]]
    assert terms == ["What happened", "When", "To whom", "How certain"]
    assert busy["answer"]["headline"].startswith("2 alerts fired: checkout fails · slow; 0.3 % of all responses")


def test_losses_come_first_in_what_is_certain(busy):
    certain = busy["answer"]["facts"][3]
    assert certain["lead"] == "Not everything was seen: 491 950 packets, 1 500 lost (0.3 %)"
    assert "too low" in certain["more"][0]


def test_a_run_without_losses_says_so():
    told = facts(second(0))
    assert told["How certain"][0] == "All packets were seen whole: 1 packet, none lost"
    assert told["level"] == "good"
    assert told["headline"] == "No alert fired, and no response was seen"


def test_a_run_without_http_says_what_was_seen_instead():
    told = facts(snapshot(0.0, 1.0, capture={"received": 3, "undecoded": {"tunnel vxlan": 3}}))
    assert told["headline"] == "No HTTP was seen"
    assert any("tunnels (vxlan)" in said for said in told["What happened"])


def test_where_errors_are_is_told():
    told = facts(*(pages.step(i) for i in range(28, 34)))
    assert "Most server errors came from shop.example/checkout: 100 % of all." in told["To whom"]
    assert "Most server errors went to 10.0.0.7: 100 % of all." in told["To whom"]
    assert any(said.startswith("Most server errors at ") for said in told["When"])


def test_what_could_not_be_followed_is_told():
    capture = {"received": 9, "gaps": 2, "gap_bytes": 1_000, "unanswered": 1, "protocols": {"tls": 4, "http1": 1}}
    told = facts(snapshot(0.0, 1.0, requests=3, hits=3, capture=capture | {"clock_steps": 1, "hosts_folded": 7}))
    certain = " ".join(told["How certain"])
    assert "2 gaps in streams (1 kB), 1 request without a response." in certain
    assert "not counted: tls: 4." in certain
    assert "7 rows had no room" in certain
    assert "The clock was set 1 time" in certain


def test_an_empty_run_has_an_answer_and_a_page():
    empty = document(Record())
    assert empty["answer"]["headline"] == "No HTTP was seen"
    assert "No packet was captured" in render.page(empty)
    assert answer(Record(), Snapshot(), Clock(), empty["points"], [])["level"] == "warning"


# Charts


def test_areas_and_lines_are_steps_one_unit_wide():
    assert area([10, 10, 10, 10], [4, 4, 10, 6]) == "M0 4h2V10h-2ZM3 6h1V10h-1Z"
    assert line([3, None, 5, 5.25]) == "M0 3h1M2 5h1V5.2h1"


def test_axes_have_round_numbers():
    assert list(axes.linear(87)) == [0, 25, 50, 75, 100]
    assert list(axes.linear(0)) == [0, 1]
    assert list(axes.decades(0.0005, 3)) == [0.001, 0.01, 0.1, 1]
    noon = Clock(pages.NOON, pages.NOON + 900, 0)
    labels = list(axes.times(noon, pages.NOON, 900))
    assert labels == [(0, "12:00"), (1 / 3, "12:05"), (2 / 3, "12:10"), (1, "12:15")]


def test_an_alert_that_fired_at_the_very_end_can_be_seen(hostile):
    (chart,) = (chart for chart in charts(hostile) if chart.name == "alerts")
    assert chart.text == "100 alerts in 12 lanes; shown are the 12 of 100 that fired longest."
    bars = re.findall(r"M([\d.]+) \d+h([\d.]+)", chart.layers[0].path)
    assert len(bars) == 12
    assert all(float(left) + float(width) <= hostile["points"]["count"] for left, width in bars)


def test_a_heat_map_draws_every_response_but_the_few_fastest_in_its_row(busy):
    (chart,) = (chart for chart in charts(busy) if chart.name == "latency")
    shades = [layer for layer in chart.layers if re.fullmatch("h[1-6]", layer.style)]
    assert [layer.style for layer in shades][-1] == "h6"
    assert {"p50", "p95", "p99"} <= {layer.style for layer in chart.layers}
    corners = [float(y) for layer in shades for y in re.findall(r"M\d+ ([\d.]+)", layer.path)]
    assert 0 <= min(corners) <= max(corners) < chart.height


def test_every_chart_says_in_words_what_it_shows(busy):
    made = charts(busy) + quality(busy)
    assert [chart.name for chart in made] == [
        *("responses", "errors", "traffic", "latency", "alerts"),
        *("resent", "lost"),
    ]
    html = Elements(render.page(busy))
    ids = {attributes.get("id") for _, attributes in html.elements}
    pictures = [each for each in html.of("svg") if each.get("role") == "img"]
    assert len(pictures) == len(made)
    assert all({each["aria-labelledby"], each["aria-describedby"]} <= ids for each in pictures)
    assert all(
        each.get("role") == "img" or each.get("aria-hidden") or each["class"] == "view" for each in html.of("svg")
    )
    assert all(chart.text and chart.title in html.texts for chart in made)


# Safety


@pytest.mark.parametrize("which", ["busy", "hostile"])
def test_the_policy_admits_exactly_the_style_and_the_scripts_of_the_page(which, request):
    html = render.page(request.getfixturevalue(which))
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]+)"', html)
    policy = policy.replace("&#39;", "'")
    texts = re.findall(r"<(script|style)>(.*?)</\1>", html, re.DOTALL)
    hashes = {f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for _, text in texts}
    assert len(texts) == 3
    assert set(re.findall(r"'sha256-[^']+'", policy)) == hashes
    assert "unsafe" not in policy
    assert policy.startswith("default-src 'none'; ")


def test_a_page_refers_to_nothing_outside_of_itself(hostile):
    html = Elements(render.page(hostile))
    links = [value for _, each in html.elements for name, value in each.items() if name in ("href", "src", "action")]
    assert links
    assert all(link.startswith(("#", "data:image/svg+xml,")) for link in links)
    assert not [name for _, each in html.elements for name in each if name.startswith("on") or name == "style"]


def test_hostile_names_are_text_and_nothing_else(hostile, busy):
    tags = [{tag for tag, _ in Elements(render.page(each)).elements} for each in (hostile, busy)]
    assert tags[0] - {"code"} <= tags[1] | {"p", "span", "button"}
    html = Elements(render.page(hostile))
    assert [each.get("type") for each in html.of("script")] == [None, "application/json", None]
    shown = " ".join(html.texts)
    for text in pages.HOSTILE[:8]:
        assert text in shown


def test_the_document_in_a_page_is_the_document(hostile):
    html = render.page(hostile)
    (data,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', html, re.DOTALL)
    assert json.loads(data) == json.loads(json.dumps(hostile))
    assert not set("<>&") & set(data)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_number_that_json_does_not_have_is_refused(value):
    with pytest.raises(ValueError, match="JSON"):
        packed(value)


# Colours


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


COLOURS = dict(re.findall(r"--([\w-]+): light-dark\((#\w+, #\w+)\)", render._own("page.css")))


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_texts_have_a_contrast_of_4_5_and_shapes_of_3_in_both_themes(theme):
    colour = {name: pair.split(", ")[theme] for name, pair in COLOURS.items()}
    for text in ("text", "soft", "link", "good", "warning", "bad"):
        for ground in ("page", "raised"):
            assert contrast(colour[text], colour[ground]) >= 4.5, (text, ground)
    assert contrast(colour["text"], colour["bar"]) >= 4.5
    for shape in ("s1", "s2", "s3", "s4", "s5", "traffic", "heat", "p50", "p95", "p99"):
        assert contrast(colour[shape], colour["raised"]) >= 3, shape
