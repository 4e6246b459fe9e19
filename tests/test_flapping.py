"""Alerts of a rule that flaps: the first few are told, the rest once a minute, and none is lost."""

import io

import pytest
from fakes import snapshot
from netmon import Rule
from netmon.alerts import Alert
from netmon.flapping import MINUTE, TOLD, Flapping
from netmon.frames import Frames
from netmon.sinks.plain import Plain, alert_line

RULE = Rule(threshold=5, span=1)


def flaps(period, times, start=1000.0):
    """A rule that fires every `period` seconds, and recovers a second later."""
    for at in (start + n * period for n in range(times)):
        yield Alert(RULE, "fired", at, 9, at)
        yield Alert(RULE, "recovered", at + 1, 0, at)


def told(alerts, until):
    """(the alerts that are told while time passes second by second, the `Flapping` that told them)."""
    flapping, waiting, lines = Flapping(), list(alerts), []
    for now in range(1000, until + 1):
        due = [alert for alert in waiting if alert.at <= now]
        waiting = waiting[len(due) :]
        lines += flapping.update(due, float(now))
    return lines, flapping


def test_a_rule_that_fires_now_and_then_is_told_each_time():
    alerts = list(flaps(period=30, times=10))
    assert told(alerts, 2000)[0] == alerts


def test_a_rule_that_flaps_is_told_once_a_minute_with_how_often_it_fired():
    lines, flapping = told(flaps(period=5, times=12), 1100)
    *first, last = lines
    assert first == list(flaps(period=5, times=TOLD))
    assert (last.state, last.at, last.times) == ("recovered", 1056, 12)
    assert alert_line(last).endswith(", 12 times in the last minute")
    assert not flapping.held


def test_an_hour_of_firings_writes_few_lines_whose_times_add_up():
    lines, flapping = told(flaps(period=2, times=1800), 1000 + 3700)
    summaries = [alert for alert in lines if alert.times > 1]
    single = [alert for alert in lines if alert.times == 1 and alert.state == "fired"]
    assert len(lines) <= 60 * 3 + 2 * TOLD
    # The summary of the first minute also counts the firings that were told one by one.
    assert sum(alert.times for alert in summaries) + len(single) - TOLD == 1800
    assert all(alert.times <= MINUTE / 2 for alert in summaries)
    assert not flapping.held


def test_what_is_held_when_the_capture_ends_can_be_told():
    lines, flapping = told(flaps(period=5, times=5), 1022)
    assert len(lines) == 2 * TOLD
    assert [(alert.state, alert.times) for alert in flapping.held] == [("recovered", 5)]


def test_an_alert_that_lasts_after_it_flapped_is_told_as_one_that_fired():
    alerts = [*flaps(period=5, times=6), Alert(RULE, "fired", 1040.0, 9, 1040.0)]
    assert [(alert.state, alert.at, alert.times) for alert in told(alerts, 1100)[0]][-1] == ("fired", 1040, 7)


def test_rules_flap_apart():
    other = Rule(threshold=5, span=2)
    slow = [alert._replace(rule=other) for alert in flaps(period=40, times=2)]
    both = sorted([*flaps(period=2, times=20), *slow], key=lambda alert: alert.at)
    assert [alert for alert in told(both, 1200)[0] if alert.rule == other] == slow


def test_a_copy_goes_on_by_itself():
    flapping = Flapping()
    flapping.update(flaps(period=2, times=5), 1010.0)
    twin = flapping.copy()
    assert twin.held == flapping.held
    twin.update(flaps(period=2, times=1, start=1012.0), 1014.0)
    assert (twin.held[0].times, flapping.held[0].times) == (6, 5)


def plain(intervals):
    stream, frames = io.StringIO(), Frames(10.0, [RULE])
    sink = Plain(stream, window=10, top=1)
    for start, hits in intervals:
        sink.update(frames.push(snapshot(start, hits=hits)))
    sink.close()
    lines = stream.getvalue().splitlines()
    return [line for line in lines if line.startswith(("ALERT ", "RECOVERED "))], frames


@pytest.mark.parametrize("gap", [False, True])
def test_the_report_says_how_often_it_fired_and_the_tally_counts_each(gap):
    intervals = [(1000.0 + n, 9 * (n % 2 == 0)) for n in range(60)]
    intervals += [(5000.0, 1)] if gap else [(1060.0 + n, 0) for n in range(60)]
    lines, frames = plain(intervals)
    assert len(lines) == 2 * TOLD + 1
    assert lines[-1].endswith(", 30 times in the last minute")
    assert frames.push(snapshot(6000)).tally.fired == 30


def test_the_report_of_a_capture_that_ends_while_it_flaps_is_whole():
    lines, _ = plain([(1000.0 + n, 9 * (n % 2 == 0)) for n in range(20)])
    assert lines[-1].endswith(", 10 times in the last minute")
