"""The number of Python objects does not grow with the length of a run. Bytes would depend on the allocator."""

import gc
import json
from collections import Counter

import pytest
from fakes import histogram, iso, snapshot
from netmon import Rule, Snapshot
from netmon.display.layout import screen
from netmon.display.view import View
from netmon.frames import Frames

START = 1_700_000_000


def busy(number):
    """A second with exchanges, of hosts that come and go."""
    at, host = START + number, f"www{number % 5}.example"
    counted = {"requests": 30, "responses": 30, "latency": histogram(at=0.001 * (1 + number % 900), count=30)}
    section = {"path": f"/{number % 7}", **counted}
    who = {"client": f"10.0.0.1:{1024 + number % 60_000}", "server": "10.0.0.2:80", "interface": "eth0", "host": host}
    what = {"section": section["path"], "method": "GET", "status": 200, "request_bytes": 1, "response_bytes": 1}
    exchanges = [{"ts": iso(at + n / 30), **who, **what, "latency": n / 100, "duration": n / 90} for n in range(30)]
    interfaces = [{"name": "eth0", "packets": 9, "bytes": 900, "http_bytes": 800, "state": "up"}]
    rows = {"hosts": [{"name": host, "sections": [section], **counted}], "exchanges": exchanges}
    return json.dumps({"schema": 1, "start": iso(at), "end": iso(at + 1), **counted, "interfaces": interfaces, **rows})


def objects():
    gc.collect()
    return Counter(type(each).__name__ for each in gc.get_objects())


def test_with_the_screen_open_an_hour_leaves_as_many_objects_as_ten_minutes():
    frames, view = Frames(10.0, [Rule(2000, 30)], keeps_exchanges=True), View()
    counts, rows = [], []
    for number in range(3600):
        frame = frames.push(Snapshot.from_json(busy(number)))
        view = view.with_frame(frame)
        if number % 10 == 0:
            screen(view, 120, 40)
        if number in {600, 3590}:
            counts.append(objects())
            rows.append(
                [frame.counted.host_count, frame.counted.section_count, frame.window.row_count, len(frame.history)]
            )
            assert len(frame.tail.exchanges) <= 3000
    assert rows[1] == rows[0]
    grown = {name: n - counts[0][name] for name, n in counts[1].items() if n > counts[0][name] + 100}
    assert not grown, grown


@pytest.mark.parametrize("interval", [0.01, 0.1, 1.0])
def test_a_frame_carries_a_bounded_history_at_any_interval(interval):
    frames = Frames(10.0)
    for number in range(round(100 / interval) if interval > 0.01 else 8000):
        at = START + number * interval
        frame = frames.push(snapshot(at, at + interval, hits=1))
    seconds = frame.history[-1].end - frame.history[0].start
    assert len(frame.history) <= 60 / max(interval, 0.2)
    assert 59 <= seconds <= 60.3
    assert sum(point.hits for point in frame.history) == pytest.approx(seconds / interval, abs=1)


def test_points_that_are_joined_count_what_their_intervals_counted():
    frames = Frames(10.0)
    for number in range(25):
        interfaces = [{"name": "eth0", "packets": 2, "bytes": 30, "http_bytes": 20, "state": "up"}]
        hosts = [{"name": f"h{number % 2}", "hits": 1}]
        at = START + number / 100
        frame = frames.push(snapshot(at, at + 0.01, hits=1, errors=1, hosts=hosts, interfaces=interfaces))
    (point,) = frame.history
    assert (point.start, point.end) == (pytest.approx(START), pytest.approx(START + 0.25))
    assert (point.hits, point.errors, point.packets, point.bytes) == (25, 25, 50, 750)
    assert (point.hits_of("h0"), point.hits_of("h1"), point.http_bytes_of("eth0")) == (13, 12, 500)


def test_points_on_either_side_of_a_silence_stay_apart():
    frames = Frames(10.0)
    for at in (START, START + 0.01, START + 0.05):
        frame = frames.push(snapshot(at, at + 0.01, hits=1))
    assert [round(point.start - START, 2) for point in frame.history] == [0, 0.05]
