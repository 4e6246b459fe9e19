"""Ordinary traffic, each kind with a count of its own: wrk over both links, curl, and bursts that fire an alert."""

import http.client
import os
import re
import subprocess
import threading
from collections import Counter
from contextlib import closing

from namespaces import SERVER

from soaking.site import NEAR

WRK = """
-- Asks `rate` times a second and `connection`; after `seconds` no more, so that nothing is left unanswered at the end.
local over, mean, prefix, i = nil, nil, nil, 0
local paths = {"/api/users/1?q=2", "/api/orders", "/old/page", "/nope/x", "/fail/y", "/", "/txt/some"}
local methods = {"GET", "GET", "GET", "POST", "DELETE"}
init = function(args)
  prefix, mean, over = args[1], 1000 / tonumber(args[2]), os.time() + tonumber(args[3])
end
request = function()
  i = i + 1
  local method, path = methods[i % 5 + 1], paths[i % 7 + 1]
  if method == "POST" or method == "DELETE" then path = "/api/things" end
  local host = string.format("%s%02d.example.test", prefix, i * 7 % 20)
  return wrk.format(method, path, {Host = host}, method == "POST" and '{"name":"netmon"}' or nil)
end
delay = function() return os.time() >= over and 3600000 or math.random(2 * mean) end
"""
TAIL = 5
"""Seconds that wrk waits for the last responses; on the lossy link some are sent several times."""
PULSE, BURST = "pulse.example.test", 100
"""The host whose bursts fire the rule, and the requests of a burst."""


class Wrk:
    """wrk with a steady rate for `seconds`. Its hosts are `prefix`00.example.test and so on."""

    def __init__(self, namespace, folder, address, prefix, *, rate, connections, seconds):
        script = folder / "wrk.lua"
        script.write_text(WRK)
        load = ["-t1", f"-c{connections}", f"-d{seconds + TAIL}s", "--timeout", "30s", "-s", script]
        asked = [f"http://{address}/", "--", prefix, rate / connections, seconds]
        how = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        self._process = namespace.start("wrk", *load, *asked, **how)

    def finish(self):
        """Waits for the end. Returns the number of responses, and how many of them were neither 2xx nor 3xx."""
        said, _ = self._process.communicate(timeout=60)
        assert self._process.returncode == 0, said
        assert "Socket errors" not in said, said
        bad = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
        return int(re.search(r"(\d+) requests in", said)[1]), int(bad[1]) if bad else 0

    def stop(self):
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()


def near(site, folder, rate, seconds):
    return Wrk(site.client, folder, SERVER, "host", rate=rate, connections=16, seconds=seconds)


def far(site, folder, rate, seconds):
    return Wrk(site.far, folder, NEAR, "lossy", rate=rate, connections=8, seconds=seconds)


UPLOADS = (
    ("up.example.test", "/up/continue", "-T", "{upload}", "-H", "Expect: 100-continue"),
    ("up.example.test", "/up/length", "-T", "{upload}", "-H", "Expect:"),
    ("up.example.test", "/up/chunked", "-T", "{upload}", "-H", "Transfer-Encoding: chunked", "-H", "Expect:"),
    ("txt.example.test", "/txt/long", "--compressed"),
    ("txt.example.test", "/txt/long", "-I"),
    ("txt.example.test", "/txt/none", "--http1.0"),
)
"""(host, path, options of curl): what wrk does not send."""
HOSTS = {f"{prefix}{number:02}.example.test" for prefix in ("host", "lossy") for number in range(20)}
HOSTS |= {PULSE, *(host for host, *_ in UPLOADS)}
"""Every host that is asked."""


class Periodic:
    """Calls `turn` again and again with a pause in between, on a thread of its own, until `finish`. Errors are kept."""

    def __init__(self, pause):
        self._pause, self._over, self._error = pause, threading.Event(), None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self):
        self._thread.start()
        return self

    def turn(self):
        raise NotImplementedError

    def _run(self):
        try:
            while not self._over.is_set():
                self.turn()
                self._over.wait(self._pause)
        except Exception as error:  # what fails on a thread is told by `finish`
            self._error = error

    def wait(self, seconds):
        """Waits less if it is to finish."""
        self._over.wait(seconds)

    def stop(self):
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()

    def finish(self):
        """Ends after the turn at hand. Raises what went wrong in a turn."""
        self.stop()
        if self._error:
            raise self._error


class Curl(Periodic):
    """Each turn sends every kind of message that wrk does not. `counts` has (host, status) -> responses."""

    def __init__(self, site, folder, pause):
        super().__init__(pause)
        self.counts, self._client = Counter(), site.client
        upload = folder / "upload"
        upload.write_bytes(os.urandom(200_000))
        self._kinds = [[word.format(upload=upload) for word in kind] for kind in UPLOADS]

    def turn(self):
        for host, path, *options in self._kinds:
            told = ["-sS", "-o", os.devnull, "-w", "%{http_code}", "-H", f"Host: {host}"]
            status = self._client.run("curl", *told, *options, f"http://{SERVER}{path}")
            self.counts[host, int(status)] += 1


class Pulses(Periodic):
    """Each turn sends a burst of requests on one connection, which the rule of `subject` takes for an alert."""

    def __init__(self, site, pause):
        super().__init__(pause)
        self.bursts, self._client = 0, site.client

    def turn(self):
        self.bursts += 1
        with self._client.inside(), closing(http.client.HTTPConnection(SERVER, timeout=30)) as line:
            for _ in range(BURST):
                line.request("GET", "/api/pulse", headers={"Host": PULSE})
                assert line.getresponse().read()
