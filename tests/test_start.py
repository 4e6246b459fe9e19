"""What starting costs: each way of running loads the modules it needs and none that only another way needs.

Times vary with the machine, modules do not. Where the time goes: ``python -X importtime -m netmon --version``.
"""

import subprocess
import sys

import forge
import pytest

SCREEN = {"prompt_toolkit", "wcwidth", "asyncio", "ssl", "netmon.display"}
RUNNING = {"netmon.session", "netmon.frames", "netmon.sinks", "netmon.console"}
SELDOM = {"tomllib", "netmon.advice", "netmon.demo", "subprocess", "shutil", "random", "logging", "email", "http"}
COMMAND = {"argparse", "msgspec", "json", "netmon.cli", "netmon.config", "netmon.options"}

WATCHED = SCREEN | RUNNING | SELDOM | COMMAND


def loaded(code, *arguments):
    """Those of WATCHED that are loaded when `code` has run."""
    code = f"import sys\n{code}\nprint('loaded', *sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    return WATCHED & set(done.stdout.splitlines()[-1].split())


def loaded_by_command(*arguments):
    return loaded("from netmon.cli import main\nassert main() == 0", *arguments)


def test_the_library_loads_nothing_of_the_command():
    assert loaded("import netmon") == set()


@pytest.mark.parametrize("flag", ["--version", "--help", "--print-config"])
def test_what_only_prints_loads_nothing_that_captures_counts_or_shows(flag):
    assert loaded_by_command(flag) == COMMAND


@pytest.mark.parametrize("how", ["--plain", "--ndjson", "--json", "--requests"])
def test_without_a_screen_nothing_of_the_screen_is_loaded(tmp_path, how):
    path = tmp_path / "capture.pcap"
    path.write_bytes(forge.pcap(forge.Conversation(1024, 1000.0).ask(1000.1, "GET", "a.example", "/", 200)))
    assert loaded_by_command("-r", str(path), how) == COMMAND | RUNNING


def test_a_configuration_file_loads_what_reads_it(tmp_path):
    path = tmp_path / "netmon.toml"
    path.write_text("top = 3\n")
    assert loaded_by_command("--config", str(path), "--print-config") == COMMAND | {"tomllib"}


def test_the_screen_loads_nothing_that_is_seldom_used():
    ours = {"tomllib", "netmon.advice", "netmon.demo", "netmon.cli"}
    assert loaded("import netmon.display.app, netmon.session") & ours == set()
