"""How long a test waits for what must come: long, since a machine under load takes its time.

What is promised at once is told from what never comes, or comes only after minutes.
"""

import time

PATIENCE = 60
"""Seconds."""


def eventually(holds):
    """Waits until `holds()` is true."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)
