"""Completions and the man page: made from the table of settings, accepted by the shells and tools that read them."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pexpect
import pytest
from netmon import cli, commands, list_interfaces
from netmon.alerts.written import KEYS
from netmon.options import OPTIONS
from patience import PATIENCE

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "scripts"))
import completion  # noqa: E402  scripts that write what is committed
import generated  # noqa: E402  as above

sys.path.pop()  # another script has the name of a folder beside this file

FILES = generated.files()
PAGE = generated.FOLDER / "man/man1/netmon.1"
ZSH = generated.FOLDER / "zsh/site-functions"
FLAGS = [flag for action in cli.parser()._actions for flag in action.option_strings]


def needs(tool):
    return pytest.mark.skipif(shutil.which(tool) is None, reason=f"needs {tool}")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_committed_file_is_what_the_table_gives_now(path):
    """After a change of a setting: make generated."""
    assert path.read_text() == FILES[path]


def test_the_wheel_installs_what_is_generated():
    maturin = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["maturin"]
    assert ROOT / maturin["data"] / "data" / "share" == generated.FOLDER
    assert {str(path.relative_to(generated.FOLDER)) for path in generated.FOLDER.rglob("*") if path.is_file()} == {
        "man/man1/netmon.1",
        "bash-completion/completions/netmon",
        "zsh/site-functions/_netmon",
        "fish/vendor_completions.d/netmon.fish",
    }


@pytest.mark.parametrize("shell", completion.SHELLS)
def test_the_command_prints_the_completion_of_each_shell(capsys, shell):
    assert cli.main(["--completion", shell]) == 0
    assert capsys.readouterr().out == FILES[generated.COMPLETIONS[shell]]


def test_another_shell_is_refused_with_those_that_there_are(capsys):
    assert cli.main(["--completion", "tcsh"]) == 2
    error = capsys.readouterr().err
    assert all(shell in error for shell in completion.SHELLS)


@pytest.mark.parametrize("shell", completion.SHELLS)
def test_a_shell_finds_no_fault_with_its_completion(shell):
    if shutil.which(shell) is None:
        pytest.skip(f"needs {shell}")
    done = subprocess.run([shell, "-n", generated.COMPLETIONS[shell]], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.fixture
def place(tmp_path):
    """A folder with files, a configuration with profiles, and a command ``netmon``."""
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin" / "netmon"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m netmon "$@"\n')
    command.chmod(0o755)
    (tmp_path / "netmon").mkdir()
    (tmp_path / "netmon" / "config.toml").write_text("[profile.edge]\ntop = 3\n[profile.lab-2]\n")
    (tmp_path / "my own.toml").write_text("[profile.other]\n")
    (tmp_path / "traffic one.pcap").touch()
    (tmp_path / "folder").mkdir()
    return tmp_path


STAND_IN = """netmon() { case $1 in --list-interfaces) command netmon "$@" ;; \
*) printf 'gi''ven'; printf ' <%s>' "$@"; echo ' do''ne' ;; esac; }"""


class Shell:
    """An interactive shell that has read its completion."""

    def __init__(self, place, shell):
        path = generated.COMPLETIONS[shell]
        environment = {
            "PATH": f"{place / 'bin'}:{os.environ['PATH']}",
            "PYTHONPATH": os.pathsep.join(sys.path),
            "XDG_CONFIG_HOME": str(place),
            "HOME": str(place),
            "TERM": "dumb",
            "PS1": "> ",
        }
        flags = {"bash": ["--noprofile", "--norc", "-i"], "zsh": ["-f", "-i"]}[shell]
        self.child = pexpect.spawn(
            shell, flags, env=environment, cwd=str(place), timeout=PATIENCE, encoding="utf-8", dimensions=(24, 200)
        )
        self.child.delaybeforesend = None
        setting_up = {
            "bash": f"bind 'set bell-style none' 'set enable-bracketed-paste off'; source '{path}'",
            "zsh": f"PS1='> '; unset zle_bracketed_paste; unsetopt auto_remove_slash; fpath=('{ZSH}' $fpath); "
            "autoload -U compinit; compinit -u -D",
        }
        self.run(setting_up[shell])
        self.run(STAND_IN)

    def run(self, line):
        self.child.sendline(f"{line}; echo re''ady")
        self.child.expect("ready\r\n")

    def completes(self, start, end):
        """Whether Tab behind `start` makes it `end`: a function that prints its words stands in for the command."""
        self.child.send(f"{start}\t\r")
        self.child.expect("given(.*?) done")
        return self.child.match[1] == "".join(f" <{word}>" for word in end)

    def close(self):
        self.child.close(force=True)


NAMES = [interface.name for interface in list_interfaces() if interface.name.startswith("l")]
has_loopback = pytest.mark.skipif(NAMES != ["lo"], reason="needs one interface alone that begins with l, named lo")

CASES = (
    ("netmon --alert-th", ["--alert-threshold"]),
    ("netmon --theme pal", ["--theme", "palette"]),
    ("netmon --client-from X-R", ["--client-from", "X-Real-IP"]),
    ("netmon --once --log-level w", ["--once", "--log-level", "warning"]),
    ("netmon -r traf", ["-r", "traffic one.pcap"]),
    ("netmon -r traffic\\ o", ["-r", "traffic one.pcap"]),
    ("netmon --config fol", ["--config", "folder/"]),
    ("netmon --profile la", ["--profile", "lab-2"]),
    ("netmon --config my\\ own.toml --profile o", ["--config", "my own.toml", "--profile", "other"]),
    ("netmon --where prot", ["--where", "protocol:"]),
    ("netmon --where protocol:gr", ["--where", "protocol:grpc"]),
    ("netmon --where grpc:UNAV", ["--where", "grpc:UNAVAILABLE"]),
    ("netmon --where tls:y", ["--where", "tls:yes"]),
    ("netmon --where status:5", ["--where", "status:5xx"]),
    ("netmon --where method:PO", ["--where", "method:POST"]),
    ("netmon --where tls:yes --once --log-level w", ["--where", "tls:yes", "--once", "--log-level", "warning"]),
    ("netmon diff --fail-if error_r", ["diff", "--fail-if", "error_ratio"]),
    ("netmon portr", ["portrange"]),
    ("netmon mer", ["merge"]),
    ("netmon merge --tot", ["merge", "--total"]),
    ("netmon merge traf", ["merge", "traffic one.pcap"]),
    pytest.param("netmon -i l", ["-i", "lo"], marks=has_loopback),
)


@pytest.mark.parametrize("shell", ["bash", "zsh"])
@pytest.mark.parametrize(("start", "end"), CASES)
def test_tab_completes_flags_words_files_profiles_and_interfaces(place, shell, start, end):
    if shutil.which(shell) is None:
        pytest.skip(f"needs {shell}")
    terminal = Shell(place, shell)
    try:
        assert terminal.completes(start, end), terminal.child.after
    finally:
        terminal.close()


def candidates(place, line):
    """What fish offers for a line, without descriptions."""
    environment = {
        "PATH": f"{place / 'bin'}:{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join(sys.path),
        "XDG_CONFIG_HOME": str(place),
        "HOME": str(place),
    }
    path = generated.COMPLETIONS["fish"]
    done = subprocess.run(
        ["fish", "--no-config", "-c", f"source '{path}'; complete -C '{line}'"],
        capture_output=True, text=True, check=True, env=environment, cwd=place,
    )  # fmt: skip
    assert done.stderr == ""
    return [offered.split("\t")[0] for offered in done.stdout.splitlines()]


@needs("fish")
@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("netmon --alert-th", ["--alert-threshold"]),
        ("netmon --theme pal", ["palette"]),
        ("netmon --client-from X-R", ["X-Real-IP"]),
        ("netmon --once --log-level w", ["warning"]),
        ("netmon -r traf", ["traffic\\ one.pcap"]),
        ("netmon --config fol", ["folder/"]),
        ("netmon --profile ", ["edge", "lab-2"]),
        ("netmon --where prot", ["protocol:"]),
        ("netmon --where tls:", ["tls:yes", "tls:no"]),
        ("netmon --where grpc:UNAV", ["grpc:UNAVAILABLE"]),
        ("netmon diff --fail-if error_r", ["error_ratio"]),
        ("netmon portr", ["portrange"]),
        ("netmon mer", ["merge"]),
        ("netmon merge --tot", ["--total"]),
        ("netmon merge traf", ["traffic\\ one.pcap"]),
        pytest.param("netmon -i l", ["lo"], marks=has_loopback),
    ],
)
def test_fish_offers_flags_words_files_profiles_and_interfaces(place, line, offered):
    assert [word.replace("\\ ", " ") for word in candidates(place, line)] == [
        word.replace("\\ ", " ") for word in offered
    ]


# The man page


@needs("mandoc")
def test_mandoc_finds_no_fault_with_the_man_page():
    done = subprocess.run(["mandoc", "-T", "lint", PAGE], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("", "")


@needs("groff")
def test_groff_has_no_warning_about_the_man_page():
    done = subprocess.run(["groff", "-man", "-ww", "-z", PAGE], capture_output=True, text=True, check=True)
    assert done.stderr == ""


@needs("man")
def test_man_shows_every_flag_with_what_it_does():
    environment = os.environ | {"MANWIDTH": "300", "LC_ALL": "C.UTF-8", "MAN_KEEP_FORMATTING": ""}
    done = subprocess.run(["man", "-l", PAGE], capture_output=True, text=True, check=True, env=environment)
    shown = " ".join(done.stdout.split())
    assert [flag for flag in FLAGS if flag not in shown] == []
    assert [option.help for option in OPTIONS if option.help not in shown] == []
    options = [action for name in commands.COMMANDS for action in commands.module(name).parser()._actions]
    assert [action.help for action in options if action.help not in shown] == []
    sections = (
        "NAME",
        "SYNOPSIS",
        "OPTIONS",
        "COMMANDS",
        "SETTINGS",
        "EVENTS",
        "SIGNALS",
        "ENVIRONMENT",
        "FILES",
        "EXIT STATUS",
    )
    assert [name for name in sections if f"\n{name}\n" not in done.stdout] == []
    assert "5 --fail-on-alert and an alert fired" in shown
    assert all(f" {code} " in shown.partition("EXIT STATUS")[2] for code in range(7))


def test_devices_without_packets_of_a_network_are_no_interfaces_to_complete(tmp_path):
    command = tmp_path / "netmon"
    names = ("eth0", "lo", "bluetooth-monitor", "nflog", "nfqueue", "dbus-system", "wlan0")
    command.write_text("#!/bin/sh\n" + "".join(f"echo '{name}   up'\n" for name in names))
    command.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(["sh", "-c", completion.NAMES], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["eth0", "lo", "wlan0"]


def test_the_page_explains_every_key_of_a_rule_and_every_field_of_a_filter():
    page = PAGE.read_text()
    rules, filters = page.split(".SH ALERT RULES")[1].split(".SH FILTERS")
    assert [name for name in KEYS if f".B {name}\n" not in rules] == []
    assert [name for name in ("host", "user_agent", "request_bytes") if name not in filters.split(".SH")[0]] == []
    assert "netmon/state.json" in page
