"""Files that netmon makes: readable by their owner alone, never through a link, never where others could swap them.

A path in, a descriptor out, or an OSError whose message names the path and what is wrong with it.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from typing import Literal, TypeAlias

FLAGS = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
"""Not to block is for a named pipe; a file does not know it."""

FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC

Mode: TypeAlias = Literal["new", "replace", "append"]
"""What becomes of a file that is there; one that is to be new must not be."""

MODES: dict[Mode, int] = {"new": os.O_EXCL, "replace": 0, "append": os.O_APPEND}

PRIVATE = 0o600
"""What is captured is nobody else's business."""


def create(path: str, mode: Mode = "new") -> int:
    """A file to write to; one that is there keeps its mode, and its text if it is added to. -1 for a named pipe."""
    folder = _folder(path)
    try:
        name = os.path.basename(path)
        if (pipe := _pipe(name, folder)) is not None:
            _refuse_others(path, pipe, os.fstat(folder))
            return -1
        try:
            fd = _open(path, name, folder, FLAGS | MODES[mode])
        except FileExistsError:
            _refuse_what_is_there(path, name, folder)
            raise
        try:
            _refuse_others(path, os.fstat(fd), os.fstat(folder))
            if mode == "replace":
                os.ftruncate(fd, 0)
        except OSError:
            os.close(fd)
            raise
        return fd
    finally:
        os.close(folder)


def _refuse_what_is_there(path: str, name: str, folder: int) -> None:
    """Raises what is wrong with it beside that it is there."""
    fd = _open(path, name, folder, FLAGS & ~os.O_CREAT)
    try:
        _refuse_others(path, os.fstat(fd), os.fstat(folder))
    finally:
        os.close(fd)


def write_new(path: str, data: bytes) -> None:
    """A new file with these bytes, or none at all."""
    folder = _folder(path)
    try:
        name = os.path.basename(path)
        fd = _open(path, name, folder, FLAGS | os.O_EXCL)
        try:
            try:
                with memoryview(data) as view:
                    done = 0
                    while done < len(view):
                        done += os.write(fd, view[done:])
            finally:
                os.close(fd)
        except OSError as error:
            os.unlink(name, dir_fd=folder)
            raise _named(error, path) from error
    finally:
        os.close(folder)


def _open(path: str, name: str, folder: int, flags: int) -> int:
    try:
        return os.open(name, flags, PRIVATE, dir_fd=folder)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OSError(errno.ELOOP, "is a symbolic link, which is not followed", path) from error
        raise _named(error, path) from error


def _folder(path: str) -> int:
    """The folder of a file, after a look at it and at all that it lies in."""
    where = os.path.dirname(path) or "."
    _refuse_links(path, where)
    try:
        folder = os.open(where, FOLDER)
    except OSError as error:
        raise _named(error, path) from error
    at = os.dup(folder)
    try:
        while True:
            here = os.fstat(at)
            if _is_open_to_all(here) and not here.st_mode & stat.S_ISVTX:
                raise PermissionError(errno.EPERM, "lies in a directory that others can write", path)
            above = os.open("..", FOLDER, dir_fd=at)
            os.close(at)
            at = above
            if os.path.samestat(here, os.fstat(at)):
                return folder
    except OSError:
        os.close(folder)
        raise
    finally:
        os.close(at)


def _refuse_links(path: str, where: str) -> None:
    """Anybody can make a link in a directory that all can write, sticky or not."""
    at = os.path.abspath(where)
    while (above := os.path.dirname(at)) != at:
        if os.path.islink(at) and os.path.isdir(above) and _is_open_to_all(os.stat(above)):
            raise OSError(errno.ELOOP, "lies behind a symbolic link in a directory that others can write", path)
        at = above


def _refuse_others(path: str, file: os.stat_result, folder: os.stat_result) -> None:
    """A device is no file; and where all can make files, only those that this user made are written to."""
    if not (stat.S_ISREG(file.st_mode) or stat.S_ISFIFO(file.st_mode)):
        raise OSError(errno.EINVAL, "is neither a file nor a named pipe", path)
    if _is_open_to_all(folder) and (file.st_uid != os.geteuid() or file.st_nlink > 1):
        raise PermissionError(errno.EPERM, "was made by somebody else", path)


def _pipe(name: str, folder: int) -> os.stat_result | None:
    """What is known of a named pipe; None where there is none."""
    with suppress(OSError):
        there = os.stat(name, dir_fd=folder, follow_symlinks=False)
        return there if stat.S_ISFIFO(there.st_mode) else None
    return None


def _is_open_to_all(folder: os.stat_result) -> bool:
    return bool(folder.st_mode & stat.S_IWOTH)


def _named(error: OSError, path: str) -> OSError:
    return OSError(error.errno or errno.EIO, error.strerror or str(error), path)
