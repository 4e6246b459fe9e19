"""The alerts of a session: what reloading, a restart and the end do to rules, their states and their actions."""

import pytest
from fakes import snapshot
from netmon import Rule
from netmon.alarms import Alarms, state_path
from netmon.config import Configured
from netmon.document import ConfigError, RawRule
from netmon.frames import Frames
from netmon.options import Settings

BUSY = {"name": "busy", "metric": "requests", "above": 5, "span": "10s"}


def raw(**table):
    return RawRule(table, "rules.toml", 1, {})


def second(at, requests):
    return snapshot(at, requests=requests, capture={"received": requests})


def begun(rules, **settings):
    told = []
    alarms = Alarms(Settings(read=("a.pcap",))._replace(**settings), rules, {}, told.append)
    return alarms, Frames(10.0, policy=alarms.policy), told


def events(frame):
    return [(alert.rule.name, alert.state) for alert in frame.events]


def test_a_rule_that_stayed_the_same_goes_on_after_a_reload_and_a_new_one_begins():
    alarms, frames, _ = begun([Rule(), Rule(name="busy", metric="requests", above=5, span=10)])
    assert events(frames.push(second(0, 9))) == [("busy", "fired")]
    other = raw(name="other", metric="requests", above=1, span="1s")
    assert alarms.reload(frames, Configured(Settings(), (raw(**BUSY), other))) == "3 rules"
    assert events(frames.push(second(1, 9))) == [("other", "fired")]
    assert events(frames.push(second(30, 0))) == [("other", "recovered"), ("busy", "recovered")]


def test_a_rule_that_is_gone_says_no_more():
    alarms, frames, _ = begun([Rule(), Rule(name="busy", metric="requests", above=5, span=10)])
    frames.push(second(0, 9))
    alarms.reload(frames, Configured(Settings()))
    assert events(frames.push(second(30, 0))) == []


def test_rules_that_are_invalid_change_nothing():
    alarms, frames, _ = begun([Rule(), Rule(name="busy", metric="requests", above=5, span=10)])
    policy = alarms.policy
    with pytest.raises(ConfigError, match=r"rules\.toml:1: alert\.metric: "):
        alarms.reload(frames, Configured(Settings(), (raw(name="x", metric="hitz", above=1),)))
    assert alarms.policy is policy
    assert events(frames.push(second(0, 9))) == [("busy", "fired")]


@pytest.mark.parametrize(
    ("rule", "settings", "path"),
    [
        (Rule(above=5), {}, None),
        (Rule(new="host"), {}, "/home/a/.local/state/netmon/state.json"),
        (Rule(slo="99%", good="status<500"), {"state": "/var/x.json"}, "/var/x.json"),
        (Rule(new="host"), {"read": ("a.pcap",)}, None),
        (Rule(above=5), {"read": ("a.pcap",), "state": "x.json"}, "x.json"),
    ],
)
def test_a_state_is_kept_where_it_was_asked_for_or_where_live_rules_learn(rule, settings, path):
    assert state_path(Settings(**settings), [rule], {"HOME": "/home/a"}) == path


def test_a_restart_goes_on_with_the_alert_that_fires(tmp_path):
    rules, state = [Rule(name="busy", metric="requests", above=5, span=10)], str(tmp_path / "state.json")
    alarms, frames, _ = begun(rules, state=state)
    alarms.take(frames.push(second(0, 9)))
    alarms.close()
    alarms, frames, told = begun(rules, state=state)
    assert events(frames.push(second(1, 9))) == []
    assert events(frames.push(second(30, 0))) == [("busy", "recovered")]
    assert told == []


def test_rows_that_are_too_many_are_told_once(monkeypatch):
    monkeypatch.setattr("netmon.alerts.policy.MOST_STATES", 1)
    alarms, frames, told = begun([Rule(name="busy", metric="requests", above=0, span=10, per="host")])
    hosts = [{"name": name, "requests": 1} for name in "abc"]
    for at in range(3):
        alarms.take(frames.push(snapshot(at, hosts=hosts, requests=3)))
    assert told == ["netmon: warning: rules have too many rows; some of them are not judged\n"]


def test_a_secret_is_in_no_state_and_in_no_text_of_a_rule(tmp_path):
    rule = Rule(name="busy", metric="requests", above=5, span=10, secret="s3cr3t")
    alarms, frames, _ = begun([rule], state=str(tmp_path / "state.json"))
    alarms.take(frames.push(second(0, 9)))
    assert "s3cr3t" not in (tmp_path / "state.json").read_text() + repr(rule)


def test_other_actions_do_not_make_a_rule_begin_anew(tmp_path):
    state = str(tmp_path / "state.json")
    rule = Rule(name="busy", metric="requests", above=5, span=10)
    alarms, frames, _ = begun([rule], state=state)
    alarms.take(frames.push(second(0, 9)))
    alarms, frames, _ = begun([rule._replace(severity="critical")], state=state)
    assert events(frames.push(second(1, 9))) == []
    assert events(frames.push(second(30, 0))) == [("busy", "recovered")]
