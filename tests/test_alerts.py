"""The alert policy as conversations: (start, end, hits) in, [(state, at, value, duration)] out."""

import pickle
import random

import pytest
from fakes import snapshot
from netmon import AlertPolicy, Rule

FIVE = Rule(threshold=5, span=3)


def talk(rule, *intervals):
    """All events of a policy that sees these intervals, as (state, at, value, duration)."""
    policy = AlertPolicy([rule])
    return [
        (alert.state, alert.at, alert.value, alert.duration)
        for start, end, hits in intervals
        for alert in policy.update(snapshot(start, end, hits=hits))
    ]


def live(*hits, start=100):
    """Intervals of a second each, without gaps."""
    return [(start + i, start + i + 1, n) for i, n in enumerate(hits)]


def file(intervals):
    """These intervals as a file gives them: empty ones are left out."""
    return [interval for interval in intervals if interval[2]]


def test_one_empty_snapshot_of_years_recovers_at_the_same_time_as_many_of_a_second():
    assert talk(FIVE, (100, 101, 5), (101, 10_000_000, 0)) == talk(FIVE, *live(5, 0, 0, 0))


CONVERSATIONS = {
    "nothing_seen_is_no_alert": (live(0, 0, 0), []),
    "one_below_the_threshold_is_no_alert": (live(4), []),
    "the_threshold_itself_fires": (live(5), [("fired", 101, 5, 0)]),
    "hits_add_up_over_the_span": (live(2, 2, 1), [("fired", 103, 5, 0)]),
    "hits_older_than_the_span_do_not_count": (live(2, 2, 0, 1), []),
    "an_alert_that_lasts_is_told_once": (live(5, 5, 5, 5), [("fired", 101, 5, 0)]),
    "recovery_when_the_hits_leave_the_span": (live(5, 0, 0, 0), [("fired", 101, 5, 0), ("recovered", 104, 0, 3)]),
    "recovery_is_told_once": (live(5, 0, 0, 0, 0, 0), [("fired", 101, 5, 0), ("recovered", 104, 0, 3)]),
    "recovery_needs_the_sum_below_the_threshold": (live(5, 0, 0, 5, 0), [("fired", 101, 5, 0)]),
    "it_fires_again_after_a_recovery": (
        live(5, 0, 0, 0, 6),
        [("fired", 101, 5, 0), ("recovered", 104, 0, 3), ("fired", 105, 6, 0)],
    ),
    "an_alert_recovers_in_a_gap_when_the_hits_leave_the_span": (
        [(100, 101, 9), (500, 501, 1)],
        [("fired", 101, 9, 0), ("recovered", 104, 0, 3)],
    ),
    "an_alert_recovers_in_a_gap_once_enough_hits_have_left": (
        [(100, 101, 3), (101, 102, 3), (500, 501, 1)],
        [("fired", 102, 6, 0), ("recovered", 104, 3, 2)],
    ),
    "recovered_in_a_gap_and_fired_at_its_end": (
        [(100, 101, 5), (500, 501, 7)],
        [("fired", 101, 5, 0), ("recovered", 104, 0, 3), ("fired", 501, 7, 0)],
    ),
    "hits_that_come_as_the_earlier_ones_leave_keep_the_alert": (
        [(100, 101, 5), (103, 104, 5)],
        [("fired", 101, 5, 0)],
    ),
    "an_alert_recovers_at_the_end_of_a_gap_as_long_as_the_span": (
        [(100, 101, 5), (104, 105, 5)],
        [("fired", 101, 5, 0), ("recovered", 104, 0, 3), ("fired", 105, 5, 0)],
    ),
    "a_coarse_snapshot_counts_at_its_end": ([(100, 101, 1), (101, 103, 4)], [("fired", 103, 5, 0)]),
    "within_a_coarse_snapshot_nothing_is_decided": ([(100, 101, 5), (101, 106, 5)], [("fired", 101, 5, 0)]),
    "hits_of_a_time_that_jumps_back_count_now": ([(100, 101, 3), (40, 41, 3)], [("fired", 101, 6, 0)]),
    "an_empty_snapshot_without_time_changes_nothing": ([(0, 0, 0), (100, 101, 5), (0, 0, 0)], [("fired", 101, 5, 0)]),
    "hits_from_before_the_gap_do_not_fire_after_it": ([(100, 101, 4), (500, 501, 4)], []),
}


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_conversation(name):
    intervals, events = CONVERSATIONS[name]
    assert talk(FIVE, *intervals) == events


@pytest.mark.parametrize("seed", range(50))
@pytest.mark.parametrize("rule", [FIVE, Rule(10, 7), Rule(3, 1), Rule(6, 2.5), Rule(1, 120)])
def test_a_file_gives_the_same_alerts_as_a_live_capture(rule, seed):
    """Skipping empty intervals changes no event that happens before the last packet."""
    chance = random.Random(seed)
    hits = [chance.choice((0, 0, 0, 0, 1, 2, 7)) for _ in range(60)] + [1]
    assert talk(rule, *file(live(*hits))) == talk(rule, *live(*hits))


@pytest.mark.parametrize("seed", range(20))
def test_alerts_depend_only_on_the_sum_over_the_span(seed):
    """Compares with a simple model: at the end of each second, the sum of the hits of the last three."""
    chance = random.Random(seed)
    hits = [chance.choice((0, 1, 2, 4)) for _ in range(80)]
    sums = [sum(hits[max(0, i - 2) : i + 1]) for i in range(len(hits))]
    above = [False] + [n >= 5 for n in sums]
    crossings = [101 + i for i in range(len(hits)) if above[i] != above[i + 1]]
    assert [at for _, at, _, _ in talk(FIVE, *live(*hits))] == crossings


def test_times_that_floats_round_leave_the_span_on_time():
    tenths = [(1_700_000_000 + i / 10, 1_700_000_000 + (i + 1) / 10, 5 if i == 0 else 0) for i in range(31)]
    assert [(state, round(at - 1_700_000_000, 6)) for state, at, _, _ in talk(FIVE, *tenths)] == [
        ("fired", 0.1),
        ("recovered", 3.1),
    ]


def test_a_gauge_has_the_value_and_the_alert_of_its_rule():
    policy = AlertPolicy([FIVE, Rule(2, 60, "errors")])
    policy.update(snapshot(100, hits=7, errors=1))
    hits, errors = policy.gauges
    assert (hits.value, hits.alert.state, hits.alert.at) == (7, "fired", 101)
    assert (errors.value, errors.alert) == (1, None)


def test_events_of_several_rules_come_by_time():
    policy = AlertPolicy([Rule(5, 6), Rule(5, 3)])
    policy.update(snapshot(100, hits=5))
    assert [alert.at for alert in policy.update(snapshot(500))] == [104, 107]


def test_without_rules_nothing_ever_happens():
    assert AlertPolicy([]).update(snapshot(100, hits=10**9)) == []


def test_the_default_rule_is_gonetmons():
    assert AlertPolicy().gauges[0].rule == Rule(threshold=7000, span=120.0, metric="hits")


@pytest.mark.parametrize(
    "wrong",
    [{"threshold": 0}, {"span": 0}, {"span": -1}, {"span": float("inf")}, {"span": float("nan")}, {"metric": "x"}],
)
def test_an_impossible_rule_is_refused(wrong):
    with pytest.raises(ValueError, match="rule"):
        Rule(**wrong)
    with pytest.raises(ValueError, match="rule"):
        Rule()._replace(**wrong)


def test_a_policy_that_was_pickled_goes_on_where_it_was():
    policy = AlertPolicy([FIVE])
    policy.update(snapshot(100, hits=3))
    twin = pickle.loads(pickle.dumps(policy))
    for each in (policy, twin):
        assert [alert.value for alert in each.update(snapshot(101, hits=2))] == [5]


def test_rules_are_values():
    rule = Rule(5, 3)
    assert rule == Rule(threshold=5, span=3, metric="hits") != Rule(5, 4)
    assert len({rule, Rule(5, 3), Rule(5, 3, "errors")}) == 2
    assert repr(rule) == "Rule(threshold=5, span=3, metric='hits')"
    assert rule._replace(metric="errors") == Rule(5, 3, "errors")
    assert pickle.loads(pickle.dumps(rule)) == rule
    with pytest.raises(AttributeError):
        rule.threshold = 6
    with pytest.raises(AttributeError):
        rule.other = 6
