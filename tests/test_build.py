"""The build: its message if libpcap is missing, the packages installed for each target, and its progress."""

import os
import shutil
import subprocess
from pathlib import Path

import netmon
import pytest

ROOT = Path(__file__).parents[1]
needs_rust = pytest.mark.skipif(shutil.which("rustc") is None, reason="needs rustc")
needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="needs make")

ADVICE = "cargo::error=libpcap's development files are missing: install libpcap-dev (Debian, Ubuntu), "


def executable(path, text):
    path.write_text(text)
    path.chmod(0o755)


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    """The build script of the crate, as a program."""
    made = tmp_path_factory.mktemp("build") / "script"
    subprocess.run(["rustc", "--edition", "2024", ROOT / "rust" / "build.rs", "-o", made], check=True)
    return made


@needs_rust
@pytest.mark.parametrize(
    ("links", "target", "is_missing"),
    [
        ("-lc -lpcap", "here", False),
        ("-lc", "here", True),
        ("", "here", False),  # no compiler works: the error of the linker says more
        ("-lc", "elsewhere", False),  # a build for another machine, whose libraries are not looked for
    ],
)
def test_a_missing_libpcap_is_told_in_a_sentence_before_the_linker_fails(script, tmp_path, links, target, is_missing):
    known = " | ".join(f'*"{library}"*' for library in links.split()) or "none"
    executable(tmp_path / "cc", f'#!/bin/sh\ncat >/dev/null\ncase "$*" in {known}) exit 0 ;; *) exit 1 ;; esac\n')
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "HOST": "here", "TARGET": target}
    done = subprocess.run([script], capture_output=True, text=True, env=environment, check=True)
    told = [line for line in done.stdout.splitlines() if line.startswith("cargo::error")]
    assert len(told) == is_missing
    assert all(line.startswith(ADVICE) for line in told)


def planned(target):
    """The commands that make would run if nothing were built yet."""
    return subprocess.run(["make", "-nB", target], cwd=ROOT, capture_output=True, text=True, check=True).stdout


@needs_make
@pytest.mark.parametrize("target", ["demo", "test"])
def test_the_demo_and_the_tests_are_built_without_a_profile(target):
    plan = planned(target)
    assert "packages.sh wheel" not in plan
    assert "MATURIN_PGO=0 scripts/wheel.sh" in plan


@needs_make
@pytest.mark.parametrize("target", ["wheel", "bench"])
def test_the_wheel_and_the_benchmarks_are_built_with_a_profile(target):
    plan = planned(target)
    assert "packages.sh wheel" in plan
    assert "MATURIN_PGO=0" not in plan


def packages(tmp_path, kind):
    """The output of scripts/packages.sh on a machine that lacks only the tools of LLVM."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in ("cc", "pkg-config", "cargo", "nginx", "wrk", "curl", "tcpdump", "ip", "ethtool", "zstd", "editcap"):
        executable(tools / tool, "#!/bin/sh\n")
    executable(tools / "rustc", "#!/bin/sh\n[ $1 = --print ] && echo /nowhere || echo 'LLVM version: 99.1'\n")
    executable(tools / "apt-cache", "#!/bin/sh\necho 'Candidate: 1:99'\n")
    executable(tools / "apt-get", "#!/bin/sh\n")
    executable(tools / "sudo", '#!/bin/sh\nexec "$@"\n')
    environment = {"PATH": f"{tools}:{os.environ['PATH']}"}
    run = ["bash", ROOT / "scripts" / "packages.sh", kind]
    return subprocess.run(run, capture_output=True, text=True, env=environment, check=True).stdout


@pytest.mark.parametrize(("kind", "installs"), [("build", False), ("test", False), ("wheel", True)])
def test_the_tools_of_llvm_are_installed_only_for_the_wheel(tmp_path, kind, installs):
    assert ("llvm-99" in packages(tmp_path, kind)) == installs


@needs_rust
@pytest.mark.parametrize("profile", ["0", "1"])
def test_a_build_says_that_it_takes_minutes_and_shows_its_progress(tmp_path, profile):
    executable(tmp_path / "maturin", '#!/bin/sh\necho "   Compiling netmon: $*"\n')
    environment = os.environ | {"MATURIN_PGO": profile}
    run = [ROOT / "scripts" / "wheel.sh", tmp_path / "python", tmp_path / "out"]
    done = subprocess.run(run, capture_output=True, text=True, env=environment, check=True)
    assert "minutes" in done.stdout.splitlines()[0]
    assert "   Compiling netmon: build --release" in done.stdout
    assert " -q" not in done.stdout


def test_the_installed_package_has_the_templates_and_the_scripts_of_pages():
    sources, installed = ROOT / "python" / "netmon", Path(netmon.__file__).parent
    files = [path.relative_to(sources) for path in sources.glob("page/templates/*")]
    assert len(files) >= 5
    assert [path for path in files if (installed / path).read_bytes() != (sources / path).read_bytes()] == []
