"""Looks at this process and its machine. Each function reads one record of `facts`, or raises what went wrong."""

from __future__ import annotations

import ctypes
import os
import platform
import pwd
import re
import resource
import shutil
import sys
import time
from pathlib import Path

from netmon import advice, extras
from netmon._core import BUFFER_BUDGET, __version__, libpcap_version, list_interfaces
from netmon.console import Console, can_draw
from netmon.display.themes import depth
from netmon.doctor.facts import Clock, Extra, Library, Memory, Process, Sandbox, Terminal, Versions
from netmon.privileges import in_user_namespace

CAPABILITIES = {6: "CAP_SETGID", 7: "CAP_SETUID", 12: "CAP_NET_ADMIN", 13: "CAP_NET_RAW", 21: "CAP_SYS_ADMIN"}
"""Bit -> name of the capabilities that matter to a capture (capabilities(7))."""

GIVES = {"html": "--web and -o FILE.html", "parquet": "-o FILE.parquet", "fsspec": "captures at URLs"}
"""What each extra is for."""

LANDLOCK_CREATE_RULESET, LANDLOCK_VERSION = 444, 1
"""The number of the system call, the same on every processor, and the flag with which it tells its version."""

CAPABILITY_VERSION = 0x20080522
"""The version of the structures of capget(2), with two words of bits for each set."""

PR_GET_SECCOMP = 21

STA_UNSYNC, TIME_ERROR = 0x40, 5
"""From adjtimex(2): the status and the result of a clock that nobody keeps."""

LIBRARY = re.compile(r"/\S*libpcap\S*")


def versions() -> Versions:
    system = f"{platform.system()} {platform.release()} {platform.machine()}"
    return Versions(__version__, f"{platform.python_implementation()} {platform.python_version()}", system)


def library() -> Library:
    version = libpcap_version()
    maps = Path("/proc/self/maps")
    if not maps.exists():
        return Library(version, None if sys.platform == "linux" else "")
    found = LIBRARY.search(maps.read_text(errors="replace"))
    return Library(version, found[0] if found else None)


def process() -> Process:
    uid = os.geteuid()
    held = effective()
    names = None if held is None else frozenset(name for bit, name in CAPABILITIES.items() if held >> bit & 1)
    return Process(_name(uid), uid == 0, os.environ.get("SUDO_USER"), names, advice.command(), in_user_namespace())


def sandbox() -> Sandbox:
    libc = ctypes.CDLL(None, use_errno=True)
    landlock = libc.syscall(LANDLOCK_CREATE_RULESET, None, 0, LANDLOCK_VERSION) if sys.platform == "linux" else 0
    # prctl(2): the call is an error where the kernel has no seccomp.
    seccomp = sys.platform == "linux" and libc.prctl(PR_GET_SECCOMP, 0, 0, 0, 0) >= 0
    return Sandbox(max(0, landlock), seccomp)


def memory() -> Memory:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return Memory(BUFFER_BUDGET, _available(), _group_limit(), soft, len(list_interfaces()))


def terminal() -> Terminal:
    console = Console.of_process()
    term = console.environment.get("TERM", "")
    columns, rows = shutil.get_terminal_size((0, 0))
    drawn = bool(term) and can_draw(term)
    bits = depth(console.environment)
    encoding = console.stdout.encoding or ""
    return Terminal(console.stdout.isatty(), columns, rows, term, drawn, bits, encoding, _has_alternate(term))


def clock() -> Clock:
    before = time.time() - time.monotonic()
    source = Path("/sys/devices/system/clocksource/clocksource0/current_clocksource")
    name = source.read_text().strip() if source.exists() else ""
    synchronised, error = _kept()
    return Clock(name, synchronised, error, time.time() - time.monotonic() - before)


def optional() -> tuple[Extra, ...]:
    return tuple(
        Extra(name, GIVES.get(name, name), (extras.missing(name) or "").rpartition("): ")[2]) for name in extras.EXTRAS
    )


def effective() -> int | None:
    """The capabilities of this thread that count, as bits; None where the system does not tell. Needs no /proc."""
    capget = getattr(ctypes.CDLL(None, use_errno=True), "capget", None)
    header, sets = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION, 0), (ctypes.c_uint32 * 6)()
    if capget is None or capget(header, sets) != 0:
        return None
    low, high = sets[0], sets[3]
    return low | high << 32


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _available() -> int | None:
    path = Path("/proc/meminfo")
    found = re.search(r"MemAvailable:\s+(\d+) kB", path.read_text()) if path.exists() else None
    return int(found[1]) * 1024 if found else None


def _group_limit() -> int | None:
    """The bytes that the control group of this process may have; None without a limit."""
    groups = Path("/proc/self/cgroup")
    for line in groups.read_text().splitlines() if groups.exists() else ():
        _, controllers, group = line.split(":", 2)
        names = {"": ("", "memory.max"), "memory": ("memory", "memory.limit_in_bytes")}
        for controller in names.keys() & set(controllers.split(",")):
            top, file = names[controller]
            path = Path("/sys/fs/cgroup", top, group.lstrip("/"), file)
            text = path.read_text().strip() if path.exists() else "max"
            if text.isdecimal() and int(text) < 1 << 60:  # version 1 writes a huge number for no limit
                return int(text)
    return None


def _has_alternate(term: str) -> bool | None:
    """Whether the terminfo database says that the terminal has a second screen; None if it does not know it."""
    try:
        import curses  # noqa: PLC0415  needed here alone, and some builds of Python lack it
    except ImportError:
        return None
    try:
        curses.setupterm(term or "unknown", fd=1)
    except curses.error:
        return None
    return bool(curses.tigetstr("smcup"))


class _Timex(ctypes.Structure):
    """The beginning of `struct timex`, with room for the rest of it."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 256),
    )


def _kept() -> tuple[bool | None, float]:
    """Whether a time service keeps the clock, and by how many seconds it may be wrong; None where that is not told."""
    adjtimex = getattr(ctypes.CDLL(None, use_errno=True), "adjtimex", None)
    if adjtimex is None:
        return None, 0.0
    told = _Timex()
    result = adjtimex(ctypes.byref(told))
    if result < 0:
        return None, 0.0
    return not (result == TIME_ERROR or told.status & STA_UNSYNC), told.maxerror / 1e6
