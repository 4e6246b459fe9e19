"""One busy minute, made up: what the screen is drawn from in its tests. Always the same."""

from fakes import histogram, iso, snapshot
from netmon import Rule
from netmon.frames import Frames

NOON = 1_795_348_800.0  # 2026-11-22 12:00:00 UTC

HOSTS = {
    "shop.example": ({"/items": 20, "/": 16, "/cart": 8, "/checkout": 5}, {200: 40, 201: 5, 404: 3, 503: 1}, 0.018),
    "api.example": ({"/v1": 15, "/v2": 9}, {200: 19, 204: 4, 500: 1}, 0.046),
    "例え.example": ({"/画像": 6}, {200: 6}, 0.004),
    "static.example": ({"/img": 4, "/css": 2}, {200: 2, 304: 4}, 0.0008),
    "evil\x1b[2J\u202e.example": ({"/\x9b31m": 1}, {400: 1}, 0.3),
    "a-very-long-name-of-a-host-that-goes-on-and-on.example": ({"/": 1}, {200: 1}, 1.7),
}


def host(name, factor):
    """Its first section has all that went wrong; each section is slower than the one before."""
    sections, statuses, seconds = HOSTS[name]
    rows = []
    for number, (path, n) in enumerate(sections.items()):
        rest = sum(sections.values()) - sections[next(iter(sections))]
        answers = {s: k - rest * (s == max(statuses, key=statuses.get)) for s, k in statuses.items()}
        given = {200: n} if number else {status: k for status, k in answers.items() if k > 0}
        rows.append({"path": path, **counts(n * factor, given, factor, [(seconds * (1 + 2 * number), n * factor)])})
    latencies = [(seconds * (1 + 2 * number), n * factor) for number, n in enumerate(sections.values())]
    total = counts(sum(sections.values()) * factor, statuses, factor, latencies)
    return {"name": name, "addresses": ["10.1.0.2"], "tcp": HEALTH[name], "sections": rows, **total}


def counts(requests, statuses, factor, latencies):
    return {
        "hits": 2 * requests,
        "requests": requests,
        "responses": requests,
        "methods": {"GET": requests},
        "statuses": {str(status): n * factor for status, n in statuses.items()},
        "request_bytes": 300 * requests,
        "response_bytes": 5_000 * requests,
        "latency": spread(latencies),
    }


def spread(latencies):
    """One histogram of several values, each so often."""
    parts = [histogram(at=at, count=count) for at, count in latencies]
    first, last = min(part["offset"] for part in parts), max(part["offset"] for part in parts)
    buckets = [0] * (last - first + 1)
    for part in parts:
        buckets[part["offset"] - first] += part["count"]
    return {
        "count": sum(buckets),
        "sum": sum(part["sum"] for part in parts),
        "min": min(part["min"] for part in parts),
        "max": max(part["max"] for part in parts),
        "offset": first,
        "buckets": buckets,
        "zero_count": 0,
    }


def tcp(opened, *, rtt, retransmitted=0, **more):
    """Health of connections, seen close to the server: most of a round trip is on the client's side."""
    return {
        "opened": opened,
        "closed": opened,
        "segments": 40 * opened,
        "retransmitted": retransmitted,
        "client_handshake_rtt": histogram(at=0.9 * rtt, count=opened),
        "server_handshake_rtt": histogram(at=0.1 * rtt, count=opened),
        **more,
    }


HEALTH = {
    "shop.example": tcp(4, rtt=0.012, retransmitted=1, duplicate_acks=2),
    "api.example": tcp(2, rtt=0.031, reset=1),
    "例え.example": tcp(1, rtt=0.21, retransmitted=3, out_of_order=4, zero_window=1),
    "static.example": tcp(3, rtt=0.009),
    "evil\x1b[2J\u202e.example": tcp(1, rtt=0.05),
    "a-very-long-name-of-a-host-that-goes-on-and-on.example": tcp(1, rtt=0.4),
}

METHODS = {"/cart": "POST", "/checkout": "POST", "/v2": "PUT"}


def exchanges(i, name, factor):
    """One of each section of a host, or several in a storm; those that went wrong are slow."""
    sections, statuses, seconds = HOSTS[name]
    many = 1 + (factor > 1)
    for number, path in enumerate([path for path in sections for _ in range(many)]):
        bad = number % (3 * many) == 0 and i % 5 == 0
        usual = seconds * (1 + 2 * (number // many))
        latency = usual * (0.5 + (i * 7 + number * 3) % 11 / 12) * (4 if bad else 1)
        yield {
            "ts": iso(NOON + i + 0.05 + 0.07 * number),
            "client": f"10.0.0.{7 + number}:{50_000 + i}",
            "server": "10.1.0.2:80",
            "interface": "eth0",
            "host": name,
            "section": path,
            "path": f"{path.rstrip('/')}/{4_700 + i}" if number % 2 else path,
            "method": METHODS.get(path, "GET"),
            "status": max(statuses) if bad else 200,
            "request_bytes": 300,
            "response_bytes": 5_000 + 10 * number,
            "latency": round(latency, 6),
            "duration": round(1.33 * latency, 6),
            "connect": round(0.2 * seconds, 6) if i % 5 == 0 else None,
            "request_time": round(0.08 * latency, 6),
            "transfer": round(0.25 * latency, 6),
            "retransmitted": int(bad),
        }


def second(i, *, lost=0, state="up", missed=None):
    """The snapshot of second `i`: a storm from 20 to 30, calm otherwise."""
    factor = 8 if 20 <= i < 30 else 1
    hosts = [host(name, factor) for name in HOSTS]
    hits = sum(each["hits"] for each in hosts)
    interfaces = [
        {
            "name": "eth0",
            "packets": 4 * hits,
            "bytes": 2_600 * hits,
            "http_bytes": 2_500 * hits,
            "state": state,
            "protocols": {"http1": 2_500 * hits, "tls": 100 * hits},
            "tcp": tcp(12, rtt=0.02, retransmitted=5, reset=1, refused=2),
        },
        {"name": "lo", "state": "down"},
    ]
    capture = {"received": 4 * hits, "kernel_dropped": lost, "protocols": {"http1": 4}} | (missed or {})
    told = sorted((each for name in HOSTS for each in exchanges(i, name, factor)), key=lambda each: each["ts"])
    return snapshot(
        NOON + i,
        requests=hits // 2,
        responses=hits // 2,
        hosts=hosts,
        interfaces=interfaces,
        capture=capture,
        exchanges=told,
    )


def frames(seconds=60, rule=None, window=10.0, **how):
    """The frames of the first seconds of the minute."""
    made = Frames(window, [rule or Rule(5_000, 10.0)], keeps_exchanges=True)
    return [made.push(second(i, **how)) for i in range(seconds)]
