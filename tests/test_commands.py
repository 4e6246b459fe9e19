"""Commands of netmon that do not capture: found by the first word, and named wherever options are."""

import subprocess
import sys

import pytest
from netmon import arguments, cli, commands


@pytest.mark.parametrize("name", commands.COMMANDS)
def test_a_command_has_a_help_of_its_own(capsys, name):
    assert cli.main([name, "--help"]) == 0
    assert f"usage: netmon {name}" in capsys.readouterr().out


@pytest.mark.parametrize("name", commands.COMMANDS)
def test_the_help_of_netmon_names_each_command(name):
    shown = arguments.parser().format_help()
    assert commands.COMMANDS[name].help in " ".join(shown.split())
    assert name in shown.split("]")[2], "the usage"


def test_the_first_word_alone_chooses_a_command():
    flags = arguments.parser().parse_intermixed_args(["tcp", "merge"])
    assert flags.expression == ["tcp", "merge"]


@pytest.mark.parametrize("name", commands.COMMANDS)
def test_the_module_of_a_command_loads_only_when_it_runs(name):
    code = "import sys\nfrom netmon.cli import main\nmain(['--help'])\nprint(sys.argv[1] in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code, commands.COMMANDS[name].module], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "False"


def test_wrong_usage_of_a_command_gives_its_usage(capsys):
    assert cli.main(["merge", "--no-such-flag"]) == 2
    assert "usage: netmon merge" in capsys.readouterr().err
