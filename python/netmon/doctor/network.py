"""Looks at the interfaces of this machine and at its network namespaces. Opens each interface for a moment."""

from __future__ import annotations

import ctypes
import fcntl
import ipaddress
import os
import socket
import struct
from contextlib import suppress
from pathlib import Path

from netmon._core import CaptureError, list_interfaces
from netmon.advice import NO_NETWORK
from netmon.doctor.facts import Link, Links, Namespaces
from netmon.monitor import Monitor
from netmon.options import DEFAULTS

MOST = 32
"""Interfaces that are looked at: opening and closing one takes 30 ms."""
BUFFER = 1 << 20
"""Bytes of the buffer of an interface that is opened only to see whether that works."""

SIOCGIFHWADDR, SIOCETHTOOL = 0x8927, 0x8946
OFFLOADS = {"TSO": (0x1E, 1), "GSO": (0x23, 1), "GRO": (0x2B, 1), "LRO": (0x25, 1 << 15)}
"""What a network card or the kernel does for packets: the command of ethtool that reads it, and its bit."""


def links() -> Links:
    there = [each for each in list_interfaces() if not each.name.startswith(("any", *NO_NETWORK))]
    found: list[Link] = []
    forbidden = False
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        for each in there[:MOST]:
            refused = None
            if each.up and not forbidden:
                refused, forbidden = _opened(each.name)
            families = tuple(sorted({_family(address) for address in each.addresses}))
            kind, offloads = _kind(asked, each.name), _offloads(asked, each.name)
            found.append(Link(each.name, each.up, kind, families, offloads, refused))
    return Links(tuple(found), max(0, len(there) - MOST), forbidden)


def namespaces() -> Namespaces:
    """Namespaces of processes that can be looked at, and those with a name."""
    own = os.stat("/proc/self/ns/net").st_ino if os.path.exists("/proc/self/ns/net") else None
    found: set[int] = set()
    hidden = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            found.add(os.stat(process / "ns" / "net").st_ino)
        except FileNotFoundError:  # it has ended
            continue
        except OSError:
            hidden += 1
    for named in Path("/run/netns").glob("*"):
        with suppress(OSError):
            found.add(named.stat().st_ino)
    return Namespaces(len(found - {own}), hidden, "netns" in DEFAULTS)


def _opened(name: str) -> tuple[str | None, bool]:
    """Why an interface cannot be captured from, None if it can; and whether this process may not capture at all."""
    try:
        with Monitor(name, buffer_size=BUFFER, promiscuous=False):
            return None, False
    except PermissionError:
        return None, True
    except CaptureError as error:
        return str(error), False


def _family(address: str) -> str:
    """The kind of an address, which says enough without the address itself."""
    try:
        return f"IPv{ipaddress.ip_address(address.partition('%')[0]).version}"
    except ValueError:
        return "other"


def _kind(asked: socket.socket, name: str) -> int | None:
    """The number of the link layer, as `linux/if_arp.h` has it; None where the kernel does not tell."""
    try:
        told = fcntl.ioctl(asked, SIOCGIFHWADDR, struct.pack("16s24x", os.fsencode(name)[:15]))
    except OSError:
        return None
    return int(struct.unpack_from("=H", told, 16)[0])


def _offloads(asked: socket.socket, name: str) -> tuple[str, ...]:
    return tuple(what for what, (command, bit) in OFFLOADS.items() if _ethtool(asked, name, command) & bit)


def _ethtool(asked: socket.socket, name: str, command: int) -> int:
    """The value that a command of ethtool reads; 0 if the interface has none."""
    value = ctypes.create_string_buffer(struct.pack("=II", command, 0), 8)
    request = struct.pack("16sP", os.fsencode(name)[:15], ctypes.addressof(value)).ljust(40, b"\0")
    try:
        fcntl.ioctl(asked, SIOCETHTOOL, request)
    except OSError:
        return 0
    return int(struct.unpack("=II", value.raw)[1])
