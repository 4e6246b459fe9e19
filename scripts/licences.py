"""Writes licenses/crates.txt: the licences of the Rust crates that the core is linked with. See `make generated`.

Only crates whose code is in the binary count: no procedural macros, no build scripts, no tests. A crate that offers
several licences is used under the first one of ``PREFERRED`` whose text is in the crate.
"""

import json
import subprocess
from pathlib import Path

ROOT = Path(__file__).parent.parent
TARGET = ROOT / "licenses" / "crates.txt"
PLATFORMS = ("x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu", "aarch64-apple-darwin")
"""Wheels are built for these; the two kinds of processors of macOS use the same crates."""
PREFERRED = ("MIT", "Zlib", "ISC", "BSD-2-Clause", "BSD-3-Clause", "Unicode-3.0", "Apache-2.0")
HEAD = """\
The native core of netmon contains these Rust crates, each under the licence that follows its name.
"""
RULE = "-" * 100


def linked(platform):
    """The packages of ``cargo metadata`` whose code is in the core on a platform, by id."""
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--features", "python"]
    metadata = json.loads(subprocess.check_output([*command, "--filter-platform", platform], cwd=ROOT))  # noqa: S603
    packages = {package["id"]: package for package in metadata["packages"]}
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    found, waiting = {}, [metadata["resolve"]["root"]]
    while waiting:
        package = packages[waiting.pop()]
        if package["id"] in found or any("proc-macro" in target["kind"] for target in package["targets"]):
            continue
        found[package["id"]] = package
        for dependency in nodes[package["id"]]["deps"]:
            if any(kind["kind"] is None for kind in dependency["dep_kinds"]):
                waiting.append(dependency["pkg"])
    del found[metadata["resolve"]["root"]]
    return found


def licence(package):
    """The name of the licence that a crate is used under, and its text."""
    offered = package["license"]
    files = sorted(Path(package["manifest_path"]).parent.glob("LICEN[CS]E*"))
    for name in PREFERRED:
        for file in files:
            if name in offered and file.name.upper().split(".")[0].endswith(f"-{name.upper()}"):
                return name, file.read_text()
    for file in files:
        if "-" not in file.name:
            return offered, file.read_text()
    raise SystemExit(f"{package['name']} comes without the text of a licence: {offered}")


def text():
    """The contents of the file: each text once, below the crates that it belongs to."""
    packages = {}
    for platform in PLATFORMS:
        packages |= linked(platform)
    crates = {}
    for package in sorted(packages.values(), key=lambda package: (package["name"], package["version"])):
        name, terms = licence(package)
        tidy = "\n".join(line.rstrip() for line in terms.strip().splitlines())
        crates.setdefault(tidy, []).append(f"{package['name']} {package['version']} ({name})")
    parts = ("\n".join([*names, "", terms]) for terms, names in crates.items())
    return f"\n{RULE}\n\n".join([HEAD.rstrip() + "\n", *(part + "\n" for part in parts)])


if __name__ == "__main__":
    TARGET.write_text(text())
