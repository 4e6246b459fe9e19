"""Profiles and raw rules of a configuration file: which profile is used, what it overrides, and where errors are."""

import pytest
from netmon import cli, config
from netmon.places import line_of, lines_of

FILE = """\
top = 1
window = 11
profile.use = "edge"

[profile.edge]
top = 2
interval = "2s"

[profile."blue green"]
top = 3
"""


def configured(tmp_path, toml, environment=None, flags=()):
    path = tmp_path / "config.toml"
    path.write_text(toml)
    arguments = cli.parser().parse_intermixed_args(["--config", str(path), *flags])
    return cli.configured_by(arguments, environment or {}, lambda _: None)


def test_defaults_then_file_then_profile_then_environment_then_flags(tmp_path):
    without = configured(tmp_path, FILE.replace("profile.use", "# ")).settings
    assert (without.top, without.window, without.interval, without.section_depth) == (1, 11, 1, 1)
    chosen = configured(tmp_path, FILE).settings
    assert (chosen.top, chosen.window, chosen.interval, chosen.profile) == (2, 11, 2, "edge")
    assert configured(tmp_path, FILE, {"NETMON_TOP": "4"}).settings.top == 4
    assert configured(tmp_path, FILE, {"NETMON_TOP": "4"}, ["--top", "5"]).settings.top == 5


def test_the_profile_too_is_chosen_by_the_last_source_that_says_one(tmp_path):
    blue = {"NETMON_PROFILE": "blue green"}
    assert configured(tmp_path, FILE, blue).settings.top == 3
    assert configured(tmp_path, FILE, blue, ["--profile", "edge"]).settings.top == 2


def test_an_empty_name_is_no_profile(tmp_path):
    settings = configured(tmp_path, FILE, {}, ["--profile", ""]).settings
    assert (settings.top, settings.profile) == (1, None)


NO_TABLE = "a profile is a table: [profile.NAME]; use chooses one by its name"
MISSPELT = 'profile.use = "egde"\n[profile.edge]\n'
TWICE = "Cannot overwrite a value; to choose a profile, write profile.use = ..."
NO_NUMBER = "is not a whole number of 1 or more"


@pytest.mark.parametrize(
    ("flags", "environment", "message"),
    [
        (["--profile", "egde"], {}, "--profile: no profile 'egde' in {path}, did you mean edge?"),
        ([], {"NETMON_PROFILE": "x"}, "NETMON_PROFILE: no profile 'x' in {path}"),
    ],
)
def test_an_unknown_profile_is_told_with_its_source_and_the_nearest_name(tmp_path, flags, environment, message):
    with pytest.raises(config.ConfigError) as error:
        configured(tmp_path, FILE, environment, flags)
    assert str(error.value) == message.format(path=tmp_path / "config.toml")


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        (MISSPELT, "1: profile.use: no profile 'egde', did you mean edge?"),
        ("top = 1\n[profile.edge]\nwindow = 5\ntop = 0\n", f"4: profile.edge.top: 0 {NO_NUMBER}"),
        ("[profile.edge]\ncolour = 1\n", "2: profile.edge.colour: unknown setting, did you mean color?"),
        ('[profile]\n"edge".top = 1\nedge.window = 0\n', "3: profile.edge.window: 0 is not above 0"),
        ('[profile."a b"]\n"top" = "x"\n', f"2: profile.a b.top: 'x' {NO_NUMBER}"),
        ("[profile]\ntop = 3\n", f"2: profile.top: {NO_TABLE}"),
        ("profile.use = 3\n", f"1: profile.use: {NO_TABLE}"),
        ('profile = "edge"\n', "1: profile: profiles are tables: write profile.use = ... to choose one"),
        ('profile = "edge"\n[profile.edge]\n', f"2: {TWICE}"),
        ('[profile.a]\nprofile = "b"\n', "2: profile.a.profile: a profile cannot choose a profile"),
        ("[profile.a]\nalert = 3\n", "2: profile.a.alert: rules are tables: [[profile.a.alert]]"),
        ("[alert]\nname = 'x'\n", "1: alert: rules are tables: [[alert]]"),
    ],
)
def test_errors_name_the_file_the_line_and_the_key(tmp_path, toml, message):
    with pytest.raises(config.ConfigError) as error:
        configured(tmp_path, toml)
    assert str(error.value) == f"{tmp_path}/config.toml:{message}"


def test_a_profile_without_a_file_is_an_error(capsys):
    assert cli.main(["--no-config", "--profile", "edge", "--print-config"]) == 2
    told = "netmon: --profile: no configuration file was read, so there is no profile 'edge'\n"
    assert capsys.readouterr().err == told


RULES = """\
[[alert]]
name = "slow"
metric = "latency.p95"

# a comment
[[ alert ]]
name = "down"
exec = [
    "sh",
]

[profile.edge]
top = 2
[[profile.edge.alert]]
name = "slow"
above = "1s"
[[profile.edge.alert]]
name = "many"
"""


def test_rules_are_passed_on_as_they_are_written_with_their_lines(tmp_path):
    given = configured(tmp_path, RULES)
    path = str(tmp_path / "config.toml")
    assert [rule.values for rule in given.rules] == [
        {"name": "slow", "metric": "latency.p95"},
        {"name": "down", "exec": ["sh"]},
    ]
    slow, down = given.rules
    assert (slow.place(), slow.place("metric"), slow.place("above")) == (f"{path}:1", f"{path}:3", f"{path}:1")
    assert (down.place(), down.place("exec")) == (f"{path}:6", f"{path}:8")


def test_rules_of_a_profile_are_added_and_replace_those_of_the_same_name(tmp_path):
    rules = configured(tmp_path, RULES, flags=["--profile", "edge"]).rules
    assert [(rule.values["name"], rule.line) for rule in rules] == [("down", 6), ("slow", 14), ("many", 17)]
    assert "above" in rules[1].values


def test_a_file_of_rules_alone_is_read_by_the_same_function(tmp_path):
    path = tmp_path / "rules.toml"
    path.write_text('[[alert]]\nname = "x"\n')
    given = config.read_file(path)
    assert given == {}
    assert [rule.values for rule in given.rules] == [{"name": "x"}]


@pytest.mark.parametrize(
    ("text", "path", "line"),
    [
        ("a = 1\nb = 2", ("b",), 2),
        ("[t]\na = 1\n[u]\na = 2", ("u", "a"), 4),
        ("[t.u]\n'a' . \"b\" = 1", ("t", "u", "a", "b"), 2),
        ("[[t]]\na = 1\n[[t]]\na = 2", ("t", 1, "a"), 4),
        ("[[t]]\n[t.u]\na = 1\n[[t]]\n[t.u]\na = 2", ("t", 1, "u", "a"), 6),
        ("t = { a = 1 }", ("t", "a"), 1),
        ("t = [\n { a = 1 },\n]", ("t", 0, "a"), 1),
        ("\n[t.u]\na = 1", ("t",), 2),
        ("x = '''\na = 1\n'''\na = 2", ("a",), 4),
        ('x = """a = 1"""\na = 2', ("a",), 2),
        ("a = 1", ("b",), None),
    ],
)
def test_a_key_is_found_on_its_line(text, path, line):
    assert line_of(path, lines_of(text)) == line
