"""The netmon that is examined: the command with all its live outputs, what it says, and what it takes."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from typing import NamedTuple

from soaking.clients import PULSE
from soaking.watchers import HOOKS, METRICS, WEB

OURS = ".example.test"
"""The end of the name of each host of the ordinary clients."""
FILES, EVIDENCE_FILES = 3, 20
"""Files kept of each output that rotates, and of the evidence."""
ROOM = 1 << 20
"""Bytes of the pipe that netmon writes to: one interval, so that the last one is not cut when the machine is busy."""
PATIENCE = 60
"""Seconds that anything may take that must come."""
RULE = "pulse"
RULES = f"""
[[alert]]
name = "{RULE}"
metric = "requests"
where = "host:{PULSE}"
per = "host"
above = 20
span = "2s"
webhook = "http://127.0.0.1:{HOOKS}/hook"
format = "plain"
exec = ["curl", "-sS", "-o", "/dev/null", "--data-binary", "@-", "http://127.0.0.1:{HOOKS}/exec"]

[[alert]]
name = "errors"
metric = "error_ratio"
per = "host"
above = "10%"
span = "10s"

[[alert]]
name = "unusual"
metric = "requests"
per = "host"
span = "5s"
baseline = "5m"

[[alert]]
name = "slow"
metric = "requests"
where = "latency>100ms"
above = 5
span = "5s"
"""

OPTIONS = f"""
    --interval 1 --ndjson --output-max-size 16MiB --output-files {FILES} --connections --user-agents
    --web 127.0.0.1:{WEB} --prometheus 127.0.0.1:{METRICS} --otlp http://127.0.0.1:{HOOKS} --otlp-interval 5
    --evidence-size 8MiB --evidence-files {EVIDENCE_FILES} -C 16MiB -W {FILES}
    --log-format json --log-level debug --log-max-size 1MiB --log-files {FILES}
""".split()  # fmt: skip


class Sample(NamedTuple):
    """What netmon takes at a moment: seconds since its start, MiB of memory, and numbers of what is open."""

    at: float
    resident: float
    private: float
    descriptors: int
    threads: int


class Sums:
    """What the intervals add up to, for the hosts of the ordinary clients."""

    def __init__(self):
        self.requests, self.statuses, self.most_hosts, self.dropped, self.intervals = Counter(), Counter(), 0, 0, 0
        self.latest = ""

    def add(self, snapshot):
        self.intervals, self.latest = self.intervals + 1, snapshot["end"]
        self.most_hosts = max(self.most_hosts, len(snapshot["hosts"]))
        self.dropped += snapshot["capture"]["kernel_dropped"]
        for host in snapshot["hosts"]:
            if host["name"].endswith(OURS):
                for status, number in host["statuses"].items():
                    self.statuses[host["name"], int(status)] += number
                for section in host["sections"]:
                    self.requests[host["name"], section["path"]] += section["requests"]
        self.requests, self.statuses = +self.requests, +self.statuses


class Subject:
    """Runs netmon on the server of a site, with its outputs in `folder`. `sums` has what it counts."""

    def __init__(self, site, folder):
        self.sums, self.folder = Sums(), folder
        (folder / "rules.toml").write_text(RULES)
        files = {
            "-o": "all.ndjson", "-w": "packets.pcapng", "--alerts": "rules.toml", "--state": "state.json",
            "--evidence": "evidence", "--log-file": "log",
        }  # fmt: skip
        command = [sys.executable, "-m", "netmon", "--no-config", *OPTIONS]
        for option, name in files.items():
            command += [option, str(folder / name)]
        self._errors = (folder / "stderr").open("wb")
        self.process = site.server.start(*command, stdout=subprocess.PIPE, stderr=self._errors, pipesize=ROOM)
        self.began = time.monotonic()
        self._news, self._quiet, self._captured = threading.Condition(), 0, set()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.until(lambda: self.sums.intervals)

    def _read(self):
        for line in self.process.stdout:
            snapshot = json.loads(line)
            with self._news:
                self.sums.add(snapshot)
                self._captured = {each["name"] for each in snapshot["interfaces"] if each["state"] != "down"}
                named = any(host["name"].endswith(OURS) for host in snapshot["hosts"])
                self._quiet = 0 if named else self._quiet + 1
                self._news.notify_all()

    def until(self, holds):
        """Waits until `holds()` is true of what netmon has said so far."""
        with self._news:
            assert self._news.wait_for(holds, PATIENCE), f"netmon: exit code {self.process.poll()}: {self.said()}"

    def until_captured(self, interface):
        self.until(lambda: interface in self._captured)

    def until_gone(self, interface):
        self.until(lambda: interface not in self._captured)

    def until_quiet(self):
        """Waits until three intervals in a row name no ordinary host."""
        self.until(lambda: self._quiet >= 3)

    def said(self):
        """What netmon wrote to its standard error."""
        return (self.folder / "stderr").read_text()

    def token(self):
        """The token of the live page."""
        return re.search(r"live page: \S+token=(\S+)", self.said())[1]

    def sample(self):
        """What netmon takes now."""
        pid = self.process.pid
        with open(f"/proc/{pid}/status") as status:
            facts = dict(line.split(":", 1) for line in status)
        mib = {name: int(facts[name].split()[0]) / 1024 for name in ("VmRSS", "RssAnon")}
        descriptors = len(os.listdir(f"/proc/{pid}/fd"))
        return Sample(time.monotonic() - self.began, mib["VmRSS"], mib["RssAnon"], descriptors, int(facts["Threads"]))

    def cpu(self):
        """Seconds of processor time so far."""
        with open(f"/proc/{self.process.pid}/stat") as stat:
            return sum(map(int, stat.read().rsplit(") ", 1)[1].split()[11:13])) / os.sysconf("SC_CLK_TCK")

    def finish(self):
        """Ends netmon as Ctrl-C does, and waits for it. Returns its exit code."""
        self.process.send_signal(signal.SIGINT)
        self._reader.join(PATIENCE)
        code = self.process.wait(PATIENCE)
        self._errors.close()
        return code

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
