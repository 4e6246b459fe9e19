"""Rules as they are written in a file: tables in, rules or what is wrong with them out."""

import tomllib

import pytest
from netmon import Rule
from netmon import format as fmt
from netmon.alerts.written import KEYS, RuleError, read_rule, sentence
from netmon.config import Configured
from netmon.document import ConfigError
from netmon.options import Settings
from netmon.rulebook import rules_of

FULL = """
name = "checkout is slow"
metric = "latency.p95"
where = "host:shop.example section:/checkout"
per = "host"
above = "500ms"
recover = "300ms"
span = "60s"
for = "30s"
keep_firing_for = "60s"
min_requests = 20
severity = "critical"
exec = ["notify-send", "netmon"]
webhook = "http://127.0.0.1:9093/api"
"""


def test_every_key_of_the_manual_is_read():
    rule = read_rule(tomllib.loads(FULL))
    assert rule == Rule(
        metric="latency.p95",
        name="checkout is slow",
        where="host:shop.example section:/checkout",
        per="host",
        above=0.5,
        recover=0.3,
        span=60,
        for_=30,
        keep_firing_for=60,
        min_requests=20,
        severity="critical",
        exec=("notify-send", "netmon"),
        webhook="http://127.0.0.1:9093/api",
    )


def test_a_rule_is_explained_in_a_sentence():
    assert sentence(read_rule(tomllib.loads(FULL))) == (
        "fires when latency.p95 of each host (host:shop.example section:/checkout) over 1 min is above 500 ms for 30 s,"
        " with 20 requests at least; recovers at 300 ms or below for 1 min"
    )
    assert (
        sentence(Rule())
        == f"fires when hits over 2 min is at least {fmt.count(7000)}; recovers below {fmt.count(7000)}"
    )


@pytest.mark.parametrize(
    ("table", "key", "words"),
    [
        ({}, "", "needs a name"),
        ({"name": "x"}, "", "needs a metric"),
        ({"name": "x", "metric": "hits"}, "", "needs above or below"),
        ({"name": "x", "metrik": "hits"}, "metrik", "did you mean metric?"),
        ({"name": "x", "metric": "latency.p95x", "above": 1}, "metric", "counts one of"),
        ({"name": "x", "metric": "hits", "above": "5%"}, "above", "not an amount such as 7000"),
        ({"name": "x", "metric": "hits", "above": True}, "above", "not an amount"),
        ({"name": "x", "metric": "hits", "above": 5, "per": "hosts"}, "per", "did you mean host?"),
        ({"name": "x", "metric": "hits", "above": 5, "for": "soon"}, "for", "not a duration"),
        ({"name": "x", "metric": "hits", "above": 5, "recover": 9}, "recover", "safe side"),
        (
            {"name": "x", "metric": "hits", "above": 5, "exec": "rm -rf /"},
            "exec",
            "must be a list of texts, the program first",
        ),
        ({"name": "x", "metric": "hits", "above": 5, "exec": ["./run"]}, "exec", "must name a program in PATH"),
        ({"name": "x", "metric": "hits", "above": 5, "webhook": "ftp://a/"}, "webhook", "must begin with http"),
        ({"name": "x", "metric": "hits", "above": 5, "format": "plane"}, "format", "did you mean plain?"),
        ({"name": "x", "metric": "hits", "above": 5, "secret": 5}, "secret", "^must be text$"),
        ({"name": "x", "metric": "hits", "above": 5, "timeout": "2h"}, "timeout", "above 0 and at most 3600"),
        ({"name": "x", "metric": "hits", "above": 5, "timeout": "soon"}, "timeout", "not a duration"),
        ({"name": 7}, "name", "string in quotes"),
        ({"name": "x", "metric": "hits", "above": 5, "min_requests": -1}, "min_requests", "whole number"),
    ],
)
def test_what_is_wrong_names_the_key(table, key, words):
    with pytest.raises(RuleError, match=words) as error:
        read_rule(table)
    assert error.value.key == key


def test_what_is_wrong_with_an_action_names_file_line_and_key(tmp_path):
    path = tmp_path / "rules.toml"
    path.write_text(FULL.replace("\nname", "[[alert]]\nname").replace("http:", "ftp:"))
    with pytest.raises(ConfigError) as error:
        rules_of(Configured(Settings(alerts=(str(path),))))
    assert str(error.value) == f"{path}:14: alert.webhook: must begin with http:// or https://"


HUGE = "1" + 400 * "0"
DEEP = 5000 * "[" + 5000 * "]"
ONE = '[[alert]]\nname = "x"\nmetric = "requests"\n'
SLO = '[[alert]]\nname = "x"\nslo = "99%"\ngood = "status<500"\n'
BASE = '[[alert]]\nname = "x"\nmetric = "requests"\nbaseline = "1h"\n'


def refusal(tmp_path, text):
    """What is said of a file with rules, behind its path."""
    path = tmp_path / "rules.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as error:
        rules_of(Configured(Settings(alerts=(str(path),))))
    return str(error.value).removeprefix(str(path))


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        (f"{ONE}above = {HUGE}", ":4: alert.above: ", "too large"),
        (f"{ONE}below = {HUGE}", ":4: alert.below: ", "too large"),
        (f"{ONE}above = inf", ":4: alert.above: ", "too large"),
        (f"{ONE}above = nan", ":4: alert.above: ", "too large"),
        (f"{ONE}above = -1", ":4: alert.above: ", "not an amount"),
        (f"{ONE}above = 1\nmin_requests = {HUGE}", ":5: alert.min_requests: ", "more than netmon counts"),
        (f"{ONE}above = 1\nspan = {HUGE}", ":5: alert.span: ", "not a duration"),
        (f"{ONE}above = 1\nspan = inf", ":5: alert.span: ", "not a duration"),
        (f'{ONE}above = 1\nspan = "0.0000001"', ":5: alert.span: ", "1 ms at least"),
        (f"{ONE}above = 1\ntimeout = {HUGE}", ":5: alert.timeout: ", "above 0 and at most 3600"),
        (f"{BASE}deviations = {HUGE}", ":5: alert.deviations: ", "number above 0"),
        (f"{BASE}deviations = inf", ":5: alert.deviations: ", "number above 0"),
        (f'[[alert]]\nname = "x"\nnew = "host"\nlearn = "{400 * "9"}d"', ":4: alert.learn: ", "not a duration"),
        ('[[alert]]\nname = "x"\nnew = "host"\nlearn = "9999d"', ":4: alert.learn: ", "up to 3650 days"),
        (f'{SLO}windows = [["1h", "5m", inf]]', ":5: alert.windows: ", "number above 0"),
        (f'{SLO}windows = [["1h", "5m", {HUGE}]]', ":5: alert.windows: ", "number above 0"),
        (f'{SLO}windows = [["1000d", "5m", 1]]', ":5: alert.windows: ", "from 1 minute to 30 days"),
        (f'{SLO}windows = [["1h", "30s", 1]]', ":5: alert.windows: ", "from 1 minute to 30 days"),
        (f'{SLO}windows = [["1h", "90s", 1]]', ":5: alert.windows: ", "whole minutes"),
        (f"{ONE}above = {5000 * '1'}", ":4: above: ", "too many digits"),
        (f"{ONE}above = {DEEP}", ":4: above: ", "nested too deeply"),
        (f"{ONE}above = {DEEP[:5000]}\n{DEEP[5000:]}", ":4: above: ", "nested too deeply"),
    ],
)
def test_numbers_that_no_rule_can_have_are_errors_with_file_line_and_key(tmp_path, text, place, words):
    told = refusal(tmp_path, text)
    assert told.startswith(place), told[:200]
    assert words in told
    assert len(told) < 300


@pytest.mark.parametrize(("text", "above"), [("0.00005", 0.00005), ("1e17", 1e17), ("5e-7", 5e-7), ("1e3", 1000)])
def test_numbers_are_read_however_toml_writes_them(tmp_path, text, above):
    key = tmp_path / "key"
    key.write_text("k3y")
    key.chmod(0o600)
    (tmp_path / "rules.toml").write_text(
        f'{ONE}above = {text}\nsecret_file = "{key}"\nwebhook = "http://127.0.0.1:9/"\nfor = 1e-3\n'
    )
    [_, rule] = rules_of(Configured(Settings(alerts=(str(tmp_path / "rules.toml"),))))
    assert (rule.above, rule.for_, rule.secret) == (above, 0.001, "k3y")


@pytest.mark.parametrize("setting", ["metric", "above", "where", "per", "span", "severity"])
def test_an_error_repeats_only_the_beginning_of_a_long_value(tmp_path, setting):
    table = {"metric": '"requests"', "above": "1", setting: f'"{"very ( long " * 1000}"'}
    told = refusal(tmp_path, '[[alert]]\nname = "x"\n' + "".join(f"{key} = {table[key]}\n" for key in table))
    assert len(told) < 500


def test_a_filter_of_blanks_is_no_filter():
    assert Rule(metric="packets", where=" \t ", above=1) == Rule(metric="packets", above=1)
    assert Rule(slo="99%", good="status<500", where="  ").subsets == ()


def test_the_first_rule_with_a_filter_too_many_is_named_with_its_line(tmp_path):
    rules = [f'[[alert]]\nname = "{i}"\nmetric = "requests"\nabove = 1\nwhere = "path:/{i}"\n' for i in range(70)]
    told = refusal(tmp_path, "".join(rules))
    assert told.startswith(f":{64 * 5 + 5}: alert.where: rules need 70 filters of single exchanges"), told


def test_every_parameter_of_a_rule_can_be_written():
    written = {key.parameter for key in KEYS.values()}
    assert written == set(Rule._fields) - {"threshold", "per_second"}


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"metric": "hits", "below": 5}, "is below 5; recovers at 5 or above"),
        ({"metric": "latency.p95", "above": "500ms"}, "is above 500 ms; recovers at 500 ms or below"),
        ({"metric": "absent", "above": "10s"}, "fires when nothing was seen for 10 s; recovers at 10 s or below"),
        (
            {"metric": "absent", "above": "10s", "per": "interface"},
            "fires when nothing was seen of an interface for 10 s;",
        ),
        ({"metric": "hits", "baseline": "1h", "deviations": 1}, "is 1 deviation from the last 1 h"),
        ({"metric": "hits", "baseline": "1h", "deviations": 2.5}, "is 2.5 deviations from the last 1 h"),
    ],
)
def test_a_sentence_says_when_a_rule_fires_and_where_it_recovers(table, words):
    assert words in sentence(read_rule({"name": "x", **table}))


OF_SLO = {"name": "x", "good": "status<500"}
OF_LATENCY = {"name": "x", "metric": "latency.p95"}


@pytest.mark.parametrize(
    ("table", "key", "words"),
    [
        ({**OF_SLO, "slo": "99.9"}, "slo", "'99.9' is more than everything, did you mean 99.9% or 0.999?"),
        ({**OF_SLO, "slo": "99,9%"}, "slo", "'99,9%' is not a share such as 0.05 or 5%; did you mean 99.9%?"),
        ({**OF_LATENCY, "above": 1, "span": "30d"}, "span", "'30d' is longer than 7 days, the longest span of a rule"),
        ({**OF_LATENCY, "above": 1, "where": "hots:x"}, "where", "no field is called hots; did you mean host?"),
        ({**OF_LATENCY, "above": "500 Mb"}, "above", "'500 Mb' is not a duration such as 0.2, 200ms or 5m"),
        ({**OF_LATENCY, "above": 1, "secret": "k"}, "secret", "`secret` of a rule signs the messages of a `webhook`"),
        ({**OF_LATENCY, "baseline": "10s"}, "baseline", "is many spans long, not 10 s with a span of 120 s"),
    ],
)
def test_a_mistake_blames_its_key_and_says_what_to_write(table, key, words):
    with pytest.raises(RuleError) as caught:
        read_rule(table)
    assert (caught.value.key, words in str(caught.value)) == (key, True), str(caught.value)


def test_all_mistakes_of_a_rule_are_known():
    with pytest.raises(RuleError) as caught:
        read_rule({"name": "x", "metrik": "hits", "span": "1y", "above": 5, "per": "hosts"})
    assert [error.key for error in (caught.value, *caught.value.others)] == ["metrik", "span", "per"]


def test_a_duration_may_have_several_parts():
    rule = read_rule({"name": "x", "metric": "latency.p95", "above": "1m30s", "span": "1h30m", "for": "1m 500ms"})
    assert (rule.above, rule.span, rule.for_) == (90, 5400, 60.5)
