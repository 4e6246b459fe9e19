#!/usr/bin/env python3
"""Makes captures for speed measurements: nginx and wrk in two network namespaces, recorded on the server's side.

    captures.py FOLDER [--seconds 15] [NAME...]

NAME is `api` (keep-alive, 64 connections, 50 hosts, nearly every packet carries a head), `bulk` (bodies of 100 KB to
10 MB), `churn` (a connection for each request), `lossy` (`api` with 1 % of the packets lost, 1 % doubled and 1 %
swapped with the next packet), `http1` or `http2` (the same 60,000 small requests of h2load in both, one at a time on
each of 64 connections); without NAME, all are made. FOLDER/NAME.requests is the number of requests that nginx logged.
Needs root.
"""
# ruff: noqa: S311  random choices must be the same each time

import argparse
import random
import struct
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))  # the networks of the live tests
import namespaces

NAMES = ("api", "bulk", "churn", "lossy", "http1", "http2")
SIZES = {"100k": 100_000, "500k": 500_000, "1m": 1_000_000, "10m": 10_000_000}
LAST = "/the-last-one"
SAME = 60_000
"""Requests of `http1` and of `http2`. nginx closes a connection after 1,000."""

BULK = """
local over, i, sizes = nil, 0, {"100k", "500k", "1m", "10m"}
init = function(args) over = os.time() + tonumber(args[1]) end
request = function()
  i = i + 1
  return wrk.format("GET", "/" .. sizes[i % 4 + 1] .. ".bin", {Host = "files.example.test"})
end
delay = function() return os.time() >= over and 3600000 or 0 end
"""


def make_traffic(web, client, name, seconds):
    """Sends nginx the requests that make the traffic `name`."""
    for size, count in SIZES.items():
        web.page(f"{size}.bin", "x" * count)
    if name == "bulk":
        web.page("wrk.lua", BULK)
    elif name == "churn":
        web.page("wrk.lua", namespaces.WRK.replace("{Host =", '{Connection = "close", Host ='))
    if name.startswith("http"):
        web.h2load(client, SAME, version=int(name[-1]))
    else:
        web.wrk(client, seconds, connections=8 if name == "bulk" else 64)


def record(path, name, seconds):
    """Captures the traffic `name` in `path`, and returns how many requests nginx logged."""
    with namespaces.pair() as (server, client), tempfile.TemporaryDirectory() as folder:
        with namespaces.nginx(server, folder) as web:
            recorder = namespaces.Tcpdump(server, "s0", path)
            make_traffic(web, client, name, seconds)
            client.run("curl", "-s", f"http://{namespaces.SERVER}{LAST}")
            dropped = recorder.stop(f"GET {LAST}".encode())
        if dropped:
            print(f"{path}: tcpdump lost {dropped} packets", file=sys.stderr)
        return web.requests().total()


def records(path):
    """Yields the header of a little-endian pcap file, then each record with its header."""
    with path.open("rb") as file:
        yield file.read(24)
        while header := file.read(16):
            yield header + file.read(struct.unpack_from("<I", header, 8)[0])


def spoil(path, into):
    """Writes a copy of the capture in which a hundredth of the packets is lost, another doubled and another swapped."""
    chance = random.Random(1)
    all_records = records(path)
    with into.open("wb") as file:
        file.write(next(all_records))
        behind = b""
        for one in all_records:
            luck = chance.random()
            if luck < 0.01:
                continue
            if luck < 0.03 and not behind:
                # Written now and again after the next packet, or only after it, as if that one had overtaken it. After
                # the next packet, it gets that packet's time.
                behind = one
                if luck < 0.02:
                    continue
            file.write(one)
            if behind and behind is not one:
                file.write(one[:8] + behind[8:])
                behind = b""


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--seconds", type=int, default=15, help="how long traffic is made")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for name in arguments.names or NAMES:
        path = arguments.folder / f"{name}.pcap"
        if name == "lossy":
            spoil(arguments.folder / "api.pcap", path)
        else:
            path.with_suffix(".requests").write_text(f"{record(path, name, arguments.seconds)}\n")
        print(path, path.stat().st_size)


if __name__ == "__main__":
    main()
