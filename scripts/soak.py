#!/usr/bin/env python3
"""Soaks netmon: an hour of mixed live traffic in private network namespaces. Needs root, nginx, wrk and curl.

    soak.py [--minutes 60] [--warm-up 20] [--growth 1.0] [--samples FILE]

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
from soaking.subject import Sample

WARM_UP = 20.0
"""Minutes until tables, windows and buffers are full; of a run shorter than 40 minutes, the first half.
The packets that `-w` holds back take ten minutes to fill their 64 MiB. The totals of the run have all their rows after
three rounds of the enemy's attacks, which take seven minutes; see `hostile.ANSWERED` for histograms."""
PRIVATE = 400.0
"""MiB of anonymous memory at the most."""


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    arguments.add_argument("--minutes", type=float, default=60)
    arguments.add_argument("--warm-up", type=float, default=WARM_UP, metavar="MINUTES")
    arguments.add_argument("--growth", type=float, default=1.0, metavar="MIB_PER_HOUR")
    arguments.add_argument("--samples", type=Path, metavar="FILE", help="write what was measured as CSV")
    given = arguments.parse_args()
    if os.geteuid() or (missing := namespaces.why_not()):
        sys.exit(f"soak: {'needs root' if os.geteuid() else missing}")
    limits = Limits(60 * min(given.warm_up, given.minutes / 2), given.growth, PRIVATE)
    checks, samples = soak(given.minutes, limits, tell=partial(print, flush=True))
    if given.samples:
        rows = (",".join(map(str, row)) for row in (Sample._fields, *samples))
        given.samples.write_text("\n".join(rows) + "\n")
    print(*verdict.table(checks), sep="\n")
    sys.exit(not verdict.holds(checks))


if __name__ == "__main__":
    main()
