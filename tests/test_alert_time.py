"""Rules and time: silence, clocks that are set back, states of the future; and rows that come and go."""

import json

import pytest
from fakes import snapshot
from netmon import AlertPolicy, Rule
from netmon.alerts.baseline import SAMPLES
from netmon.alerts.kept import resume, state_of
from netmon.alerts.kinds import MOST_PASTS
from netmon.alerts.policy import MOST_STATES

BUSY = Rule(name="busy", metric="requests", above=100, span=10)


def second(at, requests=0, *, length=1, **fields):
    return snapshot(at, at + length, requests=requests, capture={"received": max(requests, 1)}, **fields)


def events(policy, intervals):
    return [(alert.rule.name, alert.key, alert.state, alert.at) for each in intervals for alert in policy.update(each)]


def told(rule, intervals, **settings):
    return [(state, at) for _, _, state, at in events(AlertPolicy([rule], **settings), intervals)]


# Clocks


@pytest.mark.parametrize("live", [False, True])
@pytest.mark.parametrize("back", [30, 3600, 10**8])
def test_a_clock_that_is_set_back_raises_no_alert_and_rules_go_on(back, live):
    base = 10**9
    steady = [second(base + at, 5) for at in range(60)]
    behind = [second(base + 60 - back + at, 5) for at in range(60)]
    storm = [second(base + 120 - back + at, 50) for at in range(5)]
    calm = [second(base + 125 - back + at, 5) for at in range(30)]
    now = base + 120 - back
    assert told(BUSY, steady + behind + storm + calm, live=live) == [("fired", now + 2), ("recovered", now + 14)]


def test_an_alert_that_fires_when_the_clock_is_set_back_goes_on_and_recovers():
    policy = AlertPolicy([BUSY])
    [fired] = [alert for at in range(1000, 1003) for alert in policy.update(second(at, 80))]
    rest = [alert for at in range(500, 540) for alert in policy.update(second(at, 1))]
    assert [(alert.state, alert.since) for alert in rest] == [("recovered", fired.at)]
    assert rest[0].duration == 0, "it ended before it began"


@pytest.mark.parametrize("ahead", [1000, 10**8])
def test_a_state_of_the_future_makes_no_alert(ahead):
    before = AlertPolicy([BUSY])
    assert events(before, [second(10**8 + ahead + at, 9) for at in range(20)]) == []
    policy = AlertPolicy([BUSY])
    resume(policy, json.loads(json.dumps(state_of(before))))
    assert events(policy, [second(10**8 + at, 9) for at in range(60)]) == []
    assert [event[2:] for event in events(policy, [second(10**8 + 60, 99)])] == [("fired", 10**8 + 61)]


def test_what_was_learned_survives_a_clock_that_is_set_back():
    rule = Rule(name="usual", metric="requests", baseline=SAMPLES, span=1)
    calm = [second(10_000 + at, 100 + at % 5) for at in range(SAMPLES)]
    behind = [second(5_000 + at, 100 + at % 5) for at in range(10)]
    assert told(rule, [*calm, *behind, second(5_010, 900)], live=True) == [("fired", 5_011)]


def test_the_minutes_of_an_objective_that_lie_in_the_future_are_forgotten():
    rule = Rule(name="promise", slo="99%", good="status<500", windows=[(3600, 300, 14)])
    bad = [
        second(36_000 + 60 * at, 100, length=60, responses=100, errors=100, statuses={"503": 100}) for at in range(4)
    ]
    good = [second(60 * at, 100, length=60, responses=100, statuses={"200": 100}) for at in range(70)]
    [(state, _), *rest] = told(rule, bad + good)
    assert (state, [state for state, _ in rest]) == ("fired", ["recovered"])


# Silence in a file


def filled(intervals):
    """The same as a live capture gives them: with every empty interval."""
    end = None
    for each in intervals:
        while end is not None and end < each.start:
            yield snapshot(end, end + 1)
            end += 1
        yield each
        end = each.end


def responses(at, good, bad=0):
    statuses = {"200": good, "503": bad}
    return second(at, good + bad, responses=good + bad, errors=bad, statuses=statuses)


def sliding(count, *, start=0, bad=0):
    return [responses(start + at, 10 - bad, bad) for at in range(count)]


@pytest.mark.parametrize(
    ("rule", "intervals"),
    [
        (
            Rule(slo="90%", good="status<500", windows=[(600, 300, 2)]),
            [*sliding(120, bad=5), responses(5000, 10)],
        ),
        (
            # The good responses leave the span before the bad ones do.
            Rule(slo="90%", good="status<500", windows=[(600, 600, 5)]),
            [*sliding(300), *sliding(60, start=300, bad=8), responses(5000, 10)],
        ),
        (Rule(metric="requests", baseline=240, span=10), [*sliding(200), responses(900, 10)]),
        (Rule(metric="requests", baseline=240, span=10, for_=20), [*sliding(90), responses(3000, 10)]),
        (Rule(metric="requests", baseline=240, span=10), [*sliding(20), *sliding(300, start=5000)]),
        (Rule(metric="requests", baseline=240, span=10, keep_firing_for=30), [*sliding(200), *sliding(90, start=1000)]),
    ],
)
def test_rules_of_every_kind_tell_of_silence_in_a_file_at_the_instants_of_a_live_run(rule, intervals):
    live = told(rule, filled(intervals))
    assert told(rule, intervals) == live
    assert live or rule.baseline


# Rows that come and go


def hosts(at, *rows):
    fields = [{"name": name, "requests": n, "responses": n, "errors": bad} for name, n, bad in rows]
    return second(at, sum(n for _, n, _ in rows), hosts=fields)


def test_rows_with_too_few_requests_take_no_place_of_those_that_fire():
    rule = Rule(name="fails", metric="error_ratio", per="host", above="5%", min_requests=20, span=10)
    crowd = [(f"h{n}", 1, 1) for n in range(MOST_STATES + 500)]
    policy = AlertPolicy([rule])
    assert [event[:3] for event in events(policy, [hosts(0, *crowd, ("shop", 200, 100))])] == [
        ("fails", "shop", "fired")
    ]
    assert policy.overflow == 0


def test_each_rule_about_the_same_value_has_its_own_minimum_of_requests():
    rules = [
        Rule(name=str(n), metric="error_ratio", per="host", above="5%", min_requests=n, span=10) for n in (0, 20, 300)
    ]
    policy = AlertPolicy(rules)
    found = events(policy, [hosts(0, ("few", 1, 1), ("shop", 200, 100))])
    assert {event[:2] for event in found} == {("0", "few"), ("0", "shop"), ("20", "shop")}


def test_quiet_rows_of_baselines_take_no_place_of_those_that_fire():
    usual = [Rule(name=f"b{n}", metric="requests", per="host", baseline=3600, span=60 + n) for n in range(12)]
    policy = AlertPolicy([*usual, Rule(name="errors", metric="errors", per="host", above=5, span=60)])
    crowd = [(f"h{n}", 2, 0) for n in range(MOST_PASTS - 1)]
    intervals = [hosts(at, *crowd) for at in range(5)] + [hosts(5, *crowd, ("shop", 10, 10))]
    assert [event[:3] for event in events(policy, intervals)] == [("errors", "shop", "fired")]


def test_rows_of_a_baseline_that_are_gone_make_room_for_new_ones():
    rule = Rule(name="usual", metric="requests", per="host", baseline=SAMPLES, span=10)
    crowd = [(f"h{n}", 2, 0) for n in range(MOST_PASTS)]
    policy = AlertPolicy([rule])
    events(policy, [hosts(at, *crowd) for at in range(3)])
    told = events(policy, [hosts(at, ("late", 10 if at < 300 else 900, 0)) for at in range(20, 310)])
    assert [event[1:3] for event in told] == [("late", "fired")]
    assert policy.gauges[0].key == "late"
