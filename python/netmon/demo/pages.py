"""What the demo's HTTP/1 clients ask for, how often, and what its server responds."""

from __future__ import annotations

from typing import NamedTuple

CLIENTS = ("127.0.0.2",) * 3 + ("127.0.0.3",) * 2 + ("127.0.0.4", "127.0.0.5", "127.0.0.6")
"""Addresses of the clients; all of 127.0.0.0/8 is this machine. An address that is listed n times has n clients."""

HEAD_START = 1.0
"""Seconds before the first request. By then the capture runs, so it sees every connection from its beginning."""

CALM, STORM = 12.0, 200.0
"""Requests per second of all clients together: 24 and 400 hits/s, far below and above 1000 hits in 10 s."""

SCHEDULE = ((10.0, CALM), (8.0, STORM), (17.0, CALM))
"""Seconds and rate of each phase, repeated. An alert fires about 13 s after the start and recovers by 30 s."""


class Page(NamedTuple):
    """One kind of request with its response. `share` is its relative frequency, `delay` is in milliseconds."""

    host: str
    method: str
    path: str
    status: int
    size: int
    delay: int
    share: int


PAGES = (
    Page("shop.example", "GET", "/", 200, 9_000, 12, 16),
    Page("shop.example", "GET", "/items/41", 200, 5_200, 18, 20),
    Page("shop.example", "GET", "/items/gone", 404, 310, 6, 3),
    Page("shop.example", "POST", "/cart", 201, 180, 25, 8),
    Page("shop.example", "POST", "/checkout/pay", 200, 240, 140, 4),
    Page("shop.example", "POST", "/checkout/pay", 503, 90, 600, 1),
    Page("api.example", "GET", "/v1/users?id=7", 200, 1_400, 30, 12),
    Page("api.example", "PUT", "/v1/users/7", 204, 0, 35, 4),
    Page("api.example", "DELETE", "/v1/users/8", 204, 0, 28, 1),
    Page("api.example", "GET", "/v2/search?q=tea", 200, 3_100, 90, 6),
    Page("api.example", "GET", "/v2/search?q=all", 500, 120, 300, 1),
    Page("blog.example", "GET", "/posts/hello", 200, 14_000, 20, 7),
    Page("blog.example", "GET", "/feed", 304, 0, 4, 4),
    Page("blog.example", "GET", "/old", 301, 150, 3, 2),
    Page("static.example", "GET", "/css/site.css", 304, 0, 1, 8),
    Page("static.example", "GET", "/img/tea.png", 200, 48_000, 3, 9),
    Page("static.example", "HEAD", "/img/tea.png", 200, 0, 1, 1),
)

REASONS = {
    200: "OK",
    201: "Created",
    204: "No Content",
    301: "Moved Permanently",
    304: "Not Modified",
    404: "Not Found",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


def rate_at(seconds: float) -> float:
    """Requests per second of all clients, `seconds` after the start."""
    seconds %= sum(length for length, _ in SCHEDULE)
    for length, rate in SCHEDULE:
        if seconds < length:
            return rate
        seconds -= length
    return CALM
