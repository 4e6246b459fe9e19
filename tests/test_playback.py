"""A file played as if it were live: when each step is played, and that its frame is the same by every route."""

from itertools import pairwise
from math import inf

import pytest
from fakes import snapshot
from netmon import Rule
from netmon.frames import Frames
from netmon.pace import SILENCE, Pace, Schedule
from netmon.playback import AHEAD, Playback

START = 1000.0
RULE = Rule(threshold=20, span=4.0)


def second(i, hits=1, interface="eth0"):
    hosts = [{"name": f"{'abc'[i % 3]}.example", "hits": hits, "sections": [{"path": f"/{i % 5}", "hits": hits}]}]
    return snapshot(START + i, hits=hits, hosts=hosts, interfaces=[{"name": interface, "packets": hits, "state": "up"}])


FILE = [second(i, 9 if i in (10, 11, 12, 40) else 1) for i in (*range(15), *range(30, 60))]
"""A minute with a quarter of it silent; the rule fires and recovers in it."""

TOLD = [*range(1, 16), *range(30, 61)]
"""The ends of the frames that outputs get: one for each second, and one for the whole silence."""


def playback(snapshots=FILE, *, speed=1.0, now=0.0, window=5.0, ends=True, **how):
    """A `Playback` that has read all of the snapshots at clock 0."""
    made = Playback(Frames(window, [RULE]), interval=1.0, speed=speed, **how)
    for each in snapshots:
        made.add(each, now)
    if ends:
        made.end()
    return made


def play(made, now):
    """Advances until nothing more is due at clock `now`. Returns the last moment, or None if there was none."""
    last = None
    while True:
        moment = made.advance(now)
        if moment is None and made.wait(now) > 0:
            return last
        last = moment or last


def seen(moment):
    """All values of a moment that the screen shows."""
    frame = moment.frame
    history = [(point.start, point.end, point.hits, point.hosts) for point in frame.history]
    return (
        frame.snapshot.to_json(), frame.window.to_json(), frame.total.to_json(), frame.seconds, frame.tally,
        frame.gauges, frame.alerts, history, moment.alerts, moment.progress.at, frame.counted.to_json(), frame.shown,
    )  # fmt: skip


def at(moment):
    return moment.frame.snapshot.end - START


# When a step is played


@pytest.mark.parametrize(
    ("speed", "clock", "ends"),
    [(1, 0.9, None), (1, 1.0, 1), (1, 2.5, 2), (10, 2.05, 20), (0.5, 1.9, None), (0.5, 4, 2), (inf, 0, 60)],
)  # fmt: skip
def test_a_step_comes_when_its_end_is_reached(speed, clock, ends):
    moment = play(playback(speed=speed), clock)
    assert (at(moment) if moment else None) == ends


def test_silence_passes_as_it_does_live_and_is_shown():
    made = playback()
    moment = play(made, 20.0)
    assert at(moment) == 20
    assert moment.frame.snapshot.hits == 0
    assert moment.frame.window.hits == 0
    assert [(each.name, each.state) for each in moment.frame.window.interfaces] == [("eth0", "up")]


def test_a_silence_longer_than_an_hour_is_cut_to_an_hour():
    made = playback([second(0), second(90_000), second(90_001)])
    assert at(play(made, SILENCE)) == SILENCE
    assert at(play(made, SILENCE + 1)) == SILENCE + 1
    assert at(play(made, SILENCE + 2)) == 90_001
    assert at(play(made, SILENCE + 3)) == 90_002


def test_the_wait_ends_when_something_is_due():
    made = playback(speed=2)
    assert made.wait(0.1) == pytest.approx(0.4)
    play(made, 0.5)
    assert made.wait(0.5) == pytest.approx(0.5)
    play(made, 1e9)
    assert made.wait(1e9) == inf


def test_a_pipe_that_grows_plays_as_it_comes():
    made = playback([second(0)], ends=False)
    assert at(play(made, 1.0)) == 1
    assert play(made, 7.0) is None
    made.add(second(5), 7.0)
    assert at(play(made, 7.0)) == 6
    assert made.wants_more


def test_playback_reads_only_a_little_ahead():
    made = playback(FILE[:AHEAD], ends=False)
    assert not made.wants_more
    play(made, 1.0)
    assert made.wants_more


def test_each_frame_is_told_once_and_none_is_left_out():
    told = []
    made = playback(on_new=lambda frame: told.append(frame.snapshot.end - START))
    play(made, 20.0)
    made.seek(-10)
    play(made, 20.0)
    play(made, 1e9)
    assert told == TOLD


# Keys


def test_time_stands_still_while_it_is_paused():
    made = playback()
    play(made, 3.4)
    made.toggle(3.4)
    moment = play(made, 100.0)
    assert at(moment) == 3
    assert moment.progress.is_paused
    assert made.wait(100.0) == inf
    made.toggle(100.0)
    assert made.wait(100.0) == pytest.approx(0.6)
    assert at(play(made, 100.6)) == 4


def test_a_step_plays_one_interval_and_pauses():
    made = playback()
    play(made, 3.4)
    for expected in (4, 5):
        made.step(3.5)
        moment = play(made, 3.5)
        assert (at(moment), moment.progress.is_paused) == (expected, True)


@pytest.mark.parametrize(("leaps", "ends"), [([+10], 30), ([-10], 10), ([-10, -10], 1), ([+10, -10], 20), ([+99], 60)])
def test_seeking_goes_by_intervals_and_stops_at_either_end(leaps, ends):
    made = playback()
    play(made, 20.0)
    for leap in leaps:
        made.seek(leap)
    assert at(play(made, 20.0)) == ends
    if ends < 60:
        assert at(play(made, 21.0)) == ends + 1


def test_during_a_seek_back_nothing_older_than_its_goal_is_shown():
    made = playback()
    play(made, 55.0)
    made.seek(-2)
    shown = []
    while made.wait(55.0) == 0 or not shown:
        shown += [at(moment)] if (moment := made.advance(55.0)) else []
    assert shown == [53]


def test_seeking_on_in_a_pipe_waits_for_what_comes():
    made = playback(FILE[:3], ends=False)
    play(made, 3.0)
    made.seek(+3)
    assert play(made, 3.0) is None
    for i in (3, 4, 5, 6):
        made.add(second(i), 3.5)
    assert at(play(made, 3.5)) == 6
    assert at(play(made, 4.5)) == 7


def test_the_end_is_told_and_one_can_go_back_from_it():
    made = playback()
    assert play(made, 60.0).progress.is_over
    made.seek(-1)
    moment = play(made, 70.0)
    assert (at(moment), moment.progress.is_over) == (59, False)
    assert play(made, 71.0).progress.is_over


def test_the_end_of_the_file_is_told_though_nothing_is_played():
    made = playback(FILE[:2], ends=False)
    assert not play(made, 9.0).progress.is_over
    made.end()
    moment = play(made, 9.0)
    assert moment.progress.is_over
    assert moment.progress.latest == START + 2


# The same frame by every route


def played():
    made, moments = playback(), {}
    for clock in range(1, 61):
        moments[clock] = seen(play(made, clock))
    return moments


@pytest.mark.parametrize("route", [[60, 1], [30, 20, 45], [59, 58, 57], [13, 12, 16, 17], [60, 15, 60], [41, 40, 44]])
def test_a_frame_is_the_same_whether_played_or_sought(route):
    expected, made = played(), playback()
    position = 1
    play(made, 1.0)
    made.toggle(1.0)
    for goal in route:
        made.seek(goal - position)
        position = goal
        assert seen(play(made, 1.0)) == expected[goal]


def test_playing_again_gives_the_same_alerts_at_the_same_instants():
    made = playback()
    first = play(made, 60.0).alerts
    assert [(alert.state, alert.at - START) for alert in first] == [("fired", 12), ("recovered", 16)]
    made.seek(-60)
    moment = play(made, 60.0)
    assert moment.alerts == ()
    assert play(made, 120.0).alerts == first


def test_with_another_window_frames_are_as_if_it_had_been_set_from_the_start():
    made, other = playback(), playback(window=30.0)
    play(made, 50.0)
    made.resize(30.0)
    assert seen(play(made, 50.0)) == seen(play(other, 50.0))
    made.seek(-10)
    other.seek(-10)
    assert seen(play(made, 50.0)) == seen(play(other, 50.0))


def test_clearing_holds_for_all_later_frames_by_every_route():
    made = playback()
    play(made, 20.0)
    made.clear()
    cleared = play(made, 20.0)
    assert (cleared.frame.counted.hits, cleared.frame.shown.hits, at(cleared)) == (0, 0, 20)
    later = play(made, 45.0)
    hits = [sum(each.hits for each in FILE if first <= each.start - START < 45) for first in (20, 0)]
    assert [later.frame.counted.hits, later.frame.total.hits] == hits
    made.seek(-30)
    assert seen(play(made, 45.0)) == played()[15]
    made.seek(+30)
    assert seen(play(made, 45.0)) == seen(later)
    made.resize(5.0)
    assert seen(play(made, 45.0)) == seen(later)


def test_clearing_during_a_seek_clears_at_its_goal():
    """A key may come before the seek that an earlier key asked for has ended."""
    made = playback()
    play(made, 20.0)
    made.resize(7.0)
    made.clear()
    moment = play(made, 20.0)
    assert (at(moment), moment.frame.counted.hits, moment.frame.window_length) == (20, 0, 7.0)
    for steps in (-8, +3):
        made.seek(steps)
        made.clear()
        assert play(made, 20.0).frame.counted.hits == 0
    assert at(play(made, 21.0)) == 16


def test_keys_during_a_seek_do_the_same_as_one_by_one():
    made, slow = playback(), playback()
    play(made, 20.0), play(slow, 20.0)
    for key in (lambda it: it.seek(-10), lambda it: it.clear(), lambda it: it.seek(+15)):
        key(made), key(slow)
        expected = play(slow, 20.0)
    assert seen(play(made, 20.0)) == seen(expected)
    assert at(expected) == 25
    assert expected.frame.counted.hits == sum(each.hits for each in FILE if 10 <= each.start - START < 25)


def test_clearing_where_the_file_turns_out_to_have_ended_clears_at_its_end():
    made = playback(FILE[:10], ends=False)
    play(made, 5.0)
    made.seek(+30)
    made.clear()
    assert play(made, 5.0).frame.counted.hits == 10
    made.end()
    assert (at(moment := play(made, 5.0)), moment.frame.counted.hits) == (10, 0)


def test_outputs_are_told_what_was_counted_and_every_alert_whatever_is_cleared():
    told = []
    made = playback(on_new=told.append)
    play(made, 5.0)
    made.seek(+7)
    made.clear()
    assert play(made, 5.0).frame.window.hits == 0
    assert [alert.state for frame in told for alert in frame.alerts] == ["fired"]
    assert told[-1].window.hits > 20


def test_before_the_first_step_there_is_nothing_to_clear():
    made = playback()
    made.clear()
    assert play(made, 5.0).frame.counted.hits == 5


# Bounds


def test_a_capture_of_many_rows_gives_up_its_oldest_steps_and_says_so(monkeypatch):
    whole = playback()
    total = play(whole, 60.0).frame.total
    monkeypatch.setattr("netmon.playback.KEPT_ROWS", 300)
    made = playback([], ends=False)
    for clock, each in enumerate(FILE):
        made.add(each, 0.0)
        play(made, clock)
    made.end()
    moment = play(made, 60.0)
    assert moment.frame.total == total, "what the steps counted stays"
    assert moment.progress.forgets
    assert made._rows <= 300 + AHEAD * 12
    made.seek(-60)
    earliest = play(made, 60.0)
    assert earliest.frame.snapshot.end == earliest.progress.earliest > START + 1
    expected = played()
    assert seen(earliest) == expected[at(earliest)]


def test_totals_stay_cleared_when_the_step_of_the_clearing_is_given_up(monkeypatch):
    monkeypatch.setattr("netmon.playback.KEPT_ROWS", 300)
    made = playback([], ends=False)
    for clock, each in enumerate(FILE):
        made.add(each, 0.0)
        play(made, clock)
        if clock == 5:
            made.clear()
            cleared = at(play(made, clock))
    made.end()
    play(made, 60.0)
    made.seek(-60)
    earliest = play(made, 60.0)
    assert at(earliest) > cleared + 1
    since = [each.hits for each in FILE if cleared <= each.start - START < at(earliest)]
    assert earliest.frame.counted.hits == sum(since)


def test_checkpoints_are_bounded_and_cover_the_file(monkeypatch):
    made = playback([second(i) for i in range(1000)], window=2.0)
    play(made, 1000.0)
    assert len(made._checkpoints) <= 32
    numbers = sorted(made._checkpoints)
    assert numbers[0] == 0
    assert max(b - a for a, b in pairwise(numbers)) <= 64


# Without a screen


def due(snapshots, speed):
    schedule = Schedule(speed, 1.0)
    return [(each.start - START, when) for each in snapshots for each, when in schedule.push(each, 50.0)]


def test_without_a_speed_everything_is_due_at_once_and_silence_is_skipped():
    assert due([second(0), second(5)], None) == [(0, 50.0), (5, 50.0)]


def test_with_a_speed_each_is_due_at_its_end_silence_included():
    found = due([second(0), second(3)], 2.0)
    assert found == [(0, pytest.approx(50.5)), (1, pytest.approx(51.5)), (3, pytest.approx(52.0))]


def test_at_the_highest_speed_silence_is_there_and_nothing_waits():
    assert due([second(0), second(2)], inf) == [(0, 50.0), (1, 50.0), (2, 50.0)]


def test_a_schedule_waits_an_hour_of_a_longer_silence_as_playback_does():
    found = due([second(0), second(90_000)], 1.0)
    assert found == [
        (0, pytest.approx(51.0)),
        (1, pytest.approx(51.0 + SILENCE)),
        (90_000, pytest.approx(52.0 + SILENCE)),
    ]


YEARS = 3 * 365 * 86_400


@pytest.mark.parametrize("interval", [0.01, 1.0, 60.0])
@pytest.mark.parametrize("speed", [0.5, 1.0, 1000.0, inf])
def test_a_silence_of_any_length_is_one_snapshot_at_any_interval_and_speed(interval, speed):
    first, last = snapshot(START, START + interval), snapshot(START + YEARS, START + YEARS + interval)
    schedule = Schedule(speed, interval)
    list(schedule.push(first, 0.0))
    [(silent, _), (after, _)] = schedule.push(last, 0.0)
    assert (silent.start, silent.end) == (first.end, pytest.approx(last.start))
    assert (silent.hits, after) == (0, last)


@pytest.mark.parametrize("interval", [0.01, 1.0, 60.0])
@pytest.mark.parametrize("speed", [0.5, 1.0, 1000.0, inf])
def test_outputs_beside_a_screen_are_told_of_a_silence_once_and_whole(interval, speed):
    told = []
    made = Playback(Frames(10.0), interval=interval, speed=speed, on_new=lambda frame: told.append(frame.snapshot))
    received = {"capture": {"received": 1}}
    for at in (0, YEARS):
        made.add(snapshot(START + at, START + at + interval, **received), 0.0)
    made.end()
    made.seek(1_000_000)
    for _ in range(100):
        made.advance(0.0)
    assert [(each.start - START, each.end - START) for each in told] == [
        (0, pytest.approx(interval)),
        (pytest.approx(interval), pytest.approx(YEARS)),
        (YEARS, pytest.approx(YEARS + interval)),
    ]


@pytest.mark.parametrize("speed", [1.0, 10.0, 0.5])
def test_a_pace_waits_until_packet_time_is_reached(speed):
    pace = Pace(speed, 100.0, 7.0)
    assert pace.time(7.0 + pace.wait(103.0, 7.0)) == pytest.approx(103.0)
    assert pace.stopped(101.0).time(999.0) == 101.0
    assert pace.stopped(101.0).resumed(20.0).wait(102.0, 20.0) == pytest.approx(1 / speed)
