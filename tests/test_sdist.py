"""The source distribution: what it contains, and how it is built with and without libpcap's development files."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
import wheels

MATURIN = Path(sys.executable).with_name("maturin")
pytestmark = pytest.mark.skipif(not MATURIN.exists(), reason="needs maturin, which `make test` installs")

ADVICE = "libpcap's development files are missing: install libpcap-dev (Debian, Ubuntu), libpcap-devel (Fedora"
QUICK = {
    "CARGO_PROFILE_RELEASE_LTO": "off",
    "CARGO_PROFILE_RELEASE_OPT_LEVEL": "0",
    "CARGO_PROFILE_RELEASE_CODEGEN_UNITS": "16",
}
"""What is built is inspected and not used, so it need not be quick itself."""


@pytest.fixture(scope="module")
def sdist(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sdist")
    subprocess.run([MATURIN, "sdist", "--out", folder], cwd=wheels.ROOT, check=True, capture_output=True)
    (made,) = folder.iterdir()
    return made


def build(sdist, folder, path=""):
    """Builds a wheel as pip does for a user, with further folders before those of PATH."""
    environment = os.environ | QUICK | {"PATH": f"{path}{MATURIN.parent}:{os.environ['PATH']}"}
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--no-deps", "--no-build-isolation"]
    command = [*pip, "--wheel-dir", folder, sdist]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def test_the_source_has_what_a_build_needs_with_the_versions_that_were_tested(sdist):
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
        top = next(iter(archive.getnames())).partition("/")[0]
        locked = archive.extractfile(f"{top}/Cargo.lock").read()
    needed = {"pyproject.toml", "Cargo.toml", "Cargo.lock", "LICENSE", "README.md", "rust/build.rs", "rust/src/lib.rs"}
    needed |= {"python/netmon/_core.pyi", "python/netmon/py.typed", "netmon.data/data/share/man/man1/netmon.1"}
    needed |= {f"licenses/{path.name}" for path in (wheels.ROOT / "licenses").iterdir()}
    assert needed <= names
    assert tomllib.loads(locked.decode()) == tomllib.loads((wheels.ROOT / "Cargo.lock").read_text())
    assert not [name for name in names if name.startswith(("target/", "dist/", ".venv/")) or name.endswith(".so")]


@wheels.needs_wheel_test
@pytest.mark.timeout(900)
def test_without_libpcap_the_build_fails_with_one_sentence_that_says_what_to_install(sdist, tmp_path):
    compiler = shutil.which("cc")
    tools = tmp_path / "tools"
    tools.mkdir()
    stand_in = tools / "cc"
    stand_in.write_text(
        f'#!/bin/sh\ncase " $* " in *" -lpcap "*) echo "cannot find -lpcap" >&2; exit 1 ;; esac\nexec {compiler} "$@"\n'
    )
    stand_in.chmod(0o755)
    done = build(sdist, tmp_path / "made", path=f"{tools}:")
    assert done.returncode != 0
    told = done.stdout + done.stderr
    assert told.count(ADVICE) == 1
    assert "cannot find -lpcap" not in told, "the linker was not reached"
    (line,) = (line for line in told.splitlines() if ADVICE in line)
    assert re.search(r"error: netmon@[0-9.]+: libpcap's development files are missing: .*set LIBPCAP_LIBDIR$", line)


@wheels.needs_wheel_test
@pytest.mark.timeout(900)
def test_with_libpcap_the_build_makes_a_wheel_that_uses_the_libpcap_of_the_system(sdist, tmp_path):
    done = build(sdist, tmp_path / "made")
    assert done.returncode == 0, done.stdout + done.stderr
    (made,) = (tmp_path / "made").iterdir()
    with zipfile.ZipFile(made) as archive:
        archive.extract("netmon/_core.abi3.so", tmp_path)
    core = tmp_path / "netmon" / "_core.abi3.so"
    needed = subprocess.run(["readelf", "--dynamic", core], capture_output=True, text=True, check=True).stdout
    assert re.search(r"\(NEEDED\).*\[libpcap\.so", needed)
