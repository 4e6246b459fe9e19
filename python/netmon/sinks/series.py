"""Frames as series for monitoring systems: what the core counted, and what the alert rules say of it.

A frame goes in; the series are those of `Metrics`. Encodes nothing, sends nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from netmon import format as fmt
from netmon._core import Metrics

if TYPE_CHECKING:
    from netmon.alerts import Gauge
    from netmon.frames import Frame
    from netmon.options import Settings


class Series:
    """Adds up frames. `metrics` has the sums."""

    def __init__(self, settings: Settings) -> None:
        self.metrics = Metrics(settings.metrics_hosts)

    def update(self, frame: Frame) -> None:
        self.metrics.add(frame.original or frame.whole or frame.snapshot)
        self.metrics.set_rules([_state(gauge) for gauge in frame.gauges])
        for alert in frame.events:
            self.metrics.count_alert(fmt.sanitize(alert.rule.title), alert.rule.severity, fired=alert.state == "fired")


def _state(gauge: Gauge) -> tuple[str, str, int, bool]:
    """Name and severity of a rule, the number of rows for which it fires, and whether that is unknown."""
    firing = gauge.firing if gauge.rule.per else int(gauge.alert is not None)
    return fmt.sanitize(gauge.rule.title), gauge.rule.severity, firing, gauge.state == "unknown"
