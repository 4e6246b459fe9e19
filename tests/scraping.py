"""A real Prometheus that scrapes what netmon serves in this process, and traffic that is counted meanwhile."""

import json
import shutil
import socket
import subprocess
import threading
from contextlib import closing, contextmanager
from types import SimpleNamespace
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request as Ask
from urllib.request import urlopen

import pytest
from fakes import snapshot
from netmon.address import PrometheusAddress
from netmon.alerts import Rule
from netmon.frames import Frames
from netmon.options import Settings
from netmon.serving.servers import Servers
from netmon.sinks import prometheus
from patience import PATIENCE, eventually
from series import host, outcomes

PROMETHEUS, PROMTOOL = shutil.which("prometheus"), shutil.which("promtool")
needs_prometheus = pytest.mark.skipif(PROMETHEUS is None, reason="needs prometheus")

WAYS = {"text": (), "native histograms": ("--enable-feature=native-histograms",)}
DURATION = "http_server_request_duration_seconds"


@contextmanager
def served(bound="127.0.0.1:0", **settings):
    """A server on a free port that has counted nothing yet."""
    servers = Servers()
    address = PrometheusAddress(bound)
    with closing(servers):
        opened = prometheus.opened(Settings(prometheus=address, **settings), servers)
        yield opened, opened.told.removeprefix("metrics for Prometheus: ").removesuffix("/metrics")


def get(url, **fields):
    ask = Ask(url, headers={name.replace("_", "-"): each for name, each in fields.items()})
    try:
        with urlopen(ask, timeout=PATIENCE) as response:
            return SimpleNamespace(status=response.status, body=response.read(), fields=response.headers)
    except HTTPError as error:
        with error:
            return SimpleNamespace(status=error.code, body=error.read(), fields=error.headers)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


class Scraping:
    """A Prometheus that scrapes a target every half second."""

    def __init__(self, url):
        self.url = url

    def query(self, expression):
        """The series of an instant query, by labels without ``instance`` and ``job``."""
        answer = get(f"{self.url}/api/v1/query?{urlencode({'query': expression})}")
        found = json.loads(answer.body)
        assert found["status"] == "success", (expression, found)
        unwanted = ("instance", "job")
        return {
            tuple(sorted((name, text) for name, text in one["metric"].items() if name not in unwanted)): one
            for one in found["data"]["result"]
        }

    def number(self, expression):
        """The value of a query with one series; None without any."""
        found = list(self.query(expression).values())
        assert len(found) <= 1, found
        return float(found[0]["value"][1]) if found else None

    def is_ready(self):
        try:
            return get(f"{self.url}/-/ready").status == 200
        except OSError:
            return False


@contextmanager
def scraping(folder, target, *flags, rules=()):
    """Runs a Prometheus that scrapes `target`, a host and a port."""
    configuration = {
        "global": {"scrape_interval": "500ms", "evaluation_interval": "500ms"},
        "scrape_configs": [{"job_name": "netmon", "static_configs": [{"targets": [target]}]}],
        "rule_files": [str(rule) for rule in rules],
    }
    (folder / "prometheus.json").write_text(json.dumps(configuration))
    port = free_port()
    options = [f"--config.file={folder}/prometheus.json", f"--storage.tsdb.path={folder}/data", *flags]
    command = [PROMETHEUS, *options, f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn"]
    with open(folder / "log", "wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        made = Scraping(f"http://127.0.0.1:{port}")
        try:
            eventually(made.is_ready)
            yield made
        finally:
            process.kill()


STEP, GOOD, BAD = 0.25, 9, 1
"""Seconds between the frames that `counting` makes, and the exchanges in each: good ones of 20 ms, bad ones of 300."""


def usual(number):
    rows = {"GET 200 a.example": (0.02, GOOD), "POST 503 a.example": (0.3, BAD)}
    return snapshot(number, hosts=[host("a.example", count=GOOD + BAD)], subsets=[outcomes(rows)])


@contextmanager
def counting(sink, make=None):
    """Counts the same traffic again and again, as long as the block lasts. `make` gives a snapshot by its number."""
    is_over = threading.Event()
    frames = Frames(10.0, [Rule()])

    def count():
        number = 0
        while not is_over.wait(STEP):
            number += 1
            sink.update(frames.push((make or usual)(number)))

    thread = threading.Thread(target=count)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
