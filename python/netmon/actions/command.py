"""Runs one program without a shell: bounded in time and in output, in a session of its own, away from the terminal.

Arguments, an environment and JSON for its standard input go in, an `Outcome` comes out; no error is raised. The program
runs in ``/`` with no descriptor but its three streams. A program that takes too long gets SIGTERM, then SIGKILL,
together with all others of its process group. Its output is read to the end, and only the last of it is kept.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from contextlib import suppress
from typing import IO, TYPE_CHECKING, NamedTuple

from netmon import format as fmt
from netmon.actions.delivery import Outcome
from netmon.config import invoking_user
from netmon.privileges import STANDARD_PATH

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

STEP = 0.05
"""Seconds between two looks at whether a program has ended."""

GRACE = 2.0
"""Seconds between SIGTERM and SIGKILL, and how long netmon then waits for the end."""

HASTE = 0.3
"""The same, once netmon ends."""

KEPT = 2048
"""Bytes of output that are kept, the last ones."""

SHOWN = 200
"""Characters of the last line that a message shows."""

KEPT_VARIABLES = ("HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TMPDIR")
SESSION_VARIABLES = ("DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR")
"""What a program gets of netmon's environment, the second part for programs that speak to a desktop; and LC_*."""


PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL = 47, 4
"""Of ``linux/prctl.h``."""


class Identity(NamedTuple):
    """The user as whom commands run, where that is not the user of netmon."""

    uid: int
    gid: int
    groups: tuple[int, ...]
    name: str
    home: str


def identity(environment: Mapping[str, str], effective: int) -> Identity | None:
    """The user who called sudo. None where netmon was not called by sudo: then commands run as netmon does.

    A user who may run netmon by sudo, and nothing else, gets no other command as root by writing a rule.
    """
    import pwd  # noqa: PLC0415  only sudo needs it

    user = invoking_user(environment, effective)
    if not user:
        return None
    try:
        entry = pwd.getpwuid(user)
    except KeyError:
        nobody = 65534  # a user without an entry has no known group
        return Identity(user, nobody, (), str(user), "/")
    groups = tuple(os.getgrouplist(entry.pw_name, entry.pw_gid))
    return Identity(user, entry.pw_gid, groups, entry.pw_name, entry.pw_dir)


def surroundings(environment: Mapping[str, str], effective: int, who: Identity | None) -> dict[str, str]:
    """The environment of commands, without the facts: a few variables of netmon's own, and a PATH without "."."""
    kept = (*KEPT_VARIABLES, *SESSION_VARIABLES)
    own = {name: value for name, value in environment.items() if name in kept or name.startswith("LC_")}
    path = [folder for folder in environment.get("PATH", "").split(":") if folder.startswith("/")]
    own["PATH"] = STANDARD_PATH if effective == 0 or not path else ":".join(path)
    if who is not None:
        own |= {"HOME": who.home, "USER": who.name, "LOGNAME": who.name, "XDG_RUNTIME_DIR": f"/run/user/{who.uid}"}
    return own


def run(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    data: bytes,
    *,
    timeout: float,
    who: Identity | None = None,
    is_over: Callable[[], bool] = lambda: False,
    grace: float = GRACE,
) -> Outcome:
    """Runs a program to its end, for `timeout` seconds at most, or until `is_over`."""
    end = time.monotonic() + timeout
    _give_up_rights()
    try:
        child = subprocess.Popen(  # noqa: S603  a list of arguments, never a shell
            [argument.encode("utf-8", "surrogateescape") for argument in arguments],
            bufsize=0,
            cwd="/",
            env={name.encode(): value.encode("utf-8", "surrogateescape") for name, value in environment.items()},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            user=who.uid if who else None,
            group=who.gid if who else None,
            extra_groups=who.groups if who else None,
        )
    except FileNotFoundError:
        lacks = "does not exist, or its interpreter does not" if "/" in arguments[0] else "is not in PATH"
        return Outcome("failed", lacks)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        words = error.strerror if isinstance(error, OSError) else str(error)
        return Outcome("failed", f"cannot be started: {fmt.sanitize(words or repr(error))}")
    talk = _Talk(child, data)
    try:
        has_ended = talk.until(end, is_over)
        if not has_ended:
            _end(child, HASTE if is_over() else grace)
    finally:
        output = talk.close()
    if has_ended:
        return _judged(child.wait(), output)
    why = "is ended because netmon ends" if is_over() else f"takes longer than {timeout:g} s and is ended"
    return Outcome("failed", why + _last_line(output), output=output)


def _give_up_rights() -> None:
    """Clears the ambient capabilities of this thread, so that programs do not inherit the right to capture.

    Other threads keep theirs: capabilities belong to threads. Root needs no capability to have its rights.
    """
    import ctypes  # noqa: PLC0415  only commands need it

    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is not None:
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)


class _Talk:
    """Writes to a program and reads from it, without waiting for either."""

    def __init__(self, child: subprocess.Popen[bytes], data: bytes) -> None:
        assert child.stdin is not None  # noqa: S101  both are pipes
        assert child.stdout is not None  # noqa: S101
        self._child, self._rest, self._tail = child, memoryview(data), b""
        self._in, self._out = child.stdin, child.stdout
        self._ready = selectors.DefaultSelector()
        for stream, event in ((self._in, selectors.EVENT_WRITE), (self._out, selectors.EVENT_READ)):
            os.set_blocking(stream.fileno(), False)
            self._ready.register(stream, event)

    def until(self, end: float, is_over: Callable[[], bool]) -> bool:
        """Talks until the program has ended, or until `end`, or until `is_over`. Returns whether it has ended."""
        while not _has_ended(self._child.pid):
            left = end - time.monotonic()
            if left <= 0 or is_over():
                return False
            for key, _ in self._ready.select(min(STEP, left)):
                stream = self._in if key.fileobj is self._in else self._out
                if not (self._write() if stream is self._in else self._read()):
                    self._drop(stream)
        return True

    def close(self) -> str:
        """Reads what is left and closes. A program in the background that still holds the pipe is not waited for."""
        for _ in range(1 << 4):  # a pipe holds no more than 16 reads of 64 KiB
            if self._out.closed or not self._read(is_last=True):
                break
        self._ready.close()
        self._in.close()
        self._out.close()
        lines = self._tail.decode("utf-8", "replace").split("\n")
        return " | ".join(told for line in lines if (told := fmt.sanitize(" ".join(line.split()))))

    def _drop(self, stream: IO[bytes]) -> None:
        self._ready.unregister(stream)
        stream.close()

    def _write(self) -> bool:
        """Writes some of the data. Returns False once no more can be written."""
        try:
            self._rest = self._rest[os.write(self._in.fileno(), self._rest) :]
        except BlockingIOError:
            return True
        except OSError:  # it does not read its standard input
            return False
        return bool(self._rest)

    def _read(self, *, is_last: bool = False) -> bool:
        """Reads some output. Returns False at its end."""
        try:
            data = os.read(self._out.fileno(), 1 << 16)
        except BlockingIOError:
            return not is_last
        except OSError:
            return False
        self._tail = (self._tail + data)[-KEPT:]
        return bool(data)


def _has_ended(pid: int) -> bool:
    """Whether a program has ended. It is not reaped, so its number, which is that of its group, stays taken."""
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:  # SIGCHLD is ignored in this process
        return True


def _end(child: subprocess.Popen[bytes], grace: float) -> None:
    """Ends the whole process group: SIGTERM, some time to obey, SIGKILL for whoever is left."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, number)
        until = time.monotonic() + grace
        while not _has_ended(child.pid) and time.monotonic() < until:
            time.sleep(STEP)
    child.poll()


def _judged(code: int, output: str) -> Outcome:
    if code == 0:
        return Outcome("done", output=output)
    if code > 0:
        return Outcome("failed", f"exits with {code}{_last_line(output)}", output=output)
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return Outcome("failed", f"is killed by {name}{_last_line(output)}", output=output)


def _last_line(output: str) -> str:
    line = output.rpartition(" | ")[2].strip()
    return f": {line[:SHOWN]}" if line else ""
