"""Captures made of HTTP conversations: just enough Ethernet, IPv4 and TCP, as classic pcap. Checksums are left zero."""

import struct

SYN, ACK, FIN = 0x02, 0x10, 0x01


class Conversation:
    """One connection; `ask` adds a request and its answer. Times are seconds."""

    def __init__(self, port, at, server="10.0.0.2"):
        self.packets = []
        self._ends = [("10.0.0.1", port, 1000), (server, 80, 5000)]
        self._send(at, 0, SYN)
        self._send(at, 1, SYN | ACK)
        self._send(at, 0, ACK)

    def ask(self, at, method, host, path, status, *, took=0.01, body=b""):
        self._send(at, 0, ACK, f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        self._send(at + took, 1, ACK, head + body)
        return self

    def close(self, at):
        self._send(at, 0, ACK | FIN)
        self._send(at, 1, ACK | FIN)
        self._send(at, 0, ACK)
        return self

    def _send(self, at, sender, flags, payload=b""):
        (source, source_port, seq), (target, target_port, ack) = self._ends[sender], self._ends[1 - sender]
        acked = ack if flags & ACK else 0
        tcp = struct.pack("!HHIIBBHHH", source_port, target_port, seq, acked, 5 << 4, flags, 65535, 0, 0) + payload
        addresses = bytes(map(int, f"{source}.{target}".split(".")))
        ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), 0, 0, 64, 6, 0) + addresses
        self.packets.append((at, b"\x02" * 12 + b"\x08\x00" + ip + tcp))
        moved = len(payload) + bool(flags & (SYN | FIN))
        self._ends[sender] = (source, source_port, seq + moved)


def pcap(*conversations):
    """The bytes of a capture file with the packets of all of them, by time."""
    packets = sorted((packet for each in conversations for packet in each.packets), key=lambda packet: packet[0])
    parts = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1)]
    for at, data in packets:
        seconds, micros = divmod(round(at * 1e6), 1_000_000)
        parts.append(struct.pack("<IIII", seconds, micros, len(data), len(data)) + data)
    return b"".join(parts)
