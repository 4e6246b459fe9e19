"""Runs to make pages of: an invented busy quarter of an hour, names that attack a page, and ten thousand hosts."""

from collections import Counter

from fakes import iso, snapshot
from netmon import Rule
from netmon.frames import Frames
from netmon.page.data import document
from netmon.page.record import Record
from scene import NOON, spread, tcp

SHOP = {
    "shop.example": {"/items": (90, 0.012), "/cart": (40, 0.03), "/checkout": (22, 0.11), "/": (60, 0.006)},
    "api.example": {"/v1": (70, 0.021), "/v2": (35, 0.045)},
    "static.example": {"/img": (50, 0.0008), "/css": (20, 0.0006)},
    "search.example": {"/q": (18, 0.18)},
}
"""Requests of ten seconds and usual latency in seconds, for each section of each host."""

CLIENTS = {"10.0.0.7": 5, "10.0.0.8": 3, "10.0.0.9": 2, "2001:db8::10": 1}
STATUSES = ((200, 88), (304, 6), (404, 4), (201, 2))
STORM = range(30, 48)
"""The steps in which the checkout fails."""

HOSTILE = (
    "</script><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{7*7}}${7*7}<%= 7*7 %>",
    "';alert(String.fromCharCode(88,83,83))//",
    "<svg/onload=alert(1)>",
    "url(javascript:alert(1));}body{display:none",
    "<!--<script>",
    "javascript:alert(1)",
    "\u2028\u2029\u202egnp.exe\x00\x1b[2J",
    "",
)
"""Texts that attack reports of traffic: each appears as text, and nothing else happens."""


def counts(rows):
    """The fields of a row that sums up `rows`, each (requests, statuses, seconds)."""
    statuses = sum((Counter(given) for _, given, _ in rows), Counter())
    n = sum(requests for requests, _, _ in rows)
    latencies = [
        (seconds * factor, max(1, int(requests * share)))
        for requests, _, seconds in rows
        for factor, share in ((0.6, 0.3), (1.0, 0.4), (1.7, 0.2), (4, 0.06), (9, 0.01))
    ]
    return {
        "requests": n,
        "responses": sum(statuses.values()),
        "errors": sum(k for status, k in statuses.items() if status >= 500),
        "hits": n + sum(statuses.values()),
        "methods": {"GET": n - n // 4, "POST": n // 4},
        "statuses": {str(status): k for status, k in statuses.items()},
        "request_bytes": 420 * n,
        "response_bytes": 9_400 * n,
        "latency": spread(latencies),
    }


def answers(requests, *, fails=False):
    """How often each status answered; where a section fails, a third are 503."""
    bad = requests // 3 if fails else 0
    given = {status: (requests - bad) * share // 100 for status, share in STATUSES}
    given[200] += requests - bad - sum(given.values())
    return {status: n for status, n in ({**given, 503: bad}).items() if n}


def step(i, *, lost=0, agents=("curl",)):
    """The snapshot of ten seconds, number `i`."""
    wave = 1 + 0.5 * ((i * 7) % 11) / 11 + (0.8 if 60 <= i < 75 else 0)
    hosts, everything = [], []
    for name, sections in SHOP.items():
        rows = []
        for path, (requests, seconds) in sections.items():
            fails = i in STORM and path == "/checkout"
            n = int(requests * wave)
            rows.append((path, (n, answers(n, fails=fails), seconds * (8 if fails else 1 + 0.3 * ((i * 5) % 7) / 7))))
        everything += [row for _, row in rows]
        made = [{"path": path, **counts([row])} for path, row in rows]
        health = tcp(9, rtt=0.02, retransmitted=4 + 20 * (i in STORM), reset=int(i in STORM))
        hosts.append({"name": name, "tcp": health, "sections": made, **counts([row for _, row in rows])})
    total = counts(everything)
    clients = []
    for number, (address, share) in enumerate(CLIENTS.items()):
        n = total["requests"] * share // 11
        clients.append({"address": address, **counts([(n, answers(n, fails=number == 0 and i in STORM), 0.02)])})
    health = tcp(36, rtt=0.02, retransmitted=6 + 30 * (i in STORM), reset=2 * (i in STORM), out_of_order=3)
    n = total["requests"]
    return snapshot(
        NOON + 10 * i,
        NOON + 10 * i + 10,
        hosts=hosts,
        clients=clients,
        tcp=health,
        interfaces=[
            {"name": "eth0", "packets": 9 * n, "bytes": 10_900 * n, "http_bytes": 10_200 * n, "tcp": health},
            {"name": "lo", "packets": n, "bytes": 300 * n, "http_bytes": 0},
        ],
        capture={"received": 10 * n, "kernel_dropped": lost, "protocols": {"http1": 30, "tls": 4}},
        exchanges=list(exchanges(i, agents)),
        **total,
    )


def exchanges(i, agents=("curl",)):
    """Some exchanges of a step, with latencies that all differ."""
    for number, (host, sections) in enumerate(SHOP.items()):
        for turn, (path, (_, seconds)) in enumerate(sections.items()):
            fails = i in STORM and path == "/checkout"
            latency = seconds * (9 if fails else 2 + ((i * 13 + turn) % 17) / 17)
            yield exchange(
                i, host, path, latency, 503 if fails else 200, f"10.0.0.{7 + number}", agents[i % len(agents)]
            )


def exchange(i, host, path, latency, status=200, client="10.0.0.7", agent=""):
    return {
        "ts": iso(NOON + 10 * i + 1),
        "client": f"{client}:{50_000 + i}",
        "server": "10.1.0.2:80",
        "interface": "eth0",
        "host": host,
        "section": path,
        "path": f"{path.rstrip('/')}/{4_700 + i}",
        "method": "GET",
        "status": status,
        "request_bytes": 420,
        "response_bytes": 9_400,
        "latency": round(latency, 6),
        "duration": round(1.3 * latency, 6),
        "user_agent": agent,
    }


def record(snapshots, rules=(), where=None):
    """What a page remembers of `snapshots`."""
    frames, kept = Frames(10.0, rules, exchanges_apart=True), Record(where)
    for each in snapshots:
        kept.update(frames.push(each))
    return kept


RULES = (
    Rule(name="checkout fails", metric="error_ratio", above="0.5%", span=30.0, severity="critical"),
    Rule(name="slow", metric="latency.p95", above="350ms", span=30.0),
)


def busy(steps=90, *, lost=0):
    """The document of the busy quarter of an hour."""
    return document(record([step(i, lost=lost if i == 40 else 0) for i in range(steps)], RULES))


def hostile_snapshot():
    """A snapshot whose names attack the page."""
    row = counts([(9, {200: 8, 500: 1}, 0.01)])
    hosts = [{"name": text, "sections": [{"path": f"/{text}", **row}], **row} for text in HOSTILE]
    told = [exchange(0, text, text, 0.1 + number, agent=text) for number, text in enumerate(HOSTILE)]
    return snapshot(
        NOON,
        hosts=hosts,
        interfaces=[{"name": text, "packets": 3, "bytes": 300} for text in HOSTILE if text],
        capture={"received": 100, "undecoded": {HOSTILE[0]: 2}},
        exchanges=told,
        **counts([(90, {200: 80, 500: 10}, 0.01)]),
    )


def hostile_rules():
    return [Rule(name=text or "empty", metric="requests", per="host", above=1, span=5.0) for text in HOSTILE]


def hostile():
    """The document of a run whose names attack the page."""
    return document(record([hostile_snapshot()], hostile_rules(), where=f'host:"{HOSTILE[0]}"'))


def many(n=10_000):
    """A run with `n` hosts, sections and clients."""
    rows = [counts([(n - i, {200: n - i - i % 3, 503: i % 3}, 0.001 * (1 + i % 900))]) for i in range(n)]
    hosts = [
        {"name": f"host-{i:05}.customer-{i % 977}.example", "sections": [{"path": f"/api-{i % 50}", **row}], **row}
        for i, row in enumerate(rows)
    ]
    clients = [{"address": f"10.{i // 65_536}.{i // 256 % 256}.{i % 256}", **row} for i, row in enumerate(rows[:5_000])]
    total = counts([(n * 100, {200: n * 100}, 0.02)])
    first = snapshot(NOON, hosts=hosts, clients=clients, capture={"received": 10 * n}, **total)
    return record([first, *(step(i) for i in range(1, 240))], RULES)
