"""What --otlp sends, read back with OpenTelemetry's own messages, and what it does when a collector fails."""

import errno
import gzip
import math
import os
import random
import re
import ssl
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from fakes import snapshot
from google.protobuf.unknown_fields import UnknownFieldSet
from netmon import Monitor, Snapshot, cli
from netmon._core import METRICS_SUBSET, Metrics
from netmon.actions.delivery import Outcome
from netmon.frames import Frames
from netmon.options import Duration, Settings
from netmon.otlp.answer import judge, warning
from netmon.otlp.exporter import Exporter
from netmon.otlp.exports import Exports
from netmon.otlp.target import target
from netmon.outlet import Patience
from netmon.sinks import otlp
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsPartialSuccess,
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AGGREGATION_TEMPORALITY_CUMULATIVE,
    AGGREGATION_TEMPORALITY_DELTA,
)
from patience import PATIENCE, eventually
from receiver import answer, closes, hangs, receiving
from series import HOSTILE, host, outcomes, whole

URL = "http://collector.example:4318"
SECOND = 10**9


def to(url=URL, environment=None, **settings):
    return target(Settings(otlp=url, **settings), environment or {}, "machine")


def decoded(body, *, packed=True):
    """The metrics of a request, by name, after a check of its resource and scope."""
    request = ExportMetricsServiceRequest.FromString(gzip.decompress(body) if packed else body)
    assert len(UnknownFieldSet(request)) == 0
    (resource,) = request.resource_metrics
    (scope,) = resource.scope_metrics
    assert scope.scope.name == "netmon"
    return {metric.name: metric for metric in scope.metrics}


def resource_of(body):
    request = ExportMetricsServiceRequest.FromString(body)
    return attributes(request.resource_metrics[0].resource)


def attributes(point):
    """Attributes of a point: numbers where OpenTelemetry has numbers."""
    values = {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in point.attributes}
    assert len(values) == len(point.attributes), "no attribute comes twice"
    return values


def points(metric):
    return getattr(metric, metric.WhichOneof("data")).data_points


def metrics(*snapshots):
    made = Metrics()
    for each in snapshots:
        made.add(each)
    return made


def test_every_field_of_sums_and_levels_comes_back():
    made = metrics(whole(0), whole(1))
    made.set_rules([("many", "critical", 2, False)])
    found = decoded(made.otlp([("service.name", "netmon"), ("host.name", "é")]), packed=False)
    assert resource_of(made.otlp([("service.name", "netmon"), ("host.name", "é")])) == {
        "service.name": "netmon",
        "host.name": "é",
    }
    requests = found["netmon.http.requests"]
    assert (requests.unit, requests.description) == ("{request}", "Request heads.")
    assert requests.sum.is_monotonic
    assert requests.sum.aggregation_temporality == AGGREGATION_TEMPORALITY_CUMULATIVE
    by_host = {attributes(point)["server.address"]: point for point in points(requests)}
    assert set(by_host) == {HOSTILE, "b.example"}
    point = by_host["b.example"]
    assert attributes(point) == {"http.request.method": "GET", "server.address": "b.example", "server.port": 8080}
    assert (point.as_int, point.start_time_unix_nano, point.time_unix_nano) == (8, 0, 2 * SECOND)
    statuses = [attributes(point)["http.response.status_code"] for point in points(found["netmon.http.responses"])]
    assert statuses == [200, 200]
    level = found["netmon.capture.tracked_connections"]
    assert level.WhichOneof("data") == "gauge"
    assert points(found["netmon.snapshot.timestamp"])[0].as_double == 2.0
    (firing,) = points(found["netmon.alert.firing"])
    assert (firing.as_int, attributes(firing)) == (2, {"alert": "many", "severity": "critical"})


def test_exponential_histograms_come_back_without_loss():
    captured = Path(__file__).parent / "captures" / "shop.pcap"
    monitor = Monitor(read=captured)
    monitor.set_subsets([METRICS_SUBSET])
    snapshots = list(monitor.snapshots())
    wanted = Snapshot.merge(snapshots)
    found = decoded(metrics(*snapshots).otlp(), packed=False)
    by_host = {}
    latency = found["netmon.http.response.latency"]
    assert (latency.unit, latency.exponential_histogram.aggregation_temporality) == (
        "s",
        AGGREGATION_TEMPORALITY_CUMULATIVE,
    )
    for point in points(latency):
        given = attributes(point)
        port = f":{given['server.port']}" if "server.port" in given else ""
        by_host[f"{given['server.address']}{port}"] = point
    assert set(by_host) == {one.name for one in wanted.hosts if one.latency.count}
    for one in wanted.hosts:
        if one.latency.count:
            point, times = by_host[one.name], one.latency
            assert (point.count, point.scale, point.zero_count) == (times.count, times.scale, times.zero_count)
            assert list(point.positive.bucket_counts) == list(times.buckets)
            assert point.positive.offset == times.offset
            assert (point.sum, point.min, point.max) == pytest.approx((times.sum, times.min, times.max))
            assert not point.negative.bucket_counts
            assert point.start_time_unix_nano <= point.time_unix_nano == round(snapshots[-1].end * 1e6) * 1000
    durations = points(found["http.server.request.duration"])
    assert sum(point.count for point in durations) == wanted.duration.count
    assert {attributes(point)["url.scheme"] for point in durations} == {"http"}
    for point in durations:
        given = attributes(point)
        status = given["http.response.status_code"]
        assert given.get("error.type") == (str(status) if status >= 500 else None)


def test_explicit_buckets_have_the_bounds_that_opentelemetry_advises():
    rows = {"GET 200 a": (0.02, 4), "GET 500 a": (20.0, 2)}
    found = decoded(metrics(snapshot(subsets=[outcomes(rows)])).otlp(explicit=True), packed=False)
    good, bad = sorted(points(found["http.server.request.duration"]), key=lambda point: point.max)
    advised = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]
    assert list(good.explicit_bounds) == advised
    assert list(good.bucket_counts) == [0, 0, 4, *[0] * 12]
    assert list(bad.bucket_counts) == [*[0] * 14, 2]
    assert (good.count, good.sum, good.min, good.max) == pytest.approx((4, 0.08, 0.02, 0.02))


def test_with_delta_each_export_has_what_came_since_the_last_one():
    made = metrics(whole(0))
    first = decoded(made.take().otlp(delta=True), packed=False)
    made.add(whole(1))
    made.add(snapshot(2, hosts=[host("c.example", count=7)]))
    second = decoded(made.take().otlp(delta=True), packed=False)
    for found, spans, count in ((first, (0, 1), 4), (second, (1, 3), 4)):
        requests = found["netmon.http.requests"]
        assert requests.sum.aggregation_temporality == AGGREGATION_TEMPORALITY_DELTA
        point = next(point for point in points(requests) if attributes(point)["server.address"] == HOSTILE)
        assert (point.as_int, point.start_time_unix_nano, point.time_unix_nano) == (
            count,
            *(at * SECOND for at in spans),
        )
    assert {attributes(point)["server.address"] for point in points(second["netmon.http.requests"])} == {
        HOSTILE,
        "b.example",
        "c.example",
    }
    assert "netmon.http.requests" not in decoded(made.take().otlp(delta=True), packed=False)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://c.example:4318", "http://c.example:4318/v1/metrics"),
        ("http://c.example:4318/", "http://c.example:4318/v1/metrics"),
        ("https://c.example/otlp/v1/metrics", "https://c.example/otlp/v1/metrics"),
    ],
)
def test_a_url_without_a_path_gets_that_of_metrics(url, shown):
    address = to(url).address
    assert address.origin + address.target == shown


def test_variables_of_opentelemetry_count_where_no_setting_does():
    environment = {
        "OTEL_EXPORTER_OTLP_HEADERS": "api-key=secret%2C1, tenant=a",
        "OTEL_EXPORTER_OTLP_TIMEOUT": "2500",
        "OTEL_EXPORTER_OTLP_METRICS_TIMEOUT": "1500",
        "OTEL_EXPORTER_OTLP_COMPRESSION": "none",
        "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "Delta",
        "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION": "explicit_bucket_histogram",
        "OTEL_METRIC_EXPORT_INTERVAL": "30000",
        "OTEL_RESOURCE_ATTRIBUTES": "service.name=other,deployment.environment.name=a%20b",
        "OTEL_SERVICE_NAME": "edge",
    }
    made = to(environment=environment)
    assert (made.fields["api-key"], made.fields["tenant"]) == ("secret,1", "a")
    assert (made.timeout, made.interval, made.is_delta, made.is_explicit, made.is_packed) == (
        1.5,
        30.0,
        True,
        True,
        False,
    )
    assert dict(made.resource)["service.name"] == "edge"
    assert dict(made.resource)["deployment.environment.name"] == "a b"
    assert dict(made.resource)["service.instance.id"] == "machine"
    settings = {"otlp_interval": Duration(5), "otlp_temporality": "cumulative", "otlp_histogram": "exponential"}
    given = to(environment=environment, **settings)
    assert (given.interval, given.is_delta, given.is_explicit) == (5.0, False, False)
    usual = to()
    assert (usual.timeout, usual.interval, usual.is_delta, usual.is_explicit, usual.is_packed) == (
        10,
        60,
        False,
        False,
        True,
    )
    assert dict(usual.resource)["service.name"] == "netmon"


@pytest.mark.parametrize(
    ("url", "environment", "message"),
    [
        ("collector:4318", {}, "must begin with http:// or https://"),
        ("http://", {}, "must name a host"),
        (URL, {"OTEL_EXPORTER_OTLP_HEADERS": "secret"}, "OTEL_EXPORTER_OTLP_HEADERS must be written as"),
        (URL, {"OTEL_EXPORTER_OTLP_HEADERS": "a=secret%0d%0ab"}, "the value of a has characters"),
        (URL, {"OTEL_EXPORTER_OTLP_HEADERS": "Content-Type=secret"}, "'Content-Type' is no field that can be added"),
        (URL, {"OTEL_EXPORTER_OTLP_TIMEOUT": "10s"}, "OTEL_EXPORTER_OTLP_TIMEOUT: '10s' is no number of milliseconds"),
        (
            URL,
            {"OTEL_EXPORTER_OTLP_METRICS_COMPRESSION": "zstd"},
            "METRICS_COMPRESSION: 'zstd' is not one of gzip, none",
        ),
        (URL, {"OTEL_EXPORTER_OTLP_CERTIFICATE": "/nowhere"}, "/nowhere cannot be read"),
        (URL, {"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": "/nowhere"}, "/nowhere cannot be used"),
        (URL, {"OTEL_SERVICE_NAME": "a\udcff"}, "OTEL_SERVICE_NAME is not valid text"),
    ],
)
def test_what_is_wrong_is_told_at_the_start_without_a_secret(url, environment, message):
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        to(url, environment)
    assert "secret" not in str(caught.value)


def test_a_wrong_url_is_wrong_usage(capsys):
    assert cli.main(["--no-config", "--otlp", "collector:4318", "-r", "none.pcap"]) == 2
    assert "--otlp: must begin with http:// or https://" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (200, "done"),
        *((status, "retry") for status in (429, 502, 503, 504)),
        *((status, "failed") for status in (400, 404, 408, 413, 500, 501)),
    ],
)
def test_only_what_the_protocol_lets_a_client_repeat_is_repeated(status, verdict):
    assert judge(status, "Reason", "", 0.0).verdict == verdict


def partial(rejected, words):
    success = ExportMetricsPartialSuccess(rejected_data_points=rejected, error_message=words)
    return ExportMetricsServiceResponse(partial_success=success).SerializeToString()


def test_what_a_collector_does_not_take_is_told_once():
    table = [
        (b"", ""),
        (partial(0, ""), ""),
        (partial(3, ""), "does not take 3 of the series"),
        (partial(2**40, "too \x1b[31m many"), f"does not take {2**40} of the series: too [31m many"),
        (partial(0, "use TLS"), "warns: use TLS"),
        (b"OK", ""),
        (b"{}", ""),
        (b"\xff" * 40, ""),
    ]
    for body, words in table:
        assert warning(body) == words, body
    cut = [warning(partial(3, "words")[:length]) for length in range(len(partial(3, "words")))]
    assert cut == [""] * len(cut), "what is cut says nothing"
    made, _ = exports()
    told = []
    for words in ("", "does not take 3 of the series", "does not take 3 of the series", "", "warns: a"):
        made.body(0.0)
        told.append(made.ended(Outcome("done", output=words), 0.0, 0.0))
    assert told == ["", "does not take 3 of the series", "", "", "warns: a"]


def test_an_answer_of_any_bytes_does_no_harm():
    dice = random.Random(1)
    whole_ = partial(300, "words")
    for _ in range(2000):
        damaged = bytearray(whole_)
        damaged[dice.randrange(len(damaged))] = dice.randrange(256)
        assert isinstance(warning(bytes(damaged[: dice.randrange(len(damaged) + 1)])), str)


def exports(*, is_delta=False, interval=60.0):
    made = metrics(whole(0))
    given = to(otlp_interval=Duration(interval), otlp_temporality="delta" if is_delta else "cumulative")
    return Exports(given, made, 100.0), made


def test_an_export_that_fails_is_repeated_later_and_later_until_it_is_taken():
    made, _ = exports()
    waits, now = [], 100.0
    for _ in range(8):
        made.body(now)
        told = made.ended(Outcome("retry", "refuses the connection"), now, 0.0)
        waits.append((made.due - now, told))
        now = made.due
    assert [seconds for seconds, _ in waits] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert [told for _, told in waits] == ["refuses the connection, trying again", *[""] * 7]
    made.body(now)
    assert made.ended(Outcome("done"), now, 0.0) == "takes metrics again"
    assert made.due == now + 60
    made.body(made.due)
    assert made.ended(Outcome("done"), made.due, 0.0) == ""


def test_a_port_that_is_meant_for_another_protocol_is_named():
    given = to("http://collector.example:4317")
    made = Exports(given, metrics(whole(0)), 0.0)
    made.body(0.0)
    told = made.ended(Outcome("retry", "gives no valid response (BadStatusLine)"), 0.0, 0.0)
    assert told.endswith("trying again; 4317 is usually the port for gRPC, and 4318 the one for HTTP")


def test_a_collector_that_asks_for_time_gets_it():
    made, _ = exports()
    made.body(100.0)
    made.ended(judge(429, "Too Many Requests", "30", 0.0), 101.0, 0.0)
    assert made.due == 131.0


def test_sums_since_the_last_export_wait_until_they_are_taken():
    made, counted = exports(is_delta=True)
    made.body(100.0)
    made.ended(Outcome("retry", "breaks the connection off"), 100.0, 0.0)
    counted.add(whole(1))
    body = made.body(101.0)
    point = next(
        point
        for point in points(decoded(body)["netmon.http.requests"])
        if attributes(point)["server.address"] == HOSTILE
    )
    assert (point.as_int, point.start_time_unix_nano, point.time_unix_nano) == (8, 0, 2 * SECOND)
    told = made.ended(judge(400, "Bad Request", "", 0.0, "no \x1b tenant"), 101.0, 0.0)
    assert told == "answers 400 Bad Request: no  tenant; what was counted since the last export is lost"
    counted.add(whole(2))
    assert points(decoded(made.body(161.0))["netmon.snapshots"])[0].as_int == 1


@contextmanager
def sending(receiver, patience=None, environment=None, **settings):
    """A sink that sends to the receiver, and its outlet."""
    settings.setdefault("otlp_interval", Duration(3600))
    to_ = to(receiver.url.removesuffix("/hook"), environment, **settings)
    series = otlp.Series(Settings(otlp=URL))
    exporter = Exporter(to_, series.metrics, patience or Patience())
    try:
        yield otlp.Otlp(series, exporter), exporter
    finally:
        exporter.abandon()
        exporter.end()


def test_a_collector_gets_the_first_interval_at_once_and_all_of_them_at_the_end():
    frames = Frames(10.0)
    with receiving() as collector, sending(collector) as (sink, outlet):
        sink.update(frames.push(whole(0)))
        (first,) = collector.wait(1)
        assert (first.method, first.target) == ("POST", "/v1/metrics")
        assert first.fields["content-type"] == "application/x-protobuf"
        assert first.fields["content-encoding"] == "gzip"
        assert first.fields["user-agent"].startswith("netmon/")
        for at in range(1, 5):
            sink.update(frames.push(whole(at)))
        sink.close()
        outlet.close()
        assert outlet.news() == []
        last = collector.requests[-1]
    counted = [points(decoded(one.body)["netmon.snapshots"])[0].as_int for one in (first, last)]
    assert counted == [1, 5]


def test_a_collector_that_fails_in_every_way_is_told_once_and_loses_nothing_in_the_end():
    limits = {"OTEL_EXPORTER_OTLP_TIMEOUT": "300"}
    replies = [answer(503, Retry_After="0"), closes, hangs, answer(429), answer(200)]
    with receiving(*replies) as collector, sending(collector, environment=limits) as (sink, outlet):
        sink.update(Frames(10.0).push(whole(0)))
        eventually(lambda: len(collector.requests) == 5)
        said = []
        eventually(lambda: said.extend(outlet.news()) or len(said) == 2)
        name = collector.url.removesuffix("/hook")
        assert said == [f"{name}: answers 503 Reason, trying again", f"{name}: takes metrics again"]
        outlet.close()


def test_the_end_waits_no_longer_than_the_patience_allows():
    patience = Patience()
    with receiving(hangs) as collector, sending(collector, patience) as (sink, outlet):
        sink.update(Frames(10.0).push(whole(0)))
        collector.wait(1)
        patience.end()
        sink.close()
        begin = time.monotonic()
        with pytest.raises(OSError, match="the newest metrics are missing there") as caught:
            outlet.close()
        assert time.monotonic() - begin < PATIENCE / 2
        assert caught.value.errno == errno.EIO


def test_metrics_that_cannot_be_made_into_a_request_are_told_and_missed_at_the_end():
    with receiving() as collector, sending(collector) as (sink, outlet):
        outlet._post = None
        sink.update(Frames(10.0).push(whole(0)))
        eventually(lambda: outlet._is_over)
        assert ["metrics cannot be sent: TypeError" in each for each in outlet.news()] == [True]
        sink.close()
        with pytest.raises(OSError, match=r"metrics cannot be sent: TypeError.*; the newest metrics are missing there"):
            outlet.close()


def test_an_end_without_an_interval_sends_nothing():
    with receiving() as collector, sending(collector) as (sink, outlet):
        sink.close()
        outlet.close()
        assert collector.requests == []


def test_headers_and_certificates_of_variables_are_used(tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = f"openssl req -x509 -newkey rsa:2048 -nodes -keyout {key} -out {certificate} -days 2 -subj /CN=localhost"
    subprocess.run([*command.split(), "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    environment = {"OTEL_EXPORTER_OTLP_CERTIFICATE": str(certificate), "OTEL_EXPORTER_OTLP_HEADERS": "api-key=secret"}
    replies = [answer(200, partial(3, ""))]
    with (
        receiving(*replies, context=context) as collector,
        sending(collector, environment=environment) as (
            sink,
            outlet,
        ),
    ):
        sink.update(Frames(10.0).push(whole(0)))
        (request, *_) = collector.wait(1)
        sink.close()
        outlet.close()
        assert outlet.news() == [f"{collector.url.removesuffix('/hook')}: does not take 3 of the series"]
    assert request.fields["api-key"] == "secret"
    assert "netmon.snapshots" in decoded(request.body)


def netmon(*arguments, **environment):
    command = [sys.executable, "-m", "netmon", "--no-config", *map(str, arguments)]
    return subprocess.run(command, env=os.environ | environment, capture_output=True, timeout=PATIENCE, check=False)


def test_the_command_sends_every_count_of_a_capture_file():
    path = Path(__file__).parent / "captures" / "shop.pcap"
    total = Snapshot.merge(list(Monitor(read=path).snapshots()))
    with receiving() as collector:
        ended = netmon("-r", path, "--otlp", collector.url.removesuffix("/hook"), "--format", "ndjson")
        assert ended.returncode == 0, ended.stderr
        last = decoded(collector.requests[-1].body)
    assert sum(point.as_int for point in points(last["netmon.http.requests"])) == total.requests
    assert sum(point.as_int for point in points(last["netmon.http.response.size"])) == total.response_bytes
    by_outcome = points(last["http.server.request.duration"])
    assert sum(point.count for point in by_outcome) == total.duration.count
    assert math.fsum(point.sum for point in by_outcome) == pytest.approx(total.duration.sum)


def test_the_exit_code_tells_that_a_collector_has_not_taken_the_metrics():
    path = Path(__file__).parent / "captures" / "shop.pcap"
    with receiving(answer(400)) as collector:
        url = collector.url.removesuffix("/hook")
        ended = netmon("-r", path, "--otlp", url, "--format", "ndjson")
    assert ended.returncode == 1
    assert f"{url}: answers 400 Reason" in ended.stderr.decode()
