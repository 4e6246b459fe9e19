"""The alerts of a session: what reloading, a restart and the end do to rules, their states and their actions."""

import copy
import json
import re

import pytest
from fakes import snapshot
from netmon import AlertPolicy, Rule, log
from netmon.actions.news import News
from netmon.alarms import Alarms, known_file, state_path
from netmon.alerts.kept import resume, state_of
from netmon.config import Configured
from netmon.document import ConfigError, RawRule
from netmon.frames import Frames
from netmon.options import Duration, Settings

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
    told = alarms.reload(frames, Configured(Settings(read=("a.pcap",)), (raw(**BUSY), other)))
    assert told == "2 rules and that of the flags"
    assert events(frames.push(second(1, 9))) == [("other", "fired")]
    assert events(frames.push(second(30, 0))) == [("other", "recovered"), ("busy", "recovered")]


CALM = {"name": "calm", "metric": "requests", "below": 5, "span": "10s"}
LATER = {"name": "later", "metric": "errors", "below": 5, "span": "20s"}


def reloaded(alarms, frames, *tables):
    alarms.reload(frames, Configured(Settings(), tuple(raw(**table) for table in tables)))


@pytest.mark.parametrize(
    "others", [(LATER,), (), (LATER, {**LATER, "name": "x", "metric": "error_ratio", "below": "5%"})]
)
def test_a_rule_about_a_lack_of_events_goes_on_without_a_gap_whatever_others_come_and_go(others):
    gone = Rule(name="gone", metric="responses", below=5, span=30)
    alarms, frames, _ = begun([Rule(), Rule(name="calm", metric="requests", below=5, span=10), gone])
    assert [events(frames.push(second(at, 1))) for at in range(8)] == [[]] * 8, "8 s of 10 s are known"
    reloaded(alarms, frames, CALM, *others)
    assert events(frames.push(second(8, 0))) == []
    assert events(frames.push(second(9, 0))) == []
    assert events(frames.push(second(10, 0))) == [], "8 requests in the last 10 s"
    assert events(frames.push(second(13, 0))) == [("calm", "fired")], "4 are left after 4 s more"


def test_a_new_rule_about_a_lack_of_events_waits_until_its_whole_span_is_known():
    alarms, frames, _ = begun([Rule(), Rule(name="calm", metric="requests", below=5, span=10)])
    assert [events(frames.push(second(at, 9))) for at in range(60)] == [[]] * 60
    reloaded(alarms, frames, CALM, LATER)
    gauge = alarms.policy.gauges[2]
    assert (gauge.rule.name, gauge.state, gauge.reason) == ("later", "unknown", "a part of its span was not captured")
    assert [events(frames.push(second(60 + at, 9))) for at in range(19)] == [[]] * 19
    alarms.reload(frames, Configured(Settings(), (raw(**CALM), raw(**LATER))))
    assert events(frames.push(second(79, 9))) == [("later", "fired")], "20 s are known, across another reload"


def test_a_new_rule_about_rows_that_no_other_has_waits_alone():
    alarms, frames, _ = begun([Rule(), Rule(name="calm", metric="requests", below=5, span=10)])
    assert [events(frames.push(second(at, 1))) for at in range(8)] == [[]] * 8
    where = {**LATER, "where": "host:none"}
    reloaded(alarms, frames, CALM, where)
    assert [events(frames.push(second(8 + at, 0))) for at in range(6)][-1] == [("calm", "fired")]
    assert [events(frames.push(second(14 + at, 0))) for at in range(14)] == [[]] * 13 + [[("later", "fired")]]


def test_a_span_that_is_shortened_has_all_of_its_past_and_a_longer_one_waits_for_the_rest():
    alarms, frames, _ = begun([Rule(), Rule(name="calm", metric="requests", below=5, span=10)])
    assert [events(frames.push(second(at, 1))) for at in range(30)] == [[]] * 30, "10 requests in 10 s"
    reloaded(alarms, frames, {**CALM, "span": "4s"})
    assert events(frames.push(second(30, 0))) == [("calm", "fired")], "3 requests in 4 s"
    reloaded(alarms, frames, {**CALM, "span": "20s", "below": 100})
    assert [events(frames.push(second(31 + at, 0))) for at in range(16)] == [[]] * 15 + [[("calm", "fired")]]


def test_the_trend_of_a_rule_that_stayed_the_same_goes_on_and_another_begins():
    alarms, frames, _ = begun([Rule(), Rule(name="busy", metric="requests", above=5, span=10)])
    for at in range(3):
        frames.push(second(at, 1))
    reloaded(alarms, frames, LATER, BUSY)
    frames.push(second(3, 1))
    assert [gauge.past for gauge in alarms.policy.gauges] == [(1, 2, 3, 4), (0,), (1, 2, 3, 4)]


def test_a_silence_goes_on_across_a_reload():
    silent = {"name": "silent", "metric": "absent", "above": "10s", "where": "host:none"}
    alarms, frames, _ = begun([Rule(), Rule(name="silent", metric="absent", above="10s", where="host:none")])
    assert [events(frames.push(second(at, 1))) for at in range(6)] == [[]] * 6
    reloaded(alarms, frames, silent, CALM)
    told = [events(frames.push(second(6 + at, 1))) for at in range(6)]
    assert [each for each in told if ("silent", "fired") in each] == [told[4]], "after the 11th second"


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


def test_after_a_restart_interfaces_that_are_no_longer_there_do_not_count_as_up(tmp_path):
    rules, state = [Rule(name="busy", metric="requests", above=5, span=10)], str(tmp_path / "state.json")
    alarms, frames, _ = begun(rules, state=state)
    alarms.take(frames.push(snapshot(0, interfaces=[{"name": "usb0", "state": "up"}], capture={"received": 1})))
    alarms.close()
    alarms, frames, _ = begun(rules, state=state)
    told = []
    for at, eth0 in enumerate(("down", "up", "down"), start=1):
        frames.push(snapshot(at, requests=9, interfaces=[{"name": "eth0", "state": eth0}], capture={"received": 9}))
        told.append((alarms.policy.gauges[0].state, alarms.policy.gauges[0].reason))
    unknown = ("unknown", "the capture is down")
    assert told == [unknown, ("firing", ""), unknown]


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


def test_a_rule_shows_only_the_origin_of_its_webhook():
    rule = Rule(name="busy", webhook="http://me:hunter2@127.0.0.1:9093/T0K3N?key=K3Y", exec=["logger"])
    assert repr(rule) == (
        "Rule(threshold=7000, span=120.0, metric='hits', name='busy', exec=('logger',), webhook='http://127.0.0.1:9093/...')"
    )


def test_rules_with_similar_names_keep_what_they_know_in_files_of_their_own(tmp_path):
    rules = [Rule(name="new-one", new="host", learn=1), Rule(name="New one!", new="client", learn=1)]
    alarms, frames, _ = begun(rules, state=str(tmp_path / "state.json"))
    alarms.take(frames.push(snapshot(0, hosts=[{"name": "a"}], clients=[{"address": "10.0.0.1"}])))
    alarms.close()
    files = {path.name: path.read_text().splitlines()[1:] for path in tmp_path.glob("known-*")}
    assert files == {"known-new-one.txt": ["a"], known_file("New one!"): ["10.0.0.1"]}


def test_the_file_of_a_rule_depends_on_its_name_alone_and_no_two_names_share_one():
    names = [
        "new-one",
        "new one",
        "New one",
        "new--one",
        "-new-one",
        "\u65b0",
        "\u65e7",
        "../new-one",
        "n" * 200,
        "N" * 200,
    ]
    assert known_file("new-one") == "known-new-one.txt"
    assert len({known_file(name) for name in names}) == len(names)
    assert all(re.fullmatch(r"known-[a-z0-9-]{1,240}\.txt", known_file(name)) for name in names)


def test_other_actions_do_not_make_a_rule_begin_anew(tmp_path):
    state = str(tmp_path / "state.json")
    rule = Rule(name="busy", metric="requests", above=5, span=10)
    alarms, frames, _ = begun([rule], state=state)
    alarms.take(frames.push(second(0, 9)))
    alarms, frames, _ = begun([rule._replace(severity="critical")], state=state)
    assert events(frames.push(second(1, 9))) == []
    assert events(frames.push(second(30, 0))) == [("busy", "recovered")]


def test_a_reload_names_the_settings_that_need_a_restart():
    alarms, frames, _ = begun([Rule()])
    changed = Settings(read=("a.pcap",), window=Duration(60), top=3, alert_threshold=5, alerts=())
    told = alarms.reload(frames, Configured(changed))
    assert told == "0 rules and that of the flags; changed, and used after a restart: window, top"
    assert [gauge.rule.threshold for gauge in alarms.policy.gauges] == [5], "a rule is used at once"


def shown(*outcomes):
    news = News()
    return [news.shows(outcome, rule="r", kind="webhook", reason=reason) for outcome, reason in outcomes]


def test_a_failure_that_repeats_is_shown_once_until_it_changes_or_ends():
    outcomes = [("failed", "exits with 1"), ("failed", "exits with 1"), ("failed", "exits with 2"), ("done", "")]
    assert shown(*outcomes, ("done", ""), ("failed", "exits with 2")) == [True, False, True, True, False, True]


def test_the_first_retry_is_shown_and_then_how_it_ended():
    refused = "refuses the connection"
    assert shown(("retry", refused), ("retry", refused), ("done", "")) == [True, False, True]
    assert shown(("retry", refused), ("retry", refused), ("failed", refused), ("retry", refused)) == [
        True,
        False,
        True,
        False,
    ]


def test_what_was_dropped_or_not_sent_is_always_shown():
    assert shown(("dropped", ""), ("dropped", ""), ("unsent", "")) == [True] * 3


def test_failures_of_one_action_do_not_hide_those_of_another():
    news = News()
    told = [news.shows("failed", rule=rule, kind=kind, reason="x") for rule in "ab" for kind in ("exec", "webhook")]
    assert told == [True] * 4


def test_an_attempt_that_is_repeated_is_a_retry_in_the_log(monkeypatch):
    alarms, _, told = begun([Rule()])
    logged = []
    monkeypatch.setattr(log, "event", lambda name, level, /, **fields: logged.append((name, level)))
    for level in ("warning", "info"):
        alarms._happened("action", level, outcome="retry", rule="r", kind="webhook", reason="x", message="tried again")
    assert logged == [("action.retry", "warning"), ("action.retry", "info")]
    assert told == ["netmon: warning: tried again\n"]


KINDS = [
    Rule(name="busy", metric="requests", above=1, span=10),
    Rule(name="hosts", metric="requests", per="host", above=1, span=10, for_=3),
    Rule(name="slo", slo="90%", good="status<500 method:GET", per="host"),
    Rule(name="usual", metric="requests", per="host", baseline=60, span=10),
    Rule(name="new", new="host", learn=5),
]
ODD = [
    None, -1, "x", [], {}, [1], {"a": 1}, 1e308, float("nan"), 10**30, {"": ["x", "y", "z"]}, [[1, "a", "b"]],
]  # fmt: skip


def busy(at):
    counts = {"requests": 5, "responses": 5}
    rows = [("", [{"name": "a", **counts}]), ("status<500 method:GET", [])]
    subsets = [{"where": where, "per": "host", "rows": row} for where, row in rows]
    return snapshot(at, hosts=[{"name": "a", **counts}], capture={"received": 9}, subsets=subsets, **counts)


def places(value, path=()):
    """Yields the path of each part of a plain value, as keys and indices."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value[:3]) if isinstance(value, list) else ()
    for key, part in items:
        yield from places(part, (*path, key))


def with_part(value, path, part):
    if not path:
        return part
    changed = copy.deepcopy(value)
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = part
    return changed


@pytest.mark.parametrize("odd", ODD, ids=repr)
def test_a_state_with_any_part_replaced_is_refused_whole_or_can_be_used(odd):
    policy = AlertPolicy(KINDS)
    for at in range(12):
        policy.update(busy(at))
    good = json.loads(json.dumps(state_of(policy)))
    fresh = state_of(AlertPolicy(KINDS))
    refused = 0
    for path in places(good):
        policy = AlertPolicy(KINDS)
        try:
            resume(policy, with_part(good, path, odd))
        except ValueError:
            refused += 1
            assert state_of(policy) == fresh, path
        for at in (12, 13, 90):
            policy.update(busy(at))
        assert len(policy.gauges) == len(KINDS)
        json.dumps(state_of(policy), allow_nan=False)
    assert refused > 30


@pytest.mark.parametrize("content", ["[]", "null", "[" * 200_000, '{"version": 2, "now": 1e999}', "", "\0", '{"a"'])
def test_a_damaged_state_file_is_told_and_rules_begin_anew(tmp_path, content):
    state = tmp_path / "state.json"
    state.write_text(content)
    alarms, frames, told = begun([Rule(name="busy", metric="requests", above=5, span=10)], state=str(state))
    assert len(told) == 1
    assert told[0].startswith(f"netmon: warning: {state} is not used: ")
    assert told[0].endswith("; rules begin anew\n")
    assert events(frames.push(second(0, 9))) == [("busy", "fired")]
    alarms.close()
    assert begun(alarms.policy.rules, state=str(state))[2] == [], "the state is written anew"
