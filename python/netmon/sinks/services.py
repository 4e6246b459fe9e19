"""The outputs that are not files: by setting, what opens it, what it needs, and what the user is told of it.

To add one, add a module beside this one and a row to the table. `opened` opens these, and the files of ``--output`` as
well.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from netmon.outlet import STEP
from netmon.serving.servers import Servers
from netmon.sinks import Opened, files, outputs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from netmon._core import Recording
    from netmon.options import Settings
    from netmon.outlet import Patience
    from netmon.sinks import Sink


class Service(NamedTuple):
    """A row of the table."""

    opened: Callable[[Settings, Servers], Opened]
    """Opens it, with a server from those that all services share if it needs one. Raises OSError."""
    extra: str = ""
    """The extra of the distribution that it needs."""
    shows_exchanges: bool = False
    """Whether it shows single exchanges, so that the capture has to list them."""


def _web(settings: Settings, servers: Servers) -> Opened:
    from netmon.sinks.viewers import opened  # noqa: PLC0415  few runs serve a page

    return opened(settings, servers)


SERVICES: Mapping[str, Service] = {
    "web": Service(_web, extra="html", shows_exchanges=True),
}
"""The services by the setting that asks for them."""


def asked(settings: Settings) -> Iterator[tuple[str, Service]]:
    """The services that the settings ask for, by setting."""
    return ((name, service) for name, service in SERVICES.items() if getattr(settings, name))


def opened(settings: Settings, patience: Patience, recording: Recording | None = None) -> Iterator[Opened]:
    """Opens every file and every service, one after the other. `recording` has recorded packets. Raises OSError."""
    for path in settings.output:
        yield Opened(path, *files.opened(settings, path, patience))
    servers = Servers()
    for _, service in asked(settings):
        yield service.opened(settings, servers)
    if recording is not None:
        yield from _recorded(settings, recording, patience)


def _recorded(settings: Settings, recording: Recording, patience: Patience) -> Iterator[Opened]:
    from netmon.sinks import evidence, packets  # noqa: PLC0415  few runs record packets

    if settings.write:
        yield packets.opened(settings, recording, patience)
    if settings.evidence:
        yield evidence.opened(settings, recording, patience)


def stay(opened: Iterable[Opened], sinks: list[Sink], patience: Patience, report: Callable[[list[str]], None]) -> None:
    """After the last packet of a file, serves on until netmon is told to end, if an output is of use for so long.

    The other sinks are closed before, and so are no longer in `sinks`: nobody waits for what they write at the end.
    """
    staying = {each.sink for each in opened if each.stays}
    if not staying or patience.is_ending:
        return
    for sink in [sink for sink in sinks if sink not in staying]:
        sinks.remove(sink)
        sink.close()
    report(["netmon: the file is read; what it had is served until Ctrl+C\n"])
    while not patience.is_ending:
        time.sleep(STEP)


def unavailable(settings: Settings) -> Iterator[tuple[str, str]]:
    """The settings whose service cannot be opened, each with what to install before. ConfigError for wrong ones."""
    from netmon.extras import missing  # noqa: PLC0415  few services need an extra

    if settings.asks_for_packets:
        from netmon.sinks import packets  # noqa: PLC0415  few runs write packets

        packets.check(settings)
    for name, service in asked(settings):
        if service.extra and (problem := missing(service.extra)):
            yield name, problem


def lists_exchanges(settings: Settings) -> bool:
    """Whether an output shows exchanges while standard output does not: then they are kept out of the others."""
    rows = [outputs.FILES[outputs.extension(path)] for path in settings.output]
    return not settings.requests and any(
        row.shows_exchanges for row in (*rows, *(service for _, service in asked(settings)))
    )
