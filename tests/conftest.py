"""Every test runs in UTC, without settings of the machine, and as if nobody had called sudo.

`read` returns the counts of forged conversations. It counts small captures with one worker and with three, and checks
that the snapshots are equal.
"""

import os
import time

import forge
import namespaces
import pytest
from netmon import Monitor, Snapshot

pytest.register_assert_rewrite("watching")


@pytest.fixture(autouse=True)
def _neutral_machine(monkeypatch, tmp_path):
    for name in [name for name in os.environ if name.startswith(("NETMON_", "SUDO_")) or name == "NO_COLOR"]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "no-config"))
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


@pytest.fixture(scope="module")
def network():
    """Two network namespaces joined by a link, (server, client), without traffic. Needs the right to make them."""
    with namespaces.pair() as both:
        yield both


SMALL = 1_000_000
"""Captures with fewer bytes reach no limit. Limits are divided among workers, so larger captures may differ."""


@pytest.fixture
def read(tmp_path):
    """A function that counts conversations: returns the merge of all snapshots of their capture."""

    def read(*talks, link="ethernet", number=None, snaplen=262_144, **settings):
        path = tmp_path / "capture.pcap"
        path.write_bytes(forge.pcap(*talks, link=link, number=number, snaplen=snaplen))
        snapshots = list(Monitor(read=path, **settings).snapshots())
        if path.stat().st_size < SMALL:
            shared = Monitor(read=path, workers=3, **settings).snapshots()
            assert [one.to_json() for one in shared] == [one.to_json() for one in snapshots]
        return Snapshot.merge(snapshots)

    return read
