"""How long a test waits for an event that must come: long, because a machine under load is slow.

The limit only separates what comes soon from what never comes or takes minutes.
"""

import time

PATIENCE = 60
"""Seconds that a test waits at most."""


def eventually(holds):
    """Waits until `holds()` is true; fails after `PATIENCE` seconds."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)
