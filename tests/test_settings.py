"""Every setting can be given in four ways: as a flag, as a key of a file, as a variable, and as a keyword of `run`.

The cases are made from the table of settings, so that a new setting is tested without a word.
"""

import inspect
import json
import random
import sys
import threading
from typing import Annotated, Literal, Union, get_args, get_origin

import forge
import netmon
import pytest
from netmon import cli, config, keywords, rulebook
from netmon.address import PrometheusAddress, WebAddress
from netmon.options import DEFAULTS, OPTIONS, ClientFrom, Duration, FileSize, Settings, Share, Size, Speed
from netmon.reading import KINDS

BESIDE = {
    "write_max_size": {"write": "web.pcapng"},
    "write_max_age": {"write": "web.pcapng"},
    "write_files": {"write": "web.pcapng", "write_max_size": FileSize(1 << 20)},
    "evidence_payload": {"evidence": "evidence"},
    "speed": {"read": ("a.pcap",)},
}
"""What else has to be set for a setting to make sense."""

VALUES = {
    "output": ("a.json", "b.ndjson"),
    "profile": "edge",
    "otlp": "https://otlp.example/v1/metrics",
    "workers": 3,
}
"""Values of settings for which not every text will do."""


def value_of(kind, default):
    """A value of this kind that is not the default."""
    if get_origin(kind) is Literal:
        return next(choice for choice in get_args(kind) if choice != default)
    if get_origin(kind) is Annotated:
        most = get_args(kind)[1].le
        return default + 1 if most is None or default < most else default - 1
    kinds = get_args(kind) if default is None else (kind,)
    samples = {
        bool: not default,
        str: 'tcp "port" 80',
        Duration: Duration(7.5),
        Size: Size(3 << 20),
        FileSize: FileSize(3 << 20),
        Share: Share(0.25),
        Speed: Speed(2.5),
        ClientFrom: ClientFrom("Forwarded"),
        WebAddress: WebAddress("[::1]:80"),
        PrometheusAddress: PrometheusAddress("localhost:9465"),
        tuple[str, ...]: ("eth0", "veth*"),
    }
    return next(samples[one] for one in kinds if one in samples)


CASES = [(name, VALUES.get(name) or value_of(KINDS[name], default)) for name, default in DEFAULTS.items()]
FLAGS = {option.name: option.flags.split()[-1] for option in OPTIONS}


@pytest.mark.parametrize(("name", "value"), CASES, ids=[name for name, _ in CASES])
def test_each_sample_differs_from_the_default(name, value):
    assert value != DEFAULTS[name]


def as_flag(name, value):
    if name == "verbose":
        return ["-v"] * value
    if isinstance(value, bool):
        return [FLAGS[name]]
    if isinstance(value, tuple):
        return [part for one in value for part in (FLAGS[name], one)]
    return [FLAGS[name], config.to_text(value)]


def as_key(name, value):
    key = "profile.use" if name == "profile" else name
    return f"{key} = {config._toml(value)}\n"


def as_variable(name, value):
    text = ",".join(value) if isinstance(value, tuple) else config.to_text(value)
    return {f"NETMON_{name.upper()}": text}


def command(tmp_path, toml="", environment=None, flags=()):
    """The settings that the command has, given a file with an empty profile, an environment, and flags."""
    path = tmp_path / "config.toml"
    path.write_text(f"{toml}\n[profile.edge]\n")
    arguments = cli.parser().parse_intermixed_args(["--config", str(path), *flags])
    return cli.settings_from(arguments, environment or {})


@pytest.mark.parametrize(("name", "value"), CASES, ids=[name for name, _ in CASES])
def test_a_setting_is_the_same_as_flag_key_variable_and_keyword(tmp_path, name, value):
    beside = BESIDE.get(name, {})
    expected = Settings(**{name: value, **beside})
    both = {**beside, name: value}
    assert command(tmp_path, flags=[part for each in both.items() for part in as_flag(*each)]) == expected
    assert command(tmp_path, toml="".join(as_key(*each) for each in both.items())) == expected
    environment = {}
    for each in both.items():
        environment |= as_variable(*each)
    assert command(tmp_path, environment=environment) == expected
    assert keywords.configured_of(both, tmp_path / "config.toml" if name == "profile" else None).settings == expected


@pytest.mark.parametrize(
    ("keyword", "value", "expected"),
    [
        ("interval", 0.5, Duration(0.5)),
        ("interval", "500ms", Duration(0.5)),
        ("buffer_size", 4096, Size(4 << 20)),
        ("speed", float("inf"), Speed(float("inf"))),
        ("interfaces", "eth0", ("eth0",)),
        ("interfaces", ["eth0", "lo"], ("eth0", "lo")),
        ("top", None, DEFAULTS["top"]),
    ],
)
def test_keywords_take_values_of_python(keyword, value, expected):
    given = {"read": "a.pcap", keyword: value}
    assert getattr(keywords.configured_of(given).settings, keyword) == expected


def test_help_shows_every_keyword_with_its_default():
    shown = {name: each.default for name, each in inspect.signature(netmon.run).parameters.items()}
    assert shown == {"config": None, **DEFAULTS}


def test_a_keyword_takes_a_path_object(tmp_path):
    given = {"read": tmp_path / "a.pcap", "log_file": tmp_path / "netmon.log"}
    settings = keywords.configured_of(given).settings
    assert settings.read == (str(tmp_path / "a.pcap"),)
    assert settings.log_file == str(tmp_path / "netmon.log")


def test_a_keyword_that_is_no_setting_is_refused_with_the_nearest_name():
    with pytest.raises(TypeError, match=r"^run\(\) got an unexpected keyword argument 'colour', did you mean color\?$"):
        netmon.run(colour="never")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"top": 0}, "top: 0 is not a whole number of 1 or more"),
        ({"interval": "soon"}, "interval: 'soon' is not a duration such as 90, 90s, 500ms, 5m or 1h"),
        ({"interfaces": 3}, "interfaces: 3 is not a list of strings"),
        ({"log_max_size": "1TiB"}, "log_max_size: '1TiB' is not a size such as 4096 (KiB) or 16MiB"),
        ({"profile": "edge"}, "profile: no configuration file was read, so there is no profile 'edge'"),
        ({"user": "nobody"}, "user: only the command netmon becomes another user; a program decides that for itself"),
        ({"output": "a.txt"}, "-o a.txt: the name must end in .ndjson, .json, .csv, .parquet or .html"),
    ],
)
def test_an_invalid_value_of_a_keyword_raises_a_value_error_that_names_the_setting(given, message):
    with pytest.raises(ValueError) as error:  # noqa: PT011  the message is compared whole
        netmon.run(**given)
    assert str(error.value) == message


@pytest.fixture
def capture(tmp_path):
    path = tmp_path / "capture.pcap"
    path.write_bytes(forge.pcap(forge.Conversation(1024, 1000.0).ask(1000.1, "GET", "a.example", "/", 200)))
    return path


def test_run_runs_what_the_command_runs_and_returns_its_exit_code(capture, capfd):
    assert netmon.run(read=capture, format="ndjson") == 0
    first = capfd.readouterr()
    assert [json.loads(line)["hits"] for line in first.out.splitlines()] == [2]
    assert cli.main(["-r", str(capture), "--ndjson"]) == 0
    assert capfd.readouterr() == first


def test_run_returns_the_exit_code_of_an_alert_and_of_a_file_that_is_missing(capture, capfd):
    assert netmon.run(read=capture, alert_threshold=1, fail_on_alert=True, format="json", quiet=True) == 5
    assert netmon.run(read="none.pcap") == 4
    assert "none.pcap" in capfd.readouterr().err


def test_run_reads_a_file_that_is_named_and_no_variable(capture, capfd, tmp_path, monkeypatch):
    path = tmp_path / "netmon.toml"
    path.write_text('format = "json"\nquiet = true\n[profile.table]\nformat = "plain"\n')
    monkeypatch.setenv("NETMON_FORMAT", "ndjson")
    assert netmon.run(read=capture, config=path) == 0
    assert json.loads(capfd.readouterr().out)["hits"] == 2
    assert netmon.run(read=capture, config=path, profile="table") == 0
    assert capfd.readouterr().out.startswith("netmon  refresh 10 s")


def test_run_works_in_a_thread_where_no_signal_can_be_handled(capture, capfd):
    codes = []
    thread = threading.Thread(target=lambda: codes.append(netmon.run(read=capture, format="json", quiet=True)))
    thread.start()
    thread.join()
    assert codes == [0]
    assert json.loads(capfd.readouterr().out)["hits"] == 2


def texts(dice):
    """A text with characters that TOML and terminals treat in ways of their own."""
    return "".join(dice.choice("aZ09 .,#=\"'\\[]{}\t\n\r\x00\x1b\x7f\u0085\u00e4\u202e\U0001f600") for _ in range(8))


def random_value(kind, default, dice):
    if get_origin(kind) is Union and default is not None:
        kind = dice.choice(get_args(kind))
    if get_origin(kind) is Literal:
        return dice.choice(get_args(kind))
    if get_origin(kind) is Annotated:
        least, most = get_args(kind)[1].ge, get_args(kind)[1].le
        return dice.randint(least, most or 10**12)
    kinds = get_args(kind) if default is None else (kind,)
    makers = {
        bool: lambda: dice.random() < 0.5,
        str: lambda: texts(dice),
        Duration: lambda: Duration(dice.choice((dice.uniform(1e-9, 1), dice.uniform(1, 1e9), dice.randint(1, 10**17)))),
        Size: lambda: Size(dice.randint(1, 2047 << 10) << 10),
        FileSize: lambda: FileSize(dice.randint(1, 1 << 40) << 10),
        Share: lambda: Share(dice.uniform(1e-6, 1)),
        Speed: lambda: Speed(dice.choice((float("inf"), dice.uniform(1e-9, 1e9)))),
        ClientFrom: lambda: ClientFrom(dice.choice(ClientFrom.NAMES)),
        WebAddress: lambda: WebAddress.parse(f"[::{dice.randint(1, 9999)}]:{dice.randint(0, 0xFFFF)}"),
        PrometheusAddress: lambda: PrometheusAddress.parse(f"host-{dice.randint(0, 99)}.example"),
        tuple[str, ...]: lambda: tuple(texts(dice) for _ in range(dice.randint(0, 3))),
    }
    if default is None and dice.random() < 0.3:
        return None
    return next(makers[one]() for one in kinds if one in makers)


@pytest.mark.parametrize("seed", range(200))
def test_what_print_config_prints_gives_the_same_settings(tmp_path, seed):
    dice = random.Random(seed)
    settings = Settings(**{name: random_value(KINDS[name], default, dice) for name, default in DEFAULTS.items()})
    settings = settings._replace(profile=settings.profile or None)
    path = tmp_path / "printed.toml"
    path.write_text(config.to_toml(settings), newline="")
    flags = cli.parser().parse_intermixed_args(["--config", str(path)])
    assert cli.configured_by(flags, {}, lambda _: None).settings == settings


def test_print_config_fed_back_prints_the_same(tmp_path, capsys):
    path = tmp_path / "first.toml"
    path.write_text('top = 3\n[profile.edge]\nwindow = "1h"\n')
    again = tmp_path / "again.toml"
    assert cli.main(["--config", str(path), "--profile", "edge", "--print-config"]) == 0
    printed = capsys.readouterr().out
    assert "window = 3600 " in printed
    again.write_text(printed)
    assert cli.main(["--config", str(again), "--print-config"]) == 0
    assert capsys.readouterr().out == printed


@pytest.mark.skipif(sys.getfilesystemencoding() != "utf-8", reason="file names are UTF-8 here")
def test_a_file_name_that_is_not_utf_8_is_not_printed_as_invalid_toml(capsys):
    assert cli.main(["-r", "caf\udce9.pcap", "--print-config"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "netmon: read: 'caf\\udce9.pcap' is not valid UTF-8, so no file can hold it\n"


def test_a_variable_names_the_configuration_file(tmp_path, capsys, monkeypatch):
    path = tmp_path / "netmon.toml"
    path.write_text("top = 7\n")
    monkeypatch.setenv("NETMON_CONFIG", str(path))
    assert cli.main(["--print-config"]) == 0
    out, err = capsys.readouterr()
    assert "top = 7 " in out
    assert err == ""
    assert cli.main(["--print-config", "--no-config"]) == 0
    assert "top = 10 " in capsys.readouterr().out


EVERY_RULE = r"""
top = 3
[[alert]]
name = "checkout \"slow\" \u0007"
metric = "latency.p95"
where = "host:shop.example section:/checkout"
per = "host"
above = "500ms"
recover = 0.3
span = "60s"
for = 30
keep_firing_for = "1m"
min_requests = 20
severity = "critical"
exec = ["notify-send", "it's \\ \"slow\""]
webhook = "http://me:hunter2@127.0.0.1:9093/api?key=1"
format = "plain"
secret = "S1GN"
timeout = 1.5
[[alert]]
name = "promise"
slo = 0.999
good = "status<500"
windows = [["1h", "5m", 14.4], [21600, 1800, 6]]
[[alert]]
name = "unusual"
metric = "requests"
baseline = "1h"
deviations = 3
[[alert]]
name = "new"
new = "server name"
learn = "1d"
[profile.edge]
[[profile.edge.alert]]
name = "unusual"
metric = "requests"
baseline = "2h"
"""


def test_print_config_gives_the_same_settings_and_rules(tmp_path, capsys):
    path, own, again = tmp_path / "config.toml", tmp_path / "own.toml", tmp_path / "again.toml"
    path.write_text(EVERY_RULE)
    own.write_text('[[alert]]\nname = "own"\nmetric = "hits"\nabove = 5\nsecret = "0WN"\nwebhook = "http://h"\n')
    flags = ["--config", str(path), "--profile", "edge", "--alerts", str(own)]
    assert cli.main([*flags, "--print-config"]) == 0
    printed, warned = capsys.readouterr()
    again.write_text(printed)
    first, second = (
        cli.configured_by(cli.parser().parse_intermixed_args(given), {}, lambda _: None)
        for given in (flags, ["--config", str(again)])
    )
    assert second.settings == first.settings
    rules = rulebook.rules_of(second)
    assert rules == rulebook.rules_of(first)
    assert [rule.name for rule in rules if rule.name][-2:] == ["unusual", "own"]
    assert {rule.baseline for rule in rules} == {0, 7200}, "that of the profile"
    assert "0WN" not in printed, "what stands in a file of --alerts stays there"
    assert warned == (
        'netmon: warning: this output holds secrets, of the rule checkout "slow" \\x07: keep it to yourself\n'
    )


def test_print_config_refuses_rules_that_are_wrong(tmp_path, capsys):
    path = tmp_path / "config.toml"
    path.write_text('[[alert]]\nname = "x"\nmetric = "hitz"\nabove = 1\n')
    assert cli.main(["--config", str(path), "--print-config"]) == 2
    out, err = capsys.readouterr()
    assert (out, f"{path}:3: alert.metric: " in err) == ("", True)
