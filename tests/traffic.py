"""Invented traffic with a fixed seed, as snapshots: requests of each host and section with statuses and latencies."""

import math
import random
from collections import Counter

from fakes import snapshot

START = 1_790_000_000.0


class Shape:
    """How the requests to one section are: how many per second, how many fail, how long they take.

    `burst` is the number of requests that come together, with one latency and one outcome: those of one client.
    """

    def __init__(self, rate=10.0, errors=0.01, seconds=0.02, *, missing=0.02, spread=0.6, burst=1):
        self.rate, self.errors, self.seconds, self.missing = rate, errors, seconds, missing
        self.spread, self.burst = spread, burst


def snapshots(shapes, seconds=120, *, seed, start=START, **more):
    """A snapshot for each second; `shapes` maps (host, path) to a `Shape`, or to a function from the second to one."""
    chance = random.Random(seed)
    for second in range(seconds):
        hosts = {}
        for (host, path), shape in shapes.items():
            found = shape(second) if callable(shape) else shape
            if row := counts(chance, found):
                hosts.setdefault(host, []).append({"path": path, **row})
        rows = [{"name": name, "sections": sections, **total(sections)} for name, sections in hosts.items()]
        yield snapshot(start + second, hosts=rows, **(total(rows) | more))


def counts(chance, shape):
    """The counts of one second of one section."""
    statuses, latencies = Counter(), []
    for _ in range(poisson(chance, shape.rate / shape.burst)):
        status = 503 if chance.random() < shape.errors else 404 if chance.random() < shape.missing else 200
        latency = chance.lognormvariate(math.log(shape.seconds), shape.spread)
        statuses[status] += shape.burst
        latencies += [latency] * shape.burst
    return row(statuses, latencies) if latencies else None


def row(statuses, latencies):
    n = sum(statuses.values())
    return {
        "hits": 2 * n,
        "requests": n,
        "responses": n,
        "errors": sum(k for status, k in statuses.items() if status >= 500),
        "methods": {"GET": n},
        "statuses": {str(status): k for status, k in statuses.items()},
        "latency": histogram(latencies),
    }


def histogram(latencies):
    buckets = Counter(math.ceil(math.log2(each) * 16) - 1 for each in latencies)
    first, last = min(buckets), max(buckets)
    return {
        "count": len(latencies),
        "sum": round(sum(latencies), 9),
        "min": round(min(latencies), 9),
        "max": round(max(latencies), 9),
        "offset": first,
        "buckets": [buckets[at] for at in range(first, last + 1)],
        "zero_count": 0,
    }


def total(rows):
    """The sum of rows, with one histogram of all latencies."""
    statuses = Counter()
    for each in rows:
        statuses.update(each["statuses"])
    n = sum(each["requests"] for each in rows)
    made = {
        "hits": 2 * n,
        "requests": n,
        "responses": n,
        "errors": sum(each["errors"] for each in rows),
        "methods": {"GET": n},
        "statuses": dict(statuses),
    }
    return made | ({"latency": merged([each["latency"] for each in rows])} if rows else {})


def merged(histograms):
    first = min(each["offset"] for each in histograms)
    last = max(each["offset"] + len(each["buckets"]) for each in histograms)
    buckets = [0] * (last - first)
    for each in histograms:
        for at, n in enumerate(each["buckets"], each["offset"] - first):
            buckets[at] += n
    return {
        "count": sum(each["count"] for each in histograms),
        "sum": round(sum(each["sum"] for each in histograms), 9),
        "min": min(each["min"] for each in histograms),
        "max": max(each["max"] for each in histograms),
        "offset": first,
        "buckets": buckets,
        "zero_count": 0,
    }


def poisson(chance, mean):
    """A random number of events: the exponential times between them are added up."""
    n, passed = 0, chance.expovariate(1.0)
    while passed < mean:
        n, passed = n + 1, passed + chance.expovariate(1.0)
    return n
