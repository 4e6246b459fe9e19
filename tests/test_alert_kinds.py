"""Objectives, baselines and newcomers, as conversations: intervals in, alerts out."""

import json
import pickle

import pytest
from fakes import snapshot
from netmon import AlertPolicy, Rule
from netmon.actions import facts, messages
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


def test_a_call_of_grpc_that_failed_uses_up_the_budget_although_its_status_is_200():
    calls = {"requests": 100, "responses": 100, "statuses": {"200": 100}, "capture": {"received": 100}}
    failing = {"errors": 90, "grpc_statuses": {"OK": 10, "UNAVAILABLE": 90}}
    minutes = [snapshot(n * MINUTE, (n + 1) * MINUTE, **calls, **failing) for n in range(20)]
    assert [state for state, _ in events(AlertPolicy([OBJECTIVE]), minutes)] == ["fired"]


@pytest.mark.parametrize(
    ("good", "where", "good_ones"),
    [
        ("status<500", "host:a", "(host:a) ((status<500) (not grpc:failed))"),
        ("status<400", "", "(status<400) (not grpc:failed)"),
        ("status<500 and latency<1s", "", "(status<500 and latency<1s) (not grpc:failed)"),
        ("status<500 not grpc:UNAVAILABLE", "", "status<500 not grpc:UNAVAILABLE"),
        ("latency<1s", "", "latency<1s"),
    ],
)
def test_what_is_good_by_its_status_is_no_call_that_failed_unless_the_rule_says_so(good, where, good_ones):
    rule = Rule(slo="99%", good=good, where=where)
    assert rule.subsets == ((where, ""), (good_ones, ""))


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


BURNING = Rule(name="shop", slo="99%", good="status<500", windows=[(3600, 300, 14.4), (7200, 600, 6)])
ODD = USUAL._replace(name="odd", deviations=7)
BURST = [minute(n, 100) for n in range(8)] + [minute(8, 20, 80)] + [minute(9 + n, 100) for n in range(12)]
STORM = [minute(n, 100 + n % 5) for n in range(SAMPLES)] + [minute(SAMPLES, 1000), minute(SAMPLES + 1, 100)]


def alerts_of(rule, intervals, *, cut=None):
    """The alerts of a rule; with `cut`, the policy is written and read after that many intervals."""
    policy, found = AlertPolicy([rule]), []
    for number, interval in enumerate(intervals):
        if number == cut:
            policy = pickle.loads(pickle.dumps(policy))
        found += policy.update(interval)
    return found


def test_an_alert_of_an_objective_tells_its_burn_rate_its_spans_and_what_is_left_of_the_budget():
    fired, recovered = alerts_of(BURNING, BURST)
    burn = (80 / 900) / 0.01  # the worst of both spans of the second pair, of which each has all of the nine minutes
    facts_of = {name: facts.document(fired)[name] for name in ("metric", "slo", "factor", "window", "short_window")}
    assert facts_of == {"metric": "burn_rate", "slo": 0.99, "factor": 6, "window": 7200, "short_window": 600}
    assert facts.document(fired)["burn_rate"] == facts.document(fired)["value"] == pytest.approx(burn)
    assert facts.document(fired)["budget"] == pytest.approx(1 - burn)
    assert facts.document(fired)["summary"] == (
        "shop: burn rate is 8.89, above 6 over 2 h and 10 min, the error budget is overdrawn"
    )
    assert facts.document(recovered)["burn_rate"] < 6
    variables = facts.variables(fired)
    assert (variables["NETMON_ALERT_WINDOW"], variables["NETMON_ALERT_SHORT_WINDOW"]) == ("7200", "600")
    assert float(variables["NETMON_ALERT_BUDGET"]) == pytest.approx(1 - burn)
    assert "NETMON_ALERT_USUAL_LOW" not in variables


def test_a_budget_of_which_something_is_left_says_how_much():
    rule = BURNING._replace(windows=[(3600, 300, 6), (86400, 600, 1)])
    (fired,) = alerts_of(rule, [minute(n, 100) for n in range(1000)] + [minute(1000, 0, 500)])
    assert facts.document(fired)["summary"] == (
        "shop: burn rate is 7.81, above 6 over 1 h and 5 min, 50 % of the error budget left"
    ), "500 of 6,400 responses in the hour are bad, and of all 100,500, of which 1,005 may be"


def test_an_alert_of_a_baseline_tells_the_usual_range():
    fired, recovered = alerts_of(ODD, STORM)
    low, high = 102 - 7 * 0.05 * 102, 102 + 7 * 0.05 * 102
    for alert in (fired, recovered):
        document = facts.document(alert)
        assert (document["usual_low"], document["usual_high"]) == (pytest.approx(low), pytest.approx(high))
    assert facts.document(fired)["summary"] == "odd: requests is 1000, usual is 66.3 to 137.7"
    assert facts.variables(fired)["NETMON_ALERT_USUAL_HIGH"] == "137.7"


def test_alertmanager_gets_the_facts_of_each_kind_as_annotations_and_no_others():
    (objective, *_), (baseline, *_) = alerts_of(BURNING, BURST), alerts_of(ODD, STORM)
    bodies = [
        (json.loads(messages.webhook([alert], instance="x"))["alerts"], json.loads(messages.api([alert], **API)))
        for alert in (objective, baseline)
    ]
    for (of_objective,), (of_baseline,) in zip(*bodies, strict=True):
        assert of_objective["labels"] == {
            "alertname": "shop",
            "instance": "x",
            "metric": "burn_rate",
            "severity": "warning",
        }
        assert set(of_objective["annotations"]) - set(of_baseline["annotations"]) == {
            *("slo", "burn_rate", "factor", "window", "short_window", "budget")
        }
        assert set(of_baseline["annotations"]) - set(of_objective["annotations"]) == {"usual_low", "usual_high"}
        assert of_objective["annotations"]["factor"] == "6"


API = {"instance": "x", "now": 0, "remind": 60}


@pytest.mark.parametrize(("rule", "intervals", "cut"), [(BURNING, BURST, 12), (ODD, STORM, SAMPLES + 1)])
def test_the_facts_of_an_alert_that_fires_survive_a_restart(rule, intervals, cut):
    policy = AlertPolicy([rule])
    (fired,) = [alert for interval in intervals[:cut] for alert in policy.update(interval)]
    [group] = pickle.loads(pickle.dumps(policy)).groups
    [again] = group.firing(group.rules[0])
    assert facts.document(again) == facts.document(fired)
    assert alerts_of(rule, intervals, cut=cut) == alerts_of(rule, intervals)


def test_a_newcomer_is_told_as_such_and_not_as_a_number():
    policy = AlertPolicy([Rule(name="new one", new="host", learn=10)])
    alerts = [alert for interval in (seen(0, "a"), seen(20, "b")) for alert in policy.update(interval)]
    (document,) = map(facts.document, alerts)
    assert (document["summary"], document["metric"]) == ("new one: a new host, b", "")
    assert "metric" not in messages.labels(alerts[0], "x")


def test_a_baseline_says_how_much_it_has_learned_and_then_stays_certain():
    """With a value a second, a short past has few values, and all of them count."""
    policy = AlertPolicy([Rule(metric="requests", baseline=30, span=1)])
    learned = []
    for at in range(60):
        policy.update(snapshot(at, requests=100 + at % 5, capture={"received": 1}))
        [gauge] = policy.gauges
        learned.append(gauge.learning and (gauge.learning.seconds, gauge.learning.needed))
    assert learned[1:5] == [(2, 15), (3, 15), (4, 15), (5, 15)]
    assert learned[14:] == [None] * 46, "what is usual is known for good"
    assert gauge.bound > 104


def test_a_gap_does_not_count_as_time_that_was_learned():
    policy = AlertPolicy([Rule(metric="requests", baseline=100, span=1)], live=True)
    for at in (0, 1, 2, 60, 61):
        policy.update(snapshot(at, requests=100, capture={"received": 1}))
    assert policy.gauges[0].learning.seconds < 10


def test_a_baseline_per_row_shows_the_row_that_is_farthest_from_what_is_usual():
    rule = Rule(metric="requests", per="host", baseline=30, span=1, deviations=60)
    policy = AlertPolicy([rule])
    for at in range(30):
        rows = [{"name": "a", "requests": 100}, {"name": "b", "requests": 10 + 5 * (at == 29)}]
        policy.update(snapshot(at, hosts=rows, capture={"received": 1}))
    [gauge] = policy.gauges
    assert (gauge.key, gauge.value, gauge.state) == ("b", 15, "ok")


def test_a_rule_about_newcomers_says_that_it_learns():
    policy = AlertPolicy([Rule(new="host", learn=10)])
    policy.update(seen(0, "a"))
    assert policy.gauges[0].learning == (1, 10)
    policy.update(seen(10, "a"))
    assert policy.gauges[0].learning is None
