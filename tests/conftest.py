"""Every test sees UTC and no settings from the machine it runs on."""

import os
import time

import pytest


@pytest.fixture(autouse=True)
def _neutral_machine(monkeypatch, tmp_path):
    for name in [name for name in os.environ if name.startswith("NETMON_") or name == "NO_COLOR"]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "no-config"))
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
