#!/usr/bin/env python3
"""Measures drawing the screen: each view with 10,000 hosts of ten sections, in each order of its table.

    screen_cost.py [--size 200x60] [--hosts 10000]

Prints medians of nine in milliseconds of CPU time of one thread: for the first drawing of a new frame, which ranks its
rows, and for drawing the same frame again, as after a key.
"""

import argparse
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))  # the made-up snapshots of the tests
from fakes import histogram, iso, snapshot
from netmon.display import moves, rows
from netmon.display.layout import screen
from netmon.display.specs import titles
from netmon.display.view import PANELS, VIEWS, Panel, Sort, View
from netmon.frames import Frames

SECTIONS = 10


def second(at, hosts):
    """A snapshot in which every host is busy, and hosts have different figures."""
    made = [host(number, at) for number in range(hosts)]
    interfaces = [{"name": "eth0", "packets": 90_000, "bytes": 90_000_000, "http_bytes": 80_000_000, "state": "up"}]
    return snapshot(at, hosts=made, interfaces=interfaces, exchanges=[exchange(at, n) for n in range(3000)])


def host(number, at):
    n = 1 + (number * 7919 + int(at)) % 5000
    tcp = {
        "opened": n,
        "segments": 40 * n,
        "retransmitted": n % 50,
        "client_handshake_rtt": histogram(at=n / 1e5, count=n),
    }
    rows = [{"path": f"/{section}", **counts(n, section)} for section in range(SECTIONS)]
    return {"name": f"www{number}.example", "sections": rows, "tcp": tcp, **counts(SECTIONS * n, number)}


def counts(n, salt):
    statuses = {"200": n - n // 9, "404": n // 9, "503": n % 3}
    latency = histogram(at=(1 + (n * 31 + salt) % 900) / 1e3, count=n)
    return {"requests": n, "responses": n, "statuses": statuses, "methods": {"GET": n}, "latency": latency}


def exchange(at, number):
    who = {
        "client": "10.0.0.1:5000",
        "server": "10.0.0.2:80",
        "interface": "eth0",
        "host": f"www{number % 900}.example",
    }
    what = {"section": f"/{number % SECTIONS}", "method": "GET", "status": 200, "request_bytes": 1, "response_bytes": 1}
    return {"ts": iso(at + number / 4000), **who, **what, "latency": number / 1e3, "duration": number / 1e3}


def cost(view, size):
    """Median milliseconds of the first drawing of a frame, and of drawing it again."""
    caches = [each for each in vars(rows).values() if hasattr(each, "cache_clear")]
    first, again = [], []
    for _ in range(9):
        for cache in caches:
            cache.cache_clear()
        for times in (first, again):
            begin = time.thread_time()
            screen(view, *size)
            times.append(1000 * (time.thread_time() - begin))
    return statistics.median(first), statistics.median(again)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    arguments.add_argument("--size", default="200x60")
    arguments.add_argument("--hosts", type=int, default=10_000)
    given = arguments.parse_args()
    size = tuple(int(part) for part in given.size.split("x"))
    frames = Frames(10.0, keeps_exchanges=True)
    parts = [second(1000.0 + at, given.hosts) for at in range(2)]
    view = View()
    for part in parts:
        view = view.with_frame(frames.push(part))
    view = moves.moved(view, given.hosts // 2)
    print(f"{given.size}, {given.hosts} hosts of {SECTIONS} sections: first drawing, drawing again, ms of CPU")
    for number, page in enumerate(VIEWS, 1):
        here = moves.to_view(view, number)
        panel = PANELS[page][0]
        if panel is Panel.INTERFACE_QUALITY:
            panel = Panel.HOST_QUALITY
        for title in titles(panel) or ("hits",):
            first, again = cost(here.with_sort(panel, Sort(title)), size)
            print(f"{page.value:<12} by {title:<9} {first:6.1f} {again:6.1f}")


if __name__ == "__main__":
    main()
