"""Creates the files of ``--output``: an outlet and a sink for each."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from netmon import safe_file
from netmon.outlet import Outlet, Patience
from netmon.sinks import outputs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from netmon.options import Settings
    from netmon.rotation import Rotation
    from netmon.sinks import Out, Sink


def opened(settings: Settings, name: str, patience: Patience) -> tuple[Out, Sink]:
    """Creates the file of one output. Raises OSError, also for a file that exists unless settings permit it."""
    mode: safe_file.Mode = "append" if settings.append else "replace" if settings.force else "new"
    output = outputs.FILES[outputs.extension(name)]
    if isinstance(output, outputs.OwnOutput):
        return output.opened(settings, name, mode)
    rotation = _rotation(settings, name) if output.rotates else None
    head = output.head(settings)
    outlet = Outlet(safe_file.create(name, mode), name, patience, path=name, head=head, rotation=rotation)
    return outlet, output.sink(settings, outlet)


def refusal(settings: Settings, name: str) -> str:
    """Why an output must not be written as the settings say: it would replace a file that exists, or one of another
    output. Empty if it may.
    """
    if not (settings.append or settings.force):
        if os.path.isfile(name):
            return "the file exists; --append adds to it, --force replaces it"
        if there := next(filter(os.path.lexists, _older(settings, name)), None):
            return f"{there} exists, where older files go; --append keeps it as one of them, --force replaces it"
    try:
        ours = {os.path.realpath(each) for each in (name, *_older(settings, name))}
        shared = sum(os.path.realpath(each) in ours for each in settings.output)
    except OSError as error:  # the working folder is gone
        return error.strerror or str(error)
    if shared > 1:
        return "another output has the same file; give each a name of its own"
    return ""


def _older(settings: Settings, name: str) -> Sequence[str]:
    """The names that older files of an output get."""
    rotates = getattr(outputs.FILES[outputs.extension(name)], "rotates", not name.endswith("/"))
    if not rotates or (settings.output_max_size is None and settings.output_max_age is None):
        return ()
    from netmon.rotation import before_extension  # noqa: PLC0415  few outputs have a limit

    return [before_extension(name, number) for number in range(1, settings.output_files)]


def _rotation(settings: Settings, name: str) -> Rotation:
    """When the file is begun anew: at a limit, or when somebody has moved it away."""
    from netmon.rotation import Rotation, before_extension  # noqa: PLC0415  few runs write files

    return Rotation(
        name,
        max_size=settings.output_max_size,
        max_age=settings.output_max_age,
        files=settings.output_files,
        named=before_extension,
    )
