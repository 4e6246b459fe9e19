"""What a session does when its configuration is to be read again: uses it, or tells why everything stays as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from netmon import format as fmt
from netmon import log

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def reloaded(reread: Callable[[], T], use: Callable[[T], str], report: Callable[[list[str]], None]) -> None:
    """Reads the configuration again and uses it. `use` returns what to tell, or raises ValueError."""
    try:
        told = use(reread())
    except Exception as error:
        reason = str(error) if isinstance(error, (ValueError, OSError)) else repr(error)
        log.event("reload.failed", "error", error=reason)
        report([f"netmon: error: not reloaded, nothing has changed: {fmt.sanitize(reason)}\n"])
    else:
        log.event("reload.done", message=told)
        report([f"netmon: reloaded: {fmt.sanitize(told)}\n"])
