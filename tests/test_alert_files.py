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
        " with 20 requests at least; recovers when it is at 300 ms for 1 min"
    )
    assert sentence(Rule()) == f"fires when hits over 2 min is at least {fmt.count(7000)}; recovers when it is back"


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
