"""`Monitor`: what comes out of the iterators, when it opens and when it closes."""

import asyncio
from math import inf

import pytest
from fakes import FakeEngine, monitor, snapshot
from netmon import CaptureError, FilterError, Monitor, SourceError

ONE, TWO = snapshot(1, hits=1), snapshot(2, hits=2)


async def collect(iterator):
    return [item async for item in iterator]


def test_waiting_gives_nothing_and_snapshots_come_in_order():
    watch, _ = monitor(None, ONE, None, None, TWO)
    assert list(watch.snapshots()) == [ONE, TWO]


def test_the_async_iterator_gives_the_same():
    watch, _ = monitor(None, ONE, None, TWO)
    assert asyncio.run(collect(watch.asnapshots())) == [ONE, TWO]


def test_a_monitor_can_be_iterated_itself():
    watch, engine = monitor(None, ONE, TWO)
    assert engine.calls == []
    assert list(watch) == [ONE, TWO]
    watch, _ = monitor(None, ONE, TWO)
    assert asyncio.run(collect(watch)) == [ONE, TWO]


@pytest.mark.parametrize("first", [Monitor.snapshots, Monitor.asnapshots, iter, Monitor.__aiter__])
@pytest.mark.parametrize("second", [Monitor.snapshots, Monitor.asnapshots, iter, Monitor.__aiter__])
def test_snapshots_come_once_and_asking_again_is_an_error(first, second):
    watch, engine = monitor(ONE, TWO)
    running = first(watch)
    with pytest.raises(RuntimeError, match=r"each comes only once: keep them in a list .* or make another Monitor"):
        second(watch)
    if first is iter:
        assert list(running) == [ONE, TWO]
    assert engine.calls.count("start") == 1


def test_a_monitor_that_could_not_be_opened_may_be_asked_again():
    engine = FakeEngine([ONE], on_start=PermissionError("no"))
    watch = Monitor._of(engine)
    with pytest.raises(PermissionError):
        watch.snapshots()
    engine.on_start = None
    assert list(watch) == [ONE]


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("snaplen", 0),
        ("buffer_size", 10 << 30),
        ("buffer_size", -1),
        ("section_depth", 1 << 70),
        ("workers", -(1 << 70)),
    ],
)
def test_whole_numbers_out_of_range_are_value_errors_however_large(name, number):
    with pytest.raises(ValueError, match=f"{name} must be 1 to "):
        Monitor(**{name: number})


def test_nothing_is_opened_before_it_is_asked_for():
    watch, engine = monitor(ONE)
    assert engine.calls == []
    watch.snapshots()
    assert engine.calls == ["start"]


def test_a_monitor_opens_once_however_often_it_is_asked_to():
    watch, engine = monitor(ONE)
    with watch:
        watch.open()
        list(watch.snapshots())
    assert engine.calls.count("start") == 1


def test_the_capture_is_closed_at_the_end():
    watch, engine = monitor(ONE)
    list(watch.snapshots())
    assert engine.calls == ["start", "close"]


def test_the_capture_is_closed_when_a_loop_is_left():
    watch, engine = monitor(ONE, TWO)
    for _ in watch.snapshots():
        break
    assert engine.calls == ["start", "close"]


def test_the_capture_is_closed_when_the_body_of_with_raises():
    watch, engine = monitor(ONE)
    with pytest.raises(ZeroDivisionError), watch:
        raise ZeroDivisionError
    assert engine.calls == ["start", "close"]


def test_what_was_counted_before_close_still_comes_out():
    watch, _ = monitor(ONE, TWO)
    running = watch.snapshots()
    assert next(running) == ONE
    watch.close()
    assert list(running) == [TWO]


def test_cancelling_ends_the_wait_and_closes():
    watch, engine = monitor(*[None] * 1000)

    async def cancel():
        task = asyncio.create_task(collect(watch.asnapshots()))
        await asyncio.sleep(0)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancel())
    assert engine.calls == ["start", "close"]


def test_ctrl_c_passes_through_and_closes():
    watch, engine = monitor(ONE, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        list(watch.snapshots())
    assert engine.calls == ["start", "close"]


@pytest.mark.parametrize("error", [PermissionError("no"), SourceError("no"), FilterError("no")])
def test_errors_of_opening_pass_unchanged(error):
    for open_it in (Monitor.open, Monitor.snapshots, Monitor.__enter__):
        watch = Monitor._of(FakeEngine(on_start=error))
        with pytest.raises(type(error)) as caught:
            open_it(watch)
        assert caught.value is error


def test_a_failing_capture_gives_what_it_had_then_raises():
    watch, engine = monitor(ONE, CaptureError("eth0 went away"))
    running = watch.snapshots()
    assert next(running) == ONE
    with pytest.raises(CaptureError, match="went away"):
        next(running)
    assert engine.calls[-1] == "close"


def test_async_with_opens_and_closes():
    watch, engine = monitor(ONE)

    async def use():
        async with watch:
            return [each async for each in watch.asnapshots()]

    assert asyncio.run(use()) == [ONE]
    assert engine.calls[0] == "start"
    assert engine.calls[-1] == "close"


@pytest.mark.parametrize("given", ["/no/such/file.pcap", ["/no/such/file.pcap"]])
def test_a_file_that_is_not_there_is_a_source_error(given):
    with pytest.raises(SourceError):
        Monitor(read=given).open()


def test_settings_out_of_range_are_value_errors():
    with pytest.raises(ValueError, match="interval"):
        Monitor(interval=0)


class Clock:
    """A clock that stands still except in `sleep`."""

    def __init__(self):
        self.now, self.naps = 0.0, []

    def sleep(self, seconds):
        assert seconds <= 0.1, "a wait is bounded, so that Ctrl-C works at once"
        self.now += seconds


def fake(speed, *script):
    clock = Clock()
    watch = Monitor._of(FakeEngine(script), speed=speed, clock=lambda: clock.now, sleep=clock.sleep)
    return watch, clock


@pytest.mark.parametrize(
    ("speed", "times"), [(1, [1, 2, 3]), (10, [0.1, 0.2, 0.3]), (0.5, [2, 4, 6]), (inf, [0, 0, 0])]
)
def test_a_file_is_played_at_the_speed_asked_for_silence_included(speed, times):
    watch, clock = fake(speed, snapshot(1), None, snapshot(3))
    assert [(each.start, clock.now) for each in watch.snapshots()] == [
        (start, pytest.approx(at)) for start, at in zip([1, 2, 3], times, strict=True)
    ]


def test_the_async_iterator_plays_the_same():
    async def timed():
        watch, clock = fake(2, snapshot(1), snapshot(3))
        return [(each.start, clock.now) async for each in watch.asnapshots()]

    assert asyncio.run(timed()) == [(1, pytest.approx(0.5)), (2, pytest.approx(1)), (3, pytest.approx(1.5))]


def test_closing_ends_a_playback_at_once():
    watch, clock = fake(1, snapshot(1), snapshot(2), snapshot(3))
    seen = []
    for each in watch.snapshots():
        seen.append(each.start)
        watch.close()
    assert (seen, clock.now) == ([1], pytest.approx(1))


@pytest.mark.parametrize(("read", "speed"), [(None, 1.0), ("a.pcap", 0.0), ("a.pcap", -1.0)])
def test_a_speed_must_be_above_0_and_needs_a_file(read, speed):
    with pytest.raises(ValueError, match="speed must be above 0 and needs a file"):
        Monitor(read=read, speed=speed)
