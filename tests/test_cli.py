"""The command: arguments in; exit code, messages and settings out. No capture is opened here."""

import getpass
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
from netmon import CaptureError, FilterError, SourceError, __version__, advice, cli, config
from netmon.options import OPTIONS
from netmon.reading import KINDS
from netmon.sinks import outputs


@pytest.fixture
def ran(monkeypatch):
    """Catches what the command would run; ``ran.raises`` makes it fail."""

    class Ran:
        settings, how, raises, fired = None, None, None, False

        def run(self, settings, **how):
            self.settings, self.how = settings, how
            if self.raises:
                raise self.raises
            return self.fired

    caught = Ran()
    monkeypatch.setattr("netmon.session.run", caught.run)
    return caught


def test_a_log_that_cannot_be_written_at_the_start_is_an_error(tmp_path, capsys):
    path = tmp_path / "no" / "netmon.log"
    assert cli.main(["--no-config", "-r", str(tmp_path / "a.pcap"), "--log-file", str(path)]) == 1
    assert capsys.readouterr().err == f"netmon: {path}: No such file or directory\n"


def test_version(capsys):
    assert cli.main(["-V"]) == 0
    assert capsys.readouterr().out == f"netmon {__version__}\n"


def test_help_shows_every_group_and_examples(capsys):
    assert cli.main(["-h"]) == 0
    text = capsys.readouterr().out
    for words in (
        "capture:",
        "counting:",
        "alerts:",
        "output:",
        "examples:",
        "exit codes:",
        "--section-depth",
        "--demo",
    ):
        assert words in text
    assert max(map(len, text.splitlines())) <= 120


@pytest.mark.parametrize(
    ("arguments", "settings"),
    [
        ("", {}),
        ("-i eth0 --interface wl*", {"interfaces": ("eth0", "wl*")}),
        ("--exclude-interface docker*", {"exclude_interfaces": ("docker*",)}),
        ("-r a.pcap -r -", {"read": ("a.pcap", "-")}),
        ("--keylog a --keylog b", {"keylog": ("a", "b")}),
        ("tcp port 80", {"filter": "tcp port 80"}),
        ("-i lo tcp port 80 -q or port 81", {"interfaces": ("lo",), "filter": "tcp port 80 or port 81", "quiet": True}),
        ("-f tcp", {"filter": "tcp"}),
        ("-s 96 -B 4096", {"snaplen": 96, "buffer_size": 4 << 20}),
        ("--buffer-size 16MiB -p", {"buffer_size": 16 << 20, "promiscuous": False}),
        ("-t 5m", {"timeout": 300}),
        ("--timeout=200", {"timeout": 200}),
        ("--interval 500ms --window 1m", {"interval": 0.5, "window": 60}),
        ("--client-from x-forwarded-for --trusted-proxies 2", {"client_from": "X-Forwarded-For", "trusted_proxies": 2}),
        ("--client-ipv6-prefix 64", {"client_ipv6_prefix": 64, "client_from": None}),
        ("--section-depth 2 --top 3", {"section_depth": 2, "top": 3}),
        ("--alert-threshold 10 --alert-span 5s", {"alert_threshold": 10, "alert_span": 5}),
        ("--fail-on-alert", {"fail_on_alert": True}),
        ("-o a.ndjson -o b.json", {"output": ("a.ndjson", "b.json")}),
        ("--plain", {"format": "plain"}),
        ("--ndjson", {"format": "ndjson"}),
        ("--json --requests", {"format": "json", "requests": True}),
        ("--color never --ascii -vv", {"color": "never", "ascii": True, "verbose": 2}),
    ],
)
def test_flags(ran, arguments, settings):
    assert cli.main(arguments.split()) == 0
    assert {name: getattr(ran.settings, name) for name in settings} == settings


def test_once_is_passed_on(ran):
    cli.main(["--once"])
    assert ran.how == {"once": True, "must_be_whole": True}


@pytest.mark.parametrize(
    ("arguments", "fired", "code"), [([], True, 0), (["--fail-on-alert"], True, 5), (["--fail-on-alert"], False, 0)]
)
def test_an_alert_sets_the_exit_code_if_asked_for(ran, arguments, fired, code):
    ran.fired = fired
    assert cli.main(arguments) == code


def test_a_filter_may_come_from_a_file(ran, tmp_path):
    path = tmp_path / "filter"
    path.write_text("tcp port 80\n")
    assert cli.main(["-F", str(path)]) == 0
    assert ran.settings.filter == "tcp port 80"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--top", "0"], "argument --top: '0' is not a whole number of 1 or more"),
        (["--top", "x"], "argument --top: 'x' is not a whole number of 1 or more"),
        (["--workers", "65"], "argument --workers: '65' is not a whole number of 1 to 64 or auto"),
        (["--workers", "all"], "argument --workers: 'all' is not a whole number of 1 to 64 or auto"),
        (["-B", "10GiB"], "argument -B/--buffer-size: '10GiB' is above 2047MiB, the most that libpcap takes"),
        (["-B", "9" * 5000], "is above 2047MiB"),
        (["--client-from", "Via"], "'Via' is not one of X-Forwarded-For, Forwarded, X-Real-IP, PROXY"),
        (["--client-ipv6-prefix", "129"], "'129' is not a whole number of 1 to 128"),
        (["--theme", "foo"], "argument --theme: 'foo' is not one of "),
        (["--format", "xml"], "argument --format: 'xml' is not one of auto, plain, ndjson, json"),
        (["-o", "a.json", "--append", "--force"], "netmon: --append adds to a file and --force replaces it"),
        (["t.pcap"], "netmon: t.pcap is not a filter; each file to read needs its own -r: -r t.pcap"),
        (["-r", "a", "d0.pcapng", "d1.pcap.gz"], "needs its own -r: -r d0.pcapng -r d1.pcap.gz"),
        (["-t", "soon"], "'soon' is not a duration such as 90, 90s, 500ms, 5m or 1h"),
        (["--color", "blue"], "argument --color: 'blue' is not one of auto, always, never"),
        (["--tmeout", "3"], "unrecognized arguments: --tmeout"),
        (["--plain", "--json"], "not allowed with argument --plain"),
        (["-o", "report.xls"], "netmon: -o report.xls: the name must end in .ndjson, .json, .csv, .parquet or .html"),
        (["-f", "tcp", "udp"], "netmon: give the filter once"),
        (["-F", "/no/such/filter"], "netmon: -F /no/such/filter: No such file or directory"),
        (["--config", "/no/such.toml"], "netmon: /no/such.toml: No such file or directory"),
    ],
)
def test_wrong_usage_exits_with_2_and_says_what_is_wrong(ran, capsys, arguments, message):
    assert cli.main(arguments) == 2
    assert message in capsys.readouterr().err
    assert ran.settings is None


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (
            PermissionError("not permitted to capture on eth0 (needs CAP_NET_RAW)"),
            3,
            "netmon: not permitted to capture on eth0",
        ),
        (SourceError("no interface eth9"), 4, "netmon: no interface eth9\n"),
        (FilterError("syntax error"), 2, "netmon: the filter does not compile: syntax error\n"),
        (CaptureError("eth0 went down"), 1, "netmon: the capture failed: eth0 went down\n"),
        (PermissionError(13, "Permission denied", "/root/x.json"), 1, "netmon: /root/x.json: Permission denied\n"),
        (OSError(28, "No space left on device"), 1, "netmon: No space left on device\n"),
        (config.ConfigError("snaplen is at most 262144"), 2, "netmon: snaplen is at most 262144\n"),
        (ValueError("of the test"), 1, "netmon: internal error, please report it: ValueError('of the test')\n"),
        (ZeroDivisionError("oops"), 1, "netmon: internal error, please report it: ZeroDivisionError('oops')\n"),
        (BrokenPipeError(), 0, ""),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_each_error_has_its_exit_code_and_message(ran, capsys, monkeypatch, error, code, message):
    monkeypatch.setattr(cli, "_silence", lambda stream: None)
    ran.raises = error
    assert cli.main([]) == code
    assert capsys.readouterr().err.startswith(message)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            ["a b.pcap"],
            "netmon: a b.pcap is not a filter; each file to read needs its own -r: -r 'a b.pcap'\n",
        ),
        (
            ["d0", "d1", "d2", "d3"],
            "netmon: d0, d1, d2 ... are not filters; each file to read needs its own -r: -r d0 -r d1 -r d2 ...\n",
        ),
    ],
)
def test_files_taken_for_a_filter_are_named_with_what_to_type(ran, capsys, monkeypatch, tmp_path, files, message):
    """A shell expands `-r *.pcap` to one -r and many names; those after the first look like a filter."""
    monkeypatch.chdir(tmp_path)
    for name in files:
        (tmp_path / name).touch()
    ran.raises = FilterError("syntax error")
    assert cli.main(["-r", "first.pcap", *files]) == 2
    assert capsys.readouterr().err == message


def test_root_without_the_right_to_capture_is_not_told_to_become_root():
    said = advice.not_permitted("cause", [], is_root=True)
    assert "sudo" not in said
    assert "--cap-add=NET_RAW" in said


def test_without_the_right_to_capture_it_says_what_to_type(ran, capsys, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(sys, "argv", ["/opt/my tools/bin/netmon"])
    ran.raises = PermissionError("not permitted to capture on eth0 (needs CAP_NET_RAW)")
    assert cli.main(["-i", "eth0", "tcp port 80"]) == 3
    cause, once, read, grant = capsys.readouterr().err.splitlines()
    assert cause == "netmon: not permitted to capture on eth0 (needs CAP_NET_RAW)"
    this = "'/opt/my tools/bin/netmon'"
    assert once == f"  run it once:        sudo {this} -i eth0 'tcp port 80'        (sudo does not keep your PATH)"
    assert read == "  or read a file:     '/opt/my tools/bin/netmon' -r capture.pcap"
    assert grant.startswith(f"  or grant the right: sudo setpriv --reuid={getpass.getuser()} --regid=")
    assert grant.endswith("--ambient-caps=+net_raw '/opt/my tools/bin/netmon' -i eth0 'tcp port 80'")


def test_listing_interfaces_needs_no_rights(capsys):
    assert cli.main(["-D"]) == 0
    assert any(line.startswith("lo ") and "loopback" in line for line in capsys.readouterr().out.splitlines())


def test_the_columns_of_listed_interfaces_are_as_wide_as_names_need_and_other_devices_are_left_out(capsys, monkeypatch):
    class One:
        addresses, up, loopback, description = ("192.0.2.1",), True, False, ""

        def __init__(self, name):
            self.name = name

    there = [One("lo"), One("br-0123456789ab-long"), One("x" * 40), One("nflog"), One("dbus-system")]
    monkeypatch.setattr(advice, "list_interfaces", lambda: there)
    assert cli.main(["-D"]) == 0
    first, second, third, last = capsys.readouterr().out.splitlines()
    assert first.index("up") == second.index("up") == 34
    assert third.startswith("x" * 40 + "  up")
    assert last == "(-v lists nflog, dbus-system too, which carry no HTTP)"
    assert cli.main(["-D", "-v"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(there)


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("lo", "; to capture on the interface lo, give -i lo\n"),
        ("foo", "; foo is no command, file or interface either (see netmon -h)\n"),
        ("tcp[", None),
    ],
)
def test_a_single_word_that_is_no_filter_is_told_with_what_else_it_may_be(capsys, monkeypatch, word, told):
    def refuse(*_, **__):
        error = FilterError("syntax error")
        error.position, error.filter = 0, word
        raise error

    monkeypatch.setattr("netmon.session.run", refuse)
    assert cli.main(["--no-config", word]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"netmon: the filter does not compile: syntax error{told or chr(10)}")


def test_the_settings_are_printed_with_their_sources_applied(capsys, monkeypatch):
    monkeypatch.setenv("NETMON_WINDOW", "1m")
    assert cli.main(["--print-config", "--top", "3"]) == 0
    printed = capsys.readouterr().out
    assert "top = 3 " in printed
    assert "window = 60 " in printed


def test_no_config_reads_no_file(ran, tmp_path, monkeypatch):
    (tmp_path / "netmon").mkdir()
    (tmp_path / "netmon" / "config.toml").write_text("top = 3")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    cli.main([])
    assert ran.settings.top == 3
    cli.main(["--no-config"])
    assert ran.settings.top == 10


@pytest.mark.parametrize("home", ["none", "file"])
def test_a_default_settings_file_that_does_not_exist_is_no_error(ran, tmp_path, monkeypatch, home):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / home))
    assert cli.main([]) == 0
    assert ran.settings.top == 10


def test_python_m_netmon_is_the_same_command():
    done = subprocess.run([sys.executable, "-m", "netmon", "-V"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, f"netmon {__version__}\n")


@pytest.mark.parametrize(
    ("redirection", "said"),
    [
        (">/dev/full", (1, "netmon: standard output: No space left on device\n")),
        (">&-", (0, "")),
        (">&- 2>&-", (0, "")),
    ],
)
def test_an_error_of_standard_output_is_told_at_the_end(redirection, said):
    """Standard output is buffered until the process ends, as in a pipe."""
    line = f'"$0" -m netmon -V {redirection}'
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    command = ["sh", "-c", line, sys.executable]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, env=environment, check=False)
    assert (done.returncode, done.stderr) == said


def test_a_pipe_closed_by_its_reader_is_no_error():
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as out:
        command = [sys.executable, "-m", "netmon", "-V"]
        done = subprocess.run(command, stdout=out, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_default_settings_file_that_cannot_be_read_is_a_warning(ran, capsys, tmp_path, monkeypatch):
    (tmp_path / "netmon" / "config.toml").mkdir(parents=True)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert cli.main([]) == 0
    assert ran.settings.top == 10
    path = f"{tmp_path}/netmon/config.toml"
    assert capsys.readouterr().err == f"netmon: warning: {path} is not read: it is not a regular file\n"


def test_netmon_variables_that_are_no_settings_give_a_warning(ran, capsys, monkeypatch):
    monkeypatch.setenv("NETMON_TPO", "3")
    monkeypatch.setenv("NETMON_XYZZY", "3")
    assert cli.main([]) == 0
    assert capsys.readouterr().err == (
        "netmon: warning: NETMON_TPO is not a setting, did you mean NETMON_TOP?\n"
        "netmon: warning: NETMON_XYZZY is not a setting\n"
    )
    assert cli.main(["-q"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("words", ["host files.cap", "src host a.pcap or dst host b.pcap", "tcp port 80"])
def test_host_names_in_a_filter_are_not_taken_for_files(ran, words):
    assert cli.main(words.split()) == 0
    assert ran.settings.filter == words


def test_a_capture_without_an_extension_is_told_from_a_filter(ran, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dump0").write_bytes(bytes.fromhex("d4c3b2a1") + bytes(20))
    (tmp_path / "tcp").write_text("a file of that name")
    assert cli.main(["tcp", "port", "80"]) == 0
    assert cli.main(["tcp", "dump0"]) == 2
    assert capsys.readouterr().err.endswith("dump0 is not a filter; each file to read needs its own -r: -r dump0\n")


@pytest.mark.parametrize("name", ["out.ndjson", "out.json"])
def test_an_output_file_that_exists_is_not_changed_unless_asked_for(ran, capsys, tmp_path, name):
    path = tmp_path / name
    path.write_text("kept")
    assert cli.main(["-o", str(path)]) == 2
    assert capsys.readouterr().err == f"netmon: -o {path}: the file exists; --append adds to it, --force replaces it\n"
    assert (path.read_text(), ran.settings) == ("kept", None)
    assert cli.main(["-o", str(path), "--append"]) == 0
    assert cli.main(["-o", str(path), "--force"]) == 0


def test_numbers_beyond_all_bounds_are_wrong_usage(ran, capsys):
    ran.raises = OverflowError("int too big to convert")
    assert cli.main([]) == 2
    assert capsys.readouterr().err == "netmon: a number is too large: int too big to convert\n"


@pytest.mark.parametrize("started", [["-m", "netmon", "-V"], ["netmon", "-V"], ["-c", "from netmon import Monitor"]])
def test_without_libpcap_one_sentence_says_what_to_install(tmp_path, started):
    package = tmp_path / "netmon"
    package.mkdir()
    for path in Path(cli.__file__).parent.glob("*.py"):
        (package / path.name).write_text(path.read_text())
    words = "libpcap.so.0.8: cannot open shared object file: No such file or directory"
    (package / "_core.py").write_text(f"raise ImportError({words!r})")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "netmon").write_text("from netmon.start import command\ncommand()")
    command = [str(tmp_path / "bin" / "netmon"), "-V"] if started[0] == "netmon" else started
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    run = [sys.executable, *command]
    done = subprocess.run(run, capture_output=True, text=True, env=environment, cwd=tmp_path, check=False)
    said = "netmon needs libpcap: install libpcap0.8 (Debian, Ubuntu) or libpcap (Fedora, Arch, Alpine)"
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].removeprefix("ImportError: ") == said
    assert (len(done.stderr.splitlines()) == 1) == (started[0] != "-c")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["-r", "caf\udce9.pcap"], 4, "netmon: caf\\xe9.pcap: no such file\n"),
        (["-F", "caf\udce9"], 2, "netmon: -F caf\\xe9: No such file or directory\n"),
        (["-F", "binary"], 2, "netmon: -F binary: is not a text file\n"),
        (["-i", "caf\udce9"], 2, "netmon: caf\\xe9: is not valid UTF-8; only file names may have other bytes\n"),
    ],
)
def test_a_name_that_is_not_utf8_is_shown_byte_by_byte(arguments, code, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    assert cli.main(["--no-config", *arguments]) == code
    assert capsys.readouterr().err == message


def test_the_help_names_every_output_file_and_the_setting_every_format():
    (help_of_output,) = (option.help for option in OPTIONS if option.name == "output")
    assert re.findall(r"\.\w+", help_of_output) == list(outputs.FILES)
    assert set(get_args(KINDS["format"])) == {"auto", "plain", *outputs.FORMATS}


@pytest.mark.parametrize(("columns", "widest"), [("40", 72), ("80", 78), ("132", 120), ("400", 120)])
def test_the_help_fits_the_terminal_between_sixty_and_a_hundred_and_twenty_columns(
    capsys, monkeypatch, columns, widest
):
    monkeypatch.setenv("COLUMNS", columns)
    assert cli.main(["--help"]) == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= widest


@pytest.mark.parametrize("flag", ["--otlp", "--write", "--evidence", "--state", "--log-file", "--user"])
def test_a_flag_whose_value_is_empty_is_a_mistake(ran, capsys, flag):
    assert cli.main([flag, ""]) == 2
    assert capsys.readouterr().err.startswith(f"netmon: {flag}: is empty; ")
