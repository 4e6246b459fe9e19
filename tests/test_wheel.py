"""The wheel for Linux: its tag, libraries, symbols, licences and metadata, seen with the tools of PyPI and readelf."""

import email
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import forge
import pytest
import wheels

ROOT = wheels.ROOT
sys.path.append(str(ROOT / "scripts"))
import licences  # noqa: E402

TOOLS = Path(sys.executable).parent
MACHINE = platform.machine()
GLIBC = {"libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2", "librt.so.1", "libutil.so.1"}
LOADER = {"x86_64": "ld-linux-x86-64.so.2", "aarch64": "ld-linux-aarch64.so.1"}
OLDEST = (2, 28)
"""The version of glibc that the tag promises."""


@pytest.fixture(scope="module")
def wheel():
    return wheels.portable()


@pytest.fixture(scope="module")
def contents(wheel, tmp_path_factory):
    """The folder that the wheel is unpacked in."""
    folder = tmp_path_factory.mktemp("wheel")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


@pytest.fixture(scope="module")
def core(contents):
    return contents / "netmon" / "_core.abi3.so"


@pytest.fixture(scope="module")
def information(contents):
    return next(contents.glob("*.dist-info"))


def run(*command):
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def audit(tool, *arguments):
    if not (TOOLS / tool).exists():
        pytest.skip(f"needs {tool}, which `make test` installs")
    return run(TOOLS / tool, *arguments)


def test_one_wheel_is_for_every_python_from_3_11_and_every_linux_with_glibc_2_28(wheel):
    assert re.fullmatch(rf"netmon_http-[0-9.]+-cp311-abi3-manylinux_2_28_{MACHINE}\.whl", wheel.name)


def test_auditwheel_finds_nothing_that_the_tag_does_not_allow(wheel):
    told = " ".join(audit("auditwheel", "show", wheel).split())
    assert f'consistent with the following platform tag: "manylinux_2_28_{MACHINE}"' in told


def test_abi3audit_finds_only_the_stable_interface_of_python_3_11(wheel):
    report = json.loads(audit("abi3audit", "--strict", "--report", wheel))
    (found,) = (each for spec in report["specs"].values() for each in spec["wheel"])
    assert found["name"] == "_core.abi3.so"
    assert found["result"]["is_abi3"]
    assert found["result"]["computed"] == found["result"]["baseline"] == "3.11"


def test_twine_accepts_the_metadata_without_a_warning(wheel):
    assert "PASSED" in audit("twine", "check", "--strict", wheel)


def test_the_core_needs_no_library_but_those_of_glibc(core):
    needed = set(re.findall(r"\(NEEDED\).*\[(.*)\]", run("readelf", "--dynamic", "--wide", core)))
    assert "libc.so.6" in needed
    assert needed <= GLIBC | {LOADER[MACHINE]}


def test_the_core_needs_no_version_of_glibc_that_is_newer_than_the_tag_says(core):
    versions = set(re.findall(r"GLIBC_([0-9.]+)", run("readelf", "--version-info", "--wide", core)))
    numbers = {tuple(map(int, version.split("."))) for version in versions}
    assert (2, 14) in numbers or MACHINE != "x86_64", "memcpy is the C library's"
    assert max(numbers) <= OLDEST


def test_the_core_contains_libpcap_and_exports_nothing_but_the_module(core):
    version, _ = (ROOT / "target" / "libpcap" / "version").read_text().split()
    assert tuple(map(int, version.split("."))) >= (1, 10, 6)
    assert f"libpcap version {version} (".encode() in core.read_bytes()
    symbols = run("nm", "--dynamic", "--defined-only", core).split("\n")
    assert [line.split()[-1] for line in symbols if line] == ["PyInit__core"]


def test_the_core_is_stripped(core):
    assert not re.search(r"\.(debug_info|symtab)", run("readelf", "--sections", "--wide", core))


def test_no_file_tells_the_folders_of_the_machine_that_built_the_wheel(contents, core):
    assert not re.search(r"R(UN)?PATH", run("readelf", "--dynamic", "--wide", core))
    folders = {str(ROOT), str(Path.home()), run("rustc", "--print", "sysroot").strip()}
    found = [
        (path.name, folder)
        for path in contents.rglob("*")
        if path.is_file()
        for folder in folders
        if f"{folder}/".encode() in path.read_bytes()
    ]
    assert found == []


def test_the_wheel_reads_a_capture(contents, tmp_path):
    capture = tmp_path / "one.pcap"
    talk = forge.Conversation(4000, 1_795_348_800)
    talk.send(1_795_348_800.1, 0, forge.ACK, b"GET /pages/1 HTTP/1.1\r\nHost: site.example\r\n\r\n")
    talk.send(1_795_348_800.2, 1, forge.ACK, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    capture.write_bytes(forge.pcap(talk))
    code = "import sys, netmon; from netmon import cli; print(netmon.__file__); sys.exit(cli.main(sys.argv[1:]))"
    environment = os.environ | {"PYTHONPATH": str(contents)}
    command = [sys.executable, "-P", "-c", code, "--no-config", "-r", capture, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    where, document = done.stdout.split("\n", 1)
    assert Path(where).is_relative_to(contents)
    assert json.loads(document)["requests"] == 1


def test_the_licences_of_all_that_is_linked_are_in_the_wheel(information):
    inside = {path.name: path.read_text() for path in (information / "licenses").rglob("*") if path.is_file()}
    assert set(inside) == {"LICENSE", "crates.txt", "libpcap.txt", "runtime.txt"}
    libpcap = (ROOT / "target" / "libpcap" / "LICENSE").read_text().strip()
    assert libpcap.startswith("License: BSD")
    assert libpcap in inside["libpcap.txt"]
    assert "Copyright (c) 2000 Torsten Landschoff" in inside["libpcap.txt"]
    assert "Rust's standard library (MIT)" in inside["runtime.txt"]


@pytest.mark.skipif(shutil.which("cargo") is None, reason="needs cargo")
def test_the_committed_licences_are_those_of_the_crates_in_the_lock_file():
    assert licences.TARGET.read_text() == licences.text(), "run `make generated`"


def test_the_bill_of_materials_names_every_crate_and_libpcap(information):
    (file,) = (information / "sboms").iterdir()
    bill = json.loads(file.read_text())
    assert (bill["bomFormat"], bill["metadata"]["component"]["name"]) == ("CycloneDX", "netmon-http")
    listed = {f"{each['name']} {each['version']}" for each in bill["components"]}
    crates = set(re.findall(r"^([\w-]+ [0-9.]+) \(", (ROOT / "licenses" / "crates.txt").read_text(), re.MULTILINE))
    version, checksum = (ROOT / "target" / "libpcap" / "version").read_text().split()
    assert f"libpcap {version}" in listed
    assert {name for name in listed if not name.startswith("libpcap ")} <= crates
    assert len(listed) > 30
    assert f"checksum=sha256:{checksum}" in file.read_text()


def test_the_metadata_name_the_project_its_licence_and_the_pythons_it_runs_on(information):
    told = email.message_from_string((information / "METADATA").read_text())
    links = dict(line.split(", ", 1) for line in told.get_all("Project-URL"))
    assert {"Homepage", "Documentation", "Changelog", "Issues", "Source"} <= set(links)
    assert all(link.startswith("https://") for link in links.values())
    assert (told["License-Expression"], told["Requires-Python"]) == ("Apache-2.0", ">=3.11")
    classifiers = told.get_all("Classifier")
    assert {f"Programming Language :: Python :: 3.{minor}" for minor in (11, 12, 13, 14)} <= set(classifiers)
    assert "Typing :: Typed" in classifiers
