"""What starting costs: each way of running loads the modules it needs and none that only another way needs.

Times vary with the machine, modules do not. Where the time goes: ``python -X importtime -m netmon --version``.
"""

import subprocess
import sys

import forge
import netmon
import pytest

SCREEN = {"prompt_toolkit", "wcwidth", "asyncio", "ssl", "netmon.display"}
RUNNING = {"netmon.session", "netmon.frames", "netmon.losses", "netmon.sinks", "netmon.sinks.summary", "netmon.console"}
SELDOM = {"tomllib", "netmon.advice", "netmon.demo", "subprocess", "shutil", "random", "logging", "email", "http"}
SELDOM |= {"socket", "base64", "netmon.lookalikes", "netmon.alerts.kept"}
HEAVY = {"dataclasses", "inspect", "pathlib", "urllib", "ipaddress", "copy"}
READING = {"netmon.reading", "msgspec"}
OUTPUTS = {"netmon.sinks.plain", "netmon.sinks.requests", "json", "datetime"}
COMMAND = {"argparse", "netmon.cli", "netmon.config", "netmon.options"}

WATCHED = SCREEN | RUNNING | SELDOM | HEAVY | READING | OUTPUTS | COMMAND


def loaded(code, *arguments):
    """The modules of WATCHED that running `code` loads, without those that the interpreter loaded before."""
    code = f"import sys\nbefore = set(sys.modules)\n{code}\nprint('loaded', *set(sys.modules) - before)"
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    return WATCHED & set(done.stdout.splitlines()[-1].split())


def loaded_by_command(*arguments):
    return loaded("from netmon.cli import main\nassert main() == 0", *arguments)


@pytest.fixture
def capture(tmp_path):
    path = tmp_path / "capture.pcap"
    path.write_bytes(forge.pcap(forge.Conversation(1024, 1000.0).ask(1000.1, "GET", "a.example", "/", 200)))
    return str(path)


def test_the_library_loads_nothing_of_the_command():
    assert loaded("import netmon") == set()


@pytest.mark.parametrize(("flag", "more"), [("--version", set()), ("--help", set()), ("--print-config", {"json"})])
def test_what_only_prints_loads_nothing_that_captures_counts_or_shows(flag, more):
    assert loaded_by_command(flag) == COMMAND | more


@pytest.mark.parametrize(
    ("flags", "more"),
    [
        (["--json"], set()),
        (["--ndjson"], set()),
        (["--plain"], {"netmon.sinks.plain", "datetime"}),
        (["--requests"], {"netmon.sinks.requests", "datetime"}),
        (["--requests", "--ndjson"], {"netmon.sinks.requests"}),
        (["--csv"], set()),
    ],
)
def test_without_a_screen_what_the_output_needs_is_loaded_and_nothing_of_the_others(capture, flags, more):
    assert loaded_by_command("-r", capture, *flags) == COMMAND | RUNNING | more


def test_a_flag_with_a_value_loads_the_code_that_reads_it(capture):
    extra = loaded_by_command("-r", capture, "--json", "--section-depth", "2") - (COMMAND | RUNNING)
    assert extra >= READING
    # Not compared with READING alone: msgspec loads modules of its own.
    assert extra.isdisjoint(SCREEN | SELDOM | {"netmon.sinks.plain", "netmon.sinks.requests"})


def test_a_configuration_file_loads_the_code_that_reads_it(tmp_path):
    path = tmp_path / "netmon.toml"
    path.write_text("top = 3\n")
    extra = loaded_by_command("--config", str(path), "--print-config") - COMMAND
    assert extra >= READING | {"tomllib"}
    assert extra.isdisjoint(SCREEN | RUNNING | SELDOM - {"tomllib"})


def test_the_first_frame_is_drawn_before_heavy_modules_are_loaded():
    code = "from netmon import cli, session\nfrom netmon.display import layout, terminal, view\n"
    extra = loaded(f"{code}assert layout.screen(view.View(), 120, 30)")
    assert extra - COMMAND - RUNNING == {"netmon.display", "http"}


def test_the_screen_loads_nothing_that_is_seldom_used():
    ours = {"tomllib", "netmon.advice", "netmon.demo", "netmon.cli"}
    assert loaded("import netmon.display.app, netmon.session") & ours == set()


def test_the_command_runs_before_anything_that_takes_time_is_loaded():
    """An interrupt in the middle of an import would give a traceback; see `netmon.start`."""
    code = "import sys\nbefore = set(sys.modules)\nimport netmon.start\nprint('loaded', *set(sys.modules) - before)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == {"loaded", "netmon", "netmon.start"}


def test_every_public_name_loads_when_it_is_asked_for():
    code = "import netmon\nassert set(netmon.__all__) <= set(dir(netmon))\nfrom netmon import *\nnetmon.alerts.Rule"
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        netmon.nothing  # noqa: B018
