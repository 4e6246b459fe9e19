"""An alert as variables, JSON, messages: complete, the same in every output, and harmless whatever the wire says."""

import json
import re
import shlex
import subprocess
import unicodedata
from pathlib import Path

import pytest
from alarms import HOSTILE, START, fired, recovered, rule
from netmon.actions import facts, messages
from netmon.format import HIDDEN

DOCS = (Path(__file__).parents[1] / "docs" / "alerts.md").read_text()


def webhook(*alerts, **fields):
    return json.loads(messages.webhook(alerts, instance="edge-1", **fields))


def api(*alerts, now=START):
    return json.loads(messages.api(alerts, instance="edge-1", now=now, remind=60))


def test_an_alert_is_one_json_object():
    assert json.loads(messages.plain(fired(rule(), times=3))) == {
        "schema": 1,
        "source": "netmon",
        "version": facts.__version__,
        "name": "checkout is slow",
        "state": "fired",
        "severity": "critical",
        "summary": "checkout is slow: latency.p95 is 812 ms, above 500 ms, host shop.example",
        "metric": "latency.p95",
        "value": 0.812,
        "above": 0.5,
        "below": None,
        "per": "host",
        "key": "shop.example",
        "where": "host:shop.example",
        "span": 60,
        "at": "2026-01-01T00:00:00.000Z",
        "since": "2026-01-01T00:00:00.000Z",
        "duration": 0,
        "times": 3,
    }


def test_variables_have_the_facts_of_the_json_object():
    alert = recovered(rule())
    told = facts.document(alert)
    variables = facts.variables(alert)
    assert set(variables) == {f"NETMON_ALERT_{name.upper()}" for name in told} - {
        "NETMON_ALERT_SCHEMA",
        "NETMON_ALERT_SOURCE",
        "NETMON_ALERT_VERSION",
    }
    assert variables["NETMON_ALERT_STATE"] == "recovered"
    assert variables["NETMON_ALERT_VALUE"] == "0.2"
    assert variables["NETMON_ALERT_BELOW"] == ""
    assert variables["NETMON_ALERT_DURATION"] == "130"
    assert variables["NETMON_ALERT_AT"] == "2026-01-01T00:02:10.000Z"


def test_the_documentation_has_a_row_for_each_fact_and_no_other():
    rows = re.findall(r"^\| `(NETMON_ALERT_\w+)` \| `(\w+)` \| (.+?) \|$", DOCS, re.MULTILINE)
    assert rows == [(fact.variable, fact.name, fact.meaning) for fact in facts.FACTS]


@pytest.mark.parametrize(
    ("metric", "value", "bound", "text"),
    [
        ("hits", 7004.0, 7000, "hits is 7004, above 7000"),
        ("latency.p95", 0.812, 0.5, "latency.p95 is 812 ms, above 500 ms"),
        ("error_ratio", 0.051, 0.05, "error_ratio is 5.1 %, above 5.0 %"),
        ("bits", 12_500_000.0, "10Mbit/s", "bits is 12.5 Mbit, above 10Mbit/s"),
        ("a measure of tomorrow", 2.5, 2.0, "a measure of tomorrow is 2.5, above 2"),
        ("hits", float("nan"), 1, "hits is unknown, above 1"),
        ("hits", None, 1, "hits is unknown, above 1"),
    ],
)
def test_a_summary_shows_values_with_their_units(metric, value, bound, text):
    alert = fired(rule("r", metric=metric, above=bound, per=""), key="", value=value)
    assert facts.document(alert)["summary"] == f"r: {text}"


def test_a_summary_of_a_recovery_has_the_duration():
    told = facts.document(recovered(rule("r", above=None, below=1, metric="hits")))["summary"]
    assert told == "r: hits is 0.2, recovered after 2 min 10 s, host shop.example"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), None])
def test_a_value_that_is_no_number_is_null_and_an_empty_variable(value):
    alert = fired(rule(), value=value)
    assert facts.document(alert)["value"] is None
    assert facts.variables(alert)["NETMON_ALERT_VALUE"] == ""


@pytest.mark.parametrize(
    ("value", "text"), [(7004.0, "7004"), (1e15, "1000000000000000"), (0.00004, "0.00004"), (-0.0, "0"), (1e-12, "0")]
)
def test_a_number_is_written_without_grouping_and_exponent(value, text):
    assert facts.number(value) == text


def harmful(text):
    return [char for char in text if unicodedata.category(char) in HIDDEN]


def texts(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from (text for pair in value.items() for each in pair for text in texts(each))
    elif isinstance(value, list):
        yield from (text for each in value for text in texts(each))


@pytest.mark.parametrize("of", [fired, recovered])
def test_a_hostile_host_brings_no_control_character_into_any_output(of):
    alert = of(rule(), key=HOSTILE)
    outputs = [facts.document(alert), dict(facts.variables(alert)), webhook(alert), api(alert)]
    assert [harmful(text) for output in outputs for text in texts(output) if harmful(text)] == []
    for data in (messages.plain(alert), messages.webhook([alert], instance="i")):
        assert data.isascii()


def test_a_hostile_rule_brings_no_control_character_into_any_output():
    alert = fired(rule("\x1b[2J\0x", where="\u202e", severity="\x9b"), key="a")
    outputs = [facts.document(alert), dict(facts.variables(alert)), webhook(alert), api(alert)]
    assert [harmful(text) for output in outputs for text in texts(output) if harmful(text)] == []


def test_a_hostile_host_is_no_option_and_no_code_in_a_variable():
    key = facts.variables(fired(rule(), key=HOSTILE))["NETMON_ALERT_KEY"]
    assert re.fullmatch(r"[\w.%\]]+", key)
    assert key.startswith("%2Drf%1B]0")
    assert shlex.split(key) == [key], "a shell reads it as one word, with nothing to expand"


def test_a_shell_that_evaluates_a_variable_finds_nothing_to_run():
    """Even a careless script, one that evaluates what it gets, sees text alone."""
    key = facts.variables(fired(rule(), key=HOSTILE))["NETMON_ALERT_KEY"]
    done = subprocess.run(["sh", "-c", 'eval "echo $K"'], env={"K": key}, capture_output=True, text=True, check=True)
    assert done.stdout == key + "\n"
    assert done.stderr == ""


@pytest.mark.parametrize(
    "key",
    ["shop.example", "10.0.0.1:8080", "[2001:db8::1]:80", "shop.example/cart", "eth0", "b\u00fccher.example", "a-b"],
)
def test_an_ordinary_key_stays_as_it_is(key):
    assert facts.variables(fired(rule(), key=key))["NETMON_ALERT_KEY"] == key


def test_a_long_key_is_cut():
    alert = fired(rule(), key="x" * 5000)
    assert len(facts.document(alert)["key"]) == facts.LENGTH
    assert facts.document(alert)["key"].endswith("x...")


def test_a_webhook_message_has_every_field_of_version_4():
    assert webhook(fired(rule()), truncated=2) == {
        "version": "4",
        "groupKey": '{}:{alertname="checkout is slow"}',
        "truncatedAlerts": 2,
        "status": "firing",
        "receiver": "netmon",
        "groupLabels": {"alertname": "checkout is slow"},
        "commonLabels": {
            "alertname": "checkout is slow",
            "host": "shop.example",
            "instance": "edge-1",
            "metric": "latency.p95",
            "severity": "critical",
        },
        "commonAnnotations": {
            "above": "0.5",
            "duration": "0",
            "span": "60",
            "summary": "checkout is slow: latency.p95 is 812 ms, above 500 ms, host shop.example",
            "value": "0.812",
            "where": "host:shop.example",
        },
        "externalURL": "",
        "alerts": [
            {
                "status": "firing",
                "labels": {
                    "alertname": "checkout is slow",
                    "host": "shop.example",
                    "instance": "edge-1",
                    "metric": "latency.p95",
                    "severity": "critical",
                },
                "annotations": {
                    "above": "0.5",
                    "duration": "0",
                    "span": "60",
                    "summary": "checkout is slow: latency.p95 is 812 ms, above 500 ms, host shop.example",
                    "value": "0.812",
                    "where": "host:shop.example",
                },
                "startsAt": "2026-01-01T00:00:00.000Z",
                "endsAt": "0001-01-01T00:00:00Z",
                "generatorURL": "",
                "fingerprint": webhook(recovered(rule()))["alerts"][0]["fingerprint"],
            }
        ],
    }


def test_a_recovery_has_its_end_and_the_labels_of_its_firing():
    before, after = webhook(fired(rule())), webhook(recovered(rule()))
    assert after["status"] == after["alerts"][0]["status"] == "resolved"
    assert after["alerts"][0]["endsAt"] == "2026-01-01T00:02:10.000Z"
    assert after["alerts"][0]["labels"] == before["alerts"][0]["labels"]


def test_a_message_with_several_alerts_fires_if_one_does_and_has_in_common_what_all_have():
    both = webhook(recovered(rule(), key="a"), fired(rule(), key="b"))
    assert both["status"] == "firing"
    assert "host" not in both["commonLabels"]
    assert both["commonLabels"]["severity"] == "critical"
    assert [alert["labels"]["host"] for alert in both["alerts"]] == ["a", "b"]
    assert "summary" not in both["commonAnnotations"]


def test_a_quote_in_a_name_stays_inside_its_quotes_in_the_group_key():
    assert webhook(fired(rule('a "b" \\')))["groupKey"] == '{}:{alertname="a \\"b\\" \\\\"}'


def test_the_fingerprint_is_fnv_1a_over_sorted_labels():
    """Without a label it is the offset of FNV-1a. `test_alertmanager.py` compares it with Alertmanager's own."""
    assert messages.fingerprint({}) == "cbf29ce484222325"
    assert messages.fingerprint({"a": "1", "b": "2"}) == messages.fingerprint({"b": "2", "a": "1"})
    assert messages.fingerprint({"a": "bc"}) != messages.fingerprint({"ab": "c"})


def test_an_alert_of_the_api_that_fires_ends_four_reminders_later():
    (told,) = api(fired(rule()), now=START + 600)
    assert told["startsAt"] == "2026-01-01T00:00:00.000Z"
    assert told["endsAt"] == "2026-01-01T00:14:00.000Z"
    assert set(told) == {"labels", "annotations", "startsAt", "endsAt"}


def test_an_alert_of_the_api_that_recovers_ends_when_it_recovered():
    assert api(recovered(rule()))[0]["endsAt"] == "2026-01-01T00:02:10.000Z"


def test_a_row_without_a_name_for_its_kind_has_the_label_key():
    assert api(fired(rule(per=""), key="a"))[0]["labels"]["key"] == "a"
    assert api(fired(rule(per="server name"), key="a"))[0]["labels"]["server_name"] == "a"
    assert facts.document(fired(rule(per=""), key="a"))["summary"].endswith(", above 500 ms, a")


def test_a_rule_without_severity_and_rows_has_no_empty_label():
    assert api(fired(rule(severity="", per=""), key=""))[0]["labels"] == {
        "alertname": "checkout is slow",
        "instance": "edge-1",
        "metric": "latency.p95",
    }
