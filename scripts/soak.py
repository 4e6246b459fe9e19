#!/usr/bin/env python3
"""Soaks netmon: an hour of mixed live traffic in private network namespaces. Needs root, nginx, wrk and curl.

    soak.py [--minutes 60] [--growth 1.0]

Ordinary traffic, the same over a link that loses packets, forged frames and broken connections, interfaces that come
and go, alerts that run commands and post messages, viewers of the page and a scraper, all at the same time. A line each
minute says what netmon takes. At the end there is a table: counts must be those of nginx, wrk and curl, resident memory
must not grow by more than `growth` MiB per hour after the warm-up, and neither may descriptors and threads. The exit
code is 1 if a check fails.
"""

import argparse
import os
import sys
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))  # the networks of the live tests
import namespaces
from soaking import verdict
from soaking.run import Limits, soak

WARM_UP = 12 * 60
"""Seconds until tables, windows and buffers are full; of a run shorter than 24 minutes, the first half.
The packets that `-w` holds back take the longest: 64 MiB of what the enemy sends."""
PRIVATE = 400.0
"""MiB of anonymous memory at the most."""


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    arguments.add_argument("--minutes", type=float, default=60)
    arguments.add_argument("--growth", type=float, default=1.0)
    given = arguments.parse_args()
    if os.geteuid() or (missing := namespaces.why_not()):
        sys.exit(f"soak: {'needs root' if os.geteuid() else missing}")
    limits = Limits(min(WARM_UP, 30 * given.minutes), given.growth, PRIVATE)
    checks = soak(given.minutes, limits, tell=partial(print, flush=True))
    print(*verdict.table(checks), sep="\n")
    sys.exit(not verdict.holds(checks))


if __name__ == "__main__":
    main()
