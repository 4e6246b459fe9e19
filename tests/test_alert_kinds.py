"""Objectives, baselines and newcomers, as conversations: intervals in, alerts out."""

import pickle

import pytest
from fakes import snapshot
from netmon import AlertPolicy, Rule
from netmon.alerts.baseline import SAMPLES

MINUTE = 60


def minute(number, good, bad=0):
    statuses = {"200": good, "503": bad}
    counts = {"requests": good + bad, "responses": good + bad, "errors": bad, "statuses": statuses}
    return snapshot(number * MINUTE, (number + 1) * MINUTE, **counts, capture={"received": good + bad})


def events(policy, intervals):
    return [(alert.state, alert.at / MINUTE) for each in intervals for alert in policy.update(each)]


OBJECTIVE = Rule(slo="99%", good="status<500", windows=[(3600, 300, 14.4)], min_requests=100)


def test_a_budget_that_burns_fast_fires_and_recovers_when_the_errors_end():
    minutes = [minute(n, 100) for n in range(60)]
    minutes += [minute(60 + n, 50, 50) for n in range(20)]
    minutes += [minute(80 + n, 100) for n in range(20)]
    # 900 of 6,000 responses are 15 % after 18 minutes; 50 of the last 500 are 10 % after the fourth good minute.
    assert events(AlertPolicy([OBJECTIVE]), minutes) == [("fired", 78), ("recovered", 84)]


def test_a_few_failures_of_few_requests_use_up_no_budget():
    minutes = [minute(n, 1, 1) for n in range(40)]
    assert events(AlertPolicy([OBJECTIVE]), minutes) == []


def test_a_short_burst_that_is_over_does_not_fire():
    minutes = [minute(n, 0, 200) for n in range(2)] + [minute(2 + n, 5) for n in range(20)]
    rule = OBJECTIVE._replace(min_requests=500)
    assert events(AlertPolicy([rule]), minutes) == []


def test_the_budget_that_is_left_is_a_share_of_the_longest_span():
    policy = AlertPolicy([Rule(slo="90%", good="status<500")])
    policy.update(minute(0, 95, 5))
    [group] = policy.groups
    assert group.left == pytest.approx(0.5)


def test_minute_counts_survive_a_restart():
    before = [minute(n, 50, 50) for n in range(17)]
    after = [minute(17 + n, 50, 50) for n in range(3)]
    whole = events(AlertPolicy([OBJECTIVE]), before + after)
    policy = AlertPolicy([OBJECTIVE])
    told = events(policy, before)
    assert told + events(pickle.loads(pickle.dumps(policy)), after) == whole
    assert whole


USUAL = Rule(metric="requests", baseline=SAMPLES * MINUTE, span=MINUTE, deviations=6)


def test_a_value_far_from_its_own_past_fires_once_enough_is_known():
    calm = [minute(n, 100 + n % 5) for n in range(SAMPLES)]
    storm = [minute(SAMPLES, 1000), minute(SAMPLES + 1, 102)]
    assert events(AlertPolicy([USUAL]), calm + storm) == [("fired", SAMPLES + 1), ("recovered", SAMPLES + 2)]
    assert events(AlertPolicy([USUAL]), [*calm[:10], minute(10, 1000)]) == []


def test_a_value_that_drops_fires_too():
    calm = [minute(n, 100 + n % 5) for n in range(SAMPLES)]
    assert events(AlertPolicy([USUAL]), [*calm, minute(SAMPLES, 1)]) == [("fired", SAMPLES + 1)]


def test_nothing_is_learned_from_a_time_that_alerts():
    calm = [minute(n, 100 + n % 5) for n in range(SAMPLES)]
    storm = [minute(SAMPLES + n, 1000) for n in range(SAMPLES // 3)]
    assert events(AlertPolicy([USUAL]), calm + storm) == [("fired", SAMPLES + 1)]


def test_a_baseline_survives_a_restart():
    policy = AlertPolicy([USUAL])
    assert events(policy, [minute(n, 100 + n % 5) for n in range(SAMPLES)]) == []
    assert events(pickle.loads(pickle.dumps(policy)), [minute(SAMPLES, 1000)]) == [("fired", SAMPLES + 1)]


def seen(start, *hosts):
    return snapshot(start, hosts=[{"name": name, "requests": 1} for name in hosts], requests=len(hosts))


def test_each_newcomer_is_told_once_after_learning():
    policy = AlertPolicy([Rule(new="host", learn=10)])
    intervals = [seen(0, "a"), seen(9, "b"), seen(20, "a", "c"), seen(21, "c", "~other"), seen(22, "d")]
    told = [(alert.key, alert.at) for each in intervals for alert in policy.update(each)]
    assert told == [("c", 21), ("d", 23)]


def test_a_name_that_was_learned_before_a_restart_is_no_newcomer():
    policy = AlertPolicy([Rule(new="host", learn=10)])
    policy.update(seen(0, "a"))
    policy = pickle.loads(pickle.dumps(policy))
    assert [alert.key for alert in policy.update(seen(20, "a", "b"))] == ["b"]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"slo": "99.9%"}, "needs `good`"),
        ({"slo": "100%", "good": "status<500"}, "between 0 and 1"),
        ({"slo": "99%", "good": "status<500", "above": 5}, "`slo` and a bound"),
        ({"slo": "99%", "good": "latency<<1s"}, "`good` of a rule is a filter"),
        ({"slo": "99%", "good": "status<500", "per": "hosts"}, "host, section, interface, client"),
        ({"slo": "99%", "good": "status<500", "where": "hots:a"}, "did you mean host"),
        ({"slo": "99%", "good": "status<500", "windows": []}, "one pair of spans"),
        ({"new": "server_name", "where": "host:a"}, "has no `where`"),
        ({"new": "host", "per": "client"}, "has no `per`"),
        ({"new": "hosts"}, "host, section, client, server_name"),
        ({"baseline": 8 * 86400}, "7 days"),
        ({"baseline": 60, "new": "host"}, "`baseline` and `new`"),
    ],
)
def test_a_rule_of_a_kind_that_cannot_be_meant_is_refused(wrong, words):
    with pytest.raises(ValueError, match=words):
        Rule(**wrong)
