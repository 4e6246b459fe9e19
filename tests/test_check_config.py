"""What is told of a configuration before it is used: all mistakes with their lines, and what is allowed but unwise."""

import forge
import pytest
from netmon import cli, lookalikes


def check(tmp_path, capsys, toml, *flags):
    """The exit code, and what is printed on both streams, with the path of the file as FILE."""
    path = tmp_path / "config.toml"
    path.write_text(toml)
    code = cli.main(["--config", str(path), "--check-config", *flags])
    out, err = capsys.readouterr()
    return code, out, err.replace(str(path), "FILE")


RULE = '[[alert]]\nname = "r"\nmetric = "requests"\nabove = 5\n'


def test_a_configuration_without_a_mistake_says_what_was_read(tmp_path, capsys):
    own = tmp_path / "own.toml"
    own.write_text(RULE.replace('"r"', '"s"'))
    code, out, err = check(tmp_path, capsys, f"top = 3\n{RULE}", "--alerts", str(own))
    assert (code, len(out.splitlines())) == (0, 3)
    assert err == f"netmon: no error in FILE, {own} (2 rules)\n"


def test_without_a_file_it_is_said_that_none_was_read(capsys):
    assert cli.main(["--no-config", "--check-config"]) == 0
    assert "no error in flags and variables; no configuration file was read (0 rules)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ('top = 1\nwhere = "hots:x"\n', "FILE:2: where: no field is called hots; did you mean host?"),
        ('filter = "tcp prot 80"\n', "FILE:1: filter: can't parse filter expression: syntax error (at character 5)"),
        ('top = 1\n[profile.edge]\nwhere = "("\n[profile]\nuse = "edge"\n', "FILE:3: profile.edge.where: "),
        (
            "window = 30x\n",
            'FILE:1: Expected newline or end of document after a statement; did you mean window = "30x"?',
        ),
        ("top = 3\nwhere = host:a\n", 'FILE:2: Invalid value; did you mean where = "host:a"?'),
        ("promiscuous = True\n", "FILE:1: Invalid value; did you mean promiscuous = true?"),
        ('where = "host:a\ntop = 3\n', "FILE:1: a quotation mark is missing"),
        ('interfaces = "lo"\n', "FILE:1: interfaces: 'lo' is not a list of strings: write [\"lo\"]"),
    ],
)
def test_a_mistake_is_told_with_its_place_and_what_was_meant(tmp_path, capsys, toml, words):
    code, out, err = check(tmp_path, capsys, toml)
    assert (code, out) == (2, "")
    assert words in err


@pytest.mark.parametrize(("flags", "place"), [(("--where", "foo:("), "--where: "), (("-f", "tcp prot"), "--filter: ")])
def test_a_mistake_in_a_filter_of_the_command_line_is_told(tmp_path, capsys, flags, place):
    code, _, err = check(tmp_path, capsys, "", *flags)
    assert (code, err.startswith(f"netmon: {place}")) == (2, True)


def test_all_mistakes_of_a_file_are_told_at_once(tmp_path, capsys):
    toml = (
        'tpo = 1\nwindow = "soon"\n[[alert]]\nname = "r"\nmetrik = "hits"\nspan = "30d"\n[[alert]]\nmetric = "hits"\n'
    )
    code, _, err = check(tmp_path, capsys, toml)
    assert code == 2
    assert [line.split(": ")[1:3] for line in err.splitlines()] == [
        ["FILE:1", "tpo"],
        ["FILE:2", "window"],
        ["FILE:5", "alert.metrik"],
        ["FILE:6", "alert.span"],
        ["FILE:7", "alert"],
    ]


def test_an_unknown_variable_is_a_mistake(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("NETMON_TPO", "3")
    code, _, err = check(tmp_path, capsys, "")
    assert (code, err) == (2, "netmon: NETMON_TPO is not a setting, did you mean NETMON_TOP?\n")


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        (RULE + 'exec = ["no-such-program"]\n', "warning: alert r: exec: no program no-such-program is found"),
        ('keylog = ["/no/such/keys"]\n', "FILE:1: keylog: there is no file /no/such/keys yet"),
        ('keylog = ["/etc/passwd"]\n', "FILE:1: keylog: others can open /etc/passwd; type: chmod 600 /etc/passwd"),
        ('log_file = "/no/such/folder/netmon.log"\n', "FILE:1: log_file: there is no folder /no/such/folder"),
        ('[[alert]]\nname = "r"\nslo = "99%"\ngood = "status<500"\n', "min_requests = 100 would wait for more"),
        ('where = "status:6xx"\n', "FILE:1: where: status:6xx finds nothing: statuses are from 100 to 599"),
        (
            RULE + 'where = "user-agent:curl"\n',
            "FILE:5: alert.where: user-agent:curl is searched as a text; did you mean",
        ),
    ],
)
def test_what_is_unwise_is_a_warning(tmp_path, capsys, toml, words):
    code, _, err = check(tmp_path, capsys, toml)
    assert (code, words in err, "no error in FILE" in err) == (0, True, True), err


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("user-agent:curl", "user_agent:curl"),
        ("!response-bytes>5", "response_bytes>5"),
        ("host:a && path:/b", "and"),
        ("host:a || path:/b", "or"),
        ("(host~shop)", "host:shop"),
        ("host=~shop", "host:shop"),
        ("host==shop", "host=shop"),
    ],
)
def test_a_term_that_looks_like_another_gets_a_note(text, meant):
    [note] = lookalikes.notes(text)
    assert f"did you mean {meant}?" in note


@pytest.mark.parametrize(
    "text",
    ["", "host:a", "shop", "my-host.example", 'path:"a && b"', "x-y:z", "status:5xx", "status:404", "host:a-b=c"],
)
def test_other_terms_get_no_note(text):
    assert list(lookalikes.notes(text)) == []


def test_a_run_warns_of_a_look_alike_and_tells_where_a_filter_of_a_file_is_wrong(tmp_path, capsys):
    capture, path = tmp_path / "a.pcap", tmp_path / "config.toml"
    capture.write_bytes(forge.pcap(forge.Conversation(1024, 1000.0).ask(1000.1, "GET", "a.example", "/", 200)))
    assert cli.main(["--no-config", "-r", str(capture), "--plain", "--where", "host~a"]) == 0
    assert "netmon: warning: --where: host~a is searched as a text; did you mean host:a?\n" in capsys.readouterr().err
    path.write_text('where = "hots:a"\n')
    assert cli.main(["--config", str(path), "-r", str(capture), "--plain"]) == 2
    assert capsys.readouterr().err.startswith(f"netmon: {path}:1: where: no field is called hots")


def test_no_control_character_of_a_rule_reaches_the_terminal(tmp_path, capsys):
    code, out, err = check(tmp_path, capsys, RULE + 'where = "host~\\u001b]0;x"\nexec = ["\\u001bno"]\n')
    assert (code, "\x1b" in out + err) == (0, False)
    assert "host~\\x1b]0;x is searched as a text" in err


def test_a_mistyped_flag_is_told_the_nearest_one(capsys):
    assert cli.main(["--windw", "5"]) == 2
    assert "unrecognized arguments: --windw" in (err := capsys.readouterr().err)
    assert err.endswith(", did you mean --window?\n")
