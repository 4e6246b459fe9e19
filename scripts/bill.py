"""Writes the bill of materials of a wheel, in CycloneDX's JSON: bill.py FILE [FOLDER OF LIBPCAP]

It lists the crates that the core is linked with, and libpcap where the wheel contains it. maturin puts the file into
the wheel. maturin's own bill would name the folder that the wheel was built in, and would not know libpcap.
"""

import json
import platform
import sys
import tomllib
from pathlib import Path

import licences

KIND = {"Linux": "unknown-linux-gnu", "Darwin": "apple-darwin"}


def crate(package):
    name, version = package["name"], package["version"]
    return {
        "type": "library",
        "bom-ref": f"pkg:cargo/{name}@{version}",
        "name": name,
        "version": version,
        "licenses": [{"expression": package["license"].replace("/", " OR ")}],
        "purl": f"pkg:cargo/{name}@{version}",
    }


def libpcap(folder):
    version, checksum = (folder / "version").read_text().split()
    return {
        "type": "library",
        "bom-ref": f"pkg:generic/libpcap@{version}",
        "name": "libpcap",
        "version": version,
        "licenses": [{"license": {"id": "BSD-3-Clause"}}],
        "purl": f"pkg:generic/libpcap@{version}?checksum=sha256:{checksum}",
    }


def bill(folder=None):
    machine = {"arm64": "aarch64"}.get(platform.machine(), platform.machine())
    packages = licences.linked(f"{machine}-{KIND[platform.system()]}").values()
    components = [crate(package) for package in sorted(packages, key=lambda package: package["id"])]
    version = tomllib.loads((licences.ROOT / "Cargo.toml").read_text())["package"]["version"]
    purl = f"pkg:pypi/netmon-http@{version}"
    itself = {"type": "application", "bom-ref": purl, "name": "netmon-http", "version": version, "purl": purl}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": itself},
        "components": [*components, *([libpcap(folder)] if folder else [])],
    }


if __name__ == "__main__":
    target, *folders = map(Path, sys.argv[1:])
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(bill(*folders), indent=1) + "\n")
