"""An invented busy minute, from which tests draw the screen. It is always the same."""

from collections import Counter

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
    """The row of a host. Its first section has all errors; each section is slower than the one before."""
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


CLIENTS = {"10.0.0.7": 0.55, "10.0.0.8": 0.25, "10.0.0.9": 0.15, "2001:db8::10": 0.05}
"""Clients, each with its share of all requests; the first has all errors."""


def clients(requests, statuses):
    """A row for each client; the rows add up to the totals of the hosts."""
    rows, left, rest = [], requests, Counter({int(status): n for status, n in statuses.items()})
    for number, (address, share) in enumerate(reversed(CLIENTS.items()), 1):
        n = left if number == len(CLIENTS) else min(round(requests * share), rest[200])
        given = rest if number == len(CLIENTS) else Counter({200: n})
        left, rest = left - n, rest - given
        rows.append({"address": address, **counts(n, given, 1, [(0.01 * number, n)])})
    return rows


def spread(latencies):
    """One histogram of several latencies, each (seconds, count)."""
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
    """Health of connections, captured near the server: most of the round-trip time is on the client's side."""
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

TLS = ("login.example", "", "mail.example")
"""Server names that TLS clients send; some send none."""


def servers(i):
    """Servers whose connections stay closed in second `i`; the clients of the last one hide its name."""
    for number, (name, quic, ech) in enumerate(
        (("login.example", 0, 0), ("mail.example", 1, 0), ("cdn.example", 2, 2))
    ):
        yield {
            "name": name,
            "connections": 3 - number + quic,
            "named": 3,
            "quic": quic,
            "ech": ech,
            "decrypted": int(number == 0 and i % 2 == 0),
            "open_before": 2 * number,
            "undecrypted": {"no_key": 3 - number} | ({"joined_midway": 1} if number == 1 and i % 3 == 0 else {}),
            "tls_versions": {"TLS 1.3": 3} | ({"TLS 1.2": 1} if number == 0 else {}),
            "cipher_suites": {"TLS_AES_128_GCM_SHA256": 2, "TLS_AES_256_GCM_SHA384": 1},
            "bytes_to_server": 900 * (number + 1),
            "bytes_to_client": 21_000 // (number + 1) + 400 * (i % 3),
            "round_trip": histogram(at=0.004 * (number + 1), count=2),
            "handshake": histogram(at=0.011 * (number + 1), count=2),
        }


def connections(i):
    """The connections of second `i`: some are long, others last up to four seconds, and a few have problems."""
    names = [*HOSTS, *TLS]
    for number in range(34):
        lasts, turn = number % 3 == 0, (i + number) % 4
        opened = number % 7 if lasts else i - turn
        if not 0 <= opened <= i:
            continue
        host, is_tls = names[number * 5 % len(names)], number * 5 % len(names) >= len(HOSTS)
        ends, is_new = not lasts and turn == 3, number == 4 and turn == 0
        age = 0.37 + 0.11 * number if ends else i + 1 - opened - number / 100
        size, is_v6 = number * number % 17 + 1, number % 5 == 2
        yield {
            "client": f"[2001:db8::7:{number}]:{50_000 + opened}"
            if is_v6
            else f"10.0.0.{7 + number}:{50_000 + opened}",
            "server": f"{'[2001:db8::80]' if is_v6 else '10.1.0.2'}:{443 if is_tls else 80}",
            "interface": "eth0",
            "protocol": "" if is_new else "tls" if is_tls else "http1",
            "host": "" if is_new else host,
            "state": "opening" if is_new else "open" if not ends else "reset" if number == 7 else "closed",
            "first_seen": iso(NOON + opened + number / 100),
            "opened": iso(NOON + opened + number / 100) if number else None,
            "last_seen": iso(NOON + i + 0.5),
            "age": round(age, 2),
            "bytes_to_server": 0 if is_new else round(310 * size * age),
            "bytes_to_client": 0 if is_new else round(1_900 * size * number * age),
            "segments": 1 if is_new else 8 * size,
            "retransmitted": 0 if is_new else (number % 6 == 4) * (1 + size // 5),
            "requests": 0 if is_tls or is_new else 2 * size,
            "rtt": None if is_new else round(0.004 + 0.011 * (number * 5 % 9), 3),
        }


METHODS = {"/cart": "POST", "/checkout": "POST", "/v2": "PUT"}


def exchanges(i, name, factor):
    """One exchange for each section of a host, two in a storm; exchanges with an error are slow."""
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
    """The snapshot of second `i`: a storm from second 20 to 30, calm otherwise."""
    factor = 8 if 20 <= i < 30 else 1
    hosts = [host(name, factor) for name in HOSTS]
    hits = sum(each["hits"] for each in hosts)
    statuses = sum((Counter(each["statuses"]) for each in hosts), Counter())
    health = tcp(12, rtt=0.02, retransmitted=5, reset=1, refused=2)
    interfaces = [
        {
            "name": "eth0",
            "packets": 4 * hits,
            "bytes": 2_600 * hits,
            "http_bytes": 2_500 * hits,
            "state": state,
            "protocols": {"http1": 2_500 * hits, "tls": 100 * hits},
            "tcp": health,
        },
        {"name": "lo", "state": "down"},
    ]
    capture = {"received": 4 * hits, "kernel_dropped": lost, "protocols": {"http1": 4}} | (missed or {})
    capture["open_connections"] = 1_204
    capture["undecrypted"] = {"no_key": 5, "joined_midway": 1}
    told = sorted((each for name in HOSTS for each in exchanges(i, name, factor)), key=lambda each: each["ts"])
    return snapshot(
        NOON + i,
        requests=hits // 2,
        responses=hits // 2,
        statuses=statuses,
        clients=clients(hits // 2, statuses),
        hosts=hosts,
        interfaces=interfaces,
        tcp=health,
        capture=capture,
        exchanges=told,
        connections=list(connections(i)),
        servers=list(servers(i)),
    )


def frames(seconds=60, rule=None, window=10.0, **how):
    """The frames of the first `seconds` of the minute."""
    made = Frames(window, [rule or Rule(5_000, 10.0)], keeps_exchanges=True, keeps_connections=True)
    return [made.push(second(i, **how)) for i in range(seconds)]
