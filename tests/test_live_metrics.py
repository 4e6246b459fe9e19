"""Live traffic on loopback, counted by the command, scraped by a real Prometheus and sent to a collector at once."""

import signal
import subprocess
import sys
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from patience import PATIENCE, eventually
from receiver import receiving
from scraping import WAYS, free_port, needs_prometheus, scraping
from test_live import may_capture, server
from test_otlp import attributes, decoded, points

pytestmark = pytest.mark.skipif(not may_capture(), reason="needs CAP_NET_RAW")

GOOD, MISSING = 30, 12


def ask(port, path):
    try:
        with urlopen(f"http://127.0.0.1:{port}{path}", timeout=PATIENCE) as response:
            response.read()
    except HTTPError as error:
        error.close()


@needs_prometheus
@pytest.mark.parametrize("way", WAYS)
def test_what_was_asked_is_what_prometheus_and_a_collector_have(tmp_path, way):
    served = free_port()
    with receiving() as collector, server() as port:
        command = [sys.executable, "-m", "netmon", "--no-config", "-i", "lo", "-f", f"tcp port {port}"]
        command += ["--format", "ndjson"]
        command += ["--prometheus", str(served), "--otlp", collector.url.removesuffix("/hook"), "--interval", "0.2"]
        command += ["--otlp-histogram", "explicit" if way == "text" else "exponential"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
            try:
                process.stderr.readline()
                collector.wait(1)
                for number in range(GOOD + MISSING):
                    ask(port, "/missing" if number < MISSING else "/")
                with scraping(tmp_path, f"127.0.0.1:{served}", *WAYS[way]) as found:
                    asked = "sum by (http_response_status_code) (netmon_http_responses_total)"
                    eventually(lambda: sum(by_status(found, asked).values()) == GOOD + MISSING)
                    assert by_status(found, asked) == {"200": GOOD, "404": MISSING}
                    duration = "http_server_request_duration_seconds"
                    series = f'{duration}{"_count" if way == "text" else ""}{{http_request_method="GET"}}'
                    count = series if way == "text" else f"histogram_count({series})"
                    wanted = f"sum by (http_response_status_code) ({count})"
                    eventually(lambda: by_status(found, wanted) == {"200": GOOD, "404": MISSING})
                    asked = f'sum(netmon_http_requests_total{{server_address="127.0.0.1", server_port="{port}"}})'
                    assert found.number(asked) == GOOD + MISSING
                    assert found.number("sum(netmon_capture_lost_packets_total)") == 0
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(PATIENCE)
        last = decoded(collector.requests[-1].body)
    durations = points(last["http.server.request.duration"])
    counts = {attributes(point)["http.response.status_code"]: point.count for point in durations}
    assert counts == {200: GOOD, 404: MISSING}
    kind = last["http.server.request.duration"].WhichOneof("data")
    assert kind == ("histogram" if way == "text" else "exponential_histogram")


def by_status(found, query):
    return {
        dict(labels).get("http_response_status_code", ""): float(one["value"][1])
        for labels, one in found.query(query).items()
    }
