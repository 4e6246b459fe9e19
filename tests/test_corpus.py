"""Captures of other projects' test suites, read by the real engine and compared with their expected counts.

The captures are third parties' and not part of this project; where they are not beside it, these tests are skipped.
The files that disagree must be exactly those named here, so that a fix shows as much as a regression.
"""

import json
import shutil
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from netmon import Monitor, Snapshot, SourceError

CORPUS = Path(__file__).parents[2] / "shared" / "corpus"
TRUTH = CORPUS / "TRUTH.jsonl"
NETMON = [sys.executable, "-m", "netmon", "--no-config"]

EXACT = ("confirmed", "corrected", "modes_agree")
"""Prefixes of the `confidence` of rows with exact counts. All other rows have a range."""

SURICATA = "OISF+suricata-verify/tests"
KNOWN_DIFFERENCES = {
    f"{SURICATA}/http-connect/http-connect-fragmented/input.pcap": "the answer inside the tunnel is on the wire too",
    f"{SURICATA}/http-connect/http-connect-simple/input.pcap": "the answer inside the tunnel is on the wire too",
    f"{SURICATA}/tcp-rst-unacked-stream-07-http/input.pcap": "a request line counts though the head ends behind a gap",
    f"{SURICATA}/tcp-urgp-01-oob/tcp-urgent1.pcap": "urgent bytes are read inline",
    f"{SURICATA}/tcp-urgp-04-2byte-XY/tcp-urgent-2byte-XY.pcap": "urgent bytes are read inline",
}

HTTP2 = (
    f"{SURICATA}/http2-authority-mismatch/authority_and_host_2.pcap",
    f"{SURICATA}/http2-bugfixes/input.pcap",
    f"{SURICATA}/http2-compression-bug/input.pcap",
    f"{SURICATA}/http2-continuation/input.pcap",
    f"{SURICATA}/http2-deflate-case/input.pcap",
    f"{SURICATA}/http2-deflate/http2_deflate.pcap",
    f"{SURICATA}/http2-errorcode/input.pcap",
    f"{SURICATA}/http2-keywords/input.pcap",
    f"{SURICATA}/http2-long-frame/input.pcap",
    f"{SURICATA}/http2-range/http2-range.pcap",
    f"{SURICATA}/http2-userinfo-authority/http2_userinfo_in_authority_1.pcap",
)
"""Files with HTTP/2. Their expected counts are those of HTTP/1 alone, so tshark says what is in them."""


def truth():
    return [json.loads(line) for line in TRUTH.read_text().splitlines()] if TRUTH.exists() else []


pytestmark = pytest.mark.skipif(not TRUTH.exists(), reason="needs the corpus of captures beside the project")


def counted(path):
    """What netmon counts in a file, with the keys of `expected`."""
    total = Snapshot.merge(Monitor(read=path).snapshots())
    return {
        "requests": total.requests,
        "responses": total.responses,
        "methods": total.methods,
        "statuses": {str(status): count for status, count in total.statuses.items()},
        "hosts": {host.name: host.requests for host in total.hosts if host.requests},
    }


def expected(row):
    return {
        "requests": row["http_requests"],
        "responses": row["http_responses"],
        "methods": row["methods"],
        "statuses": row["statuses"],
        "hosts": row["hosts"],
    }


def same_hosts(found, want):
    """netmon drops a default port; without a `Host` (`-` in the truth) it names the server, or a CONNECT's target."""
    if "-" in want:
        named = {name: count for name, count in found.items() if name in want}
        return named | {"-": sum(found.values()) - sum(named.values())} == want
    return without_default_port(found) == without_default_port(want)


def without_default_port(hosts):
    total = Counter()
    for name, count in hosts.items():
        total[name.removesuffix(":80")] += count
    return total


def differences(row):
    """(what, found, expected) of each count that disagrees."""
    try:
        found = counted(CORPUS / row["file"])
    except SourceError as error:
        return [("file", str(error), "readable")]
    if not row["confidence"].startswith(EXACT):
        ranges = ((what, found[what], row[f"{what}_range"]) for what in ("requests", "responses"))
        return [(what, number, f"{low}..{high}") for what, number, (low, high) in ranges if not low <= number <= high]
    want = expected(row)
    if same_hosts(found["hosts"], want["hosts"]):
        found["hosts"] = want["hosts"]
    return [(what, found[what], want[what]) for what in want if found[what] != want[what]]


def test_the_files_that_disagree_are_exactly_those_known(record_property):
    rows = truth()
    rows = [row for row in rows if row["file"] not in HTTP2]
    found = {row["file"]: wrong for row in rows if (wrong := differences(row))}
    print(f"\n{len(rows) - len(found)} of {len(rows)} files agree")
    for file, wrong in found.items():
        print(f"\n{file}\n  {KNOWN_DIFFERENCES.get(file, 'NOT KNOWN')}")
        for what, got, want in wrong:
            print(f"  {what:10} {got!s:50} expected {want}")
    record_property("agree", len(rows) - len(found))
    assert set(found) == set(KNOWN_DIFFERENCES)


def of_tshark(path, ports):
    """Methods and statuses in a file. From HTTP/1, tshark finds HTTP/2 by its preface or by an upgrade."""
    fields = ("http.request.method", "http2.headers.method", "http.response.code", "http2.headers.status")
    command = ["tshark", "-r", path, "-T", "fields"]
    command += [word for port in ports for word in ("-d", f"tcp.port=={port},http")]
    command += [word for field in fields for word in ("-e", field)]
    lines = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout.splitlines()
    counts = [Counter() for _ in fields]
    for line in lines:
        for count, values in zip(counts, line.split("\t"), strict=True):
            count.update(value for value in values.split(",") if value)
    return counts[0] + counts[1], counts[2] + counts[3]


@pytest.mark.skipif(shutil.which("tshark") is None, reason="needs tshark")
@pytest.mark.parametrize("file", HTTP2)
def test_tshark_counts_the_same_requests_and_responses_of_http2(file):
    total = Snapshot.merge(Monitor(read=CORPUS / file, connections=True).snapshots())
    ports = {connection.server.rsplit(":")[-1] for connection in total.connections}
    statuses = {str(status): count for status, count in total.statuses.items()}
    assert (total.methods, statuses) == of_tshark(CORPUS / file, ports)
    assert total.requests > 0
    assert total.capture.parse_errors == 0


def test_the_command_reads_every_file_or_says_why_not():
    """Exit code 0, or 4 with the unsupported link type named; never a traceback."""

    def run(row):
        command = [*NETMON, "-r", CORPUS / row["file"], "--json"]
        return row["file"], subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    with ThreadPoolExecutor(2) as two:
        done = list(two.map(run, truth()))
    for file, run in done:
        assert run.returncode in (0, 4), f"{file}: {run.stderr}"
        assert "Traceback" not in run.stderr, file
        assert "panicked" not in run.stderr, file
        if run.returncode == 0:
            Snapshot.from_json(run.stdout)
        else:
            assert "link type" in run.stderr, file
