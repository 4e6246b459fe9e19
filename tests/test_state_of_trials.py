"""A trial of rules on a capture file leaves what was learned of newer or live traffic as it is."""

import subprocess
import sys

import forge
from test_alert_command import ENVIRONMENT, alerts, capture

NEW = '[[alert]]\nname = "new"\nnew = "host"\nlearn = "30s"\n'


def run(*arguments, **how):
    command = [sys.executable, "-m", "netmon", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=ENVIRONMENT, **how)


def later(path, *hosts, start=2000.0):
    talk = forge.Conversation(1024, start)
    for place, host in enumerate(hosts):
        talk.ask(start + 0.1 * (place + 1), "GET", host, "/", 200)
    path.write_bytes(forge.pcap(talk))
    return path


def learned(tmp_path):
    """A state of second 2000 and the configuration that names it."""
    state, config = tmp_path / "live" / "state.json", tmp_path / "config.toml"
    config.write_text(f'state = "{state}"\n{NEW}')
    run("-r", later(tmp_path / "later.pcap", "calm.example"), "--config", config, "--state", state, "--plain")
    assert state.exists()
    return state, config


def kept(state):
    return {path.name: path.read_bytes() for path in state.parent.iterdir()}


def test_a_state_of_the_configuration_is_neither_used_nor_replaced_with_a_file(tmp_path):
    state, config = learned(tmp_path)
    before = kept(state)
    done = run("-r", capture(tmp_path / "day.pcap"), "--config", config, "--plain")
    assert (done.returncode, alerts(done.stdout)) == (0, []), "it learns anew for 30 s, as the rule says"
    assert str(state) not in done.stderr
    assert kept(state) == before


def test_a_state_of_the_environment_is_not_used_with_a_file_either(tmp_path, monkeypatch):
    state, _ = learned(tmp_path)
    before = kept(state)
    monkeypatch.setitem(ENVIRONMENT, "NETMON_STATE", str(state))
    assert run("-r", capture(tmp_path / "day.pcap"), "--plain").returncode == 0
    assert kept(state) == before


def test_a_state_of_the_configuration_counts_for_a_pipe(tmp_path):
    _, config = learned(tmp_path)
    with later(tmp_path / "more.pcap", "calm.example", "new.example", start=3000.0).open("rb") as packets:
        [line] = alerts(run("-r", "-", "--config", config, "--plain", stdin=packets).stdout)
    assert line.startswith("ALERT      new, new.example: ")


def test_a_state_that_is_newer_than_the_capture_is_left_alone_and_told(tmp_path):
    state, config = learned(tmp_path)
    before = kept(state)
    done = run("-r", capture(tmp_path / "day.pcap"), "--config", config, "--state", state, "--plain")
    assert (done.returncode, alerts(done.stdout)) == (0, [])
    assert f"{state} is left alone: it is of 1970-01-01T00:33:2" in done.stderr
    assert "and the capture begins before, at 1970-01-01T00:16:40.000Z; rules begin anew" in done.stderr
    assert kept(state) == before


def test_a_state_is_taken_up_by_the_capture_that_follows(tmp_path):
    state, config = learned(tmp_path)
    path = later(tmp_path / "more.pcap", "calm.example", "new.example", start=2002.0)
    done = run("-r", path, "--config", config, "--state", state, "--plain")
    assert "left alone" not in done.stderr
    [line] = alerts(done.stdout)
    assert line.startswith("ALERT      new, new.example: ")
