"""The monitor of a session: settings in, a monitor that is not open yet out."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from netmon._core import CaptureError, SourceError, WhereError
from netmon.config import ConfigError
from netmon.monitor import Monitor
from netmon.options import capture_settings

if TYPE_CHECKING:
    from netmon.options import Settings


SLOWEST = 100
"""Requests that a page shows at most: those with the greatest latency."""


def monitor_of(
    settings: Settings, default_filter: str | None, *, on_screen: bool, once: bool, lists_slowest: bool = False
) -> Monitor:
    """Makes the monitor. Only without a screen does it play a file at a speed; on a screen, `Player` does.

    For a screen, snapshots list exchanges and connections; with `lists_slowest`, they list the slowest exchanges. With
    `once`, a live capture has the window as its timeout, so it ends by the clock, in the middle of an interval; for a
    file the session ends it by packet time.
    """
    limits = (settings.timeout, settings.window if once and not settings.read else None)
    timeout = min((limit for limit in limits if limit is not None), default=None)
    try:
        return _made(settings, default_filter, on_screen=on_screen, lists_slowest=lists_slowest, timeout=timeout)
    except UnicodeEncodeError as error:
        raise ConfigError(f"{error.object}: is not valid UTF-8; only file names may have other bytes") from error
    except WhereError:
        raise
    except ValueError as error:  # a ValueError that comes later is not wrong usage
        raise ConfigError(str(error)) from error


def beginning_of(settings: Settings) -> float | None:
    """When the capture files of the settings begin, in seconds since 1970; None if they hold nothing that counts.

    Reads no further than the first interval. Files that cannot be read have no beginning: opening them tells why.
    """
    monitor = monitor_of(
        settings._replace(speed=None, timeout=None, write=None, evidence=None), None, on_screen=False, once=False
    )
    with suppress(SourceError, CaptureError), monitor:
        return next((snapshot.start for snapshot in monitor.snapshots()), None)
    return None


def _made(
    settings: Settings, default_filter: str | None, *, on_screen: bool, lists_slowest: bool, timeout: float | None
) -> Monitor:
    given = capture_settings(settings)
    given["filter"] = settings.filter or default_filter
    given["connections"] = settings.connections or on_screen
    return Monitor(
        settings.interfaces,
        read=settings.read,
        keylog=settings.keylog,
        speed=settings.speed if settings.read and not on_screen else None,
        interval=settings.interval,
        timeout=timeout,
        exclude_interfaces=settings.exclude_interfaces,
        netns=settings.netns,
        exchanges=settings.requests or on_screen,
        slowest=SLOWEST if lists_slowest else 0,
        write=settings.write is not None,
        evidence=settings.evidence,
        evidence_size=settings.evidence_size,
        evidence_payload=settings.evidence_payload,
        **given,
    )
