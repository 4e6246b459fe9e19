"""Keys and certificates that stand in files: what is read, what is refused, and what a rule has of it."""

import json

import pytest
from alarms import rule
from fakes import snapshot
from netmon import Rule
from netmon.actions import credentials, spec
from netmon.alarms import Alarms
from netmon.config import Configured
from netmon.document import ConfigError, RawRule
from netmon.frames import Frames
from netmon.options import Settings
from netmon.rulebook import rules_of

BUSY = {"name": "busy", "metric": "requests", "above": 5, "webhook": "http://127.0.0.1:9/", "format": "plain"}


@pytest.fixture
def key(tmp_path):
    path = tmp_path / "key"
    path.write_text("hunter2\n")
    path.chmod(0o600)
    return path


def read(warn=lambda _: None, **more):
    """The rule of a file, with these keys on the second line and below."""
    table = RawRule(BUSY | more, "rules.toml", 1, {name: 2 + line for line, name in enumerate(more)})
    return rules_of(Configured(Settings(), (table,)), warn)[1]


@pytest.mark.parametrize(
    ("written", "found"),
    [
        (b"hunter2", "hunter2"),
        (b"hunter2\n", "hunter2"),
        (b"hunter2\r\n", "hunter2"),
        (b"hunter2\n\n", "hunter2\n"),
        (b" h\xc3\xbc\n", " h\u00fc"),
        (b"x" * 4096, "x" * 4096),
    ],
)
def test_a_key_is_what_stands_in_a_file_without_one_newline(tmp_path, written, found):
    path = tmp_path / "key"
    path.write_bytes(written)
    assert credentials.key(str(path)) == found


@pytest.mark.parametrize(
    ("written", "words"),
    [(b"", "is empty"), (b"\n", "is empty"), (b"\xff\xfe1", "is no text"), (b"x" * 4097, "is no key")],
)
def test_what_is_no_key_is_refused_without_being_shown(tmp_path, written, words):
    path = tmp_path / "key"
    path.write_bytes(written)
    with pytest.raises(ConfigError, match=words) as error:
        read(secret_file=str(path))
    assert str(error.value).startswith(f"rules.toml:2: alert.secret_file: {path} {words}")
    assert "xx" not in str(error.value)


def test_a_file_that_is_missing_is_named(tmp_path):
    with pytest.raises(
        ConfigError, match=r"^rules\.toml:2: alert\.secret_file: /none/key cannot be read: No such file"
    ):
        read(secret_file="/none/key")
    with pytest.raises(ConfigError, match=r"^rules\.toml:3: alert\.ca_file: /none/ca cannot be read: No such file"):
        read(webhook="https://127.0.0.1/", ca_file="/none/ca")
    with pytest.raises(ConfigError, match=r"cannot be read: Is a directory"):
        read(secret_file=str(tmp_path))


def test_a_file_without_certificates_is_refused(key):
    with pytest.raises(ConfigError, match=r"alert\.ca_file: .*/key has no certificates in PEM format") as error:
        read(webhook="https://127.0.0.1/", ca_file=str(key))
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"secret_file": "key"}, "alert.secret_file: must be the absolute path of a file, not 'key'"),
        ({"ca_file": "/a\0b"}, "alert.ca_file: must be the absolute path of a file"),
        ({"ca_file": "/etc/ca.pem"}, "alert.ca_file: `ca_file` of a rule is for a webhook that begins with https://"),
        ({"secret_file": "/a", "secret": "s"}, "alert.secret: a rule has `secret_file` or `secret`, not both"),
    ],
)
def test_what_does_not_fit_is_refused_by_the_reader_and_by_the_actions(more, words):
    with pytest.raises(ConfigError) as error:
        read(**more)
    assert words in str(error.value)
    with pytest.raises(ValueError, match=r"absolute path|begins with https|not both"):
        spec.check(rule(**{"webhook": "http://h/"} | more))


def test_a_rule_has_the_key_of_its_file_and_shows_that_it_signs(key):
    found = read(secret_file=str(key))
    assert (found.secret, found.secret_file) == ("hunter2", "")
    assert "hunter2" not in repr(found)
    assert spec.sentence(found).endswith("signed)")
    assert spec.sentence(Rule(webhook="http://h/", secret_file="/x")).endswith("signed)"), "a rule of Python"


def exposed(path):
    return f"alert.secret_file: every user can read or change {path}; chmod 600 keeps it secret"


def test_by_default_a_warning_goes_to_standard_error_unless_it_is_switched_off(key, capsys):
    key.chmod(0o644)
    table = RawRule(BUSY | {"secret_file": str(key)}, "rules.toml", 1, {})
    rules_of(Configured(Settings(quiet=True), (table,)))
    assert capsys.readouterr().err == ""
    rules_of(Configured(Settings(), (table,)))
    assert capsys.readouterr().err == f"netmon: warning: rules.toml:1: {exposed(key)}\n"


@pytest.mark.parametrize(("mode", "is_told"), [(0o600, False), (0o640, False), (0o604, True), (0o602, True)])
def test_a_key_that_every_user_can_read_or_change_is_used_with_a_warning(key, mode, is_told):
    told = []
    key.chmod(mode)
    assert read(told.append, secret_file=str(key)).secret == "hunter2"
    assert told == [f"rules.toml:2: {exposed(key)}"] * is_told


def test_a_reload_reads_the_key_again_and_the_alert_goes_on(key, tmp_path):
    table = RawRule(BUSY | {"span": "10s", "secret_file": str(key)}, "rules.toml", 1, {})
    configured, told, state = Configured(Settings(), (table,)), [], tmp_path / "state.json"
    alarms = Alarms(Settings(read=("a.pcap",), state=str(state)), rules_of(configured), {}, told.append)
    frames = Frames(10.0, policy=alarms.policy)
    frames.push(snapshot(0, requests=9))
    key.write_text("hunter3")
    key.chmod(0o644)
    alarms.reload(frames, configured)
    assert [rule.secret for rule in alarms.policy.rules] == ["", "hunter3"]
    assert [alert.state for alert in frames.push(snapshot(1, requests=9)).events] == [], (
        "it fires since the first second"
    )
    assert told == [f"netmon: warning: rules.toml:1: {exposed(key)}\n"]
    alarms.save()
    assert "hunter" not in json.dumps(json.loads(state.read_text()))
    key.unlink()
    with pytest.raises(ConfigError, match="No such file"):
        alarms.reload(frames, configured)
    assert alarms.policy.rules[1].secret == "hunter3", "the old rules stay"
