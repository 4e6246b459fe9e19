"""Replacements for the outside world: snapshots with only the fields a test needs, and an engine that plays them."""

import io
import json
import math
from datetime import UTC, datetime

from netmon import Monitor, Snapshot
from netmon.console import Console


def snapshot(start=0.0, end=None, *, hosts=(), **fields):
    """A snapshot of one second from `start`. `fields` are those of its JSON; fields left out are zero."""
    end = start + 1 if end is None else end
    hosts = [counted(host) for host in hosts]
    row = {"schema": 1, "start": iso(start), "end": iso(end), "hosts": hosts} | counted(fields)
    return Snapshot.from_json(json.dumps(row))


def counted(row):
    """Adds `requests` to a row that has only hits: hits are requests and responses, so the rest are requests."""
    row = dict(row)
    if "hits" in row:
        row.setdefault("requests", row["hits"] - row.get("responses", 0))
    return row | {"sections": [counted(section) for section in row["sections"]]} if "sections" in row else row


def iso(at):
    return datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z")


def histogram(**seconds):
    """``histogram(at=0.01, count=5)``: five values of about 0.01."""
    at, count = seconds["at"], seconds["count"]
    offset = math.ceil(math.log2(at) * 16) - 1
    return {
        "count": count,
        "sum": at * count,
        "min": at,
        "max": at,
        "offset": offset,
        "buckets": [count],
        "zero_count": 0,
    }


class FakeEngine:
    """Plays a script: `next` returns each snapshot, or None for a timeout, and raises each exception; then the end."""

    def __init__(self, script=(), *, on_start=None, log=()):
        self.script, self.on_start, self.messages = list(script), on_start, list(log)
        self.calls, self.interfaces, self.subsets = [], ["eth0"], []

    def start(self):
        self.calls.append("start")
        if self.on_start:
            raise self.on_start

    def next(self, timeout):
        assert timeout <= 0.1, "a wait is bounded, so that Ctrl-C works at once"
        if not self.script:
            raise EOFError
        step = self.script.pop(0)
        if isinstance(step, BaseException):
            raise step
        return step() if callable(step) else step

    def close(self):
        self.calls.append("close")

    def set_subsets(self, subsets):
        self.subsets = subsets

    def log(self):
        messages, self.messages = self.messages, []
        return messages


def monitor(*script, **kinds):
    engine = FakeEngine(script, **kinds)
    return Monitor._of(engine), engine


class Pipe(io.TextIOWrapper):
    """A standard stream that is not a terminal. `text` is everything that was written to it."""

    def __init__(self):
        super().__init__(io.BytesIO(), encoding="utf-8", write_through=True)

    @property
    def text(self):
        return self.buffer.getvalue().decode()


def console(**environment):
    return Console(stdin=Pipe(), stdout=Pipe(), stderr=Pipe(), environment=environment)
