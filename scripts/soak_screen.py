#!/usr/bin/env python3
"""Measures memory of a long run with the screen open: plays an hour of traffic in minutes.

    soak_screen.py [--minutes 70] [--rate 1800] [--growth 1.0]

A child process writes a capture into a pipe: new connections every second, `rate` requests per second in all, and
latencies that vary. The engine reads the pipe, `Frames` takes the snapshots on another thread, and each frame is drawn.
The child waits until the frame of an interval is drawn, so no more is in memory than on a live link, however fast the
machine is. Every ten minutes of packet time the script prints resident memory and the numbers of Python objects and of
rows. It fails when memory grows by more than `growth` MiB per hour after the first ten minutes.
"""

# ruff: noqa: S311, PLR0917  random choices must be the same each time, and a packet has many parts

import argparse
import asyncio
import gc
import os
import random
import struct
import sys
import time
from contextlib import suppress

from netmon import Monitor
from netmon._core import limit_allocator
from netmon.alerts import Rule
from netmon.display.layout import screen
from netmon.display.view import View
from netmon.frames import Frames

START = 1_600_000_000
CONNECTIONS = 50
"""New connections per second."""

ETHERNET = bytes.fromhex("020000000002020000000001") + b"\x08\x00"
SYN, ACK, FIN = 2, 16, 17
WINDOW = 10.0
"""Seconds of packet time in the window."""
AHEAD = 2
"""Seconds of traffic written beyond an interval before the child waits, so that netmon closes that interval."""
STEP = 600
"""Seconds of packet time between two printed measurements."""

RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n" + b"x" * 400


def packet(at, flags, client, server, ports, numbers, payload=b""):
    length = 40 + len(payload)
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, length, 1, 0x4000, 64, 6, 0, client, server)
    tcp = struct.pack("!HHIIBBHHH", *ports, *numbers, 0x50, flags, 65535, 0, 0)
    frame = ETHERNET + ip + tcp + payload
    seconds = int(at)
    return at, struct.pack("<IIII", seconds, int((at - seconds) * 1e9), len(frame), len(frame)) + frame


def connection(chance, number, at, requests):
    """Yields the packets, with their times, of a keep-alive connection with `requests` requests within a second."""
    client, server = struct.pack("!I", 0x0A000000 + number // 60_000), struct.pack("!I", 0xC0000200 + number % 7)
    port, isn = 1024 + number % 60_000, chance.getrandbits(31)
    mine, its = isn + 1, isn // 2 + 1
    there, back = (client, server, (port, 80)), (server, client, (80, port))
    yield packet(at, SYN, *there, (isn, 0))
    yield packet(at + 1e-4, SYN | ACK, *back, (isn // 2, mine))
    for each in range(requests):
        now = at + 2e-4 + 0.9 * each / requests
        path = f"/s{chance.randrange(40)}/{each}"
        head = f"GET {path} HTTP/1.1\r\nHost: www{number % 20}.example\r\n\r\n".encode()
        yield packet(now, ACK, *there, (mine, its), head)
        mine += len(head)
        yield packet(now + min(0.02, chance.lognormvariate(-6, 1)), ACK, *back, (its, mine), RESPONSE)
        its += len(RESPONSE)
    yield packet(at + 0.95, FIN, *there, (mine, its))
    yield packet(at + 0.951, FIN, *back, (its, mine + 1))


def write(descriptor, drawn, seconds, rate):
    """Writes `seconds` of traffic; waits for a byte from `drawn` before each second."""
    chance = random.Random(1)
    with os.fdopen(descriptor, "wb") as pipe:
        pipe.write(struct.pack("<IHHIIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, 1))
        for second in range(seconds):
            if second > AHEAD:
                pipe.flush()
                os.read(drawn, 1)
            numbers = range(second * CONNECTIONS, (second + 1) * CONNECTIONS)
            each = rate // CONNECTIONS
            packets = [p for n in numbers for p in connection(chance, n, START + second, each)]
            packets.sort(key=lambda part: part[0])
            pipe.write(b"".join(record for _, record in packets))


def resident():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


async def watch(name, drawn):
    """Draws the capture; returns (minutes, MiB of resident memory) for every ten minutes of packet time."""
    frames = Frames(WINDOW, [Rule(7000, 120)], keeps_exchanges=True)
    view, sizes, begin = View(), [], time.monotonic()
    with Monitor(read=name, exchanges=True) as monitor:
        async for snapshot in monitor.asnapshots():
            frame = await asyncio.to_thread(frames.push, snapshot)
            view = view.with_frame(frame)
            await asyncio.to_thread(screen, view, 120, 40)
            if (snapshot.end - START) % STEP == 0:
                minutes = (snapshot.end - START) / 60
                size, objects = resident(), len(gc.get_objects())
                sizes.append((minutes, size))
                rows = f"{frame.window.row_count} and {frame.counted.row_count} rows"
                took = time.monotonic() - begin
                print(f"{minutes:4.0f} min  {size:6.1f} MiB  {objects} objects  {rows}  after {took:.0f} s", flush=True)
            with suppress(BrokenPipeError):  # the child has written everything
                os.write(drawn, b"1")
    return sizes


def growth(sizes):
    """MiB per hour from the tenth minute on: the slope of the line that fits best."""
    points = [point for point in sizes if point[0] >= 10]
    x, y = (sum(values) / len(points) for values in zip(*points, strict=True))
    above = sum((minutes - x) * (size - y) for minutes, size in points)
    return 60 * above / (sum((minutes - x) ** 2 for minutes, _ in points) or 1)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    arguments.add_argument("--minutes", type=int, default=70)
    arguments.add_argument("--rate", type=int, default=1800)
    arguments.add_argument("--growth", type=float, default=1.0)
    arguments.add_argument("--untuned", action="store_true", help="leave the allocator at its default settings")
    given = arguments.parse_args()
    if not given.untuned:
        limit_allocator()
    reading, writing = os.pipe()
    waiting, drawn = os.pipe()
    if os.fork() == 0:  # the memory of the child is not measured
        os.close(reading)
        os.close(drawn)
        with suppress(BrokenPipeError):
            write(writing, waiting, given.minutes * 60 + AHEAD, given.rate)
        os._exit(0)
    os.close(writing)
    os.close(waiting)
    slope = growth(asyncio.run(watch(f"/dev/fd/{reading}", drawn)))
    print(f"{slope:+.2f} MiB an hour after the first ten minutes")
    sys.exit(slope > given.growth)


if __name__ == "__main__":
    main()
