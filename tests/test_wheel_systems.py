"""The wheel on machines with only Python: Debian 12, 13 and unstable, without libpcap, compiler and network.

Each is a folder that debootstrap made, with a network namespace of its own. Where Debian no longer has a version of
Python, that of the building machine is used, if there is one: its folder is mounted at the same path.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import forge
import pytest
import wheels

pytestmark = [wheels.needs_wheel_test, pytest.mark.timeout(1200)]

ROOTS = wheels.ROOT / "target" / "roots"
NOON = 1_795_348_800
REQUESTS = 25
SYSTEMS = {"bookworm": (), "trixie": (), "sid": ("python3.15-venv",)}
"""Releases of Debian, and their further packages."""
PLACES = [
    ("bookworm", "3.11"),
    ("bookworm", "3.12"),
    ("trixie", "3.13"),
    ("trixie", "3.12"),
    ("sid", "3.14"),
    ("sid", "3.15"),
]
"""Systems, and the Python that netmon is installed with. 3.12 is in none of them."""


def on_this_machine(version):
    """The path of a Python of this machine outside of Debian's packages, such as pyenv's; none if there is none."""
    known = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = sorted(known.glob(f"{version}.*/bin/python{version}"))
    return found[-1].resolve() if found else None


@pytest.fixture(scope="module")
def capture(tmp_path_factory):
    talks = [forge.Conversation(4000 + number, NOON) for number in range(REQUESTS)]
    for number, talk in enumerate(talks):
        talk.send(NOON + 1, 0, forge.ACK, f"GET /pages/{number} HTTP/1.1\r\nHost: a.example\r\n\r\n".encode())
        talk.send(NOON + 2, 1, forge.ACK, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    path = tmp_path_factory.mktemp("capture") / "some.pcap"
    path.write_bytes(forge.pcap(*talks))
    return path


def collected(version, folder):
    """A folder with the wheel and the wheels of what it depends on, for a version of Python."""
    wheel = wheels.portable()
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q", "download"]
    subprocess.run(
        [*pip, "--only-binary", ":all:", "--python-version", version, "--dest", folder, wheel], check=True, timeout=300
    )
    return folder


def system(name):
    """The root folder of a system, made the first time."""
    if os.geteuid() != 0 or shutil.which("debootstrap", path=f"{os.environ['PATH']}:/usr/sbin") is None:
        pytest.skip("needs root and debootstrap")
    root = ROOTS / name
    subprocess.run([wheels.ROOT / "scripts" / "root.sh", name, root, *SYSTEMS[name]], check=True, timeout=1000)
    return root


@pytest.mark.parametrize(("name", "version"), PLACES)
def test_a_machine_with_only_python_installs_offline_reads_a_file_and_captures_live(name, version, capture, tmp_path):
    root = system(name)
    python, mounts = Path(f"/usr/bin/python{version}"), {}
    if not (root / python.relative_to("/")).exists():
        python = on_this_machine(version)
        if python is None:
            pytest.skip(f"Python {version} is neither in Debian's {name} nor on this machine")
        mounts[python.parents[1]] = root / python.parents[1].relative_to("/")
    work = root / "work"
    mounts |= {tmp_path: work, Path("/proc"): root / "proc", Path("/dev"): root / "dev"}
    collected(version, tmp_path / "wheels")
    shutil.copy(capture, tmp_path / "some.pcap")
    shutil.copy(Path(__file__).with_name("inside.py"), tmp_path)
    steps = ["ip link set lo up"]
    for source, target in mounts.items():
        target.mkdir(parents=True, exist_ok=True)
        steps.append(f"mount --rbind '{source}' '{target}'")
    inside = f"{python} /work/inside.py /work/wheels /work/some.pcap"
    steps.append(f"exec chroot '{root}' /usr/bin/env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin {inside}")
    command = ["unshare", "--net", "--mount", "--propagation", "private", "sh", "-ec", "\n".join(steps)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    print(found)  # `pytest -s` shows what was measured
    assert found["python"].startswith(f"{version}.")
    assert (found["read"], found["live"], found["code"]) == (REQUESTS, 20, 0), found
