"""Folders of Python modules that another user may not reach, such as a Python in the home of root.

`Folders` opens them while that is allowed. After the user was switched, `use` lets modules be loaded through these
descriptors. Modules that are loaded already stay as they are.
"""

from __future__ import annotations

import importlib
import os
import sys
from contextlib import suppress


class Folders:
    """The folders of ``sys.path``, open."""

    def __init__(self) -> None:
        self._open: dict[str, int] = {}
        for path in filter(os.path.isabs, sys.path):
            with suppress(OSError):
                self._open[path] = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def use(self) -> None:
        """Replaces the folders that this user cannot reach by their descriptors, and closes all others."""
        moved: dict[str, str] = {}
        for path, fd in self._open.items():
            if os.access(path, os.R_OK | os.X_OK):
                os.close(fd)
            else:
                moved[path] = f"/proc/self/fd/{fd}"
        self._open.clear()
        if moved:
            sys.path[:] = [moved.get(path, path) for path in sys.path]
            for module in list(sys.modules.values()):
                _move(module, moved)
            importlib.invalidate_caches()


def _move(module: object, moved: dict[str, str]) -> None:
    """Lets a package load its other modules, and its data, from where they can be reached."""
    folders = getattr(module, "__path__", None)
    if isinstance(folders, list):
        folders[:] = [_moved(folder, moved) for folder in folders]
    loader = getattr(module, "__loader__", None)
    if isinstance(getattr(loader, "path", None), str):
        loader.path = _moved(loader.path, moved)  # type: ignore[union-attr]


def _moved(path: str, moved: dict[str, str]) -> str:
    """The path by the descriptor of the innermost folder that has one."""
    folders = [folder for folder in moved if path == folder or path.startswith(folder + os.sep)]
    if not folders:
        return path
    folder = max(folders, key=len)
    return moved[folder] + path[len(folder) :]
