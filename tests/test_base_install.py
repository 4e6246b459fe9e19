"""What ``pip install netmon-http`` installs, and what an extra that is missing asks for."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from netmon import extras

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

WITHOUT = """
import sys
class Nothing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {missing!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Nothing())
from netmon import cli
sys.exit(cli.main(sys.argv[1:]))
"""
"""Runs the command where some packages are not installed."""


def name(requirement):
    return requirement.split(">")[0].split("=")[0]


def run(missing, *arguments):
    """Standard output and error of a command that fails because a package is missing."""
    code = WITHOUT.format(missing=set(missing))
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def test_the_base_install_needs_prompt_toolkit_and_one_more_package():
    assert sorted(map(name, PROJECT["dependencies"])) == ["msgspec", "prompt-toolkit"]


def test_each_extra_of_the_distribution_can_be_named_by_an_error():
    assert set(PROJECT["optional-dependencies"]) == set(extras.EXTRAS)


def test_without_any_extra_the_command_reads_a_file(tmp_path):
    modules = [module.split(".")[0] for module in extras.EXTRAS.values()]
    capture = tmp_path / "empty.pcap"
    capture.write_bytes(bytes.fromhex("d4c3b2a1020004000000000000000000ffff000001000000"))
    code, out, error = run([*modules, "shtab"], "-r", str(capture), "--json")
    assert (code, error.count("Error")) == (0, 0)
    assert '"requests":0' in out


@pytest.mark.parametrize(("extra", "file"), [("parquet", "out.parquet"), ("html", "out.html")])
def test_a_missing_extra_is_named_with_the_command_that_installs_it(tmp_path, extra, file):
    code, _, error = run([extras.EXTRAS[extra].split(".")[0]], "-r", "none.pcap", "-o", str(tmp_path / file))
    assert code == 2
    assert f"{sys.executable} -m pip install 'netmon-http[{extra}]'" in error
    assert file in error
    assert not list(tmp_path.iterdir())
