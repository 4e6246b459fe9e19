"""The list of rules in the view of alerts: rules and intervals in, lines out."""

import pytest
from drawing import text, view_of
from fakes import snapshot
from netmon import AlertPolicy, Rule
from netmon.display import about, canvas
from netmon.display.layout import screen
from netmon.frames import Frames
from netmon.sinks.plain import gauge_text


def subset(where, per, **rows):
    return {"where": where, "per": per, "rows": [{"name": name, **counts} for name, counts in rows.items()]}


def lines(policy, *intervals, width=100, height=20):
    frames = Frames(10.0, policy=policy)
    view = view_of([frames.push(each) for each in intervals])
    return ["".join(text for _, text in line).rstrip() for line in about.rules(view, width, height)]


def second(at, *subsets, **counts):
    return snapshot(at, subsets=list(subsets), capture={"received": 1}, **counts)


def test_a_rule_with_a_bound_shows_value_bound_and_which_traffic_counts():
    rule = Rule(name="posts", where="method:POST", metric="requests", above=5, span=10)
    upper, lower = lines(AlertPolicy([rule]), second(0, subset("method:POST", "", **{"": {"requests": 9}})))
    assert upper.startswith("  ALERT   posts  9 requests, limit 5 in 10 s")
    assert "all hosts" not in upper
    assert lower.startswith("          method:POST")


def test_a_rule_for_all_traffic_says_so_and_its_trend_ends_at_the_bound():
    upper, lower = lines(AlertPolicy([Rule(5, 1)]), second(0, requests=2), second(1, requests=9))
    assert upper.startswith("  ALERT   high traffic  9 hits, limit 5 in 1 s, all hosts")
    assert (upper[-2:], lower[-2:]) == ("_▇", "▄█")


OBJECTIVE = Rule(name="promise", slo="90%", good="latency<1s", per="host", windows=[(3600, 300, 2)])
EVERY, GOOD = subset("", "host", a={"responses": 10}, b={"responses": 10}), ("latency<1s", "host")


def test_an_objective_shows_the_row_with_the_least_budget_and_the_trend_of_its_burn_rate():
    good = subset(*GOOD, a={"responses": 10}, b={"responses": 9})
    upper, lower = lines(AlertPolicy([OBJECTIVE]), second(0, EVERY, good), width=120)
    assert upper.startswith("  OK      promise, b  no error budget left, burns 1 times as fast as allowed")
    assert (upper[-1], lower[-1]) == ("_", "▅"), "a burn rate of 1 of 2"


def test_an_objective_that_burns_too_fast_shows_by_how_much():
    good = subset(*GOOD, a={"responses": 10}, b={"responses": 5})
    upper, lower = lines(AlertPolicy([OBJECTIVE]), second(0, EVERY, good), width=120)
    assert upper.startswith("  ALERT   promise, b  no error budget left, burns 5 times as fast as allowed")
    assert (upper[-1], lower[-1]) == ("█", "█")


def test_a_baseline_shows_what_is_usual_once_it_is_known():
    rule = Rule(name="usual", metric="requests", baseline=240, span=2)
    calm = [second(2 * at, requests=100 + at % 5) for at in range(100)]
    policy = AlertPolicy([rule])
    assert lines(policy, *calm[:3])[0].startswith("  OK      usual  learning, 4 s of 2 min, 102 requests")
    [upper, _] = lines(policy, *calm[3:], second(200, requests=900), width=130)
    assert upper.startswith("  ALERT   usual  900 requests, usually 13")


def test_a_rule_about_newcomers_shows_how_many_are_known():
    policy = AlertPolicy([Rule(name="servers", new="host")])
    hosts = [{"name": name, "requests": 1} for name in "ab"]
    assert lines(policy, second(0, hosts=hosts)) == ["  OK      servers  learning, 2 known hosts, 1 s of 1 h"]
    assert lines(policy, second(3600, hosts=hosts)) == ["  OK      servers  2 known hosts"]


def test_a_rule_of_which_nothing_is_known_says_why():
    rule = Rule(name="posts", where="method:POST", metric="requests", above=5)
    upper, lower = lines(AlertPolicy([rule]), second(0))
    assert upper.startswith("  UNKNOWN posts  0 requests, limit 5 in 2 min")
    assert lower.startswith("          single exchanges are not counted for it; method:POST")


@pytest.mark.parametrize("width", range(50, 121, 5))
def test_the_value_of_each_rule_is_there_at_every_width_and_trends_begin_in_one_column(width):
    long = Rule(name="payments of the shop fail", metric="error_ratio", per="host", above="20%", span=10)
    slo = OBJECTIVE._replace(name="the shop keeps its promise to all of its clients")
    policy = AlertPolicy([long, slo])
    hosts = [{"name": "shop.example", "responses": 10, "errors": 9}]
    good = subset(*GOOD, **{"shop.example": {"responses": 0}})
    every = subset("", "host", **{"shop.example": {"responses": 10}})
    shown = lines(policy, second(0, every, good, hosts=hosts, errors=9, responses=10), width=width)
    words = "\n".join(shown)
    assert "90 % error_ratio" in words
    assert "no error budget left" in words
    assert all(canvas.width([("", line)]) <= width for line in shown)
    trends = {line.index("█") for line in shown if "█" in line}
    assert len(trends) <= 1


def test_reports_tell_the_row_and_the_state_of_every_kind():
    policy = AlertPolicy([OBJECTIVE, Rule(name="fails", metric="errors", per="host", above=1, span=10)])
    good = subset(*GOOD, a={"responses": 10}, b={"responses": 5})
    policy.update(second(0, EVERY, good, hosts=[{"name": "b", "errors": 5, "responses": 10}]))
    assert [gauge_text(gauge) for gauge in policy.gauges] == [
        "promise, b: no error budget left, burns 5 times as fast as allowed, fires above 2  ALERT",
        "fails, b: 5 / 1 errors over the past 10 s  ALERT",
    ]


def test_reports_say_below_which_value_a_rule_fires_and_give_absence_no_span():
    low = Rule(name="low", metric="requests", below="2/s", span=1)
    absent = Rule(name="gone", metric="absent", above="5m")
    policy = AlertPolicy([low, absent, Rule(metric="absent", above=300)])
    policy.update(second(0, requests=7, hits=7))
    assert [gauge_text(gauge) for gauge in policy.gauges] == [
        "low: 7/s requests over the past 1 s, fires below 2/s  OK",
        "gone: 0 ms / 5 min absent  UNKNOWN (a part of its span was not captured)",
        "0 ms / 5 min absent  UNKNOWN (a part of its span was not captured)",
    ]
    shown = lines(policy, second(1, requests=7, hits=7), height=3)
    assert any(line.startswith("  OK      low  7/s requests, fires below 2/s in 1 s") for line in shown)
    assert any(
        line.startswith("  UNKNOWN gone  a part of its span was not captured; 0 ms absent, limit 5 min, all hosts")
        for line in shown
    )


def rules_named(*names, **fields):
    return [Rule(name=name, metric="hits", above=5, span=10, **fields) for name in names]


def test_each_rule_says_how_severe_its_alert_is_in_a_word_and_the_most_severe_is_first():
    severities = ("info", "warning", "critical")
    policy = AlertPolicy([rule for each in severities for rule in rules_named(f"a {each} one", severity=each)])
    shown = lines(policy, second(0, hits=9), height=3)
    assert [line[:10] for line in shown] == [" CRITICAL ", "  ALERT   ", "  INFO    "]
    calm = AlertPolicy(rules_named("a", severity="critical"))
    assert lines(calm, second(0, hits=1))[1].startswith("          critical")


@pytest.mark.parametrize("width", [40, 60, 80, 140])
def test_a_rule_in_one_line_says_why_nothing_is_known(width):
    policy = AlertPolicy(rules_named("the payments of the shop", "b"), interfaces=["vb"])
    down = second(0, interfaces=[{"name": "vb", "state": "down"}])
    assert all("vb is lost" in line for line in lines(policy, down, width=width, height=2))


@pytest.mark.parametrize("width", [60, 80, 140])
def test_a_rule_in_one_line_says_how_many_rows_fire(width):
    policy = AlertPolicy(rules_named("the payments of the shop", "b", per="host"))
    hosts = [{"name": name, "hits": 9} for name in ("a.example", "b.example")]
    shown = lines(policy, second(0, hosts=hosts), width=width, height=2)
    assert all("2 rows fire" in line for line in shown)


def test_rules_that_do_not_fit_are_counted_with_their_states():
    policy = AlertPolicy(rules_named(*"abcde"))
    assert lines(policy, second(0, hits=1), height=3)[2] == "  3 more rules, all OK; / finds rules by name"
    fire = lines(policy, second(1, hits=9), height=3)
    assert fire[2].startswith("  3 more rules, 3 ALERT;")
    assert len(lines(policy, second(2), height=5)) == 5
    assert lines(policy, second(3), height=1)[0].startswith("  ALERT   a")


@pytest.mark.parametrize(("width", "height"), [(60, 20), (80, 24), (100, 30), (140, 45)])
def test_rules_get_the_rows_that_the_log_of_alerts_does_not_need(width, height):
    frames = Frames(10.0, policy=AlertPolicy(rules_named(*(f"rule {number:02}" for number in range(40)))))
    shown = text(screen(view_of([frames.push(second(0, hits=1))], "6"), width, height))
    named = [line for line in shown if "rule " in line]
    log = next(at for at, line in enumerate(shown) if line.startswith(" ALERTS"))
    end = next((at for at, line in enumerate(shown) if at > log and "q quit" in line), height)
    assert end - log <= 8, "the log is empty"
    assert len(named) >= height - 18
    assert any("more rules, all OK" in line for line in shown)


def test_a_filter_finds_rules_and_alerts_by_the_name_of_the_rule():
    frames = Frames(10.0, policy=AlertPolicy(rules_named("payments", "logins")))
    view = view_of([frames.push(second(0, hits=9))], ["6", *"/log"])
    assert [gauge.rule.name for gauge in about.listed(view)] == ["logins"]
    assert "ALERTS 1 of 2" in "\n".join(text(screen(view, 100, 24)))
    nothing = view_of([frames.push(second(1, hits=9))], ["6", *"/zebra"])
    assert any("no rule of 2 matches" in line for line in text(screen(nothing, 100, 24)))


def test_the_first_rules_have_trends_if_there_is_no_room_for_all_of_them():
    shown = lines(AlertPolicy(rules_named(*"abc")), second(0, hits=9), height=4)
    assert [line[:12].strip() for line in shown] == ["ALERT   a", "", "ALERT   b", "ALERT   c"]
