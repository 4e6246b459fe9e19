#!/usr/bin/env python3
"""Compares netmon's counts with those of tshark and httpry, and with the known truth. Prints tables in Markdown.

    accuracy.py FOLDER [--corpus ../shared/corpus] [--seeds 1 2 3]

FOLDER contains captures NAME.pcap and the access logs of their server, NAME.access.log, with lines such as
`10.0.0.1 host.example "GET / HTTP/1.1" 200 12 1`. If NAME contains `lossy` or `api`, each seed also makes a copy
without a thousandth of the packets, which are chosen at random. The corpus needs a TRUTH.jsonl beside its captures;
without it the tables of the corpus are left out. Needs tshark, editcap and capinfos, and httpry for its columns; netmon
must be installed.
"""
# ruff: noqa: S311, S603, S607  tools are run by name, and random choices must be the same each time

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from netmon import Monitor, Snapshot, SourceError

MODES = {"tshark": (), "tshark, in order": ("-o", "tcp.reassemble_out_of_order:TRUE")}
BETTER = "tshark, the better of both for each file"
EXACT = ("confirmed", "corrected", "modes_agree")
LOST = 0.001

RETRANSMISSIONS = [f"tcp.analysis.{kind}retransmission" for kind in ("", "fast_", "spurious_")]
FLAGS = ("out_of_order", "duplicate_ack", "zero_window", "keep_alive")
FIELDS = [
    *("http.request.method", "http.response.code", "http.host", "tcp.stream", "tcp.analysis.initial_rtt"),
    *RETRANSMISSIONS,
    *(f"tcp.analysis.{flag}" for flag in FLAGS),
]


@dataclass
class Counts:
    """The counts of one tool for one capture."""

    methods: Counter = field(default_factory=Counter)
    statuses: Counter = field(default_factory=Counter)
    hosts: Counter = field(default_factory=Counter)
    health: Counter = field(default_factory=Counter)
    handshakes: list = field(default_factory=list)
    snapshot: Snapshot | None = None
    is_readable: bool = True

    @property
    def requests(self):
        return self.methods.total()

    @property
    def responses(self):
        return self.statuses.total()

    def __str__(self):
        return f"{self.requests} / {self.responses}" if self.is_readable else "cannot read it"

    @property
    def final(self):
        return sum(count for status, count in self.statuses.items() if status >= 200 or status == 101)


def netmon(path, _mode=None):
    snapshot = Snapshot.merge(Monitor(read=path, interval=60).snapshots())
    hosts = {host.name.removesuffix(":80"): host.requests for host in snapshot.hosts if host.requests}
    figures = ("retransmitted", "duplicates", "out_of_order", "duplicate_acks", "zero_window")
    health = Counter({name: getattr(snapshot.tcp, name) for name in figures})
    return Counts(Counter(snapshot.methods), Counter(snapshot.statuses), Counter(hosts), health, [], snapshot)


def tshark(path, mode):
    columns = [word for name in FIELDS for word in ("-e", name)]
    wanted = "http || tcp.analysis.flags || (tcp.flags.syn == 0 && tcp.seq == 1 && tcp.len == 0)"
    command = ["tshark", "-n", "-r", path, *mode, "-Y", wanted, "-T", "fields", "-E", "occurrence=a", *columns]
    counts, handshakes = Counts(), {}
    out = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True, "errors": "replace"}
    with subprocess.Popen(command, **out) as run:
        for line in run.stdout:
            methods, statuses, hosts, stream, rtt, *flags = line.rstrip("\n").split("\t")
            counts.methods.update(method for method in methods.split(",") if method)
            counts.statuses.update(int(status) for status in statuses.split(",") if status)
            counts.hosts.update(host.lower().removesuffix(":80") for host in hosts.split(",") if host)
            counts.health["retransmitted"] += any(flags[: len(RETRANSMISSIONS)])
            for name, flag in zip(FLAGS, flags[len(RETRANSMISSIONS) :], strict=True):
                counts.health[name.replace("_ack", "_acks")] += bool(flag)
            if rtt:
                handshakes.setdefault(stream, float(rtt.split(",")[0]))
    counts.handshakes = list(handshakes.values())
    return counts


def httpry(path, _mode=None):
    with tempfile.NamedTemporaryFile("r", errors="replace") as out:
        command = ["httpry", "-q", "-r", path, "-o", out.name, "tcp"]
        done = subprocess.run(command, env=os.environ | {"TZ": "UTC"}, capture_output=True, check=False)
        if done.returncode:
            raise SourceError(done.stderr.decode(errors="replace").strip())
        counts = Counts()
        for line in filter(lambda line: not line.startswith("#"), out):
            _, _, _, direction, method, host, _, _, status, *_ = line.rstrip("\n").split("\t")
            if direction == ">":
                counts.methods[method] += 1
                counts.hosts[host.lower()] += 1
            elif status.isdigit():
                counts.statuses[int(status)] += 1
        return counts


def tools():
    """(name, function, mode) of each tool that is installed."""
    found = [("netmon", netmon, None), *((name, tshark, mode) for name, mode in MODES.items())]
    has_httpry = shutil.which("httpry", path=os.environ.get("PATH", "") + ":/usr/sbin")
    return [*found, ("httpry", httpry, None)] if has_httpry else found


def table(*rows):
    """Prints a table in Markdown; the first row is the titles."""
    titles = [str(cell) for cell in rows[0]]
    print("| " + " | ".join(titles) + " |")
    print("|" + "---|" * len(titles))
    for row in rows[1:]:
        print("| " + " | ".join(f"{cell:,}" if isinstance(cell, int) else f"{cell}" for cell in row) + " |")
    print(flush=True)


def share(found, truth):
    return f"{found:,} ({100 * found / truth:.3f} %)"


def agrees(counts, row):
    if not counts.is_readable:
        return False
    if row["confidence"].startswith(EXACT):
        statuses = {str(status): count for status, count in counts.statuses.items()}
        return (counts.methods, statuses) == (row["methods"], row["statuses"])
    low, high = zip(row["requests_range"], row["responses_range"], strict=True)
    return low[0] <= counts.requests <= high[0] and low[1] <= counts.responses <= high[1]


def corpus(folder):
    rows = [json.loads(line) for line in (folder / "TRUTH.jsonl").read_text().splitlines()]
    found = tools()

    def read(row):
        counts, row["name"] = {}, "/".join(row["file"].split("/")[-2:])
        for name, count, mode in found:
            try:
                counts[name] = count(folder / row["file"], mode)
            except (SourceError, ValueError):
                counts[name] = Counts(is_readable=False)
        right = {name: agrees(one, row) for name, one in counts.items()}
        return row, counts, right | {BETTER: any(right[name] for name in MODES)}

    with ThreadPoolExecutor(2) as two:
        all_of = list(two.map(read, rows))
    print(f"## The corpus: {len(rows)} captures\n")
    sums = Counter(name for *_, right in all_of for name, agree in right.items() if agree)
    table(("tool", "captures that agree", "that do not"), *((name, n, len(rows) - n) for name, n in sums.most_common()))
    for tool in ("netmon", BETTER):
        print(f"Where {tool} differs; requests / responses:\n")
        differ = [(row, counts) for row, counts, right in all_of if not right[tool]]
        lines = [(row["name"], expected(row), *map(str, counts.values())) for row, counts in differ]
        table(("capture", "expected", *(name for name, *_ in found)), *lines)
    print("## Health of connections, the 20 largest captures of the corpus: tshark / netmon\n")
    largest = sorted(all_of, key=lambda pair: -pair[0]["packets"])[:20]
    lines = [(row["name"], row["packets"], *compared(counts)) for row, counts, _ in largest]
    table(("capture", "packets", *HEALTH, "duplicates"), *lines)


def expected(row):
    return " / ".join("..".join(map(str, sorted(set(row[f"{what}_range"])))) for what in ("requests", "responses"))


HEALTH = ("retransmitted", "out_of_order", "duplicate_acks", "zero_window")


def compared(counts):
    theirs, ours = counts["tshark"].health, counts["netmon"].health
    return *(f"{theirs[what]} / {ours[what]}" for what in HEALTH), f"- / {ours['duplicates']}"


def logged(path):
    """The requests in an access log: a count for each (host, status), and one for each host."""
    truth, hosts = Counter(), Counter()
    for line in path.read_text(errors="replace").splitlines():
        before, _, after = line.partition(' "')
        status = after.rpartition('" ')[2].split()[0]
        host = before.split()[1].lower()
        truth[host, int(status)] += 1
        hosts[host] += 1
    return truth, hosts


def captures(folder):
    paths = sorted(path for path in folder.glob("*.pcap") if path.with_suffix(".access.log").exists())
    lines, healths = [], []
    for path in paths:
        _, hosts = logged(path.with_suffix(".access.log"))
        total = hosts.total()
        lines.append((f"**{path.stem}**", "access log", total, total, len(hosts), ""))
        found = {}
        for name, count, mode in tools():
            began = time.monotonic()
            counts = found[name] = count(path, mode)
            took = time.monotonic() - began
            right = sum(counts.hosts[host] == requests for host, requests in hosts.items())
            lines.append(("", name, share(counts.requests, total), share(counts.final, total), right, f"{took:.1f}"))
        healths += health(path.stem, found["tshark"], found["netmon"])
    print("## Captures with the access log of their server\n")
    table(("capture", "counted by", "requests", "final responses", "hosts with the right count", "seconds"), *lines)
    print("## Health of connections, the same captures\n")
    table(("capture", "figure", "tshark", "netmon", "difference"), *healths)
    return [path for path in paths if "lossy" in path.stem or "api" in path.stem]


def health(name, theirs, ours):
    for what in (*HEALTH, "keep_alive", "duplicates"):
        them, us = theirs.health[what], ours.health[what]
        yield name, what, them if what != "duplicates" else "", us if what != "keep_alive" else "", us - them
    tcp = ours.snapshot.tcp
    both = tcp.client_handshake_rtt, tcp.server_handshake_rtt
    if theirs.handshakes and all(half.count for half in both):
        mean = sum(theirs.handshakes) / len(theirs.handshakes)
        ours_mean = sum(half.sum / half.count for half in both)
        yield name, "handshakes", len(theirs.handshakes), both[0].count, both[0].count - len(theirs.handshakes)
        numbers = (f"{number * 1e6:.1f} µs" for number in (mean, ours_mean, ours_mean - mean))
        yield name, "mean handshake", *numbers


def without(path, seed, target):
    """A copy without a thousandth of the packets, and how many were deleted. editcap takes 500 numbers at a time."""
    said = subprocess.run(["capinfos", "-Mrc", path], capture_output=True, text=True, check=True).stdout
    source, count = path, int(said.split()[-1])
    chosen = sorted(random.Random(seed).sample(range(1, count + 1), round(count * LOST)), reverse=True)
    for part, first in enumerate(range(0, len(chosen), 500)):
        copy = target.with_suffix(f".{part}")
        numbers = map(str, chosen[first : first + 500])
        subprocess.run(["editcap", source, copy, *numbers], check=True, capture_output=True)
        source = copy
    return source, len(chosen)


def damaged(paths, seeds):
    lines = []
    for path in paths:
        whole = netmon(path).snapshot
        answered, asked = logged(path.with_suffix(".access.log"))
        for host in whole.hosts:  # exchanges that were not finished at the end are not in the log
            asked |= Counter({host.name: host.requests})
            answered |= Counter({(host.name, status): n for status, n in host.statuses.items()})
        for seed in seeds:
            with tempfile.TemporaryDirectory() as folder:
                copy, deleted = without(path, seed, Path(folder) / "copy")
                total = netmon(copy).snapshot
            # A response whose request was deleted counts for the address of the server.
            hosts = [host for host in total.hosts if not host.addresses or host.addresses[0] not in host.name]
            invented = sum((Counter(total.statuses) - Counter(whole.statuses)).values())
            invented += sum(max(host.requests - asked[host.name], 0) for host in hosts)
            elsewhere = Counter({(host.name, status): n for host in hosts for status, n in host.statuses.items()})
            missing = whole.requests - total.requests, whole.responses - total.responses
            capture = total.capture
            figures = capture.gaps, capture.gap_bytes, capture.orphan_responses, capture.unanswered, capture.resyncs
            wrong = invented, (elsewhere - answered).total()
            lines.append((f"{path.stem}, seed {seed}", deleted, *missing, *figures, *wrong))
    print(f"## netmon with {100 * LOST:g} % of the packets deleted\n")
    titles = "capture", "packets deleted", "requests missing", "responses missing", "gaps", "gap bytes"
    table((*titles, "orphan responses", "unanswered", "resyncs", "invented", "at a wrong host or status"), *lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", help="captures with access logs")
    parser.add_argument("--corpus", type=Path, default=Path(__file__).parents[2] / "shared" / "corpus")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    chosen = parser.parse_args()
    if len(tools()) == 1 + len(MODES):
        print("httpry is not installed and is left out.\n")
    if missing := [tool for tool in ("tshark", "editcap", "capinfos") if not shutil.which(tool)]:
        sys.exit(f"needs {' '.join(missing)}")
    if (chosen.corpus / "TRUTH.jsonl").exists():
        corpus(chosen.corpus)
    else:
        print(f"No corpus at {chosen.corpus}: its tables are left out.\n")
    if chosen.folder:
        damaged(captures(chosen.folder), chosen.seeds)


if __name__ == "__main__":
    main()
