"""The work that the profile of the core is recorded from: traffic of every kind, read in every way. See `make wheel`.

The compiler optimises code that runs here for speed, and all other code for size. So each kind of traffic has a share:
everyday traffic the largest, lossy links a smaller one. maturin runs this script with an instrumented netmon. The
process must end as Python normally ends one; otherwise no profile is written.

A live capture takes packets in another way than a file. It is trained on the loopback interface of a network namespace
of its own, which needs Linux, root and `ip`. Without them, a live capture is some percent slower, and a line says so.
"""

import ctypes
import itertools
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

import forge
from netmon import Monitor, cli
from netmon._core import Window

NOON = 1_795_348_800  # 2026-11-22 12:00:00 UTC
STEP = 0.0004
"""Seconds between two exchanges of the same kind of traffic: some thousand exchanges fill a few intervals."""
FULL = 1448
RATE = 20_000
"""Packets a second of a live capture."""
CLONE_NEWNET = 0x40000000
"""See unshare(2)."""
CROWD = 105_000
"""Simultaneous connections: enough for the core to look up several at a time (from 100,000 on)."""
HOST = bytes.fromhex("f1e3c2e5f23a6ba0ab90f4ff")
KEY = bytes.fromhex("25a849e95ba97d7f")
VALUE = bytes.fromhex("25a849e95bb8e8b4bf")
DATE = bytes.fromhex("d07abe941054d444a8200595040b8166e082a62d1bff")
"""Huffman-coded texts of RFC 7541 appendix C: a host, a name, a value and a date."""
CAPTURES = Path(__file__).parent.parent / "tests" / "captures"
FILTERS = (
    "host:*.example.test method:GET",
    "path:/api/* client:10.0.0.0/8 not user_agent:curl",
    "status<500 latency<1s",
    "host:host1 status:5xx or status:4xx or bytes>1kB",
    "section:/api method:!PUT status:!3xx client:10.0 interface:whole",
    "orders",
)
"""Filters with terms about every part of an exchange. Most exchanges are admitted by some of them."""


def request(n):
    method = ("GET", "GET", "GET", "GET", "POST", "PUT", "DELETE")[n % 7]
    path = ("api/users", "api/orders", "api/v2/search", "static/img", "", "health")[n * 5 % 6]
    body = b'{"id":%d,"name":"netmon","payload":"%s"}' % (n, b"x" * (n % 90)) if method in ("POST", "PUT") else b""
    lines = [
        f"{method} /{path}/{n}?page={n} HTTP/1.1",
        f"Host: host{n * 7 % 200:03}.example.test",
        "User-Agent: Mozilla/5.0 (X11; Linux x86_64) training/1.0",
        "Accept: text/html,application/json;q=0.9,*/*;q=0.8",
        "Accept-Encoding: gzip, deflate, br",
        f"X-Request-Id: {n:032x}",
        *(["Content-Type: application/json", f"Content-Length: {len(body)}"] if body else []),
        *([f"Cookie: session={n:064x}; theme=dark"] if n % 3 == 0 else []),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def response(n, size):
    status = ("200 OK", "200 OK", "200 OK", "301 Moved", "404 Not Found", "500 Internal Server Error")[n % 11 % 6]
    is_chunked = n % 6 == 5
    body = b"x" * size
    if is_chunked:
        body = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:100], body[100:]) if part) + b"0\r\n\r\n"
    lines = [
        f"HTTP/1.1 {status}",
        "Server: nginx/1.22.1",
        "Date: Sun, 22 Nov 2026 12:00:00 GMT",
        "Content-Type: application/json; charset=utf-8",
        "Transfer-Encoding: chunked" if is_chunked else f"Content-Length: {len(body)}",
        "Connection: keep-alive",
        *(['ETag: "65f1c2d3-78"', "Vary: Accept-Encoding", "Cache-Control: max-age=60"] if n % 2 else []),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def say(talk, at, sender, text):
    """Sends a message in segments of full size; every second segment is acknowledged."""
    for turn, start in enumerate(range(0, len(text), FULL)):
        talk.send(at + turn / 1e6, sender, forge.ACK, text[start : start + FULL])
        if turn % 2:
            talk.send(at + turn / 1e6, 1 - sender, forge.ACK)


def exchange(talk, n, size=120):
    at = NOON + n * STEP
    say(talk, at, 0, request(n))
    say(talk, at + STEP / 4 * (1 + n % 3), 1, response(n, size))


def kept_alive(count=6000):
    """Keep-alive connections: nearly every packet has a head, and a third of the connections use IPv6."""
    talks = [forge.Conversation(4000 + i, NOON, "fd00::2" if i % 3 == 2 else f"10.0.0.{2 + i % 4}") for i in range(64)]
    for n in range(count):
        exchange(talks[n * 13 % len(talks)], n)
    return talks


def churn(count=1500):
    """A connection for each exchange; some are reset."""
    talks = []
    for n in range(count):
        talk = forge.Conversation(10_000 + n, NOON + n * STEP, client=f"10.0.{n % 7}.1")
        exchange(talk, n)
        if n % 10:
            talk.close(NOON + n * STEP + STEP)
        else:
            talk.send(NOON + n * STEP + STEP, 1, forge.RST)
        talks.append(talk)
    return talks


def large(count=24):
    """Large bodies: nearly every packet has the full size, or acknowledges two such packets."""
    talks = [forge.Conversation(30_000 + i, NOON) for i in range(4)]
    for n in range(count):
        exchange(talks[n % len(talks)], n * 100, size=300_000)
    return talks


def frame(kind, flags, stream, payload):
    """A frame of HTTP/2 (RFC 9113 §4.1)."""
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def literal(name, value):
    """A field that enters no table (RFC 7541 §6.2.2); `name` is the coded index of its name."""
    return name + bytes([len(value)]) + value


def asked(n, *, first):
    """The header block of a request: what all have in common is sent once."""
    once = b"\x41\x8c" + HOST + b"\x40\x88" + KEY + b"\x89" + VALUE if first else b"\xbf\xbe"
    kind = literal(b"\x0f\x10", b"application/grpc" if n % 3 == 2 else b"text/plain")
    return (b"\x82", b"\x82", b"\x83")[n % 3] + b"\x86" + literal(b"\x04", b"/api/%d/items" % n) + once + kind


def answered(n):
    """The header block of a response, as nginx sends it: most of its texts are Huffman-coded, and enter no table."""
    status = b"\x88" if n % 3 == 2 else (b"\x88", b"\x8d", b"\x8e")[n % 5 % 3]
    kind = literal(b"\x0f\x10", b"application/grpc" if n % 3 == 2 else b"text/plain")
    return status + b"\x0f\x12\x96" + DATE + kind + literal(b"\x0f\x0d", b"%d" % (n % 90))


def streamed(connections=16, count=400):
    """Connections of HTTP/2. A third of the requests are calls of gRPC; some ask for several streams at once."""
    talks = []
    for number in range(connections):
        talk = forge.Conversation(50_000 + number, NOON, client=f"10.0.3.{number % 5}")
        say(talk, NOON, 0, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, b"\0\3\0\0\0\x64"))
        say(talk, NOON, 1, frame(4, 0, 0, b"\0\3\0\0\0\x80") + frame(4, 1, 0, b""))
        together = 1 + number % 3 * 4
        for n in range(0, count, together):
            at = NOON + n * STEP
            for stream in range(n, n + together):
                is_call = stream % 3 == 2
                asks = frame(1, 4 if is_call else 5, 2 * stream + 1, asked(stream, first=stream == 0))
                if is_call:
                    asks += frame(0, 1, 2 * stream + 1, b"\0\0\0\0\5hello")
                say(talk, at + (stream - n) / 1e6, 0, asks)
            for stream in range(n, n + together):
                is_call = stream % 3 == 2
                body = b"\0\0\0\0\x0c" + b"x" * 12 if is_call else b"x" * (stream % 90)
                said = frame(1, 4, 2 * stream + 1, answered(stream)) + frame(0, int(not is_call), 2 * stream + 1, body)
                if is_call:
                    said += frame(1, 5, 2 * stream + 1, literal(b"\0\x0bgrpc-status", b"0"))
                say(talk, at + STEP / 2 + (stream - n) / 1e6, 1, said)
            talk.send(at + STEP * 0.75, 0, forge.ACK)
        talks.append(talk)
    return talks


def foreign(count=200):
    """Connections of TLS, of SSH and of an unknown protocol."""
    greetings = [
        b"\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03" + bytes(200),
        b"SSH-2.0-OpenSSH_9.2\r\n",
        bytes(range(200)),
    ]
    talks = []
    for n in range(count):
        talk = forge.Conversation(40_000 + n, NOON + n * STEP, server_port=443)
        for turn in range(10):
            talk.send(NOON + (n + turn) * STEP, turn % 2, forge.ACK, greetings[n % 3])
        talks.append(talk)
    return talks


def damaged(talks, chance):
    """Changes conversations: some packets are lost, some are sent twice, and some come late."""
    for talk in talks:
        packets = []
        for at, packet in talk.packets:
            lot = chance.random()
            if lot > 0.005:
                packets.append((at + (3 * STEP if lot < 0.02 else 0), packet))
            if lot > 0.99:
                packets.append((at + 2 * STEP, packet))
        talk.packets = packets
    return talks


def main():
    mixed = [*kept_alive(), *churn(), *large(), *streamed(), *foreign()]
    with tempfile.TemporaryDirectory() as folder:
        names = ("whole.pcap", "lossy.pcap", "crowd.pcap", "other.pcapng")
        whole, lossy, crowd, other = (Path(folder) / name for name in names)
        whole.write_bytes(forge.pcap(*mixed))
        crowd.write_bytes(forge.pcap(forge.crowd(CROWD)))
        other.write_bytes(forge.pcapng(*kept_alive(1000), *churn(300), link="vlan"))
        lossy.write_bytes(forge.pcap(*damaged(kept_alive() + churn() + large() + streamed(4), random.Random(1))))  # noqa: S311
        read(crowd, "--json", "--workers", "1")
        for form, workers in itertools.product(("--json", "--plain"), "11112"):
            for path in (whole, lossy, other, *CAPTURES.glob("*.pcap*")):
                read(path, form, "--workers", workers)
        for where in FILTERS:
            read(whole, "--json", "--where", where)
        watch(whole)
    capture_live([*kept_alive(), *churn(), *large(8), *streamed(4), *foreign()])


def capture_live(talks):
    """Captures the packets of the conversations live, with one worker and with two."""
    ip = shutil.which("ip")
    if ip is None or os.geteuid() or ctypes.CDLL(None).unshare(CLONE_NEWNET):
        print("live captures are not part of the profile: that needs Linux, root and `ip`", file=sys.stderr)
        return
    subprocess.run([ip, "link", "set", "lo", "up"], check=True)  # noqa: S603  `ip` is that of the system
    packets = [frame for _, frame in forge.frames(*talks)]
    for workers in (1, 1, 2):
        monitor = Monitor("lo", workers=workers, timeout=len(packets) / RATE + 1)
        monitor.open()
        threading.Thread(target=send, args=[packets]).start()
        total = sum(snapshot.requests for snapshot in monitor.snapshots())
        print(f"trained with {total:,} requests of a live capture", file=sys.stderr)


def send(packets):
    """Sends packets on the loopback interface, `RATE` a second."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as line:
        line.bind(("lo", 0))
        start = time.monotonic()
        for number, packet in enumerate(packets):
            if number % 100 == 0:
                time.sleep(max(0, start + number / RATE - time.monotonic()))
            line.send(packet)


def read(path, *options):
    cli.main(["--no-config", "--quiet", "--read", str(path), *options])


def watch(path):
    """Asks for what a screen asks for: windows and their first rows."""
    window = Window(10)
    for snapshot in Monitor(read=path).snapshots():
        window.push(snapshot)
        for total in (window.merged, window.total):
            total.ranked("hits")
            total.ranked_sections("p95")
            total.top(20)
    window.total.to_json()


if __name__ == "__main__":
    main()
