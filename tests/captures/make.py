"""Makes the captures beside this file, and their README: `python tests/captures/make.py`.

With the argument `record` it also records nginx.pcap anew, from a real server and client (needs root).
"""

import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

import forge  # noqa: E402
import namespaces  # noqa: E402

NOON = 1_795_348_800  # 2026-11-22 12:00:00 UTC
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: Checksum\r\n\r\n"
    b"5;part=1\r\nhello\r\n6\r\n world\r\n0\r\nChecksum: 1\r\n\r\n"
)


def shop():
    """Half a minute of four hosts: calm, a storm of ten seconds, calm."""
    pages = [
        ("shop.example", "GET", "/items/7?color=red", 200),
        ("shop.example", "POST", "/cart", 201),
        ("api.example", "GET", "/v1/users/3", 200),
        ("api.example", "DELETE", "/v1/users/3", 204),
        ("api.example", "GET", "/v2/search", 503),
        ("static.example", "GET", "/img/logo.png", 304),
        ("blog.example", "GET", "/", 301),
    ]
    talks = [forge.Conversation(4000 + i, NOON + i / 10, server=f"10.0.0.{i + 2}") for i in range(len(pages))]
    for second in range(30):
        for i, (host, method, path, status) in enumerate(pages):
            for turn in range(5 if 10 <= second < 20 else 1):
                took = (i + 1) * (second % 7 + 1) / 1000
                body = b"" if status in (204, 304) else b"x" * 20 * i
                talks[i].ask(NOON + second + i / 10 + turn / 100, method, host, path, status, took=took, body=body)
    return forge.pcap(*[talk.close(NOON + 30) for talk in talks])


def pipelined():
    """Three requests in one segment, their answers in five, over IPv6 in two VLANs."""
    talk = forge.Conversation(4000, NOON, server="fd00::2")
    talk.send(NOON, 0, forge.ACK, b"".join(b"GET /%c HTTP/1.1\r\nHost: pipe.example\r\n\r\n" % name for name in b"abc"))
    answers = ANSWER * 3
    for at in range(0, len(answers), 30):
        talk.send(NOON + 0.01, 1, forge.ACK, answers[at : at + 30])
    return forge.pcapng(talk.close(NOON + 1), link="qinq", resolution=9)


def lost():
    """The segment with the middle of the second of three answers is missing."""
    talk = forge.Conversation(4000, NOON)
    for turn, size in enumerate((10, 3000, 10)):
        talk.ask(NOON + turn, "GET", "lost.example", f"/{turn}", 200, body=b"x" * size)
    data, packets = talk.packets[6][1], talk.packets
    head, tail = data[:1040], data[2040:]
    seq = int.from_bytes(data[24:28], "big") + 2000
    tail = data[:24] + seq.to_bytes(4, "big") + data[28:40] + tail
    cut = [(at, _length(packet)) for at, packet in ((packets[6][0], head), (packets[6][0], tail))]
    talk.packets = [*packets[:6], *cut, *packets[7:]]
    return forge.pcap(talk.close(NOON + 3))


def _length(packet):
    return packet[:2] + len(packet).to_bytes(2, "big") + packet[4:]


def framings():
    """Bodies of every kind: chunked with extension and trailer, none after HEAD and 304, until close; 100-continue."""
    talk = forge.Conversation(4000, NOON)
    head = b" HTTP/1.1\r\nHost: frame.example\r\n"
    for request, answer in (
        (b"GET /chunked" + head + b"\r\n", CHUNKED),
        (b"HEAD /none" + head + b"\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"),
        (b"GET /same" + head + b"\r\n", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 100\r\n\r\n"),
        (b"PUT /up" + head + b"Content-Length: 4\r\nExpect: 100-continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"data", b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"),
        (b"GET /close" + head + b"\r\n", b"HTTP/1.1 200 OK\r\n\r\nuntil the end"),
    ):
        talk.send(NOON, 0, forge.ACK, request)
        talk.send(NOON + 0.01, 1, forge.ACK, answer)
    return forge.pcap(talk.close(NOON + 1), nano=True, order=">", link="cooked")


MADE = {
    "shop.pcap": (shop, "Ethernet, IPv4"),
    "pipelined.pcapng": (pipelined, "nanoseconds, QinQ, IPv6"),
    "lost.pcap": (lost, "Ethernet, IPv4"),
    "framings.pcap": (framings, "nanoseconds, big-endian, Linux cooked"),
}

COUNTS = {
    "shop.pcap": (490, 490, 0),
    "pipelined.pcapng": (3, 3, 0),
    "lost.pcap": (3, 3, 1),
    "framings.pcap": (5, 6, 0),
    "nginx.pcap": (9, 10, 0),
}
"""Requests, response heads, gaps."""

RECORDED = (
    "nginx and curl: keep-alive, HEAD, 404, redirect, gzip with chunks, an upload after 100-continue and a chunked one."
)


def record(path):
    with (
        tempfile.TemporaryDirectory() as folder,
        namespaces.pair() as (server, client),
        namespaces.nginx(server, folder) as nginx,
    ):
        tcpdump = namespaces.Tcpdump(server, "s0", path)
        upload = Path(folder) / "upload"
        upload.write_bytes(b"upload\n" * 200)
        site = f"http://{namespaces.SERVER}"
        for options in (
            [f"{site}/", f"{site}/api/1?q=2", f"{site}/nope/1", f"{site}/old/1"],
            ["-I", f"{site}/"],
            ["--compressed", f"{site}/txt/short"],
            ["-T", upload, "-H", "Expect: 100-continue", f"{site}/up/1"],
            ["-T", upload, "-H", "Transfer-Encoding: chunked", "-H", "Expect:", f"{site}/up/2"],
            ["-H", "Host: last.example", f"{site}/api/2"],
        ):
            if "--compressed" in options:
                nginx.page("txt/short", "a line that packs well\n" * 200)
            client.run("curl", "-sS", *options)
        tcpdump.stop(b"last.example")


def readme():
    rows = [f"| {name} | {make.__doc__} | {how} |" for name, (make, how) in MADE.items()]
    rows.append(f"| nginx.pcap | {RECORDED} | recorded by tcpdump |")
    counts = [f"| {name} | {' | '.join(map(str, numbers))} |" for name, numbers in COUNTS.items()]
    return "\n".join(
        [
            "# Captures",
            "",
            "Small files to look at and to test with, made by `make.py` (which writes this page too).",
            "",
            "| file | shows | format |",
            "|---|---|---|",
            *rows,
            "",
            "| file | requests | response heads | gaps |",
            "|---|---|---|---|",
            *counts,
            "",
        ]
    )


if __name__ == "__main__":
    for name, (make, _) in MADE.items():
        (HERE / name).write_bytes(make())
    (HERE / "README.md").write_text(readme())
    if sys.argv[1:] == ["record"]:
        record(HERE / "nginx.pcap")
