#!/usr/bin/env python3
"""Writes docs/screen.md: what the screen shows, its keys, and frames of every view at three sizes.

    screens.py [--check]

The frames are drawn from the made-up minute of traffic in the tests, so they are always the same. With `--check`
nothing is written, and the exit code is 1 if the page is out of date.
"""

import argparse
import os
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))  # the made-up minute

os.environ["TZ"] = "UTC"
time.tzset()

from drawing import INSIDE, STATES, VIEWS, text  # noqa: E402  after the time zone is set
from netmon.display.help import FINDING, WORDS  # noqa: E402
from netmon.display.keys import KEYS, TYPING  # noqa: E402
from netmon.display.layout import screen  # noqa: E402

PAGE = ROOT / "docs" / "screen.md"
SIZES = ((120, 30), (80, 24), (40, 10))

LARGE = (200, 60)

ABOUT = {
    "hosts": ("1 Hosts", "The busiest hosts; below them the sections of the selected one, and the log of alerts."),
    "sections": (
        "2 Sections",
        (
            "All sections of all hosts, the slowest first, and the slowest requests of the selected one: one key "
            "says which section of which host answers slowest, and with which status."
        ),
    ),
    "interfaces": (
        "3 Interfaces",
        (
            "Bits and requests per second of each interface, and the hosts seen on the selected one. `i` switches an "
            "interface off: it is left out of traffic, bits/s, packets/s and the lists of requests. Hosts and sections "
            "count all interfaces, since a connection is one, however many interfaces it crosses."
        ),
    ),
    "connections": (
        "4 Connections",
        (
            "The connections of the window, open ones and of these the newest first; `s` sorts by age, round trip, "
            "segments sent again, bytes or state. Of very many 1 000 are listed, fairly chosen, and the title says "
            "how many are open in all. Enter leads to the host. Below it how all connections fare, by interface and "
            "by host: opened, closed, reset, refused, round trips between the capture and either side, and of the "
            "segments those sent again, out of order, acknowledged twice, and answered by a window of zero. A "
            "connection was opened for the host of its first request; one that was refused has none. With little room "
            "these tables are a line, and Tab brings them."
        ),
    ),
    "requests": (
        "5 Requests",
        (
            "Exchanges as they come. Up to 3 000 are kept: the newest 1 000, and of five minutes errors, requests "
            "without a response and the slowest. The last line says how many there were, and how many the capture "
            "could not list."
        ),
    ),
    "alerts": ("6 Alerts", "Where each rule stands, and what happened. `a` acknowledges."),
    "clients": (
        "7 Clients",
        (
            "Who asks: the busiest addresses, each with its share of all requests, and the newest requests of the "
            "selected one."
        ),
    ),
    "servers": (
        "8 Servers",
        (
            "What stays closed: the servers that clients reach through TLS and QUIC, by the name that clients gave, "
            "with connections, bytes that stayed encrypted, medians of round trips and handshakes, and connections "
            "that were decrypted. The line above says which share of all bytes that is, and why it was not decrypted. "
            "`+ech` means that clients have hidden the name."
        ),
    ),
    "interface": ("Into an interface", "Enter on an interface: what it carries, and the hosts seen on it."),
    "host": (
        "Into a host",
        "Enter on a host: its addresses, times and connections, its sections, its slowest requests.",
    ),
    "client": ("Into a client", "Enter on a client: its methods and statuses, and its requests, the newest first."),
    "connection": (
        "Into a connection",
        (
            "Enter on a connection: its ends, what it speaks and inside what, streams, times, bytes, round trip and "
            "retransmissions, the kernel's view and processes where they are known, and its newest requests."
        ),
    ),
    "section": ("Into a section", "Enter on a section: its requests, the slowest first."),
    "request": (
        "Into a request",
        (
            "Enter on a request: where its time went. A stage that was not seen is left out: of a connection that was "
            "open before, there is no `connect`."
        ),
    ),
    "sealed": ("Without HTTP", "When there is nothing to show, the screen says why, and what to type."),
    "filter": (
        "While a filter is typed",
        "It works with every letter, in every view, on what rows show; of several words all hold.",
    ),
}

INTRODUCTION = """\
# The screen

`netmon` in a terminal opens a screen that can be left open all day. `scripts/screens.py` writes this page, and a test
checks that it is up to date.

The capture line stands in the second line at all times, red above 0.1 % lost. Colours never speak alone: words and
signs stand beside them, so `--theme none`, `NO_COLOR` and `--ascii` lose nothing. The theme suits the background that
the terminal tells of (COLORFGBG); `--theme light` and `dark` say which it is, `--theme palette` has the colours of
the terminal alone. A file played with `--speed` has keys of its own, which
the footer names while it plays. What is captured only (`-f`) stands in the first line.

With less room the screen shrinks step by step: a row or a column less makes one panel shorter, or takes the least
important one away, and never more than one. At 80x19 all panels of the first view are there, at 40x10 rates, alert,
capture line and the table that has the focus, at 20x5 one line and that table. With more room panels stand side by side
(from 120 columns on), and statuses over time (from 36 rows on), clients (from 42 rows on) and the sections of all hosts
(from 49 rows on) join.

Rows hold still: their order is that of an average of the last seconds, and the selected row stays, dim and with zeros,
while it is quiet. `o` and a letter, or a click on a heading, sort by a column; the same again reverses. With the mouse
(`m`) a click on a view goes there, and one on the selected row opens it.
"""

COST = """\
## What it costs

`scripts/screen_cost.py` draws each view at 200x60 with 10,000 hosts of ten sections, in each order of its table. The
slowest first drawing of a new frame takes 6.5 ms of CPU (100,000 sections by p50; 10 ms on a machine that is busy
otherwise), and its rows are ranked on another thread before. Drawing the same frame again, as after a key, takes 1 to 4
ms. On a silent link the program takes 0.8 % of a core (`scripts/start.py`). Measured on an AMD EPYC, Zen 4 class.
"""


def page():
    """The whole page."""
    parts = [INTRODUCTION, "## Keys\n", keys(), "While a filter is typed:\n", table(TYPING), "## Words\n", words()]
    parts += ["## Finding\n", finding(), "## The views\n"]
    for name in (*VIEWS, *INSIDE, "sealed", "filter"):
        title, about = ABOUT[name]
        parts += [f"### {title}\n", f"{about}\n"]
        sizes = SIZES if name in VIEWS or name in INSIDE else SIZES[1:2]
        sizes = (*sizes, LARGE) if name == "hosts" else sizes
        parts += [frame((VIEWS | INSIDE | STATES)[name](), *size) for size in sizes]
    return "\n".join([*parts, COST])


def keys():
    return table(KEYS)


def table(keys):
    rows = [f"| {' '.join(f'`{name}`' for name in key.shown.split())} | {key.meaning} |" for key in keys]
    return "\n".join(["| key | what it does |", "|---|---|", *rows]) + "\n"


def words():
    return (
        "\n".join(["| word | what it means |", "|---|---|", *(f"| {word} | {said} |" for word, said in WORDS)]) + "\n"
    )


def finding():
    rows = [f"| {f'`{typed}`' if typed.startswith('/') else typed.strip()} | {said} |" for typed, said in FINDING]
    return "\n".join(["| typed | what it finds |", "|---|---|", *rows]) + "\n"


def frame(view, width, height):
    return "\n".join([f"{width}x{height}:\n", "```", *text(screen(view, width, height)), "```", ""])


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    arguments.add_argument("--check", action="store_true", help="write nothing; exit 1 when the page is old")
    made = page()
    if arguments.parse_args().check:
        return 0 if PAGE.exists() and PAGE.read_text() == made else 1
    PAGE.write_text(made)
    return 0


if __name__ == "__main__":
    sys.exit(main())
