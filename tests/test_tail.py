"""The exchanges kept for the screen: which, how many, and how the others are counted."""

import pytest
from fakes import iso, snapshot
from netmon import tail
from netmon.frames import Frames
from netmon.tail import Tail


def second(at, latencies, status=200, **capture):
    """One interval with an exchange for each latency in seconds, a millisecond apart."""
    rows = [
        {
            "ts": iso(at + number / 1000),
            "client": "10.0.0.1:5000",
            "server": "10.0.0.2:80",
            "interface": "eth0",
            "host": "a",
            "section": "/",
            "method": "GET",
            "status": status,
            "request_bytes": 1,
            "response_bytes": 1,
            "duration": None,
            "latency": latency,
        }
        for number, latency in enumerate(latencies)
    ]
    return snapshot(at, responses=len(latencies), exchanges=rows, capture=capture)


def latencies(exchanges):
    return [each.latency for each in exchanges]


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(tail, "KEPT", 4)
    monkeypatch.setattr(tail, "NEWEST", 2)
    monkeypatch.setattr(tail, "MEMORY", 10.0)


def test_the_newest_and_the_slowest_are_kept_once_each_the_newest_first():
    kept = Tail().plus(second(0, [1, 9, 1, 2, 3])).plus(second(1, [5]))
    assert latencies(kept.exchanges) == [5, 3, 2, 9]


def test_an_error_stays_among_thousands():
    kept = Tail().plus(second(0, [1, 1, 1, 1], status=500)).plus(second(1, [2] * 50)).plus(second(2, [2] * 50))
    assert [each.status for each in kept.exchanges].count(500) == 1


def test_a_slow_exchange_is_given_up_after_some_time():
    kept = Tail().plus(second(0, [9, 1, 1, 1])).plus(second(9, [1, 1]))
    assert 9 in latencies(kept.exchanges)
    assert 9 not in latencies(kept.plus(second(10, [2])).exchanges)


def test_exchanges_that_snapshots_dropped_are_counted():
    kept = Tail().plus(second(0, [1, 2], exchanges_dropped=7)).plus(second(1, []))
    assert (kept.seen, kept.untold) == (2, 7)


def test_with_a_tail_no_snapshot_of_a_frame_carries_exchanges():
    frame = Frames(keeps_exchanges=True).push(second(0, [1, 2]))
    assert (frame.snapshot.exchanges, frame.window.exchanges, len(frame.tail.exchanges)) == ([], [], 2)


def test_without_a_tail_exchanges_stay_where_they_are():
    frame = Frames().push(second(0, [1, 2]))
    assert (len(frame.snapshot.exchanges), frame.tail.exchanges) == (2, ())
