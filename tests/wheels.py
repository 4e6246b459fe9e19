"""The wheel that tests check: ``make test`` and ``make wheel-test`` build different ones."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / os.environ.get("WHEELS", "target/portable")
"""``target/portable`` has a wheel that is linked like the one in ``dist``, which is released, but compiled quickly."""
IS_WHEEL_TEST = "WHEEL_TEST" in os.environ
"""Tests that need minutes, and packages from the network, run."""
needs_wheel_test = pytest.mark.skipif(not IS_WHEEL_TEST, reason="takes minutes: `make wheel-test`")


def portable():
    """The path of the wheel. The test is skipped where none was built."""
    wheels = sorted(FOLDER.glob("*-manylinux_*.whl"))
    if not wheels:
        pytest.skip("needs a portable wheel: `make test` and `make wheel-test` build one")
    return wheels[-1]
