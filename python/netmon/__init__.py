"""netmon watches HTTP on the wire: hosts, sections, statuses, latencies, and whether something just went wrong.

The flow, one module per step. A module imports only modules of the steps before it:

    _core      capture, reassembly, HTTP and counting, in Rust: one immutable `Snapshot` per interval
    given      what a monitor reads: paths, URLs, bytes, file objects
    monitor    `Monitor`: an iterator, plain or async, over those snapshots; in archive, `read` of what is kept
    alerts     `AlertPolicy`: snapshots in, alerts fired and recovered out; no clock of its own
    frames     what to show after each snapshot: the window, the totals, the alerts
    sinks, display    a frame becomes text, JSON or a screen
    session, cli      the loop that joins them, and the command

The laws: snapshots merge (`Snapshot.merge`) in any order and grouping. Time is the time of the packets, so a capture
file gives the same numbers and alerts as the live link. What was lost is counted in `Snapshot.capture` and shown.

    import netmon

    for snapshot in netmon.Monitor("eth0"):
        print(snapshot.hits, [host.name for host in snapshot.top(3)])
"""

TYPE_CHECKING = False  # `typing` takes longer to import than this package
if TYPE_CHECKING:
    from netmon._core import (
        CaptureError,
        Client,
        Connection,
        Exchange,
        Filter,
        FilterError,
        Histogram,
        Host,
        Metrics,
        Section,
        Snapshot,
        SourceError,
        WhereError,
        Window,
        __version__,
        arrow,
        list_interfaces,
    )
    from netmon.alerts import Alert, AlertPolicy, Rule
    from netmon.archive import Recording, read
    from netmon.keywords import run
    from netmon.monitor import Monitor

__all__ = [
    "Alert",
    "AlertPolicy",
    "CaptureError",
    "Client",
    "Connection",
    "Exchange",
    "Filter",
    "FilterError",
    "Histogram",
    "Host",
    "Metrics",
    "Monitor",
    "Recording",
    "Rule",
    "Section",
    "Snapshot",
    "SourceError",
    "WhereError",
    "Window",
    "__version__",
    "arrow",
    "list_interfaces",
    "read",
    "run",
]

_MODULES = {
    "_core": (
        "CaptureError",
        "Client",
        "Connection",
        "Exchange",
        "Filter",
        "FilterError",
        "Histogram",
        "Host",
        "Metrics",
        "Section",
        "Snapshot",
        "SourceError",
        "WhereError",
        "Window",
        "__version__",
        "arrow",
        "list_interfaces",
    ),
    "alerts": ("Alert", "AlertPolicy", "Rule"),
    "archive": ("Recording", "read"),
    "keywords": ("run",),
    "monitor": ("Monitor",),
}
"""The module of each public name. A module loads when a name of it is first used, so that the command starts fast."""


def __getattr__(name: str) -> object:
    from importlib import import_module  # noqa: PLC0415  as above

    for module, names in _MODULES.items():
        if name != module and name not in names:
            continue
        try:
            loaded = import_module(f"netmon.{module}")
        except ImportError as error:
            from netmon.missing import explain  # noqa: PLC0415  as above

            raise explain(error) from None
        value = globals()[name] = loaded if name == module else getattr(loaded, name)
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_MODULES})
