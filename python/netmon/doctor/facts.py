"""What the doctor has seen, as plain values: a record for each check. `Finding` is what is made of them."""

from __future__ import annotations

from typing import NamedTuple

OK, ADVICE, PROBLEM, UNKNOWN = "ok", "advice", "problem", "unknown"
"""States of a finding: nothing to do; something can be better; something does not work; it could not be looked at."""


class Finding(NamedTuple):
    """One line of the page: `about` names the check, and each of `commands` is a line to type."""

    about: str
    state: str
    text: str
    commands: tuple[str, ...] = ()


class Versions(NamedTuple):
    netmon: str
    python: str
    system: str
    """Name, release and processor."""


class Library(NamedTuple):
    """`version` as libpcap tells it; `path` is the shared library that is loaded, None if it is part of netmon."""

    version: str
    path: str | None


class Process(NamedTuple):
    """Who runs netmon, and what that user may do. `command` starts this program from any folder.

    `capabilities` is None where the system does not tell. In a user namespace they hold for what was made there.
    """

    user: str
    is_root: bool
    sudo_user: str | None
    capabilities: frozenset[str] | None
    command: str
    in_namespace: bool = False


class Dropped(NamedTuple):
    """The user as whom a live capture goes on once devices are open; `why_not` says why that user cannot be had."""

    user: str | None
    why_not: str = ""
    in_namespace: bool = False


class Sandbox(NamedTuple):
    """What the kernel offers to confine a process: the version of Landlock (0 without), and seccomp filters."""

    landlock: int
    seccomp: bool


class Link(NamedTuple):
    """An interface. `kind` is the kernel's number of its link layer, None if it has none to tell.

    `families` are kinds of its addresses, `offloads` what it joins or splits. `refused` says why it cannot be captured
    from; None if it was opened, or was not tried because it is down.
    """

    name: str
    is_up: bool
    kind: int | None
    families: tuple[str, ...]
    offloads: tuple[str, ...]
    refused: str | None = None


class Links(NamedTuple):
    """Interfaces, `more` that are not looked at, and whether this process may not capture at all."""

    links: tuple[Link, ...]
    more: int
    forbidden: bool


class Namespaces(NamedTuple):
    """Network namespaces beside ours: how many were found, and how many processes could not be asked for theirs."""

    others: int
    hidden: int
    can_capture: bool
    """Whether this version captures in other namespaces."""


class Memory(NamedTuple):
    """Bytes of all capture buffers together, of free memory and of this group's limit; files that may be open."""

    buffers: int
    available: int | None
    limit: int | None
    descriptors: int
    links: int


class Terminal(NamedTuple):
    """Standard output; its size is 0 if it is unknown. `bits` are those of a colour. `alternate` says whether it has a
    second screen, None where the terminal is not described.
    """

    is_terminal: bool
    columns: int
    rows: int
    term: str
    can_draw: bool
    bits: int
    encoding: str
    alternate: bool | None


class Clock(NamedTuple):
    """The clock: its source, whether it is kept by a time service, and the seconds that it jumped meanwhile."""

    source: str
    synchronised: bool | None
    error: float
    step: float


class Extra(NamedTuple):
    """An optional package; `install` is what to type if it is missing, else empty."""

    name: str
    gives: str
    install: str


class Configuration(NamedTuple):
    """The configuration file, empty if there is none; the number of rules; and what is wrong with it."""

    path: str
    rules: int
    wrong: tuple[str, ...]


class Trial(NamedTuple):
    """What netmon counted in a conversation whose counts are known: requests, statuses, latencies in ms, alerts."""

    requests: int
    statuses: tuple[tuple[int, int], ...]
    latencies: tuple[int, int]
    alerts: tuple[str, ...]
