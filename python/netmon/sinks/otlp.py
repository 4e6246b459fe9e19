"""Metrics for an OpenTelemetry collector. `Otlp` takes frames, and a thread of its own sends their sums."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from netmon.config import ConfigError
from netmon.otlp.exporter import Exporter, hostname
from netmon.otlp.target import target
from netmon.sinks import Opened
from netmon.sinks.series import Series

if TYPE_CHECKING:
    from netmon.frames import Frame
    from netmon.options import Settings
    from netmon.outlet import Patience


def wrong(settings: Settings) -> str:
    """What is wrong with the settings or with a variable; empty if nothing is."""
    try:
        target(settings, os.environ, hostname())
    except ValueError as error:
        return str(error)
    return ""


def opened(settings: Settings, patience: Patience) -> Opened:
    """Begins to send with the first frame."""
    try:
        series, to = Series(settings), target(settings, os.environ, hostname())
    except ValueError as error:  # such as a certificate that the user that netmon has become may not read
        raise ConfigError(f"--otlp: {error}") from error
    exporter = Exporter(to, series.metrics, patience)
    return Opened(to.shown, exporter, Otlp(series, exporter))


class Otlp:
    """The sink."""

    def __init__(self, series: Series, exporter: Exporter) -> None:
        self._series, self._exporter = series, exporter

    def update(self, frame: Frame) -> None:
        self._series.update(frame)
        self._exporter.begin()

    def close(self) -> None:
        self._exporter.end()
