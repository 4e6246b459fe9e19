"""A link that loses, doubles and reorders packets: two TUN devices in two namespaces, and a thread between them.

The scheduler netem would do the same, but many kernels are built without it.
"""

import fcntl
import heapq
import os
import random
import selectors
import struct
import threading
import time
from collections import Counter
from contextlib import contextmanager, suppress

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
LARGEST = 65_536
"""Bytes of an IP packet at the most."""
SHARE = 0.01
"""Share of packets that are lost, as many that are doubled, and as many that come late."""
LATE = 0.01
"""Seconds by which a packet comes late, behind those sent after it."""


def _device(namespace, name):
    """Makes a TUN device in a namespace. Its packets are read from the descriptor, which does not block."""
    with namespace.inside():
        descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        fcntl.ioctl(descriptor, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    return descriptor


class Weather:
    """What befalls packets, by a fixed seed. `counts` has how many were `lost`, `doubled` and `late`, of how `many`."""

    def __init__(self, seed=1):
        self.counts, self._chance, self._later = Counter(), random.Random(seed), []

    def pass_on(self, packet, to, now):
        """Returns the packets that arrive at once; keeps one that comes late."""
        self.counts["many"] += 1
        dice = self._chance.random()
        if dice < SHARE:
            self.counts["lost"] += 1
            return []
        if dice < 2 * SHARE:
            self.counts["doubled"] += 1
            return [packet, packet]
        if dice < 3 * SHARE:
            self.counts["late"] += 1
            heapq.heappush(self._later, (now + LATE, self.counts["many"], to, packet))
            return []
        return [packet]

    def due(self, now):
        """Yields (to, packet) of those that were late and arrive now."""
        while self._later and self._later[0][0] <= now:
            yield self._later[0][2:]
            heapq.heappop(self._later)

    def wait(self, now):
        """Seconds until the next late packet arrives; None if there is none."""
        return max(0.0, self._later[0][0] - now) if self._later else None


def _carry(ends, bell, weather):
    with selectors.DefaultSelector() as ready:
        for place, end in enumerate(ends):
            ready.register(end, selectors.EVENT_READ, ends[1 - place])
        ready.register(bell, selectors.EVENT_READ)
        while True:
            for key, _ in ready.select(weather.wait(time.monotonic())):
                if key.fd == bell:
                    return
                with suppress(BlockingIOError):
                    while True:
                        packet = os.read(key.fd, LARGEST)
                        for each in weather.pass_on(packet, key.data, time.monotonic()):
                            _deliver(each, key.data)
            for to, packet in weather.due(time.monotonic()):
                _deliver(packet, to)


def _deliver(packet, to):
    with suppress(OSError):  # the device is full, or not up yet: the packet is lost, as on any link
        os.write(to, packet)


@contextmanager
def link(one, one_name, other, other_name):
    """Joins two namespaces. Yields the `Weather` of the link, whose devices have no addresses yet."""
    ends = _device(one, one_name), _device(other, other_name)
    bell, ring = os.pipe()
    weather = Weather()
    thread = threading.Thread(target=_carry, args=(ends, bell, weather), daemon=True)
    thread.start()
    try:
        yield weather
    finally:
        os.close(ring)
        thread.join()
        for descriptor in (*ends, bell):
            os.close(descriptor)
