"""The whole program, given a capture of invented names through a pipe, within a limit on its memory."""

import json
import struct
import subprocess
import sys

import forge

LIMIT = 512 << 20
"""Bytes of address space: a total and a window of 10,000 hosts each, what they are merged from, and the libraries."""

RATE = 5000
"""Requests per second, each to another host. After two seconds there are as many hosts as a snapshot keeps."""

ANSWER = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


def segments(requests):
    """((seconds, microseconds), IP packet) of one connection with these requests and a response to each."""
    sides, ports = (b"\x0a\0\0\1", b"\x0a\0\0\2"), (40_000, 80)
    sequence = [1, 1]
    for number, request in enumerate(requests):
        for sender, payload in enumerate((request, ANSWER)):
            ip = (
                struct.pack("!BBHHHBBH", 0x45, 0, 40 + len(payload), 0, 0, 64, 6, 0) + sides[sender] + sides[1 - sender]
            )
            numbers = ports[sender], ports[1 - sender], sequence[sender], sequence[1 - sender]
            tcp = struct.pack("!HHIIBBHHH", *numbers, 5 << 4, forge.ACK, 65_535, 0, 0)
            sequence[sender] += len(payload)
            yield divmod((2 * number + sender) * 500_000 // RATE, 1_000_000), ip + tcp + payload


def test_invented_names_through_a_pipe_are_folded_within_a_limit_on_memory():
    count = 150_000
    requests = (b"GET /%08x/x HTTP/1.1\r\nHost: h%08x.example.test\r\n\r\n" % (n, n) for n in range(count))
    command = ["prlimit", f"--as={LIMIT}", sys.executable, "-m", "netmon", "-r", "-", "--json", "-q"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    process.stdin.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, forge.LINKS["raw"][0]))
    for (seconds, micros), packet in segments(requests):
        process.stdin.write(struct.pack("<IIII", seconds, micros, len(packet), len(packet)) + packet)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    total = json.loads(said)
    assert (total["requests"], total["responses"]) == (count, count)
    assert total["capture"]["received"] == 2 * count
    assert len(total["hosts"]) <= 10_001
    assert total["capture"]["hosts_folded"] >= count - 10_001
    assert sum(host["requests"] for host in total["hosts"]) == count
    assert sum(section["requests"] for host in total["hosts"] for section in host["sections"]) == count
