"""Creates files: readable by their owner alone, never through a link, never where other users could swap them.

A path goes in; a descriptor comes out, or an OSError whose message names the path and what is wrong with it.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from typing import Literal, TypeAlias

FLAGS = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
"""O_NONBLOCK matters for a named pipe; it has no effect on a regular file."""

FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC

Mode: TypeAlias = Literal["new", "replace", "append"]
"""What happens to a file that exists already. With "new" that is an error."""

MODES: dict[Mode, int] = {"new": os.O_EXCL, "replace": 0, "append": os.O_APPEND}

PRIVATE = 0o600
"""Only the owner may read captured traffic."""


def create(path: str, mode: Mode = "new") -> int:
    """Opens a file for writing and returns its descriptor; returns -1 for a named pipe, which is not opened.

    An existing file keeps its permissions, and in mode "append" its content.
    """
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


def check_folder(path: str) -> None:
    """Raises OSError if a file must not be created, or cannot be, in the folder of this path."""
    folder = _folder(path)
    os.close(folder)
    if not os.access(os.path.dirname(path) or ".", os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)


def swap(path: str, content: bytes) -> None:
    """Replaces a file in one step: whoever reads it finds the old content or the new one, whatever happens."""
    beside = f"{path}.new"
    with suppress(FileNotFoundError):
        os.unlink(beside)  # what an earlier process left when it was killed
    fd = create(beside, "new")
    try:
        with open(fd, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.rename(beside, path)
    except OSError:
        with suppress(OSError):
            os.unlink(beside)
        raise


def _refuse_what_is_there(path: str, name: str, folder: int) -> None:
    """Raises if something else is wrong with an existing file than that it exists."""
    fd = _open(path, name, folder, FLAGS & ~os.O_CREAT)
    try:
        _refuse_others(path, os.fstat(fd), os.fstat(folder))
    finally:
        os.close(fd)


def write_new(path: str, data: bytes) -> None:
    """Creates a file with these bytes; leaves no file behind if writing fails."""
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
    """Opens the folder of a file. Raises if it, or one above it, is writable by all and has no sticky bit."""
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
                raise PermissionError(errno.EPERM, "is in a directory that others can write to", path)
            above = os.open("..", FOLDER, dir_fd=at)
            os.close(at)
            at = above
            if os.path.samestat(here, os.fstat(at)):
                return folder
    except OSError as error:
        os.close(folder)
        raise _named(error, path) from error
    finally:
        os.close(at)


def _refuse_links(path: str, where: str) -> None:
    """Raises if a link leads to the folder from a directory that all users can write, where anybody can make a link."""
    at = os.path.abspath(where)
    while (above := os.path.dirname(at)) != at:
        if os.path.islink(at) and os.path.isdir(above) and _is_open_to_all(os.stat(above)):
            raise OSError(errno.ELOOP, "is behind a symbolic link in a directory that others can write to", path)
        at = above


def _refuse_others(path: str, file: os.stat_result, folder: os.stat_result) -> None:
    """Raises for a device. In a folder writable by all, raises for a file of another user or with a second link."""
    if not (stat.S_ISREG(file.st_mode) or stat.S_ISFIFO(file.st_mode)):
        raise OSError(errno.EINVAL, "is neither a file nor a named pipe", path)
    if _is_open_to_all(folder) and (file.st_uid != os.geteuid() or file.st_nlink > 1):
        raise PermissionError(errno.EPERM, "was made by somebody else", path)


def _pipe(name: str, folder: int) -> os.stat_result | None:
    """The status of a named pipe; None if the name is not one."""
    with suppress(OSError):
        there = os.stat(name, dir_fd=folder, follow_symlinks=False)
        return there if stat.S_ISFIFO(there.st_mode) else None
    return None


def _is_open_to_all(folder: os.stat_result) -> bool:
    return bool(folder.st_mode & stat.S_IWOTH)


def _named(error: OSError, path: str) -> OSError:
    return OSError(error.errno or errno.EIO, error.strerror or str(error), path)
