"""A capture of many connections, whole and cut into consecutive slices as a rotating capture writes them."""

import forge

START = 1_700_000_000
"""When the traffic begins: on a full second, and on a full ten seconds."""


def talks(count, *, spacing=0.05, lasting=4.0):
    """Connections that begin one after the other; each asks three times while it lasts, of one host of seven."""
    for number in range(count):
        at = START + spacing * number
        talk = forge.Conversation(1024 + number % 60_000, at, client=f"10.1.{number // 250 % 250}.{number % 250}")
        for turn in range(3):
            path = f"/{'abc'[turn]}/{number % 11}"
            status = 500 if number % 13 == 0 else 200
            took = 0.002 * (1 + number % 17) + 0.001 * turn
            talk.ask(
                at + 0.01 + turn * lasting / 3,
                "GET",
                f"h{number % 7}.example",
                path,
                status,
                took=took,
                body=b"x" * number,
            )
        yield talk.close(at + lasting)


class _Part:
    """Some packets of a capture, in the form of a conversation."""

    def __init__(self, packets):
        self.packets = packets


def whole(*conversations):
    """All packets in order of time."""
    return _Part(sorted((packet for each in conversations for packet in each.packets), key=lambda packet: packet[0]))


def cut(part, seconds):
    """The same packets as consecutive slices of this many seconds."""
    slices = {}
    for packet in part.packets:
        slices.setdefault(int((packet[0] - START) // seconds), []).append(packet)
    return [_Part(packets) for _, packets in sorted(slices.items())]


def captures(count, seconds, **settings):
    """The bytes of the whole capture, and of each slice."""
    part = whole(*talks(count, **settings))
    return forge.pcap(part), [forge.pcap(each) for each in cut(part, seconds)]
