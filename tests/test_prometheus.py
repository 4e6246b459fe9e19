"""What --prometheus serves: the format that is asked for, and health. A real Prometheus scrapes it."""

import gzip
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from fakes import snapshot
from netmon import Monitor, Snapshot
from netmon.address import PrometheusAddress, WebAddress
from netmon.alerts import AlertPolicy, Rule
from netmon.frames import Frames
from netmon.options import Settings
from netmon.serving.messages import Request, Response
from netmon.serving.negotiation import chosen
from netmon.serving.servers import Servers
from netmon.sinks import prometheus
from netmon.sinks.prometheus import KINDS, OPENMETRICS, PROTOBUF, TEXT, Answers, Exporter
from patience import PATIENCE, eventually
from scraping import (
    BAD,
    DURATION,
    GOOD,
    PROMTOOL,
    STEP,
    WAYS,
    counting,
    free_port,
    get,
    needs_prometheus,
    scraping,
    served,
)
from series import families, whole

BOUND = PrometheusAddress("127.0.0.1:9464")
OLD = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
NATIVE = (
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,"
    "application/openmetrics-text;version=1.0.0;q=0.8,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
NEW = (
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,"
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
    "application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,"
    "text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
)
"""What Prometheus 2.42 sends, without and with native histograms, and what 3 sends."""


def exporter(clock=time.monotonic, **settings):
    return Exporter(Settings(**settings), clock)


def frame(of):
    return Frames(10.0, policy=AlertPolicy([Rule(threshold=3, name="many", severity="critical")])).push(of)


@pytest.mark.parametrize(
    ("accept", "format_"),
    [
        ("", TEXT),
        ("*/*", TEXT),
        ("text/*", TEXT),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", TEXT),
        (OLD, OPENMETRICS),
        (NATIVE, PROTOBUF),
        (NEW, PROTOBUF),
        ("application/openmetrics-text", OPENMETRICS),
        ("application/openmetrics-text; version=2.0.0, text/plain;q=0.1", TEXT),
        ("application/openmetrics-text;q=0.2,text/plain;version=0.0.4;q=0.4", TEXT),
        ("application/openmetrics-text;q=0,text/plain;q=0.1", TEXT),
        ("application/openmetrics-text;q=0.5,*/*", TEXT),
        ("application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=text", TEXT),
        ('APPLICATION/OpenMetrics-Text; version="1.0.0"; charset=utf-8', OPENMETRICS),
        ("application/openmetrics-text;q=nonsense", TEXT),
        (";;;,,,=", TEXT),
        ("application/json", TEXT),
    ],
)
def test_the_format_is_the_one_that_the_client_prefers(accept, format_):
    assert chosen(accept, tuple(KINDS), TEXT) == format_


def test_each_format_is_answered_with_its_type():
    made = exporter()
    made.update(frame(whole()))
    answers = Answers(made, BOUND)
    for accept, beginning, end in (
        (OLD, b"# HELP", b"# EOF\n"),
        ("text/plain", b"# HELP", b"\n"),
        (NATIVE, b"", b""),
    ):
        response = answers.metrics(Request("GET", "/metrics", headers={"accept": accept}))
        assert response.body.raw.startswith(beginning)
        assert response.body.raw.endswith(end)
        assert response.kind == KINDS[chosen(accept, tuple(KINDS), TEXT)]
        assert ("Vary", "Accept") in response.headers


def test_alerts_are_counted_as_they_fire_and_shown_as_long_as_they_last():
    made, frames = exporter(), Frames(10.0, policy=AlertPolicy([Rule(threshold=3, span=1, name="many")]))
    seen = []
    for at, requests in enumerate((1, 9, 9, 1, 1)):
        made.update(frames.push(snapshot(at, requests=requests, capture={"received": 9})))
        found = families(made.body(PROTOBUF).raw)
        gauge, fired = (found[name].metric[0] for name in ("netmon_alert_firing", "netmon_alerts_fired_total"))
        recovered = found["netmon_alerts_recovered_total"].metric[0]
        seen.append((gauge.gauge.value, fired.counter.value, recovered.counter.value))
        assert {label.name: label.value for label in gauge.label} == {"alert": "many", "severity": "warning"}
    assert seen == [(0, 0, 0), (1, 1, 0), (1, 1, 0), (0, 1, 1), (0, 1, 1)]


def test_all_who_scrape_within_an_interval_get_the_same_bytes():
    made = exporter()
    made.update(frame(whole()))
    first = made.body(TEXT)
    assert made.body(TEXT) is first
    assert gzip.decompress(first.packed) == first.raw
    made.update(frame(whole(1)))
    assert made.body(TEXT) is not first


def test_the_setting_bounds_the_hosts_that_have_metrics_of_their_own():
    made = exporter(metrics_hosts=1)
    made.update(frame(whole(hosts=("a.example", "b.example"))))
    series = families(made.body(PROTOBUF).raw)["netmon_http_requests_total"].metric
    assert [metric.label[1].value for metric in series] == ["~other", "a.example"]


def test_health_tells_why_the_capture_does_not_work():
    now = [0.0]
    made = exporter(lambda: now[0], interval=1.0)
    answers = Answers(made, BOUND)

    def health():
        response = answers.health(Request("GET", "/healthz"))
        return response.status, response.body.raw.decode().strip()

    assert health() == (200, "ok")
    now[0] = 10.5
    assert health() == (503, "no interval was counted for 10 s")
    made.update(frame(snapshot(interfaces=[{"name": "eth0", "state": "down"}, {"name": "lo", "state": "up"}])))
    assert health() == (200, "ok")
    made.update(frame(snapshot(1, interfaces=[{"name": "eth0", "state": "down"}])))
    assert health() == (503, "no interface is up: eth0")
    made.update(frame(snapshot(2)))
    assert health() == (503, "no interface is up")
    slow = exporter(lambda: now[0], interval=60.0)
    now[0] += 299
    assert slow.trouble() == ""
    read = exporter(lambda: now[0], read=("a.pcap",))
    now[0] += 1e6
    assert read.trouble() == "", "a file that is read has nothing more to give"


def test_a_page_of_the_internet_cannot_read_metrics_from_loopback():
    made = exporter()
    for bound, host_, status in (
        ("127.0.0.1:9464", "127.0.0.1:9464", 200),
        ("127.0.0.1:9464", "localhost:9464", 200),
        ("127.0.0.1:9464", "evil.example", 403),
        ("0.0.0.0:9464", "netmon.monitoring.svc:9464", 200),
    ):
        answers = Answers(made, PrometheusAddress(bound))
        for answer in (answers.metrics, answers.health, answers.page):
            assert answer(Request("GET", "/", headers={"host": host_})).status == status


@pytest.mark.parametrize("bound", ["0x7f.1:0", "127.0.0.2:0", "[::1]:0"])
def test_another_spelling_of_loopback_is_loopback(bound):
    """A name of the machine is loopback as well where its list of hosts says so."""
    with served(bound) as (_, url):
        hosts = ("127.0.0.1", "localhost", bound.rpartition(":")[0], "evil.example", "192.0.2.1")
        found = [get(f"{url}/metrics", Host=host_).status for host_ in hosts]
        assert found == [200, 200, 200, 403, 403]


def test_metrics_health_and_a_page_that_leads_to_them_are_served():
    with served() as (opened, url):
        assert opened.stays
        opened.sink.update(frame(whole()))
        answer = get(f"{url}/metrics", Accept_Encoding="gzip", Accept=NATIVE)
        assert answer.fields["Content-Encoding"] == "gzip"
        assert "netmon_capture_packets_total" in families(gzip.decompress(answer.body))
        assert get(f"{url}/healthz").body == b"ok\n"
        page = get(f"{url}/")
        assert (page.status, b'href="metrics"' in page.body, b'href="healthz"' in page.body) == (200, True, True)
        assert get(f"{url}/nothing").status == 404


def test_metrics_and_the_live_page_may_share_an_address():
    servers = Servers()
    with closing(servers), socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
        free.close()
        settings = Settings(prometheus=PrometheusAddress(f"127.0.0.1:{port}"), web=WebAddress(f"127.0.0.1:{port}"))
        server = servers.at(settings.web, "--web")
        server.handle("/", lambda _: Response.text(200, "the live page"))
        prometheus.opened(settings, servers)
        assert get(f"http://127.0.0.1:{port}/healthz").body == b"ok\n"
        assert get(f"http://127.0.0.1:{port}/").body == b"the live page\n"


def rates(way, by="", only=""):
    """The rate of the durations as a query: of the buckets as `histogram_quantile` wants them."""
    if way == "text":
        return f"sum by (le{by and f',{by}'}) (rate({DURATION}_bucket{only}[5s]))"
    return f"sum{by and f' by ({by})'} (rate({DURATION}{only}[5s]))"


def count_of(way, only=""):
    return f"sum(rate({DURATION}_count{only}[5s]))" if way == "text" else f"histogram_count({rates(way, only=only)})"


ERROR = {"text": 0.5, "native histograms": 0.045}
"""By how much a quantile may differ: half the width of a classic bucket, and the whole width of a native one."""


@needs_prometheus
@pytest.mark.parametrize("way", WAYS)
def test_rates_and_quantiles_in_prometheus_are_those_of_the_traffic(tmp_path, way):
    with (
        served() as (opened, url),
        counting(opened.sink),
        scraping(tmp_path, url.removeprefix("http://"), *WAYS[way]) as found,
    ):
        eventually(lambda: (found.number('count_over_time(up{job="netmon"}[1m])') or 0) >= 13)
        rate = found.number("sum(rate(netmon_http_requests_total[5s]))")
        assert 0 < rate <= 1.3 * (GOOD + BAD) / STEP, "a loaded machine counts late, and never too much"
        share = found.number(f"""{count_of(way, '{error_type!=""}')} / {count_of(way)}""")
        assert share == pytest.approx(BAD / (GOOD + BAD), rel=0.01)
        share = found.number(f"{count_of(way)} / sum(rate(netmon_http_requests_total[5s]))")
        assert share == pytest.approx(1, rel=0.01)
        for q, seconds in ((0.5, 0.02), (0.97, 0.3)):
            quantile = found.number(f"histogram_quantile({q}, {rates(way)})")
            assert quantile == pytest.approx(seconds, rel=ERROR[way])
        medians = found.query(f"histogram_quantile(0.5, {rates(way, by='http_response_status_code')})")
        values = {dict(labels)["http_response_status_code"]: float(one["value"][1]) for labels, one in medians.items()}
        assert values == {"200": pytest.approx(0.02, rel=ERROR[way]), "503": pytest.approx(0.3, rel=ERROR[way])}


@needs_prometheus
def test_promtool_finds_nothing_wrong():
    made = exporter()
    made.update(frame(whole()))
    checked = subprocess.run(
        [PROMTOOL, "check", "metrics"], input=made.body(TEXT).raw, check=False, capture_output=True, timeout=PATIENCE
    )
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, b"")


@needs_prometheus
def test_a_capture_file_is_served_after_its_end_with_every_count(tmp_path):
    path = Path(__file__).parent / "captures" / "shop.pcap"
    total = Snapshot.merge(list(Monitor(read=path).snapshots()))
    port = free_port()
    command = [sys.executable, "-m", "netmon", "-r", str(path), "--prometheus", str(port), "--format", "ndjson"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        try:
            assert b"metrics for Prometheus: http://127.0.0.1:" in process.stderr.readline()
            with scraping(tmp_path, f"127.0.0.1:{port}", *WAYS["native histograms"]) as found:
                eventually(lambda: found.number("sum(netmon_http_requests_total)") == total.requests)
                by_status = found.query("sum by (http_response_status_code) (netmon_http_responses_total)")
                assert {
                    dict(labels)["http_response_status_code"]: float(one["value"][1])
                    for labels, one in by_status.items()
                } == {str(status): count for status, count in total.statuses.items()}
                counted = found.number(f"histogram_count(sum({DURATION}))")
                assert counted == total.duration.count
                quantile = found.number(f"histogram_quantile(0.95, sum({DURATION}))")
                assert quantile == pytest.approx(total.duration.quantile(0.95), rel=0.09)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(PATIENCE)
    assert process.returncode == 0
