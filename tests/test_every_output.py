"""One run with every output: what each of them says, read back by other programs, is what the snapshots add up to."""

import csv
import json
import re
import signal
import subprocess
import sys
from collections import Counter
from contextlib import closing
from types import SimpleNamespace
from urllib.request import urlopen

import forge
import netmon
import pytest
from netmon import Snapshot
from patience import PATIENCE
from receiver import answer, receiving
from scraping import get
from series import families
from test_otlp import attributes, decoded, points
from test_prometheus import NATIVE, OLD

pytest.importorskip("jinja2", reason="needs the extra [html]")
pytest.importorskip("arro3.io", reason="needs the extra [parquet]")
duckdb = pytest.importorskip("duckdb", reason="needs pip install duckdb")

NETMON = [sys.executable, "-m", "netmon", "--no-config"]
NOON = 1_795_348_800.0
ALL = ""
"""The row of all traffic, beside those of hosts."""
SUMS = ("requests", "responses", "errors", "request_bytes", "response_bytes")
COUNTS = ("methods", "statuses")
WHOLE = {*SUMS, *COUNTS, "latencies"}
"""All that is compared of a row: sums, counts by name, and the number of latencies."""


class Traffic:
    """Exchanges that are forged, and what was sent, by host."""

    def __init__(self):
        self.talks, self.sent = [], {}

    def talk(self, at, host, exchanges, **ends):
        """A connection with an exchange each second."""
        made = forge.Conversation(20_000 + len(self.talks), NOON + at, **ends)
        for second, (method, path, status, body) in enumerate(exchanges):
            made.ask(NOON + at + second + 0.1, method, host, path, status, took=0.003 * (second + 1), body=b"x" * body)
            request = f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n\r\n"
            self._count(host, f"HTTP/1.1 {status} X\r\nContent-Length: {body}\r\n\r\n", status, body, method, request)
        self.talks.append(made)
        return made

    def unanswered(self, at, host):
        request = f"GET /lost HTTP/1.1\r\nHost: {host}\r\n\r\n"
        self.talk(at, host, []).send(NOON + at + 0.1, 0, forge.ACK, request.encode())
        self.row(host).update({"requests": 1, "request_bytes": len(request), ("methods", "GET"): 1})

    def row(self, host):
        return self.sent.setdefault(host, Counter())

    def _count(self, host, head, status, body, method, request):
        counted = {"requests": 1, "responses": 1, "errors": int(status >= 500), "latencies": 1}
        counted |= {"request_bytes": len(request), "response_bytes": len(head) + body}
        self.row(host).update(counted | {("methods", method): 1, ("statuses", str(status)): 1})

    def truth(self):
        """The rows of what was sent."""
        rows = self.sent | {ALL: sum(self.sent.values(), Counter())}
        return {name: nested(row) for name, row in rows.items()}


def nested(row):
    """Figures whose counts by name are dictionaries of their own."""
    made = {name: row[name] for name in (*SUMS, "latencies")}
    return made | {kind: {key[1]: n for key, n in row.items() if key[0] == kind and n} for kind in COUNTS}


def traffic():
    made = Traffic()
    for number in range(40):
        status = 503 if number % 8 == 0 else 404 if number % 5 == 0 else 200
        asked = [("GET", f"/cart/{number}", status, 10 * number), ("POST", "/pay", 302 if number % 3 else 201, 0)]
        made.talk(number * 0.7, "shop.example", asked)
    for number in range(15):
        asked = [("DELETE", "/v1/items", 500 if number == 3 else 204, 0), ("GET", "/v1/items", 200, 5000)]
        made.talk(number * 1.5, "api.example:8080", asked, server="10.0.0.3", server_port=8080)
    made.talk(3, "six.example", [("PUT", "/=1+1", 200, 7), ("HEAD", "/", 404, 0)], server="fd00::2")
    made.unanswered(5, "shop.example")
    return made


def figures(row):
    """The figures of a snapshot, or of one of its hosts."""
    made = {name: getattr(row, name) for name in SUMS}
    counts = {kind: {str(name): n for name, n in getattr(row, kind).items()} for kind in COUNTS}
    return made | counts | {"latencies": row.latency.count}


def rows_of(snapshot):
    return {ALL: figures(snapshot)} | {host.name: figures(host) for host in snapshot.hosts}


def added(lines):
    """The rows that lines of sections add up to; `methods` and `statuses` are dictionaries."""
    rows = {}
    for line in lines:
        counted = Counter({name: int(line[name]) for name in SUMS} | {"latencies": int(line["latency_count"])})
        for kind in COUNTS:
            counted.update({(kind, str(name)): n for name, n in line[kind].items()})
        for name in (ALL, line["host"]):
            rows.setdefault(name, Counter()).update(counted)
    return {name: nested(row) for name, row in rows.items()}


# One run


def told_until(process, ready):
    """The lines on standard error up to the one that begins with `ready`."""
    told = []
    for line in process.stderr:
        told.append(line.rstrip())
        if line.startswith(ready):
            return told
    raise AssertionError(told)


def address(told, what):
    return next(line.removeprefix(f"netmon: {what}: ") for line in told if line.startswith(f"netmon: {what}: "))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """All that a run with every output has left: files, what its servers answered, what a collector got, its words."""
    folder = tmp_path_factory.mktemp("run")
    made = SimpleNamespace(folder=folder, capture=folder / "day.pcap", traffic=traffic())
    made.capture.write_bytes(forge.pcap(*made.traffic.talks))
    names = ("all.ndjson", "all.json", "all.csv", "all.parquet", "report.html")
    files = [word for name in names for word in ("-o", folder / name)]
    with receiving(answer(200)) as collector:
        url = collector.url.removesuffix("/hook")
        services = ["--web", "0", "--prometheus", "0", "--otlp", url, "-w", folder / "web.pcapng"]
        command = [*NETMON, "-r", made.capture, "--ndjson", *files, *services]
        with (
            (folder / "printed").open("wb") as printed,
            subprocess.Popen(list(map(str, command)), stdout=printed, stderr=subprocess.PIPE, text=True) as process,
        ):
            told = told_until(process, "netmon: the file is read")
            with closing(urlopen(address(told, "live page"), timeout=PATIENCE)) as page:
                made.page = page.read().decode()
            url = address(told, "metrics for Prometheus")
            made.text, made.openmetrics, made.protobuf = (
                get(url, Accept=accept).body for accept in ("text/plain", OLD, NATIVE)
            )
            process.send_signal(signal.SIGINT)
            rest = process.stderr.read().splitlines()
        made.code, made.told, made.printed = process.returncode, [*told, *rest], (folder / "printed").read_text()
        made.exports = [each.body for each in collector.requests]
    made.snapshots = list(netmon.read(made.capture))
    made.wanted = rows_of(Snapshot.merge(made.snapshots))
    return made


def test_the_run_ends_well_and_its_snapshots_are_the_traffic_that_was_forged(run):
    assert run.code == 0, run.told
    assert run.wanted == run.traffic.truth()
    assert len(run.snapshots) > 20
    assert sum(snapshot.capture.unanswered for snapshot in run.snapshots) == 1


# Each output


def from_ndjson(run):
    return rows_of(Snapshot.merge(map(Snapshot.from_json, (run.folder / "all.ndjson").read_bytes().splitlines())))


def from_standard_output(run):
    return rows_of(Snapshot.merge(map(Snapshot.from_json, run.printed.splitlines())))


def from_json(run):
    return rows_of(Snapshot.from_json((run.folder / "all.json").read_bytes()))


def from_csv(run):
    with (run.folder / "all.csv").open(newline="") as file:
        return added(line | {kind: json.loads(line[kind] or "{}") for kind in COUNTS} for line in csv.DictReader(file))


def from_parquet(run):
    found = duckdb.sql(f"select * from '{run.folder / 'all.parquet'}'")
    return added(dict(zip(found.columns, row, strict=True)) for row in found.fetchall())


def from_packets(run):
    return rows_of(Snapshot.merge(netmon.read(run.folder / "web.pcapng")))


def from_document(page):
    """The document of a page: its table of hosts and its points in time. It has no bytes of requests."""
    data = json.loads(re.search(r'<script[^>]*\bid="?data"?[^>]*>(.*?)</script>', page, re.DOTALL)[1])
    hosts, points_ = data["tables"]["hosts"], data["points"]
    keys = [column["key"] for column in hosts["columns"]]
    wanted = ("requests", "responses", "errors", "response_bytes")
    rows = [dict(zip(keys, row, strict=True)) for row in hosts["rows"]]
    steps = [dict(zip(points_["names"], row, strict=True)) for row in points_["rows"]]
    whole = {name: sum(step[name] for step in steps) for name in ("requests", "responses", "errors")}
    whole |= {kind: {name: count for name, count, _ in data[kind]} for kind in COUNTS}
    whole["latencies"] = sum(count for step in data["points"]["latencies"] for count in step[1::2])
    return {ALL: whole} | {row["name"]: {name: row[name] for name in wanted if name in row} for row in rows}


def from_report(run):
    return from_document((run.folder / "report.html").read_text())


def from_page(run):
    return from_document(run.page)


METRICS = {
    "netmon_http_requests": ("requests", "methods", "http_request_method"),
    "netmon_http_responses": ("responses", "statuses", "http_response_status_code"),
    "netmon_http_request_size_bytes": ("request_bytes", "", ""),
    "netmon_http_response_size_bytes": ("response_bytes", "", ""),
    "netmon_http_response_latency_seconds": ("latencies", "", ""),
}
"""By metric: the figure that its points add up to, and the counts by name that a label gives."""


def summed(series):
    """The rows that (metric, labels, value) add up to. Of latencies the value is their number."""
    rows = {}
    for metric, labels, value in series:
        if metric not in METRICS:
            continue
        figure, kind, label = METRICS[metric]
        port = f":{labels['server_port']}" if "server_port" in labels else ""
        counted = Counter({figure: int(value)})
        if kind:
            counted[kind, labels[label]] = int(value)
            counted["errors"] = int(value) if kind == "statuses" and int(labels[label]) >= 500 else 0
        for name in (ALL, labels["server_address"] + port):
            rows.setdefault(name, Counter()).update(counted)
    return {name: nested(row) for name, row in rows.items()}


def from_text(run):
    return summed(samples(run.text.decode()))


def from_openmetrics(run):
    assert run.openmetrics.endswith(b"# EOF\n")
    return summed(samples(run.openmetrics.decode()))


def samples(text):
    for name, labels, value in re.findall(r"^(\w+)\{(.*)\} (\S+)$", text, re.MULTILINE):
        yield re.sub("_(total|count)$", "", name), dict(re.findall(r'(\w+)="([^"]*)"', labels)), float(value)


def from_protobuf(run):
    def series():
        for family in families(run.protobuf).values():
            for metric in family.metric:
                labels = {label.name: label.value for label in metric.label}
                value = metric.histogram.sample_count or metric.counter.value
                yield family.name.removesuffix("_total"), labels, value

    return summed(series())


def from_otlp(run):
    """The last export: sums since the start."""
    names = {"netmon.http.request.size": "netmon_http_request_size_bytes"}
    names |= {"netmon.http.response.size": "netmon_http_response_size_bytes"}
    names |= {"netmon.http.response.latency": "netmon_http_response_latency_seconds"}

    def series():
        for name, metric in decoded(run.exports[-1]).items():
            for point in points(metric):
                labels = {key.replace(".", "_"): str(value) for key, value in attributes(point).items()}
                value = point.as_int if metric.WhichOneof("data") == "sum" else getattr(point, "count", 0)
                yield names.get(name, name.replace(".", "_")), labels, value

    return summed(series())


def from_summary(run):
    """What is told at the end, on standard error."""
    (line,) = [line for line in run.told if "requests/s" in line]
    whole = {name: int(n) for n, name in re.findall(r"(\d+) (requests|responses|errors)\b", line)}
    return {ALL: whole}


FULL = [from_ndjson, from_standard_output, from_json, from_csv, from_parquet, from_packets]
FULL += [from_text, from_openmetrics, from_protobuf, from_otlp]
PARTS = [from_report, from_page, from_summary]
LEAST = {"requests", "responses", "errors"}


@pytest.mark.parametrize("output", FULL)
def test_every_figure_of_every_host_is_in(run, output):
    assert output(run) == run.wanted


@pytest.mark.parametrize("output", PARTS)
def test_the_figures_that_are_shown_are_the_same(run, output):
    found = output(run)
    assert found[ALL].keys() >= LEAST
    for name, row in found.items():
        assert row == {figure: run.wanted[name][figure] for figure in row}


@pytest.mark.parametrize("output", [from_report, from_page])
def test_pages_show_every_host_and_all_statuses_and_latencies(run, output):
    found = output(run)
    assert found.keys() == run.wanted.keys()
    assert found[ALL].keys() >= LEAST | {"statuses", "methods", "latencies"}


def test_files_hold_the_whole_snapshots(run):
    """Histograms, connections, interfaces and what the capture lost as well."""
    wanted = whole(Snapshot.merge(run.snapshots))
    lines = (run.folder / "all.ndjson").read_bytes().splitlines()
    assert run.printed.encode().splitlines() == lines
    assert len(lines) == len(run.snapshots)
    assert whole(Snapshot.merge(map(Snapshot.from_json, lines))) == wanted
    assert whole(Snapshot.from_json((run.folder / "all.json").read_bytes())) == wanted


def whole(snapshot):
    """All of a snapshot but the counts that alert rules and metrics asked for."""
    return {name: found for name, found in json.loads(snapshot.to_json()).items() if name != "subsets"}


def test_durations_of_both_monitoring_systems_are_those_of_the_snapshots(run):
    duration = Snapshot.merge(run.snapshots).duration
    native = families(run.protobuf)["http_server_request_duration_seconds"].metric
    exported = points(decoded(run.exports[-1])["http.server.request.duration"])
    assert sum(each.histogram.sample_count for each in native) == duration.count
    assert sum(point.count for point in exported) == duration.count
    assert sum(each.histogram.sample_sum for each in native) == pytest.approx(duration.sum)
    assert sum(point.sum for point in exported) == pytest.approx(duration.sum)


# Lists of exchanges


def test_with_requests_each_list_has_every_exchange(tmp_path):
    made = traffic()
    capture = tmp_path / "day.pcap"
    capture.write_bytes(forge.pcap(*made.talks))
    names = ("all.ndjson", "all.json", "all.csv", "all.parquet")
    files = [word for name in names for word in ("-o", tmp_path / name)]
    command = [*NETMON, "-q", "-r", capture, "--requests", "--ndjson", *files]
    printed = subprocess.run(list(map(str, command)), capture_output=True, check=True).stdout.splitlines()
    listed = Snapshot.merge(netmon.read(capture, exchanges=True)).exchanges
    wanted = Counter((each.host, each.method, each.path, each.status, each.response_bytes) for each in listed)
    assert sum(wanted.values()) == made.truth()[ALL]["requests"]
    keys = ("host", "method", "path", "status", "response_bytes")

    def rows(of):
        return Counter(tuple(each[key] for key in keys) for each in of)

    def numbered(line):
        return line | {key: int(line[key]) if line[key] else None for key in ("status", "response_bytes")}

    assert rows(map(json.loads, printed)) == wanted
    snapshots = map(json.loads, (tmp_path / "all.ndjson").read_bytes().splitlines())
    assert rows(each for snapshot in snapshots for each in snapshot["exchanges"]) == wanted
    assert rows(json.loads((tmp_path / "all.json").read_bytes())["exchanges"]) == wanted
    with (tmp_path / "all.csv").open(newline="") as file:
        assert rows(map(numbered, csv.DictReader(file))) == wanted
    parquet = duckdb.sql(f"select {', '.join(keys)} from '{tmp_path / 'all.parquet'}'")
    assert Counter(parquet.fetchall()) == wanted
