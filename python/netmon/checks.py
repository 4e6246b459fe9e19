"""What ``--check-config`` says besides what is wrong with single values.

That is filters that do not compile, what is unwise, and what was read. Settings and rules in, messages out.
"""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

from netmon import lookalikes
from netmon._core import Filter, FilterError, WhereError
from netmon.config import ConfigError
from netmon.log import STDERR
from netmon.monitor import Monitor

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from netmon.alerts import Rule
    from netmon.config import Configured

NO_PACKETS = bytes.fromhex("d4c3b2a1020004000000000000000000ffff000001000000")
"""A pcap file of Ethernet without packets: opening it compiles a capture filter."""


def wrong(configured: Configured) -> Iterator[ConfigError]:
    """Yields what is wrong with the two filters of the settings."""
    settings = configured.settings
    try:
        Filter(settings.where or "")
    except WhereError as error:
        yield ConfigError(f"{configured.place('where')}: {error}")
    try:
        with Monitor(read=NO_PACKETS, filter=settings.filter):
            pass
    except FilterError as error:
        at = "" if error.position is None else f" (at character {error.position + 1})"
        yield ConfigError(f"{configured.place('filter')}: {error}{at}")


def unwise(configured: Configured, rules: Sequence[Rule]) -> Iterator[str]:
    """Yields what is allowed and probably not meant."""
    from shutil import which  # noqa: PLC0415  only a check needs it

    settings = configured.settings
    for note in lookalikes.notes(settings.where or ""):
        yield f"{configured.place('where')}: {note}"
    if settings.log_file not in {None, STDERR} and not os.path.isdir(os.path.dirname(settings.log_file or "") or "."):
        yield f"{configured.place('log_file')}: there is no folder {os.path.dirname(settings.log_file or '')}"
    for path in settings.keylog:
        if (mode := _mode(path)) is None:
            yield f"{configured.place('keylog')}: there is no file {path} yet"
        elif mode & 0o077:
            yield f"{configured.place('keylog')}: others can open {path}; type: chmod 600 {shlex.quote(path)}"
    for rule in rules:
        if rule.exec and which(rule.exec[0]) is None:
            yield f"alert {rule.name}: exec: no program {rule.exec[0]} is found"
        if rule.kind == "slo" and not rule.min_requests:
            yield (
                f"alert {rule.name}: while there is little traffic, a single bad response may fire it;"
                " min_requests = 100 would wait for more"
            )


def _mode(path: str) -> int | None:
    """The permissions of a file; None if there is none."""
    try:
        return os.stat(path).st_mode
    except OSError:
        return None


def summary(configured: Configured, rules: Sequence[Rule]) -> str:
    """What was read, where nothing is wrong. Of what is unwise there may be warnings."""
    read = [path for path in (configured.path, *configured.settings.alerts) if path]
    number = len([rule for rule in rules if rule.name])
    where = ", ".join(read) or "flags and variables; no configuration file was read"
    return f"no error in {where} ({number} rule{'' if number == 1 else 's'})"
