"""netmon watches HTTP on the wire: hosts, sections, statuses, latencies, and whether something just went wrong.

The flow, one module a step, each knowing only those before it:

    _core      capture, reassembly, HTTP and counting, in Rust: one immutable `Snapshot` per interval
    given      what a monitor is given to read: paths, bytes, file objects
    monitor    `Monitor`: an iterator, plain or async, over those snapshots
    alerts     `AlertPolicy`: snapshots in, alerts fired and recovered out; no clock of its own
    frames     what there is to show after each snapshot: the window, the totals, the alerts
    sinks, display    a frame becomes text, JSON or a screen
    session, cli      the loop that joins them, and the command

The laws: snapshots merge (`Snapshot.merge`) in any order and grouping; time is the time of the packets, so a capture
file gives the numbers and the alerts that the live link gave; what was lost is counted in `Snapshot.capture` and shown.

    import netmon

    for snapshot in netmon.Monitor("eth0"):
        print(snapshot.hits, [host.name for host in snapshot.top(3)])
"""

try:
    from netmon._core import (
        CaptureError,
        Exchange,
        FilterError,
        Histogram,
        Host,
        Section,
        Snapshot,
        SourceError,
        Window,
        __version__,
        list_interfaces,
    )
except ImportError as error:
    from netmon.missing import explain

    raise explain(error) from None
from netmon.alerts import Alert, AlertPolicy, Rule
from netmon.monitor import Monitor

__all__ = [
    "Alert",
    "AlertPolicy",
    "CaptureError",
    "Exchange",
    "FilterError",
    "Histogram",
    "Host",
    "Monitor",
    "Rule",
    "Section",
    "Snapshot",
    "SourceError",
    "Window",
    "__version__",
    "list_interfaces",
]
