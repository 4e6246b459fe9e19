"""Metrics: what is written is what was counted, in every format, under the names that docs/metrics.md promises."""

import math
import re
import threading
from pathlib import Path

import pytest
from fakes import histogram, snapshot
from netmon import Monitor
from netmon._core import METRICS_SUBSET, Metrics, Snapshot
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from series import HOSTILE, families, host, outcomes, quantile, whole

DOCUMENT = (Path(__file__).parents[1] / "docs" / "metrics.md").read_text()
KINDS = {"counter": 0, "gauge": 1, "histogram": 4}


def metrics(*snapshots, hosts=200):
    made = Metrics(hosts)
    for each in snapshots:
        made.add(each)
    made.set_rules([("errors", "critical", 2, False), ('odd "rule"\n', "info", 0, True)])
    made.count_alert("errors", "critical", fired=True)
    return made


def pairs(labels):
    """Labels, with the bound of a bucket as Python writes it."""
    return {(name, str(float(text)) if name == "le" else text) for name, text in labels.items()}


def samples(text, parse=parse_openmetrics):
    """Values by name and labels."""
    return {
        (sample.name, frozenset(pairs(sample.labels))): sample.value
        for family in parse(text.decode())
        for sample in family.samples
    }


def value(found, name, **labels):
    """The sum of all series with these labels."""
    wanted = set(labels.items())
    return sum(value for (sample, given), value in found.items() if sample == name and wanted <= given)


def rows(heading):
    """The rows of a table of the document, as lists of cells."""
    part = DOCUMENT.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in part.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def codes(cell):
    return re.findall(r"`([^`]+)`", cell)


def test_the_document_lists_every_metric_with_its_type_unit_labels_and_meaning():
    made = metrics(whole())
    found = families(made.protobuf())
    documented = {codes(row[0])[0]: row for row in rows("All metrics")}
    assert list(documented) == list(found), "in the same order"
    for name, (_, otlp, kind, unit, labels, meaning) in documented.items():
        family = found[name]
        assert (family.type, family.help) == (KINDS[kind], meaning)
        words = {"`s`": "seconds", "`By`": "bytes"}
        assert family.unit == words.get(unit, ""), name
        known = set(codes(labels))
        used = {label.name for metric in family.metric for label in metric.label}
        assert used <= known, name
        assert known - used <= {"server_port", "error_type"} or name.startswith("netmon_capture"), name
        begin = codes(otlp)[0].replace(".", "_")
        assert re.fullmatch(re.escape(begin) + "(_seconds|_bytes)?(_total)?", name)


def test_the_document_explains_every_label():
    explained = {label for row in rows("Labels") for label in codes(row[0])}
    used = {label for row in rows("All metrics") for label in codes(row[4])}
    assert explained == used - {"version"}


def test_the_document_has_the_bounds_of_all_buckets():
    said = [
        [float(bound) for bound in re.findall(r"\d+(?:\.\d+)?", line.split(":")[1].split(". ")[0])]
        for line in DOCUMENT.splitlines()
        if line.startswith(("- HTTP: ", "- round trips: "))
    ]
    found = families(metrics(whole()).protobuf())
    for name, bounds in zip(("http_server_request_duration_seconds", "netmon_tcp_rtt_seconds"), said, strict=True):
        for metric in found[name].metric:
            assert [bucket.upper_bound for bucket in metric.histogram.bucket] == [*bounds, math.inf]


def test_text_is_what_the_parsers_of_prometheus_read_and_all_formats_have_the_same_numbers():
    made = metrics(whole(0), whole(1))
    plain, opened = samples(made.text(), parse_text), samples(made.openmetrics())
    assert plain == opened
    assert len(opened) > 200
    for name, family in families(made.protobuf()).items():
        for metric in family.metric:
            labels = frozenset((label.name, label.value) for label in metric.label)
            if family.type == KINDS["histogram"]:
                times = metric.histogram
                assert opened[f"{name}_count", labels] == times.sample_count
                assert opened[f"{name}_sum", labels] == times.sample_sum
                for bucket in times.bucket:
                    bound = labels | {("le", str(bucket.upper_bound))}
                    assert opened[f"{name}_bucket", bound] == bucket.cumulative_count
            else:
                number = metric.counter if family.type == KINDS["counter"] else metric.gauge
                assert opened[name, labels] == number.value


def test_numbers_are_those_of_the_snapshots():
    found = samples(metrics(whole(0), whole(1)).openmetrics())
    named = {"server_address": HOSTILE}
    assert value(found, "netmon_http_requests_total", http_request_method="GET", **named) == 8
    assert value(found, "netmon_http_responses_total", http_response_status_code="200", **named) == 8
    assert value(found, "netmon_http_response_size_bytes_total", server_address="b.example", server_port="8080") == 8000
    assert value(found, "netmon_host_rtt_seconds_count", side="server", **named) == 6
    assert value(found, "netmon_host_reset_connections_total", **named) == 4
    assert value(found, "netmon_grpc_calls_total", rpc_response_status_code="UNAVAILABLE", **named) == 2
    assert value(found, "netmon_grpc_calls_total", rpc_response_status_code="OK", **named) == 8
    assert value(found, "netmon_stream_request_messages_total", **named) == 16
    assert value(found, "netmon_stream_response_messages_total", **named) == 24
    assert value(found, "netmon_stream_resets_total", **named) == 2
    assert value(found, "netmon_capture_goaways_total", code="NO_ERROR") == 6
    assert value(found, "netmon_capture_undecrypted_connections_total", reason="no_key") == 12
    assert value(found, "netmon_capture_undecrypted_connections_total", reason="lost") == 0
    assert value(found, "netmon_capture_packets_total") == 2
    assert value(found, "netmon_capture_lost_packets_total") == 2 * (2 + 3 + 4)
    assert value(found, "netmon_capture_undecoded_packets_total", kind="tunnel vxlan") == 10
    assert value(found, "netmon_tcp_connections_total", event="refused") == 8
    assert value(found, "netmon_interface_io_bytes_total", interface="eth0") == 1800
    assert value(found, "netmon_snapshots_total") == 2
    assert value(found, "netmon_snapshot_timestamp_seconds") == 2.0
    assert value(found, "netmon_alert_firing", alert="errors", severity="critical") == 2
    assert value(found, "netmon_alert_unknown", alert='odd "rule"\n') == 1
    assert value(found, "netmon_alerts_fired_total") == 1
    errors = {"error_type": "503", "http_response_status_code": "503", "http_request_method": "POST"}
    assert value(found, "http_server_request_duration_seconds_count", **errors) == 8


def test_native_histograms_have_the_quantiles_of_the_durations():
    rows = {"GET 200 a": (0.010, 90), "GET 500 a": (0.4, 10)}
    made = metrics(snapshot(subsets=[outcomes(rows)]))
    for metric in families(made.protobuf())["http_server_request_duration_seconds"].metric:
        times = metric.histogram
        at, count = (0.4, 10) if len(metric.label) == 5 else (0.010, 90)
        assert (times.schema, times.sample_count) == (4, count)
        assert quantile(times, 0.5) == pytest.approx(at, rel=0.0443)


def test_a_host_keeps_its_series_and_later_hosts_are_counted_together():
    made = metrics(snapshot(0, hosts=[host("a", count=1), host("b", count=3), host("c", count=2)]), hosts=2)
    made.add(snapshot(1, hosts=[host("a", count=50), host("b", count=1)]))
    found = samples(made.openmetrics())
    hosts = {
        name: value(found, "netmon_http_requests_total", server_address=name) for name in ("a", "b", "c", "~other")
    }
    assert hosts == {"a": 0, "b": 4, "c": 2, "~other": 51}
    assert (made.hosts, value(found, "netmon_metrics_hosts_limit")) == (2, 2)


def test_a_part_that_could_not_be_sent_is_added_to_the_next():
    made = metrics(whole(0))
    first = made.take()
    made.add(whole(1))
    second = made.take()
    second.absorb(first)
    found = samples(second.openmetrics())
    assert value(found, "netmon_http_requests_total", server_address=HOSTILE) == 8
    assert value(samples(made.openmetrics()), "netmon_http_requests_total", server_address=HOSTILE) == 0
    assert (made.hosts, made.end) == (2, 2.0)


def test_a_number_of_hosts_is_above_zero():
    with pytest.raises(ValueError, match="at least one host"):
        Metrics(0)


def test_exchanges_of_real_packets_are_told_apart_by_method_and_status():
    path = Path(__file__).parent / "captures" / "shop.pcap"
    monitor = Monitor(read=path, exchanges=True)
    monitor.set_subsets([METRICS_SUBSET])
    snapshots = list(monitor.snapshots())
    made = Metrics()
    for each in snapshots:
        made.add(each)
    found = samples(made.openmetrics())
    exchanges = [one for each in snapshots for one in each.exchanges if one.duration is not None]
    assert len(exchanges) > 10
    pairs = {(one.method, one.status) for one in exchanges}
    for method, status in pairs:
        labels = {"http_request_method": method, "http_response_status_code": str(status)}
        wanted = [one.duration for one in exchanges if (one.method, one.status) == (method, status)]
        assert value(found, "http_server_request_duration_seconds_count", **labels) == len(wanted)
        assert value(found, "http_server_request_duration_seconds_sum", **labels) == pytest.approx(sum(wanted))
    assert value(found, "netmon_http_requests_total") == Snapshot.merge(snapshots).requests


def test_scraping_and_counting_at_the_same_time_lose_nothing():
    made = Metrics()
    one = whole()
    threads = [threading.Thread(target=lambda: [made.add(one) for _ in range(200)]) for _ in range(3)]
    threads += [threading.Thread(target=lambda: [made.protobuf() for _ in range(50)]) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert value(samples(made.text(), parse_text), "netmon_snapshots_total") == 600


def test_extreme_durations_are_written():
    times = histogram(at=3e-9, count=2**40)
    found = samples(metrics(snapshot(hosts=[{**host("a"), "latency": times}])).openmetrics())
    assert value(found, "netmon_http_response_latency_seconds_bucket", le="0.005") == 2**40
