"""Rules on the command line: captures and rule files in, lines and exit codes out."""

import base64
import json
import os
import re
import stat
import subprocess
import sys
import tomllib
from pathlib import Path

import forge
import namespaces
import pytest
from netmon.cli import DEMO
from receiver import answer, receiving
from terminal import NETMON

RULES = """
[[alert]]
name = "shop fails"
metric = "error_ratio"
per = "host"
above = "20%"
span = "5s"
severity = "critical"

[[alert]]
name = "slow"
metric = "latency.p95"
above = "500ms"
span = "5s"
"""


def capture(path, start=1000.0):
    """A minute of traffic: each second one good exchange with each host; from second 20 to 30 the shop fails slowly."""
    calm, shop = forge.Conversation(1024, start), forge.Conversation(1025, start, server="10.0.0.3")
    for second in range(60):
        fails = 20 <= second < 30
        calm.ask(start + second + 0.1, "GET", "calm.example", "/", 200)
        shop.ask(
            start + second + 0.1, "GET", "shop.example", "/cart", 503 if fails else 200, took=0.8 if fails else 0.01
        )
    path.write_bytes(forge.pcap(calm, shop))
    return path


ENVIRONMENT = os.environ | {"TZ": "UTC", "XDG_CONFIG_HOME": "/none"}
WHY_NOT = namespaces.why_not("tcpdump")


def run(*arguments, **how):
    command = [*NETMON, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=ENVIRONMENT, **how)


@pytest.fixture
def files(tmp_path):
    rules = tmp_path / "rules.toml"
    rules.write_text(RULES)
    return capture(tmp_path / "day.pcap"), rules


def alerts(out):
    return [line for line in out.splitlines() if line.startswith(("ALERT ", "RECOVERED "))]


def test_a_back_test_lists_when_each_rule_would_have_fired_and_recovered(files):
    """The second error is 2 of 5 responses; of the last five seconds, the last error is 1 of 5 at 17:14."""
    path, rules = files
    done = run("-r", path, "--alerts", rules, "--plain")
    assert [re.sub(" = [^a]*", " ", line) for line in alerts(done.stdout)] == [
        "ALERT      slow: latency.p95 at 1970-01-01 00:17:01.000 +00:00",
        "ALERT      shop fails, shop.example: error_ratio at 1970-01-01 00:17:02.000 +00:00",
        "RECOVERED  shop fails, shop.example: after 12 s at 1970-01-01 00:17:14.000 +00:00",
        "RECOVERED  slow: after 14 s at 1970-01-01 00:17:15.000 +00:00",
    ]


@pytest.mark.parametrize("interval", ["1", "0.5", "2"])
def test_rules_fire_and_recover_once_for_any_interval(files, interval):
    path, rules = files
    done = run("-r", path, "--alerts", rules, "--plain", "--interval", interval, "--fail-on-alert")
    assert [line.split()[0] for line in alerts(done.stdout)].count("ALERT") == 2
    assert [line.split()[0] for line in alerts(done.stdout)].count("RECOVERED") == 2
    assert done.returncode == 5


def test_without_an_alert_the_exit_code_is_that_of_success(files):
    path, rules = files
    rules.write_text(RULES.replace("20%", "100%").replace("500ms", "5s"))
    done = run("-r", path, "--alerts", rules, "--plain", "--fail-on-alert")
    assert (done.returncode, alerts(done.stdout)) == (0, [])


def test_check_config_explains_each_rule(files):
    _, rules = files
    done = run("--alerts", rules, "--check-config")
    assert done.returncode == 0
    first, second, third = done.stdout.splitlines()
    assert first.startswith("high traffic: fires when hits over 2 min is at least 7")
    assert second.startswith("shop fails: fires when error_ratio of each host over 5 s is above 20 %")
    assert third.startswith("slow: fires when latency.p95 over 5 s is above 500 ms")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            '[[alert]]\nname = "x"\nmetrik = "hits"\n',
            ":3: alert.metrik: a rule has no key 'metrik', did you mean metric",
        ),
        ('[[alert]]\nname = "x"\nmetric = "hitz"\nabove = 5\n', ":3: alert.metric: a rule counts one of hits"),
        ('[[alert]]\nmetric = "hits"\nabove = 5\n', ":1: alert: a rule needs a name"),
        ('top = 3\n[[alert]]\nname = "x"\n', "top: a file of --alerts has [[alert]] tables only"),
        ("[[alert]]\nname = 'a'\nmetric = 'hits'\nabove = 5\n" * 2, ":6: alert.name: 'a' is the name of the rule at"),
        ('[[alert]]\nname = "x"\nmetric = "hits"\nabove = 5\nwebhook = "ftp://x"\n', ":5: alert.webhook: "),
        ('[[alert]\nname = "x"\n', ":1: "),
    ],
)
def test_an_invalid_rule_is_refused_with_file_line_and_nearest_name(tmp_path, text, words):
    rules = tmp_path / "rules.toml"
    rules.write_text(text)
    done = run("--alerts", rules, "--check-config")
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
    assert str(rules) in done.stderr


def test_rules_of_the_configuration_hold_as_well(files, tmp_path):
    path, _ = files
    config = tmp_path / "config.toml"
    config.write_text(f"top = 3\n{RULES}")
    command = [sys.executable, "-m", "netmon", "--config", str(config), "-r", str(path), "--plain"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert len(alerts(done.stdout)) == 4


def test_a_state_is_kept_for_the_owner_alone_and_taken_up(tmp_path):
    rules, state = tmp_path / "rules.toml", tmp_path / "state.json"
    rules.write_text('[[alert]]\nname = "new"\nnew = "host"\nlearn = "30s"\n')
    first = capture(tmp_path / "first.pcap")
    assert alerts(run("-r", first, "--alerts", rules, "--state", state, "--plain").stdout) == []
    assert stat.S_IMODE(state.stat().st_mode) == 0o600
    assert json.loads(state.read_text())["version"] == 2
    later = forge.Conversation(1024, 2000.0).ask(2000.1, "GET", "other.example", "/", 200)
    (tmp_path / "second.pcap").write_bytes(forge.pcap(later.ask(2000.2, "GET", "calm.example", "/", 200)))
    [line] = alerts(run("-r", tmp_path / "second.pcap", "--alerts", rules, "--state", state, "--plain").stdout)
    assert line.startswith("ALERT      new, other.example: a new host at ")
    known = tmp_path / "known-new.txt"
    assert known.read_text().splitlines()[1:] == ["calm.example", "shop.example", "other.example"]
    known.write_text("calm.example\n")
    [line] = alerts(run("-r", tmp_path / "second.pcap", "--alerts", rules, "--state", state, "--plain").stdout)
    assert line.startswith("ALERT      new, other.example: a new host at "), "its name was removed from the file"


def test_a_state_that_is_damaged_is_not_used_and_says_so(files, tmp_path):
    path, rules = files
    state = tmp_path / "state.json"
    state.write_text('{"version": 1, "sums"')
    done = run("-r", path, "--alerts", rules, "--state", state, "--plain")
    assert done.returncode == 0
    assert f"{state} is not used: " in done.stderr
    assert len(alerts(done.stdout)) == 4


def test_a_state_that_cannot_be_written_is_told_once_and_stops_nothing(files):
    path, rules = files
    done = run("-r", path, "--alerts", rules, "--state", "/proc/none/state.json", "--plain")
    assert done.returncode == 0
    assert done.stderr.count("what rules have learned is not kept") == 1
    assert len(alerts(done.stdout)) == 4


SECRETS = ("hunter2", "T0K3N", "K3Y", "S1GN", base64.b64encode(b"me:hunter2").decode())


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_secrets_of_a_rule_are_in_no_output_no_log_no_message_and_no_state(tmp_path, log_format):
    quoted = b"Cannot POST /T0K3N?key=K3Y, " + SECRETS[-1].encode() + b" is me:hunter2"
    rules, log, state = tmp_path / "rules.toml", tmp_path / "log", tmp_path / "state.json"
    shown = [rules.name]
    with receiving(answer(503, quoted), answer(400, quoted)) as hook:
        webhook = f'webhook = "http://me:hunter2@127.0.0.1:{hook.port}/T0K3N?key=K3Y"\nsecret = "S1GN"\n'
        rules.write_text(f'[[alert]]\nname = "busy"\nmetric = "requests"\nabove = 0\n{webhook}format = "plain"\n')
        flags = (
            "--alerts",
            rules,
            "--state",
            state,
            "--log-file",
            log,
            "--log-level",
            "debug",
            "--log-format",
            log_format,
        )
        with capture(tmp_path / "day.pcap").open("rb") as packets:
            done = run("-r", "-", *flags, "--plain", stdin=packets)
        assert done.returncode == 0, done.stderr
        request = hook.requests[0]
        assert (request.target, request.fields["authorization"][:6]) == ("/T0K3N?key=K3Y", "Basic ")
        shown += [request.body.decode(), done.stdout, done.stderr, log.read_text(), state.read_text()]
    for more in (("--check-config",), ("--print-config",), ("-r", tmp_path / "day.pcap", "--json")):
        done = run(*flags[:4], *more)
        assert done.returncode == 0, done.stderr
        shown += [done.stdout, done.stderr]
    rules.write_text(rules.read_text().replace("http:", "ftp:"))
    shown.append(run("--alerts", rules, "--check-config").stderr)
    assert "127.0.0.1" in shown[4], "the log tells where the message went"
    assert "Cannot POST ..." in shown[4], "and what the receiver said"
    assert "alert.webhook: must begin with" in shown[-1]
    assert [secret for secret in SECRETS for text in shown if secret in text] == []


def test_suggested_rules_can_be_used_and_do_not_fire_on_the_capture_itself(files, tmp_path):
    path, _ = files
    done = run("-r", path, "--suggest-alerts")
    assert done.returncode == 0
    assert re.search(r"# The worst 60 s had latency\.p95 = [78]\d\d ms of shop\.example\.\n", done.stdout), done.stdout
    rules = tmp_path / "suggested.toml"
    rules.write_text(done.stdout)
    assert [table["metric"] for table in tomllib.loads(done.stdout)["alert"]][-1] == "absent"
    assert alerts(run("-r", path, "--alerts", rules, "--plain").stdout) == []


def test_a_capture_without_http_suggests_nothing(tmp_path):
    path = tmp_path / "empty.pcap"
    path.write_bytes(forge.pcap(forge.Conversation(1, 1000.0)))
    done = run("-r", path, "--suggest-alerts")
    assert (done.returncode, done.stdout.count("[[alert]]")) == (0, 0)


def test_the_policy_in_the_manual_runs(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    capture(tmp_path / "capture.pcap")
    manual = (Path(__file__).parents[1] / "docs" / "alerts.md").read_text()
    exec(re.search(r"```python\n(.*?)```", manual, re.DOTALL)[1], {})
    assert capsys.readouterr().out == "first error shop.example 1021.0\n"


ALONE = """
ip link set lo up
export TMPDIR=$(mktemp -d) && chmod 1777 "$TMPDIR"
tcpdump -i lo -w "$1" -U -n tcp 2>/dev/null &
until test -s "$1"; do sleep 0.1; done
while sleep 0.2; do cat "$TMPDIR"/netmon-demo-*/tls.keys > "$1.new" 2>/dev/null && mv "$1.new" "$1.keys"; done &
"$2" -m netmon --no-config --demo --plain
kill $(jobs -p)
wait
rm -r "$TMPDIR"
"""
"""Runs the demonstration in a network and a folder of its own, and writes its packets and its keys to files. What
another demonstration has left in the usual folder must not be taken for these keys."""


@pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT or "available")
def test_a_back_test_of_the_demonstration_equals_the_live_run(tmp_path):
    path = tmp_path / "demo.pcap"
    command = ["unshare", "--net", "bash", "-c", ALONE, "bash", str(path), sys.executable]
    live = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=ENVIRONMENT)
    keys = path.with_name("demo.pcap.keys")
    back = run(
        "-r",
        path,
        "--keylog",
        keys,
        "--alert-threshold",
        DEMO["alert_threshold"],
        "--alert-span",
        DEMO["alert_span"],
        "--plain",
    )
    assert [line.split()[0] for line in alerts(live.stdout)] == ["ALERT", "RECOVERED"]
    assert alerts(back.stdout) == alerts(live.stdout)


def test_commands_of_rules_do_not_run_for_a_file(files, tmp_path):
    path, rules = files
    mark = tmp_path / "ran"
    rules.write_text(RULES + f'exec = ["touch", "{mark}"]\n')
    assert len(alerts(run("-r", path, "--alerts", rules, "--plain").stdout)) == 4
    assert not mark.exists()


def test_commands_of_rules_run_for_packets_that_come_through_a_pipe(files, tmp_path):
    path, rules = files
    mark = tmp_path / "ran"
    rules.write_text(RULES + f'exec = ["touch", "{mark}"]\n')
    with path.open("rb") as packets:
        assert len(alerts(run("-r", "-", "--alerts", rules, "--plain", stdin=packets).stdout)) == 4
    assert mark.exists()
