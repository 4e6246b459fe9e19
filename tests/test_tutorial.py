"""The tutorial, command by command: what it promises is what a newcomer sees."""

import json
import os
import re
import subprocess
import sys

import pytest
from namespaces import Namespace, why_not
from netmon.options import OPTIONS
from pages_of_docs import DOCS
from patience import PATIENCE, eventually

pytest.importorskip("jinja2")
pytestmark = pytest.mark.skipif(os.geteuid() != 0 or bool(why_not()), reason="needs root and namespaces")

TEXT = (DOCS / "tutorial.md").read_text()
AS_ROOT = "--user root" if any(option.name == "user" for option in OPTIONS) else ""
"""The folder of a test belongs to root, and that of a newcomer to the one who calls sudo."""


CAPTURES = "awk 'NR > 1 && $5 > 0 && $6 == 1 { found = 1 } END { exit !found }' /proc/net/packet"
"""Whether a packet socket is bound to an interface and running, in this namespace."""


def block(begins):
    """The block of code of the tutorial that begins so."""
    found = [text for text in re.findall(r"```\w+\n(.*?)```", TEXT, re.DOTALL) if text.startswith(begins)]
    assert found, begins
    return found[0]


@pytest.fixture
def newcomer(tmp_path):
    """Runs commands in a folder of its own, in a namespace with the web server of the tutorial. sudo does nothing."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name, line in {"netmon": f"exec {sys.executable} -m netmon", "sudo": "exec"}.items():
        (programs / name).write_text(f'#!/bin/sh\n{line} "$@"\n')
        (programs / name).chmod(0o755)
    (tmp_path / "home").mkdir()
    path = f"PATH={programs}:{os.environ['PATH']}"
    variables = ("env", path, f"HOME={tmp_path}/home", "NETMON_CONFIG=", f"PYTHONPATH={os.pathsep.join(sys.path)}")
    there = Namespace(f"netmon{os.getpid()}tutorial")

    class Newcomer:
        folder = tmp_path

        @staticmethod
        def does(script):
            run = there.start(
                *variables,
                "bash",
                "-ec",
                script,
                cwd=tmp_path,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            out, error = run.communicate(timeout=PATIENCE)
            assert run.returncode == 0, out + error
            return out

    server = there.start("env", f"HOME={tmp_path}", *block("python3 -m http.server").split(), stderr=subprocess.DEVNULL)
    try:
        asks = "curl -s -o /dev/null http://127.0.0.1:8000/"
        eventually(lambda: there.start(*asks.split()).wait(PATIENCE) == 0)
        yield Newcomer
    finally:
        server.kill()
        server.wait()
        there.delete()


def test_the_tutorial_works(newcomer):
    assert newcomer.does("netmon --version").startswith("netmon ")
    (newcomer.folder / "rules.toml").write_text(block("[[alert]]"))
    told = newcomer.does(block("netmon --alerts rules.toml --check-config"))
    assert "something is missing: fires when status.404 of each host over 10 s is above 5" in told
    captures = block("sudo netmon -i lo -t 10s").strip().replace("-t 10s", f"-t 10m {AS_ROOT}")
    loops = block("for i in $(seq 50)") + block("for i in $(seq 10)")
    until = f"until {CAPTURES}; do sleep 0.1; done"
    assert "127.0.0.1:8000" in newcomer.does(f"{captures} &\n{until}\n{loops}kill $!\nwait $!")
    for command in (
        "netmon -r first.pcapng --plain",
        "netmon -r first.pcapng -o first.ndjson",
        "netmon -r first.pcapng --alerts",
    ):
        told = newcomer.does(block(command))
        assert "127.0.0.1:8000" in told
    assert "something is missing" in told
    assert "404" in told
    lines = (newcomer.folder / "first.ndjson").read_text().splitlines()
    assert sum(json.loads(line)["requests"] for line in lines) == 60, "the loops ask so often"
    assert "something is missing" in (newcomer.folder / "first.html").read_text()
    program = newcomer.folder / "first.py"
    program.write_text(block("import netmon"))
    lines = newcomer.does(f"{sys.executable} first.py").splitlines()
    counted = sum(int(re.search(r"127\.0\.0\.1:8000 (\d+) ", line)[1]) for line in lines)
    assert counted == 60
