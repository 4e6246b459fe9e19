"""Settings: what each source gives, which one wins, and how errors name the place they come from."""

import inspect
import os
import pwd
import tomllib
from math import inf
from types import UnionType
from typing import get_args, get_origin, get_type_hints

import pytest
from msgspec import Meta
from netmon import Monitor, cli, config
from netmon._core import Engine
from netmon.address import PrometheusAddress, WebAddress
from netmon.options import (
    OPTIONS,
    CaptureSettings,
    ClientFrom,
    Duration,
    FileSize,
    Settings,
    Size,
    Speed,
    capture_settings,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("200", 200),
        ("200s", 200),
        ("5m", 300),
        ("5m30s", 330),
        ("1h 1m 1s 500ms", 3661.5),
        ("1h", 3600),
        ("500ms", 0.5),
        ("0.25", 0.25),
        (" 2 s ", 2),
        ("1d", 86400),
    ],
)
def test_durations(text, seconds):
    assert Duration.parse(text) == pytest.approx(seconds)


NO_DURATIONS = ["", "s", "0", "0s", "-1", "5 minutes", "1e3", "nan", "inf", "30s5m", "5m5m", "5m30", "5mx", True]


@pytest.mark.parametrize("text", NO_DURATIONS)
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(ValueError, match=r"duration|above 0"):
        Duration.parse(text)


@pytest.mark.parametrize(
    ("text", "size"),
    [("4096", 4 << 20), (4096, 4 << 20), ("16MiB", 16 << 20), ("512kib", 512 << 10), ("1GiB", 1 << 30)],
)
def test_sizes_are_kibibytes_or_have_a_unit(text, size):
    assert Size.parse(text) == size


@pytest.mark.parametrize("text", ["", "0", "-4", "4.5", "16MB", "many", True])
def test_what_is_no_size_is_refused(text):
    with pytest.raises(ValueError, match="size"):
        Size.parse(text)


@pytest.mark.parametrize(("text", "speed"), [("1", 1), ("10", 10), ("0.5", 0.5), (".5", 0.5), (2, 2), ("max", inf)])
def test_speeds_are_times_real_time(text, speed):
    assert Speed.parse(text) == speed


@pytest.mark.parametrize("text", ["", "0", "-1", "fast", "inf", "nan", "1x", "1e3", True])
def test_what_is_no_speed_is_refused(text):
    with pytest.raises(ValueError, match="is not a speed such as"):
        Speed.parse(text)


def settings_of(tmp_path, toml="", environment=None, flags=()):
    """The settings that the command reads from a file, an environment and flags."""
    path = tmp_path / "config.toml"
    path.write_text(toml)
    arguments = cli.parser().parse_intermixed_args(["--config", str(path), *flags])
    return cli.settings_from(arguments, environment or {})


def test_without_any_source_the_defaults_hold(tmp_path):
    assert settings_of(tmp_path) == Settings()


def test_file_then_environment_then_flags(tmp_path):
    everything = settings_of(
        tmp_path,
        "top = 1\nwindow = 11\nalert_span = '21s'\n",
        {"NETMON_TOP": "2", "NETMON_WINDOW": "12s"},
        ["--top", "3"],
    )
    assert (everything.top, everything.window, everything.alert_span) == (3, 12, 21)


def test_an_earlier_source_keeps_what_later_ones_do_not_say(tmp_path):
    assert settings_of(tmp_path, 'interfaces = ["lo"]', {"NETMON_ASCII": "yes"}, ["-q"]) == Settings(
        interfaces=("lo",), ascii=True, quiet=True
    )


def test_lists_of_a_later_source_replace_those_of_an_earlier(tmp_path):
    assert settings_of(tmp_path, 'interfaces = ["a"]', {"NETMON_INTERFACES": "b, c"}).interfaces == ("b", "c")
    assert settings_of(tmp_path, 'interfaces = ["a"]', {}, ["-i", "d", "-i", "e*"]).interfaces == ("d", "e*")


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ('top = "many"', "1: top: 'many' is not a whole number of 1 or more"),
        ("window = 5\ntop = 0", "2: top: 0 is not a whole number of 1 or more"),
        ("colour = 1", "1: colour: unknown setting, did you mean color?"),
        ("top = 1\nsection-depth = 2", "2: section-depth: unknown setting, did you mean section_depth?"),
        ("[alarms]\nthreshold = 3", "1: alarms: unknown setting, did you mean alerts?"),
        (
            "[alerts]\nthreshold = 3",
            "1: alerts: files with rules are listed here; a rule itself is written as [[alert]]",
        ),
        (
            "[[alerts]]\nthreshold = 3",
            "1: alerts: files with rules are listed here; a rule itself is written as [[alert]]",
        ),
        ('"tpo" = 1', "1: tpo: unknown setting, did you mean top?"),
        ('interval = "soon"', "1: interval: 'soon' is not a duration such as 90, 90s, 500ms, 5m or 1h"),
        ('buffer_size = "10GiB"', "1: buffer_size: '10GiB' is above 2047MiB, the most that libpcap takes"),
        ("timeout = []", "1: timeout: [] is not a duration such as 90, 90s, 500ms, 5m or 1h"),
        ('interfaces = ["a", 3]', "1: interfaces: ['a', 3] is not a list of strings"),
        ("filter = 80", "1: filter: 80 is not a string in quotes"),
        ("promiscuous = 1", "1: promiscuous: 1 is not true or false"),
        ('color = "blue"', "1: color: 'blue' is not one of auto, always, never"),
        ("top =", "1: Invalid value"),
        ("top = 1\n\nwindow = = 2", "3: Invalid value"),
        ("top = 1\ntop = 2", "2: Cannot overwrite a value"),
    ],
)
def test_errors_in_the_file_name_it_the_line_and_the_key(tmp_path, toml, message):
    with pytest.raises(config.ConfigError) as error:
        settings_of(tmp_path, toml)
    assert str(error.value) == f"{tmp_path}/config.toml:{message}"


def test_a_byte_order_mark_is_ignored(tmp_path):
    path = tmp_path / "config.toml"
    path.write_bytes(b"\xef\xbb\xbftop = 3")
    assert config.read_file(path) == {"top": 3}


def test_the_printed_comment_on_promiscuous_says_what_true_means():
    line = next(line for line in config.to_toml(Settings()).splitlines() if line.startswith("promiscuous"))
    assert line.endswith(" # packets to and from other machines as well")


class Users:
    """The default settings file of a user, and the warnings that reading it gives."""

    def __init__(self, home):
        self.path = home / ".config" / "netmon" / "config.toml"
        self.path.parent.mkdir(parents=True)
        self.path.write_text("top = 3")
        self.path.chmod(0o644)
        self.warnings = []

    def read(self, environment, effective=0):
        self.warnings.clear()
        return config.read_usual(environment, effective, self.warnings.append)


@pytest.fixture
def sudo(tmp_path, monkeypatch):
    """The default settings file of a user who called sudo, which set HOME to that of root."""
    users = Users(tmp_path / "me")
    account = pwd.struct_passwd(("me", "x", os.getuid() or 1000, 1000, "", str(tmp_path / "me"), "/bin/sh"))
    monkeypatch.setattr(pwd, "getpwuid", lambda number: account)
    users.environment = {"SUDO_UID": str(account.pw_uid), "HOME": str(tmp_path / "root")}
    if not os.getuid():
        os.chown(users.path, account.pw_uid, 1000)
    return users


def test_under_sudo_the_file_of_the_user_who_called_it_holds(sudo):
    assert (sudo.read(sudo.environment), sudo.warnings) == ({"top": 3}, [])
    assert sudo.read(sudo.environment, effective=1000) == {}, "sudo switched to a user other than root"


@pytest.mark.parametrize("mode", [0o664, 0o646, 0o666])
def test_under_sudo_a_file_that_others_can_write_is_not_read(sudo, mode):
    sudo.path.chmod(mode)
    assert sudo.read(sudo.environment) == {}
    assert sudo.warnings == [f"{sudo.path} is not read: under sudo only you may be allowed to write it (chmod go-w)"]


def test_under_sudo_a_file_of_somebody_else_is_not_read(sudo):
    elsewhere = sudo.environment | {"SUDO_UID": "54321"}
    if os.getuid():
        pytest.skip("needs root, to give a file away")
    assert sudo.read(elsewhere) == {}
    assert sudo.warnings == [f"{sudo.path} is not read: under sudo it must belong to you or to root"]


@pytest.mark.parametrize("number", ["", "x", "-1", "9" * 30, "\u0663"])
def test_an_invalid_sudo_uid_is_ignored(sudo, number):
    assert sudo.read(sudo.environment | {"SUDO_UID": number}) == {}


def test_a_pipe_in_place_of_the_default_settings_file_is_not_waited_for(tmp_path):
    (tmp_path / "netmon").mkdir()
    os.mkfifo(tmp_path / "netmon" / "config.toml")
    warnings = []
    assert config.read_usual({"XDG_CONFIG_HOME": str(tmp_path)}, 1000, warnings.append) == {}
    assert warnings == [f"{tmp_path}/netmon/config.toml is not read: it is not a regular file"]


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(config.ConfigError, match=r"none\.toml: No such file"):
        config.read_file(tmp_path / "none.toml")


def test_a_file_that_is_not_text_is_named(tmp_path):
    path = tmp_path / "config.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(config.ConfigError, match=r"config\.toml:1: this is not UTF-8 text"):
        config.read_file(path)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("NETMON_TOP", "x"),
        ("NETMON_TOP", "0"),
        ("NETMON_TIMEOUT", "-1"),
        ("NETMON_ASCII", "perhaps"),
        ("NETMON_FORMAT", "x"),
    ],
)
def test_errors_in_the_environment_name_the_variable(variable, value):
    with pytest.raises(config.ConfigError, match=variable):
        config.read_environment({variable: value})


def test_the_printed_settings_are_a_file_that_gives_them(tmp_path):
    settings = Settings(
        interfaces=("lo", 'ev"il\\\x7f\x1b'),
        filter="tcp port 80",
        timeout=Duration(2.5),
        buffer_size=Size(4 << 20),
        promiscuous=False,
        format="json",
        read=("a.pcap",),
        speed=Speed.parse("max"),
    )
    path = tmp_path / "config.toml"
    path.write_text(config.to_toml(settings))
    assert config.settle(config.read_file(path)) == settings
    path.write_text(config.to_toml(Settings()))
    assert config.settle(config.read_file(path)) == Settings()


def test_every_setting_is_a_flag_a_key_and_a_variable():
    names = set(Settings._fields)
    assert {option.name for option in OPTIONS} == names
    assert {action.dest for action in cli.parser()._actions} >= names
    given = Settings(
        filter="tcp",
        where="host:a",
        buffer_size=Size(1),
        timeout=Duration(1),
        speed=Speed(1),
        client_from=ClientFrom.parse("proxy"),
        log_file="netmon.log",
        log_max_age=Duration(1),
        output_max_size=FileSize(1024),
        output_max_age=Duration(1),
        profile="edge",
        state="state.json",
        web=WebAddress.parse("[::1]:80"),
        prometheus=PrometheusAddress.parse(9464),
        otlp="http://collector:4318",
        write="web.pcapng",
        write_max_size=FileSize(1024),
        write_max_age=Duration(1),
        evidence="evidence",
        otlp_interval=Duration(1),
        user="daemon",
    )
    keys = tomllib.loads(config.to_toml(given))
    assert set(keys) == names
    spelt = {"format", "color", "theme", "client_from", "redact", "log_level", "log_format"}
    spelt |= {"otlp_temporality", "otlp_histogram"}
    assert set(config.read_environment({f"NETMON_{name.upper()}": "1" for name in names - spelt})) == names - spelt


KEYWORDS = {name: each.default for name, each in inspect.signature(Monitor).parameters.items()}
"""The parameters of `Monitor` as ``help`` and editors show them, with their defaults."""

OF_ENGINE = {name for name in inspect.signature(Engine).parameters if name not in ("names", "lent")}
"""The parameters of the engine but for `names` and `lent`, which stand for sources that are not files."""


def test_capture_settings_are_keywords_of_monitor():
    assert {option.name for option in OPTIONS if option.group == "capture"} <= set(KEYWORDS)


def test_monitor_takes_what_the_engine_takes_the_speed_of_a_file_and_a_policy():
    assert set(KEYWORDS) == OF_ENGINE | {"speed", "policy"}


def test_every_keyword_of_monitor_is_a_setting_except_lists_of_exchanges_and_a_policy():
    """The command turns exchanges on for ``--requests`` and for its screen, and its policy is made of rules."""
    assert set(KEYWORDS) - set(Settings._fields) == {"exchanges", "slowest", "policy"}


@pytest.mark.parametrize("name", sorted(CaptureSettings.__annotations__))
def test_the_type_of_a_capture_setting_is_that_of_the_table(name):
    def kinds(hint):
        parts = get_args(hint) if get_origin(hint) is UnionType else (hint,)
        return {part if get_origin(part) else next(kind for kind in part.__mro__ if kind in PLAIN) for part in parts}

    assert kinds(get_type_hints(CaptureSettings)[name]) == kinds(get_type_hints(Settings, localns={"Meta": Meta})[name])


PLAIN = (bool, int, float, str, type(None))
"""The types of values that a caller of `Monitor` passes. The types of the table of settings derive from them."""


@pytest.mark.parametrize("name", sorted(set(KEYWORDS) & set(Settings._fields) - {"read", "interfaces"}))
def test_defaults_of_the_command_are_those_of_monitor(name):
    assert getattr(Settings(), name) == KEYWORDS[name]


@pytest.mark.parametrize("name", sorted(OF_ENGINE - {"read", "interfaces", "exclude_interfaces"}))
def test_defaults_of_monitor_are_those_of_the_engine(name):
    assert inspect.signature(Engine).parameters[name].default in (KEYWORDS[name], ...)


def test_a_keyword_that_is_no_setting_is_refused_by_its_name():
    with pytest.raises(TypeError, match=r"Monitor\(\) got an unexpected keyword argument 'snaplength'"):
        Monitor(snaplength=100)
    with pytest.raises(TypeError, match="'names'"):
        Monitor(names={})


def test_the_capture_gets_each_setting_as_it_was_set():
    changed = {name: object() for name in CaptureSettings.__annotations__}
    assert capture_settings(Settings(**changed)) == changed


def test_the_default_settings_file_is_where_xdg_says():
    assert list(config.default_paths({"XDG_CONFIG_HOME": "/x"})) == ["/x/netmon/config.toml"]
    assert list(config.default_paths({"HOME": "/home/me"})) == ["/home/me/.config/netmon/config.toml"]
