"""The packets of ``--write`` as an output of the session: a thread writes them, whatever frames there are."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from netmon import outlet
from netmon.config import ConfigError
from netmon.packet_writer import PacketWriter, writer_of
from netmon.sinks import Opened

if TYPE_CHECKING:
    from netmon._core import Recording
    from netmon.frames import Frame
    from netmon.options import Settings
    from netmon.outlet import Patience

STDOUT = "-"
"""The name that stands for standard output."""


class Packets:
    """The sink: it only notices that nobody reads the packets any more."""

    def __init__(self, writer: PacketWriter) -> None:
        self._writer = writer

    def update(self, _frame: Frame) -> None:
        self._writer.check()

    def close(self) -> None:
        """Waits for the thread, so that the summary comes after the packets, or not at all if nobody reads them."""
        self._writer.wait()
        self._writer.check()


def opened(settings: Settings, recording: Recording, patience: Patience) -> Opened:
    """Creates the file, and starts the thread. Raises OSError."""
    name = settings.write or ""
    if name == STDOUT:
        name = "standard output"
        out = outlet.of_stream(sys.stdout.fileno(), name, patience)
        out.head = recording.head(0)
        writer = PacketWriter(recording, name, patience, outlet=out)
    else:
        writer = writer_of(
            recording,
            name,
            patience,
            max_size=settings.write_max_size,
            max_age=settings.write_max_age,
            most=settings.write_files,
            force=settings.force,
        )
    writer.start()
    return Opened(name, writer, Packets(writer))


def check(settings: Settings) -> None:
    """Raises ConfigError for settings about packets that do not go together."""
    if settings.evidence_payload and not settings.evidence:
        raise ConfigError("--evidence-payload: needs --evidence DIR")
    path = settings.write
    if path is None:
        flags = ("write_max_size", "write_max_age", "write_files")
        for given in filter(lambda flag: getattr(settings, flag), flags):
            raise ConfigError(f"--{given.replace('_', '-')}: needs -w FILE")
        return
    is_set = settings.write_max_size is not None or settings.write_max_age is not None
    if settings.write_files and not is_set:
        raise ConfigError("-W: how many files to keep needs -C or -G, which begin new ones")
    if path == STDOUT:
        _check_stdout(settings, is_set=is_set)
    elif settings.append:
        raise ConfigError(f"-w {path}: --append cannot add to a file of packets; --force replaces it")
    elif not is_set and os.path.isfile(path) and not settings.force:
        raise ConfigError(f"-w {path}: the file exists; --force replaces it")


def _check_stdout(settings: Settings, *, is_set: bool) -> None:
    if is_set:
        raise ConfigError("-w -: standard output is one stream; -C and -G need a file")
    if settings.format != "auto" or settings.requests:
        raise ConfigError("-w -: standard output is for packets, so nothing else can be written there")
    if sys.stdout.isatty():
        raise ConfigError("-w -: standard output is a terminal, which cannot show packets")
