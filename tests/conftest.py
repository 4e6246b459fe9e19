"""Every test sees UTC and no settings from the machine it runs on; `read` counts forged conversations."""

import os
import time

import forge
import pytest
from netmon import Monitor, Snapshot


@pytest.fixture(autouse=True)
def _neutral_machine(monkeypatch, tmp_path):
    for name in [name for name in os.environ if name.startswith("NETMON_") or name == "NO_COLOR"]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "no-config"))
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


@pytest.fixture
def read(tmp_path):
    """Everything counted in a capture of some conversations."""

    def read(*talks, link="ethernet", number=None, snaplen=262_144, **settings):
        path = tmp_path / "capture.pcap"
        path.write_bytes(forge.pcap(*talks, link=link, number=number, snaplen=snaplen))
        return Snapshot.merge(Monitor(read=path, **settings).snapshots())

    return read
