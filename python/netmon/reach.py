"""Which files a session needs while it runs, so that Landlock can leave those within reach and no others.

Settings, rules and paths go in; three lists of paths come out. Looks whether paths exist; opens and changes nothing. A
setting that names a file has a place here: a file that is not listed cannot be reached.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from netmon.options import Settings

SYSTEM = (
    "/usr",
    "/lib",
    "/lib32",
    "/lib64",
    "/nix/store",
    "/etc",
    "/proc",
    "/sys",
    "/run/nscd",
    "/run/netns",
    "/var/lib/sss",
    "/var/lib/ca-certificates",
)
"""What Python, the C library and libpcap read: libraries, the resolver, users, certificates, time zones, terminals."""

LINKS = ("/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/localtime", "/etc/ssl/certs")
"""Files that are often links to elsewhere, and are replaced there."""

DEVICES = ("/dev/tty", "/dev/pts", "/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")

NAMED = (
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "TERMINFO",
    "TERMINFO_DIRS",
    "PYTHONTZPATH",
    "LD_LIBRARY_PATH",
    "OTEL_EXPORTER_OTLP_CERTIFICATE",
    "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
    "OTEL_EXPORTER_OTLP_CLIENT_KEY",
    "OTEL_EXPORTER_OTLP_METRICS_CERTIFICATE",
    "OTEL_EXPORTER_OTLP_METRICS_CLIENT_CERTIFICATE",
    "OTEL_EXPORTER_OTLP_METRICS_CLIENT_KEY",
)
"""Variables that name files, or folders with ``:`` between them."""


class Reach(NamedTuple):
    """Paths, for reading, for writing, and of devices."""

    reads: list[str]
    writes: list[str]
    devices: list[str]


def reach(
    settings: Settings,
    environment: Mapping[str, str],
    *,
    more: Iterable[str] = (),
    state: str | None = None,
    exports: bool = False,
) -> Reach:
    """The files of a session. `more` are files to read: the configuration, and what rules name. `state` is where what
    rules have learned is kept. With `exports`, files are made in the current folder as well.
    """
    captures = [path for path in settings.read if path != "-"]
    configured = [folder_of(path) for path in (*more, *settings.alerts, *settings.keylog)]
    linked = [folder_of(os.path.realpath(link)) for link in LINKS]
    reads = [*SYSTEM, *linked, *_of_python(), *_of_environment(environment), *captures, *configured]
    here = [os.getcwd()] if exports and os.getcwd() != os.sep else []
    # Where this user may not write, a rule is of no use, and it may reach far: to all of `/` if a home does not exist.
    writes = [path for path in (*_written(settings, state), *here) if os.access(path, os.W_OK)]
    return Reach(reads, writes, [*DEVICES, *_terminals()])


def _of_python() -> Iterator[str]:
    """Yields the folders that modules are loaded from."""
    own = os.path.dirname(os.path.abspath(__file__))
    yield from (sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix, own)
    here = os.getcwd()  # `python -m netmon` puts it first, and it may hold anything
    yield from (path for path in sys.path if path and (path != here or own.startswith(path)))


def _terminals() -> Iterator[str]:
    for fd in range(3):
        with suppress(OSError):
            yield os.ttyname(fd)


def _of_environment(environment: Mapping[str, str]) -> Iterator[str]:
    for name in NAMED:
        paths = environment.get(name, "").split(os.pathsep)
        may_be_relative = name.startswith("OTEL_")
        yield from (os.path.abspath(path) for path in paths if os.path.isabs(path) or (path and may_be_relative))
    if home := environment.get("HOME"):
        yield os.path.join(home, ".terminfo")


def _written(settings: Settings, state: str | None) -> Iterator[str]:
    """Yields the folders of all outputs: files are begun anew, renamed and removed there."""
    files = [*settings.output, settings.write, settings.log_file, state]
    for path in files:
        if path is not None and path != "-":
            yield existing(path if path.endswith(os.sep) else folder_of(path))
    if settings.evidence is not None:
        yield existing(settings.evidence)


def folder_of(path: str) -> str:
    return os.path.dirname(os.path.abspath(path))


def existing(path: str) -> str:
    """A folder, or the nearest one above it that exists: netmon makes the folders below it."""
    path = os.path.abspath(path)
    while not os.path.isdir(path) and (above := os.path.dirname(path)) != path:
        path = above
    return path
