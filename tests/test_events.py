"""Events: what snapshots and alerts tell a log, once for what goes on without a pause."""

import pytest
from fakes import snapshot
from netmon import Alert, Rule
from netmon.actions import facts
from netmon.alerts.rule import Window
from netmon.alerts.watch import Details
from netmon.events import CALM, DROPS, EVENTS, LIMITS, LOST, Events, of_alert
from netmon.log_lines import time


def interfaces(**states):
    return [{"name": name, "state": state} for name, state in states.items()]


def told(events, *snapshots):
    """``interface.lost eth1`` and so on: each event, with what it is about."""
    made = [event for one in snapshots for event in events.update(one)]
    return [" ".join(map(str, [event.name, *list(event.fields.values())[:1]])) for event in made]


def test_an_interface_is_opened_lost_and_regained_once_each():
    events = Events()
    assert told(
        events,
        snapshot(0, interfaces=interfaces(eth0="up", eth1="new")),
        snapshot(1, interfaces=interfaces(eth0="up", eth1="up")),
        snapshot(2, interfaces=interfaces(eth0="up", eth1="down")),
        snapshot(3, interfaces=interfaces(eth0="up", eth1="down")),
        snapshot(4, interfaces=interfaces(eth0="up")),
        snapshot(5, interfaces=interfaces(eth0="up", eth1="new")),
    ) == ["interface.opened eth0", "interface.opened eth1", "interface.lost eth1", "interface.regained eth1"]


def test_a_removed_interface_is_no_warning_and_a_problem_tells_its_reason():
    gone = [
        {"name": "veth1", "state": "down", "removed": True},
        {"name": "eth1", "state": "down", "problem": "it is down"},
    ]
    made = {event.fields["interface"]: event for event in Events().update(snapshot(0, interfaces=gone))}
    assert {name: event.level for name, event in made.items()} == {"veth1": "info", "eth1": "warning"}
    assert made["eth1"].fields["reason"] == "it is down"
    assert "reason" not in made["veth1"].fields


def test_a_regained_interface_tells_how_long_it_was_lost():
    events = Events()
    list(events.update(snapshot(0, interfaces=interfaces(eth0="up"))))
    list(events.update(snapshot(10, interfaces=interfaces(eth0="down"))))
    (event,) = events.update(snapshot(15, interfaces=interfaces(eth0="new")))
    assert event.fields == {"interface": "eth0", "at": 16.0, "seconds": 5.0}


def test_lost_interfaces_are_remembered_within_bounds():
    events = Events()
    for number in range(LOST + 10):
        list(events.update(snapshot(number, interfaces=interfaces(**{f"veth{number}": "down"}))))
    assert len(events._lost) == LOST
    assert len(events._up) == 0


def test_files_are_no_interfaces():
    assert told(Events(is_live=False), snapshot(0, interfaces=[{"name": "a.pcap", "state": "up"}])) == []


def drops(at, **counts):
    return snapshot(at, capture=counts)


def test_drops_begin_once_and_end_after_a_calm_with_all_that_was_lost():
    events = Events()
    assert told(events, drops(0), drops(1, kernel_dropped=5), drops(2, interface_dropped=2), drops(3)) == [
        "drops.begun 5"
    ]
    assert told(events, *(drops(at) for at in range(4, 12))) == []
    (event,) = events.update(drops(12))
    assert (event.name, event.fields["packets"], event.fields["seconds"]) == ("drops.ended", 7, 1.0)
    assert told(events, drops(40, unread=1)) == ["drops.begun 1"]


def test_drops_behind_a_gap_are_an_episode_of_their_own():
    """A file skips empty intervals, so the calm shows only when the next snapshot comes."""
    events = Events()
    assert told(events, drops(0, kernel_dropped=1), drops(1 + CALM, kernel_dropped=2)) == [
        "drops.begun 1",
        "drops.ended 1",
        "drops.begun 2",
    ]


def test_the_begin_of_drops_tells_where_packets_were_lost():
    (event,) = Events().update(drops(0, kernel_dropped=5, unread=1))
    assert event.fields == {"packets": 6, "kernel": 5, "unread": 1, "at": 1.0}
    assert event.level == "warning"


def test_drops_that_go_on_end_with_the_capture():
    events = Events()
    list(events.update(drops(0, kernel_dropped=5)))
    assert [event.name for event in events.end()] == ["drops.ended"]
    assert list(events.end()) == []


@pytest.mark.parametrize(("counter", "limit"), LIMITS.items())
def test_a_limit_that_is_reached_is_told_once_a_while(counter, limit):
    events = Events()
    reached = [snapshot(at, capture={counter: 3}) for at in range(5)]
    assert told(events, *reached) == [f"limit.reached {limit}"]
    assert told(events, snapshot(500, capture={counter: 3})) == [f"limit.reached {limit}"]


def test_alerts_are_events_with_their_figures():
    rule = Rule(5, 3.0)
    fired = Alert(rule, "fired", 10.0, 7, 10.0)
    recovered = Alert(rule, "recovered", 14.0, 1, 10.0, times=12)
    first, second = Events().update(snapshot(14), [fired, recovered])
    assert (first.name, first.level) == ("alert.fired", "warning")
    about = {"rule": "high traffic", "key": None, "severity": "warning"}
    assert first.fields == about | {"metric": "hits", "value": 7, "threshold": 5, "span": 3.0, "at": 10.0}
    assert (second.name, second.fields["seconds"], second.fields["times"]) == ("alert.recovered", 4.0, 12)


@pytest.mark.parametrize(
    ("rule", "details", "value", "expected"),
    [
        (
            Rule(name="r", slo="99%", good="status<500", windows=[(300, 60, 5)]),
            Details(Window(300, 60, 5), 0.25),
            50,
            {"metric": "burn_rate", "value": 50, "factor": 5, "window": 300, "short_window": 60, "budget": 0.25},
        ),
        (
            Rule(name="r", metric="requests", baseline=3600, span=60),
            Details(usual=(10, 47)),
            90,
            {"metric": "requests", "value": 90, "usual_low": 10, "usual_high": 47, "span": 60},
        ),
        (Rule(name="r", new="host"), Details(), 1, {"new": "host"}),
    ],
)
def test_an_alert_tells_what_its_kind_of_rule_compares(rule, details, value, expected):
    event = of_alert(Alert(rule, "fired", 10.0, value, 10.0, key="k", details=details))
    assert event.fields == {"rule": "r", "key": "k", "severity": "warning", **expected, "at": 10.0}


@pytest.mark.parametrize(
    ("rule", "details", "value", "expected"),
    [
        (Rule(5), Details(), 7, 5),
        (Rule(metric="requests", below=5), Details(), 3, 5),
        (Rule(slo="99%", good="status<500"), Details(Window(60, 5, 14.4), 0.25), 50, 14.4),
        (Rule(metric="requests", baseline=3600), Details(usual=(10, 47)), 90, 47),
        (Rule(metric="requests", baseline=3600), Details(usual=(10, 47)), 3, 10),
        (Rule(new="host"), Details(), 1, None),
    ],
)
def test_the_limit_of_an_alert_is_what_its_value_is_beyond(rule, details, value, expected):
    assert facts.limit(Alert(rule, "fired", 10.0, value, 10.0, details=details), rule.threshold) == expected


def test_the_span_of_an_objective_is_its_window_and_a_newcomer_has_none():
    slo = Alert(Rule(slo="99%", good="status<500"), "fired", 1.0, 9, 1.0, details=Details(Window(3600, 300, 14.4), 0.5))
    new = Alert(Rule(new="host"), "fired", 1.0, 1, 1.0, key="a.example")
    assert facts.document(slo)["span"] == 3600
    assert (facts.document(new)["span"], facts.document(new)["new"]) == (None, "host")


def test_every_event_of_snapshots_is_in_the_table_and_tells_its_time():
    events = Events()
    rule = Rule(5, 3.0)
    alerts = [Alert(rule, "fired", 1.0, 7, 1.0), Alert(rule, "recovered", 1.0, 7, 1.0)]
    everything = {**dict.fromkeys(DROPS, 1), **dict.fromkeys(LIMITS, 1)}
    made = list(events.update(snapshot(0, interfaces=interfaces(a="up"), capture=everything), alerts))
    made += events.update(snapshot(1, interfaces=interfaces(a="down")))
    made += events.update(snapshot(60, interfaces=interfaces(a="up")))
    of_snapshots = {"interface.opened", "interface.lost", "interface.regained", "drops.begun", "drops.ended"}
    assert {event.name for event in made} == {*of_snapshots, "limit.reached", "alert.fired", "alert.recovered"}
    assert {event.name for event in made} <= EVENTS.keys()
    assert all(time(event.fields["at"]).startswith("1970-01-01T00:0") for event in made)
