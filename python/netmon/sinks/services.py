"""The outputs that are not files: by setting, what opens it, what it needs, and what the user is told of it.

To add one, add a module beside this one and a row to the table. `opened` opens these, and the files of ``--output`` as
well.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from netmon import format as fmt
from netmon._core import METRICS_SUBSET
from netmon.outlet import STEP
from netmon.serving.servers import Servers
from netmon.sinks import Opened, files, outputs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from netmon._core import Recording
    from netmon.options import Settings
    from netmon.outlet import Patience
    from netmon.sinks import Out, Sink


class Service(NamedTuple):
    """A row of the table."""

    opened: Callable[[Settings, Servers, Patience], Opened]
    """Opens it, with a server from those that all services share if it needs one. Raises OSError."""
    extra: str = ""
    """The extra of the distribution that it needs."""
    shows_slowest: bool = False
    """Whether it shows the slowest exchanges, so that the capture has to list them."""
    subsets: Sequence[tuple[str, str]] = ()
    """The subsets of exchanges that it needs counted: pairs of a filter and a kind of rows."""
    wrong: Callable[[Settings], str] = lambda _: ""
    """What is wrong with its settings; empty if nothing is."""


def _web(settings: Settings, servers: Servers, _patience: Patience) -> Opened:
    from netmon.sinks.viewers import opened  # noqa: PLC0415  few runs serve a page

    return opened(settings, servers)


def _prometheus(settings: Settings, servers: Servers, _patience: Patience) -> Opened:
    from netmon.sinks.prometheus import opened  # noqa: PLC0415  few runs serve metrics

    return opened(settings, servers)


def _otlp(settings: Settings, _servers: Servers, patience: Patience) -> Opened:
    from netmon.sinks.otlp import opened  # noqa: PLC0415  few runs send metrics

    return opened(settings, patience)


def _wrong_otlp(settings: Settings) -> str:
    from netmon.sinks.otlp import wrong  # noqa: PLC0415  as above

    return wrong(settings)


SERVICES: Mapping[str, Service] = {
    "web": Service(_web, extra="html", shows_slowest=True),
    "prometheus": Service(_prometheus, subsets=(METRICS_SUBSET,)),
    "otlp": Service(_otlp, subsets=(METRICS_SUBSET,), wrong=_wrong_otlp),
}
"""The services by the setting that asks for them."""


def asked(settings: Settings) -> Iterator[tuple[str, Service]]:
    """The services that the settings ask for, by setting."""
    return ((name, service) for name, service in SERVICES.items() if getattr(settings, name))


def opened(settings: Settings, patience: Patience, recording: Recording | None = None) -> Iterator[Opened]:
    """Opens every service and every file, and returns the files first. `recording` has recorded packets.

    Raises OSError. Files are opened last: where a port is taken or a folder is missing, none is made or emptied.
    """
    servers = Servers()
    made: list[Opened] = []
    try:
        for _, service in asked(settings):
            made.append(service.opened(settings, servers, patience))
        if recording is not None:
            made.extend(_recorded(settings, recording, patience))
        for path in settings.output:
            yield Opened(path, *files.opened(settings, path, patience))
    except OSError:
        for each in made:
            each.outlet.abandon()
        servers.close()
        raise
    yield from made


def _recorded(settings: Settings, recording: Recording, patience: Patience) -> Iterator[Opened]:
    from netmon.sinks import evidence, packets  # noqa: PLC0415  few runs record packets

    if settings.evidence:
        yield evidence.opened(settings, recording, patience)
    if settings.write:
        yield packets.opened(settings, recording, patience)


def close_all(outlets: list[Out], error: BaseException | None, say: Callable[[str], None]) -> BaseException | None:
    """Closes all outlets. Returns `error`, or else the first error of an outlet; says what is wrong with others."""
    for outlet in outlets:
        if isinstance(error, KeyboardInterrupt):
            outlet.abandon()
        try:
            outlet.close()
        except OSError as problem:
            if error is None:
                error = problem
            elif not isinstance(problem, BrokenPipeError):
                say(f"netmon: {fmt.sanitize(str(problem.filename))}: {problem.strerror}\n")
    outlets.clear()
    return error


def stay(
    opened: Iterable[Opened],
    sinks: list[Sink],
    outlets: list[Out],
    patience: Patience,
    report: Callable[[list[str]], None],
) -> None:
    """After the last packet of a file, serves on until netmon is told to end, if an output is of use for so long.

    All others are closed before, so that their files are whole, and are no longer in `sinks` and `outlets`: nobody
    waits for them at the end. Raises the first OSError of one at the end.
    """
    opened = list(opened)
    staying = {each.sink for each in opened if each.stays}
    if not staying or patience.is_ending:
        return
    for sink in [sink for sink in sinks if sink not in staying]:
        sinks.remove(sink)
        sink.close()
    failure: OSError | None = None
    for each in opened:
        if each.stays or each.outlet not in outlets:
            continue
        try:
            each.outlet.close()
        except OSError as error:
            failure = failure or error
            report([f"netmon: error: {fmt.sanitize(each.name)}: {error.strerror}\n"])
        outlets.remove(each.outlet)
    report(["netmon: the file is read; what it had is served until Ctrl+C\n"])
    while not patience.is_ending:
        time.sleep(STEP)
    if failure is not None:
        raise failure


def unavailable(settings: Settings) -> Iterator[tuple[str, str]]:
    """The settings whose service cannot be opened, each with what is wrong or what to install before.

    Raises ConfigError for settings about packets that do not go together.
    """
    from netmon.extras import missing  # noqa: PLC0415  few services need an extra

    if settings.asks_for_packets:
        from netmon.sinks import packets  # noqa: PLC0415  few runs write packets

        packets.check(settings)
    for name, service in asked(settings):
        if problem := (missing(service.extra) if service.extra else "") or service.wrong(settings):
            yield name, problem


def subsets(settings: Settings) -> list[tuple[str, str]]:
    """The subsets of exchanges that the services need, each once."""
    return list(dict.fromkeys(subset for _, service in asked(settings) for subset in service.subsets))


def lists_slowest(settings: Settings) -> bool:
    """Whether an output shows the slowest exchanges and nothing else lists any: they are kept out of the others."""
    rows = [outputs.FILES[outputs.extension(path)] for path in settings.output]
    shown = any(row.shows_slowest for row in (*rows, *(service for _, service in asked(settings))))
    return shown and not settings.requests
