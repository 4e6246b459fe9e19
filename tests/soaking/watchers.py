"""Those who look at netmon while it runs, and those whom it tells: viewers of the page, a scraper, a receiver."""

import http.client
import json
import re
import threading
from collections import Counter
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from soaking.clients import Periodic

WEB, METRICS, HOOKS = 8464, 9464, 8899
"""Ports on loopback: of the page, of the metrics, and of the receiver of alerts and of OpenTelemetry."""
EVERY = 10.0
"""Seconds between two viewers who look once and leave."""
SAMPLE = re.compile(r"^(\w+?)(?:\{(.*)\})? (\S+)$", re.MULTILINE)
LABEL = re.compile(r'(\w+)="([^"]*)"')


class Viewer(Periodic):
    """A browser that follows the stream of states. `states` counts them."""

    def __init__(self, site, token):
        super().__init__(0)
        self.states, self._server, self._token = 0, site.server, token

    def turn(self):
        with self._server.inside(), closing(http.client.HTTPConnection("127.0.0.1", WEB, timeout=30)) as line:
            line.request("GET", f"/events?token={self._token}&after=0")
            stream = line.getresponse()
            assert stream.status == 200, stream.status
            while not self._over.is_set():
                name, data = self._event(stream)
                if name == "state":
                    self.states += 1
                    assert json.loads(data)["document"]
            stream.close()

    @staticmethod
    def _event(stream):
        name, data = "", ""
        while text := stream.readline().decode().rstrip("\n"):
            field, _, value = text.partition(": ")
            name, data = (value, data) if field == "event" else (name, value) if field == "data" else (name, data)
        return name, data


class Visitors(Periodic):
    """A viewer every few seconds who loads the page and leaves. `pages` counts them."""

    def __init__(self, site, token):
        super().__init__(EVERY)
        self.pages, self._server, self._token = 0, site.server, token

    def turn(self):
        with self._server.inside(), closing(http.client.HTTPConnection("127.0.0.1", WEB, timeout=30)) as line:
            line.request("GET", f"/?token={self._token}")
            assert b"<html" in line.getresponse().read()
            self.pages += 1


def samples(text):
    """(name, labels as sorted pairs) -> value, of a text of metrics."""
    found = {}
    for name, labels, value in SAMPLE.findall(text):
        found[name, tuple(sorted(LABEL.findall(labels)))] = float(value)
    return found


class Scraper(Periodic):
    """Reads the metrics every second. `fallen` has the counters that were ever less than before."""

    def __init__(self, site):
        super().__init__(1.0)
        self.scrapes, self.fallen, self.latest, self._server = 0, set(), {}, site.server

    def turn(self):
        with self._server.inside(), closing(http.client.HTTPConnection("127.0.0.1", METRICS, timeout=30)) as line:
            line.request("GET", "/metrics")
            got = line.getresponse()
            now = samples(got.read().decode())
        assert got.status == 200, got.status
        counters = (key for key in now if key[0].endswith(("_total", "_count", "_bucket")))
        self.fallen |= {key for key in counters if now[key] < self.latest.get(key, 0)}
        self.latest = now
        self.scrapes += 1

    def requests(self):
        """Host -> requests, of the latest scrape."""
        found = Counter()
        for (name, labels), value in self.latest.items():
            if name == "netmon_http_requests_total":
                found[dict(labels).get("server_address")] += int(value)
        return found

    def alerts(self, rule):
        """How often a rule fired and recovered, by the latest scrape."""
        names = ("netmon_alerts_fired_total", "netmon_alerts_recovered_total")
        found = {name: value for (name, labels), value in self.latest.items() if dict(labels).get("alert") == rule}
        return tuple(int(found.get(name, 0)) for name in names)


class Receiver:
    """Takes what netmon posts. `told` counts alerts by (path, state), `exports` requests of OpenTelemetry.

    A delivery that comes twice counts once: a message is sent again if its response was lost.
    """

    def __init__(self, site):
        self.told, self.exports, self._lock = Counter(), 0, threading.Lock()
        receiver, deliveries = self, set()

        class Handler(BaseHTTPRequestHandler):
            protocol_version, timeout = "HTTP/1.1", 30

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                delivery = self.headers.get("X-Netmon-Delivery")
                with receiver._lock:
                    if self.path == "/v1/metrics":
                        receiver.exports += 1
                    elif delivery is None or delivery not in deliveries:
                        deliveries.add(delivery)
                        receiver.told[self.path, json.loads(body)["state"]] += 1
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        with site.server.inside():
            self._http = ThreadingHTTPServer(("127.0.0.1", HOOKS), Handler)
        self._thread = threading.Thread(target=self._http.serve_forever, daemon=True)
        self._thread.start()

    def stop(self):
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()
