"""One busy minute, made up: what the screen is drawn from in its tests. Always the same."""

from fakes import histogram, snapshot
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
    sections, statuses, seconds = HOSTS[name]
    rows = [
        {"path": path, **counts(n * factor, statuses if i == 0 else {200: n}, seconds)}
        for i, (path, n) in enumerate(sections.items())
    ]
    return {"name": name, "sections": rows, **counts(sum(sections.values()) * factor, statuses, seconds)}


def counts(requests, statuses, seconds):
    return {
        "hits": 2 * requests,
        "requests": requests,
        "responses": requests,
        "methods": {"GET": requests},
        "statuses": {str(status): n for status, n in statuses.items()},
        "request_bytes": 300 * requests,
        "response_bytes": 5_000 * requests,
        "latency": histogram(at=seconds, count=requests),
    }


def second(i, *, lost=0, state="up"):
    """The snapshot of second `i`: a storm from 20 to 30, calm otherwise."""
    factor = 8 if 20 <= i < 30 else 1
    hosts = [host(name, factor) for name in HOSTS]
    hits = sum(each["hits"] for each in hosts)
    interfaces = [
        {"name": "eth0", "packets": 4 * hits, "bytes": 2_600 * hits, "http_bytes": 2_500 * hits, "state": state},
        {"name": "lo", "state": "down"},
    ]
    capture = {"received": 4 * hits, "kernel_dropped": lost, "protocols": {"http1": 4}}
    return snapshot(
        NOON + i, requests=hits // 2, responses=hits // 2, hosts=hosts, interfaces=interfaces, capture=capture
    )


def frames(seconds=60, rule=None, window=10.0, **how):
    """The frames of the first seconds of the minute."""
    made = Frames(window, [rule or Rule(5_000, 10.0)])
    return [made.push(second(i, **how)) for i in range(seconds)]
