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
