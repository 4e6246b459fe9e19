"""Saves the packets behind each alert that fires, from the latest ones that the core keeps in memory.

Alerts in, one pcapng file each out, on a thread of its own. Without ``--evidence-payload`` the core keeps no payload,
so no file can have any. The number of files and their bytes are bounded: the oldest are removed.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections import deque
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from netmon import format as fmt
from netmon import log, safe_file
from netmon.outlet import GRACE, STEP
from netmon.sinks import Opened

if TYPE_CHECKING:
    from netmon._core import Recording
    from netmon.alerts import Alert, Rule
    from netmon.frames import Frame
    from netmon.options import Settings
    from netmon.outlet import Patience

WAITING = 64
"""Alerts that may wait to be saved. Beyond it they are not saved, and that is told."""

LATE = 1.0
"""Seconds before the span of a rule from which on exchanges count as behind its alert: intervals are not exact."""

NAMED = 60
"""Characters of the name of a rule that are in the name of a file."""

SAME_NAME = 100
"""Alerts of one rule in one millisecond that are saved."""

OURS = re.compile(r"\d{8}T\d{6}\.\d{3}Z-[A-Za-z0-9._-]{1,80}\.pcapng")
"""The names of files that this module writes, and so may remove."""

NANO = 1_000_000_000


class Evidence:
    """Writes to a folder, at most `most_files` files of `most_bytes` together."""

    def __init__(
        self, recording: Recording, folder: str, patience: Patience, *, most_files: int, most_bytes: int
    ) -> None:
        self._recording, self._folder, self._patience = recording, folder, patience
        self._most_files, self._most_bytes = most_files, most_bytes
        self._waiting: deque[Alert] = deque()
        self._news: list[str] = []
        self._trouble = ""
        self._is_over = False
        self._bell = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="netmon-evidence", daemon=True)
        self._thread.start()

    def update(self, frame: Frame) -> None:
        """Takes the alerts of a frame that fired. Alerts of a rule that flaps are saved as often as they are told."""
        fired = [alert for alert in frame.alerts if alert.state == "fired"]
        if fired:
            with self._bell:
                room = WAITING - len(self._waiting)
                self._waiting.extend(fired[:room])
                if len(fired) > room:
                    self._news.append(f"{self._folder}: {len(fired) - room} alerts at once are not saved")
                self._bell.notify()

    def news(self) -> list[str]:
        news, self._news = self._news, []
        return news

    def abandon(self) -> None:
        with self._bell:
            self._waiting.clear()

    def close(self) -> None:
        """Waits until the last alert is saved, a second at most."""
        with self._bell:
            self._is_over = True
            self._bell.notify()
        until = time.monotonic() + GRACE
        while self._thread.is_alive() and time.monotonic() < until:
            self._thread.join(STEP)

    def _run(self) -> None:
        while True:
            with self._bell:
                while not self._waiting:
                    if self._is_over:
                        return
                    self._bell.wait()
                alert = self._waiting.popleft()
            try:
                self._save(alert)
            except Exception as error:  # an alert that cannot be saved keeps no later one from being saved
                trouble = (error.strerror if isinstance(error, OSError) else None) or repr(error)
                if trouble != self._trouble:
                    self._trouble = trouble
                    self._news.append(f"{self._folder}: {trouble}; evidence of alerts is not saved")
            else:
                self._trouble = ""

    def _save(self, alert: Alert) -> None:
        rule, asked = alert.rule, asked_for(alert)
        told = {"rule": rule.title, "key": alert.key or None}
        if asked is None:
            return log.event("evidence.missing", "info", **told, reason="the alert is not about requests")
        capture, packets, connections, left_out = self._recording.evidence(*asked, self._most_bytes)
        if not packets:
            return log.event("evidence.missing", "info", **told, reason="no connection in memory is behind the alert")
        self._make_room(len(capture))
        path = self._written(alert, capture)
        log.event(
            "evidence.saved",
            "info",
            **told,
            file=path,
            packets=packets,
            connections=connections,
            left_out=left_out or None,
        )
        return None

    def _written(self, alert: Alert, capture: bytes) -> str:
        for number in range(1, SAME_NAME):
            path = os.path.join(self._folder, file_name(alert.rule, alert.at, number))
            with suppress(FileExistsError):
                safe_file.write_new(path, capture)
                return path
        raise FileExistsError(17, "too many alerts of one rule at once", self._folder)

    def _make_room(self, size: int) -> None:
        """Removes the oldest files, whose names tell their time, until there is room for one more of this size."""
        files = []
        for entry in os.scandir(self._folder):
            if OURS.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                files.append((entry.name, entry.stat(follow_symlinks=False).st_size))
        files.sort()
        total = sum(bytes_ for _, bytes_ in files)
        for at, (name, bytes_) in enumerate(files):
            if len(files) - at < self._most_files and total + size <= self._most_bytes:
                return
            os.unlink(os.path.join(self._folder, name))
            total -= bytes_


def asked_for(alert: Alert) -> tuple[str, str, str, int, int] | None:
    """Which exchanges an alert is about: filter, kind of row, name of the row, from when and until when, nanoseconds.

    None if no exchange can be behind it.
    """
    rule = alert.rule
    per: str = rule.new if rule.kind == "new" else rule.per
    if per == "server_name":
        return None
    window = alert.details.window
    span = (window.short if window else rule.span) + rule.for_ + LATE
    return rule.where, per, alert.key, round((alert.at - span) * NANO), round(alert.at * NANO)


def file_name(rule: Rule, at: float, number: int = 1) -> str:
    """``20261126T184209.000Z-errors.pcapng``: when the rule fired, and what it is called, in safe characters."""
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", rule.title).strip("-")[:NAMED] or "rule"
    more = f"-{number}" if number > 1 else ""
    with suppress(OverflowError, ValueError, OSError):
        time = datetime.fromtimestamp(at, UTC)
        return f"{time:%Y%m%dT%H%M%S}.{time.microsecond // 1000:03}Z-{name}{more}.pcapng"
    return f"00000000T000000.000Z-{name}{more}.pcapng"


def opened(settings: Settings, recording: Recording, patience: Patience) -> Opened:
    """Makes the folder if it is missing, and starts the thread. Raises OSError."""
    folder = settings.evidence or ""
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
    except FileExistsError as error:
        raise NotADirectoryError(error.errno, "is no folder", folder) from error
    safe_file.check_folder(os.path.join(folder, "file"))
    evidence = Evidence(
        recording, folder, patience, most_files=settings.evidence_files, most_bytes=settings.evidence_max_size
    )
    return Opened(fmt.sanitize(folder), evidence, evidence)
