"""The exchanges kept for the screen: which, how many, and what is said of the others."""

import pytest
from fakes import iso, snapshot
from netmon import tail
from netmon.frames import Frames
from netmon.tail import Tail


def second(at, latencies, **capture):
    """One interval with an exchange for each latency in seconds, a millisecond apart; None was never answered."""
    rows = [
        {
            "ts": iso(at + number / 1000),
            "client": "10.0.0.1:5000",
            "server": "10.0.0.2:80",
            "interface": "eth0",
            "host": "a",
            "section": "/",
            "method": "GET",
            "status": 200,
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
    monkeypatch.setattr(tail, "NEWEST", 3)
    monkeypatch.setattr(tail, "SLOWEST", 2)
    monkeypatch.setattr(tail, "MEMORY", 10.0)


def test_the_newest_come_last_first_and_the_slowest_slowest_first():
    kept = Tail().plus(second(0, [9, 1, 2, 3, None])).plus(second(1, [5]))
    assert latencies(kept.newest) == [5, None, 3]
    assert latencies(kept.slowest) == [9, 5]


def test_all_has_each_once_by_time():
    kept = Tail().plus(second(0, [9, 1, 2, 3])).plus(second(1, [5]))
    assert latencies(kept.all) == [5, 3, 2, 9]


def test_a_slow_one_gives_way_after_some_time():
    kept = Tail().plus(second(0, [9])).plus(second(9, [1]))
    assert latencies(kept.slowest) == [9, 1]
    assert latencies(kept.plus(second(10, [2])).slowest) == [2, 1]


def test_what_was_not_told_is_counted():
    kept = Tail().plus(second(0, [1, 2], exchanges_dropped=7)).plus(second(1, []))
    assert (kept.seen, kept.untold) == (2, 7)


def test_with_a_tail_no_snapshot_of_a_frame_carries_exchanges():
    frame = Frames(keeps_exchanges=True).push(second(0, [1, 2]))
    assert (frame.snapshot.exchanges, frame.window.exchanges, len(frame.tail.newest)) == ([], [], 2)


def test_without_a_tail_exchanges_stay_where_they_are():
    frame = Frames().push(second(0, [1, 2]))
    assert (len(frame.snapshot.exchanges), frame.tail.newest) == (2, ())
