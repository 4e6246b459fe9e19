"""Rules beyond a sum and a threshold, as conversations: intervals in, alerts out; and laws for any traffic."""

import random
from typing import NamedTuple

import pytest
from fakes import histogram, snapshot
from netmon import AlertPolicy, Rule
from netmon.alerts.policy import MOST_STATES


class Second(NamedTuple):
    """What happens in a second: requests, errors, and seconds that each response takes."""

    requests: int = 0
    errors: int = 0
    latency: float = 0.0
    host: str = "a.example"
    capture: dict | None = None
    interfaces: tuple = ()


def interval(start, second, length=1):
    counts = {"requests": second.requests, "responses": second.requests, "errors": second.errors}
    if second.latency and second.requests:
        counts["latency"] = histogram(at=second.latency, count=second.requests)
    hosts = [{"name": second.host, **counts, "sections": [{"path": "/", **counts}]}] if second.requests else []
    capture = {"received": 4 * second.requests, **(second.capture or {})}
    rest = {"capture": capture, "interfaces": list(second.interfaces)}
    return snapshot(start, start + length, hosts=hosts, **counts, **rest)


def talk(rule, seconds, **how):
    """The alerts of a rule that sees these seconds, from second 0 on, as (state, at)."""
    policy = AlertPolicy([rule], **how)
    return [
        (alert.state, alert.at)
        for start, second in enumerate(seconds)
        for alert in policy.update(interval(start, second))
    ]


def of(*requests, **how):
    return [Second(n, **how) for n in requests]


def errors(*pairs):
    return [Second(requests, bad) for requests, bad in pairs]


def took(*latencies):
    return [Second(10, 0, latency) for latency in latencies]


DOWN, UP = ({"name": "eth0", "state": "down"},), ({"name": "eth0", "state": "up"},)
LOSSY = {"received": 90, "kernel_dropped": 10}

CONVERSATIONS = {
    "a_value_at_the_bound_is_not_above_it": (Rule(above=5, span=1, metric="requests"), of(5, 6), [("fired", 2)]),
    "a_value_at_the_bound_is_not_below_it": (Rule(below=5, span=1, metric="requests"), of(9, 5, 4), [("fired", 3)]),
    "a_rule_below_waits_until_its_span_is_covered": (
        Rule(below=5, span=3, metric="requests"),
        of(1, 1, 1, 9, 0, 0),
        [("fired", 3), ("recovered", 4)],
    ),
    "an_alert_ends_at_the_recovery_bound": (
        Rule(above=10, recover=3, span=1, metric="requests"),
        of(11, 9, 4, 3),
        [("fired", 1), ("recovered", 4)],
    ),
    "a_ratio_fires_by_its_share": (
        Rule(above="5%", span=1, metric="error_ratio"),
        errors((100, 5), (100, 6), (100, 5)),
        [("fired", 2), ("recovered", 3)],
    ),
    "few_requests_do_not_fire": (
        Rule(above="5%", span=1, metric="error_ratio", min_requests=20),
        errors((5, 5), (20, 2)),
        [("fired", 2)],
    ),
    "an_alert_is_not_over_because_requests_are_few": (
        Rule(above="5%", span=1, metric="error_ratio", min_requests=20),
        errors((20, 20), (5, 5), (5, 0)),
        [("fired", 1), ("recovered", 3)],
    ),
    "a_percentile_is_that_of_the_span": (
        Rule(above="500ms", span=2, metric="latency.p95"),
        took(0.1, 0.9, 0.1, 0.1),
        [("fired", 2), ("recovered", 4)],
    ),
    "a_rate_is_the_mean_over_the_span": (
        Rule(above="5/s", span=2, metric="requests"),
        of(10, 1, 1),
        [("fired", 2), ("recovered", 3)],
    ),
    "a_value_must_stay_beyond_the_bound": (
        Rule(above=5, span=1, metric="requests", for_=2),
        of(9, 9, 0, 9, 9, 9),
        [("fired", 6)],
    ),
    "a_value_must_stay_back": (
        Rule(above=5, span=1, metric="requests", keep_firing_for=2),
        of(9, 0, 9, 0, 0, 0),
        [("fired", 1), ("recovered", 6)],
    ),
    "absence_fires_when_nothing_comes": (
        Rule(above="2s", metric="absent"),
        of(1, 0, 0, 0, 1),
        [("fired", 4), ("recovered", 5)],
    ),
    "nothing_at_all_is_absence_too": (Rule(above="2s", metric="absent"), of(0, 0, 0, 0), [("fired", 3)]),
    "a_lost_interface_stops_firing": (
        Rule(above=5, span=1, metric="requests"),
        [Second(9, interfaces=DOWN), Second(9, interfaces=UP)],
        [("fired", 2)],
    ),
    "an_alert_does_not_recover_while_the_capture_is_down": (
        Rule(above=5, span=1, metric="requests"),
        [Second(9, interfaces=UP), Second(0, interfaces=DOWN), Second(), Second(0, interfaces=UP), Second()],
        [("fired", 1), ("recovered", 4)],
    ),
    "packets_that_are_lost_stop_firing_and_recovering": (
        Rule(above=5, span=1, metric="requests"),
        [Second(9, capture=LOSSY), Second(9), Second(0, capture=LOSSY), Second()],
        [("fired", 2), ("recovered", 4)],
    ),
    "absence_is_not_concluded_from_a_capture_that_was_down": (
        Rule(above="2s", metric="absent"),
        [Second(1, interfaces=UP), Second(0, interfaces=DOWN), Second(), Second(0, interfaces=UP), Second(), Second()],
        [("fired", 6)],
    ),
}


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_conversation(name):
    rule, seconds, events = CONVERSATIONS[name]
    assert talk(rule, seconds) == events


def test_each_host_has_a_state_of_its_own():
    policy = AlertPolicy([Rule(above=5, span=1, metric="requests", per="host")])
    seconds = [Second(9, host="a"), Second(9, host="b"), Second(1, host="a"), Second(9, host="~other")]
    alerts = [alert for at, second in enumerate(seconds) for alert in policy.update(interval(at, second))]
    assert [(alert.state, alert.key, alert.at) for alert in alerts] == [
        ("fired", "a", 1),
        ("recovered", "a", 2),
        ("fired", "b", 2),
        ("recovered", "b", 3),
    ]


def test_a_filter_says_which_rows_count():
    rule = Rule(above=5, span=1, metric="requests", where="host:b*")
    assert talk(rule, [Second(9, host="a"), Second(9, host="b.example"), Second(0)]) == [("fired", 2), ("recovered", 3)]


def test_a_section_is_named_by_its_host_and_path():
    policy = AlertPolicy([Rule(above=5, span=1, metric="requests", per="section")])
    [alert] = policy.update(interval(0, Second(9)))
    assert (alert.key, alert.value) == ("a.example/", 9)


def test_a_host_that_is_no_longer_seen_counts_as_zero():
    policy = AlertPolicy([Rule(below=5, span=2, metric="requests", per="host")])
    told = [policy.update(interval(at, second)) for at, second in enumerate(of(9, 9, 9, 0, 0, 0))]
    assert [(alert.key, alert.at, alert.value) for alerts in told for alert in alerts] == [("a.example", 5, 0)]


def test_time_in_which_netmon_did_not_run_is_no_absence_of_traffic():
    live, file = (AlertPolicy([Rule(below=5, span=2, metric="requests")], live=live) for live in (True, False))
    before, after = interval(0, Second(9), 3), interval(1000, Second(1))
    assert [alert.at for each in (before, after) for alert in file.update(each)] == [5]
    assert [alert.at for each in (before, after) for alert in live.update(each)] == []
    assert live.gauges[0].state == "unknown"


def test_an_interface_that_was_named_is_needed():
    other = {"name": "eth1", "state": "up"}
    seconds = [Second(0, interfaces=(*UP, other)), Second(9, interfaces=(*DOWN, other)), Second(9), Second(9)]
    rule = Rule(above=5, span=1, metric="requests")
    assert talk(rule, seconds) == [("fired", 3)]
    assert talk(rule, seconds, interfaces=["eth0"]) == []


def test_a_gauge_says_why_nothing_is_concluded():
    policy = AlertPolicy([Rule(above=5, span=1, metric="requests")])
    policy.update(interval(0, Second(9, interfaces=DOWN)))
    [gauge] = policy.gauges
    assert (gauge.state, gauge.reason) == ("unknown", "the capture is down")


def test_states_are_bounded_and_rows_without_one_are_counted():
    count = MOST_STATES + 7
    hosts = [{"name": f"h{n}", "requests": 9} for n in range(count)]
    policy = AlertPolicy([Rule(above=5, span=1, metric="requests", per="host")])
    alerts = policy.update(snapshot(0, hosts=hosts, requests=9 * count))
    assert (len(alerts), policy.overflow) == (MOST_STATES, 7)


RULES = [
    Rule(above=5, span=3, metric="requests"),
    Rule(above=5, recover=2, span=4, metric="requests", for_=2, keep_firing_for=3),
    Rule(below=2, span=3, metric="requests"),
    Rule(above="20%", span=5, metric="error_ratio", min_requests=3),
    Rule(above="3s", metric="absent"),
    Rule(above="300ms", span=4, metric="latency.p50", per="host"),
]


def traffic(chance, seconds=60):
    return [
        Second(n, chance.randint(0, n), chance.choice((0.1, 0.9)), chance.choice("ab"))
        for n in (chance.choice((0, 0, 0, 1, 3, 8)) for _ in range(seconds))
    ]


def events(policy, intervals):
    return [(alert.rule, alert.key, alert.state, alert.at) for each in intervals for alert in policy.update(each)]


@pytest.mark.parametrize("length", [0.1, 0.25, 1, 2.5, 10])
@pytest.mark.parametrize("seed", range(8))
def test_firing_and_recovery_take_turns_for_any_interval(seed, length):
    intervals = [interval(at * length, second, length) for at, second in enumerate(traffic(random.Random(seed)))]
    told = events(AlertPolicy(RULES), intervals)
    for of_row in {(rule, key) for rule, key, _, _ in told}:
        states = [state for rule, key, state, _ in told if (rule, key) == of_row]
        assert states == ["fired", "recovered"] * (len(states) // 2) + ["fired"] * (len(states) % 2)
    assert [at for *_, at in told] == sorted(at for *_, at in told)


@pytest.mark.parametrize("seed", range(10))
def test_a_restart_in_the_middle_changes_nothing(seed):
    import pickle  # noqa: PLC0415  only here

    chance = random.Random(seed)
    intervals = [interval(at, second) for at, second in enumerate(traffic(chance))]
    cut = chance.randrange(60)
    policy = AlertPolicy(RULES)
    whole = events(AlertPolicy(RULES), intervals)
    before = events(policy, intervals[:cut])
    assert before + events(pickle.loads(pickle.dumps(policy)), intervals[cut:]) == whole


@pytest.mark.parametrize("seed", range(10))
def test_what_is_unknown_never_fires_or_recovers(seed):
    chance = random.Random(seed)
    seconds = [second._replace(capture=chance.choice((None, LOSSY))) for second in traffic(chance)]
    for rule in RULES:
        for state, at in talk(rule, seconds):
            assert seconds[int(at) - 1].capture is None, (rule, state, at)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("rule", RULES[:2])
def test_merging_two_intervals_moves_an_alert_by_at_most_the_longer_interval(seed, rule):
    seconds = [second._replace(host="a") for second in traffic(random.Random(seed))]
    single = [interval(at, second) for at, second in enumerate(seconds)]
    double = [type(single[0]).merge(single[at : at + 2]) for at in range(0, len(single), 2)]
    fine, coarse = (events(AlertPolicy([rule]), intervals) for intervals in (single, double))
    lasting = [at for _, _, state, at in fine if state == "fired" and at > 4]
    for at in (at for _, _, state, at in coarse if state == "fired"):
        assert any(abs(at - other) <= 2 for other in lasting) or at <= 6, (at, fine, coarse)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"above": 5, "below": 1}, "`above` or `below`"),
        ({"above": "5%"}, "not an amount such as 7000"),
        ({"metric": "error_ratio", "above": "500%"}, "more than everything"),
        ({"metric": "latency.p95", "above": "10Mbit"}, "200ms"),
        ({"metric": "bits", "per": "host", "above": 1}, "not known of each host"),
        ({"metric": "hits", "per": "hosts"}, "host, section, interface, client"),
        ({"above": 5, "recover": 6}, "safe side"),
        ({"below": 5, "recover": 4}, "safe side"),
        ({"above": 5, "for_": -1}, "`for`"),
        ({"above": 5, "span": 8 * 86400}, "7 days"),
        ({"above": 5, "severity": "bad"}, "info, warning, critical"),
        ({"metric": "rtt", "above": 1}, "counts one of"),
        ({"metric": "hitz", "above": 1}, "did you mean hits"),
        ({"metric": "latency.p95x", "above": 1}, "did you mean latency.p95"),
        ({"metric": "packets", "above": 1, "where": "status:5xx"}, "not known of single exchanges"),
        ({"metric": "bits", "above": 1, "where": "host:a client:10.*"}, "not known of single exchanges"),
        ({"metric": "opened", "above": 1, "where": "client:10.*", "per": "host"}, "not known of single exchanges"),
        ({"metric": "opened", "above": 1, "where": "section:/a"}, "not known of each section"),
        ({"metric": "hits", "above": 1, "where": "host:(("}, "character"),
    ],
)
def test_a_rule_that_cannot_be_meant_is_refused(wrong, words):
    with pytest.raises(ValueError, match=words):
        Rule(**wrong)


def hosts_of(start, **requests):
    rows = [{"name": name, "requests": n, "responses": n} for name, n in requests.items()]
    return snapshot(start, hosts=rows, capture={"received": 1})


def test_a_rule_per_row_that_is_ok_shows_the_row_nearest_to_its_bound():
    above = Rule(metric="requests", per="host", above=30, span=2)
    higher = Rule(metric="requests", per="host", above=300, span=2)
    below = Rule(metric="requests", per="host", below=2, span=2)
    policy = AlertPolicy([above, higher, below])
    for at, counts in enumerate(({"a": 5, "b": 9}, {"a": 9, "b": 3})):
        policy.update(hosts_of(at, **counts))
    assert [(gauge.key, gauge.value, gauge.state) for gauge in policy.gauges] == [
        ("a", 14, "ok"),
        ("a", 14, "ok"),
        ("b", 12, "ok"),
    ]
    assert [gauge.past for gauge in policy.gauges] == [(9, 14), (9, 14), (5, 12)], "the trend is that of the worst row"
    assert policy.copy().gauges == policy.gauges


def test_a_row_that_fires_is_shown_until_it_recovers_and_others_are_beyond_a_lower_bound_only():
    low, high = (Rule(metric="requests", per="host", above=above, span=1) for above in (10, 30))
    policy = AlertPolicy([low, high])
    policy.update(hosts_of(0, a=5, b=20))
    policy.update(hosts_of(1, a=25, b=20))
    fired, ok = policy.gauges
    assert (fired.key, fired.value, fired.firing) == ("b", 20, 2), "the alert that is oldest"
    assert (ok.key, ok.value, ok.state) == ("a", 25, "ok")
    policy.update(hosts_of(2, a=0, b=0))
    assert [(gauge.state, gauge.value) for gauge in policy.gauges] == [("ok", 0), ("ok", 0)]


def test_a_rule_per_row_without_rows_shows_none():
    policy = AlertPolicy([Rule(metric="error_ratio", per="host", above=0.5, span=1)])
    policy.update(hosts_of(0))
    assert [(gauge.key, gauge.value) for gauge in policy.gauges] == [("", 0)]


@pytest.mark.parametrize("per", ["", "host"])
@pytest.mark.parametrize(
    ("rate", "span", "count"), [("0.6/s", 5, 3), ("4.2/s", 5, 21), ("0.7/s", 10, 7), ("0.3/s", 30, 9)]
)
def test_a_rate_at_its_bound_is_neither_above_nor_below_it_and_one_event_more_or_less_is(per, rate, span, count):
    def fires(requests, **bound):
        policy = AlertPolicy([Rule(metric="requests", span=span, per=per, **bound)])
        for second in range(span - 1):
            policy.update(interval(second, Second()))
        return [alert.value for alert in policy.update(interval(span - 1, Second(requests)))]

    assert fires(count, above=rate) == []
    assert fires(count + 1, above=rate) == [pytest.approx((count + 1) / span, abs=1e-15)]
    if not per:
        assert fires(count, below=rate) == []
        assert fires(count - 1, below=rate) == [pytest.approx((count - 1) / span, abs=1e-15)]
