"""Gives up the rights of the process: becomes another user, limits files and system calls, and checks that it worked.

The command does so, between opening its devices and looking at the first packet; a library leaves its process alone.
Raises PrivilegesError, after which the process must end.
"""

from __future__ import annotations

import errno
import os
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from netmon import log, outlet
from netmon._core import Confinement, deny_system_calls, limit_rights, no_new_rights, switch_user
from netmon.alarms import state_path
from netmon.privileges import (
    NET_RAW,
    READER,
    PrivilegesError,
    SwitchError,
    environment_of,
    in_user_namespace,
    numbered,
    planned,
    remaining,
    unwanted,
)
from netmon.reach import reach

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from netmon.alerts import Rule
    from netmon.modules import Folders
    from netmon.monitor import Monitor
    from netmon.options import Settings

T = TypeVar("T")

TASKS = "/proc/self/task"

ENDING = 0.5
"""Seconds in which a thread that is just ending goes away. The C library does not switch its user any more."""

STANDARD = (1, 2)
"""The descriptors of standard output and standard error."""


class Guard:
    """Made for one session, before it opens anything. `path` is that of the configuration file, if one was read."""

    def __init__(self, settings: Settings, rules: Sequence[Rule], path: str = "") -> None:
        self.settings, self._rules, self._path = settings, rules, path
        self._effective = os.geteuid()
        is_live = not settings.read or "-" in settings.read
        acts = is_live and any(rule.exec or rule.webhook for rule in rules)
        self._runs_commands = is_live and any(rule.exec for rule in rules)
        self.plan = planned(settings, os.environ, self._effective, acts=acts)
        self.limits_files = self.limits_calls = False
        self._folders: Folders | None = None

    @property
    def keeps_root(self) -> bool:
        """Whether the process goes on with all rights of root."""
        return self._effective == 0 and self.plan.user is None and self.plan.rights is None

    @property
    def user(self) -> str:
        """The name of the user that the process is, once it has given up its rights."""
        return (self.plan.user or numbered(self._effective)).name

    @property
    def refuses_commands(self) -> str:
        """Why rules that are read later cannot run commands; empty if they can."""
        return "programs cannot be run since netmon has limited its files at the start; restart it" * self.limits_files

    def told(self, settings: Settings) -> Iterator[str]:
        """Yields what the user is told at the start, as the settings say."""
        if self.keeps_root and settings.user is not None and not settings.quiet:
            yield "warning: netmon keeps all rights of root, as --user root asks"
        if settings.verbose:
            files = "only files of this session can be reached" if self.limits_files else "files are not limited"
            calls = "dangerous system calls are denied" if self.limits_calls else "system calls are not limited"
            yield f"info: netmon runs as {self.user}; {files}; {calls}"

    def prepare(self) -> None:
        """To be called while there is one thread. Where no device is to be opened, gives up all rights."""
        _done("no_new_privs cannot be set", no_new_rights)
        if self.plan.user is not None:
            with suppress(OSError):  # whoever lacks CAP_SETPCAP cannot limit programs, which gain nothing anyway
                limit_rights(NET_RAW)
            from netmon.modules import Folders  # noqa: PLC0415  only another user needs it

            self._folders = Folders()
        for fd in STANDARD:
            outlet.hand_over(fd, self.plan.user.uid if self.plan.user is not None else None)
        if self.plan.reads_files:
            self._give_up(lambda _: None)

    def confine(self, confine_threads: Callable[[Confinement], None]) -> None:
        """Gives up all rights that `prepare` has left. `confine_threads` confines the threads that have begun since."""
        if not self.plan.reads_files:
            self._give_up(confine_threads)

    def _give_up(self, confine_threads: Callable[[Confinement], None]) -> None:
        self._switch()
        confinement = self._confinement()
        _done("rights cannot be given up", confinement.apply)
        _done("rights cannot be given up", lambda: confine_threads(confinement))
        self.limits_files = confinement.limits_files
        self.limits_calls = _done("system calls cannot be denied", deny_system_calls)
        self._verify()

    def _switch(self) -> None:
        user = self.plan.user
        if user is None:
            return
        try:
            switch_user(user.uid, user.gid)
        except OSError as error:
            raise SwitchError(_cannot_become(user.name, error, self._effective)) from error
        environment = environment_of(user, os.environ)
        for name in set(os.environ) - set(environment):
            del os.environ[name]
        os.environ.update(environment)
        if self._folders is not None:
            self._folders.use()

    def _confinement(self) -> Confinement:
        rights = self.plan.rights
        if self._runs_commands or any("://" in path for path in self.settings.read):  # URLs need files of fsspec
            return Confinement(rights=rights)
        rules = [rule.ca_file for rule in self._rules if rule.ca_file]
        reads, writes, devices = reach(
            self.settings,
            os.environ,
            more=filter(None, (self._path, *rules)),
            state=state_path(self.settings, self._rules, os.environ),
            exports=self.settings.format == "auto",
        )
        try:
            return Confinement(reads=reads, writes=writes, devices=devices, rights=rights)
        except OSError as error:
            raise PrivilegesError(f"Landlock cannot be set up: {error.strerror or error}") from error

    def _verify(self) -> None:
        until = time.monotonic() + ENDING
        while wrong := self._remaining():
            if time.monotonic() > until:
                raise PrivilegesError(f"rights were not given up: {wrong}")
            time.sleep(ENDING / 20)
        user = self.plan.user
        if user is None or user.uid == 0:
            return
        ways = (lambda: os.setuid(0), lambda: os.seteuid(0), lambda: os.setgid(0), lambda: os.setgroups([0]))
        if unwanted(ways[:2] if user.gid == 0 else ways):
            raise PrivilegesError("rights were not given up: this process can become root again")

    def _remaining(self) -> str:
        statuses = _statuses()
        if not statuses and sys.platform == "linux":
            return "the kernel tells of no thread; is /proc mounted?"
        return remaining(self.plan, statuses, effective=self._effective)


def keep_reading() -> None:
    """Gives up all rights of a process that only reads and writes files, but for those that reach files."""
    _done("no_new_privs cannot be set", no_new_rights)
    _done("rights cannot be given up", Confinement(rights=READER).apply)
    _done("system calls cannot be denied", deny_system_calls)


def confined(monitor: Monitor, guard: Guard | None) -> Exception | None:
    """Opens a monitor, and lets `guard` give up rights, if there is one. Returns why it could not be opened.

    Rights are given up even then, since a log will tell of it. Raises PrivilegesError if they cannot be given up.
    """
    failure: Exception | None = None
    if guard is not None:
        guard.prepare()
    try:
        (monitor.open if guard is None else monitor.hold)()
    except (OSError, ValueError) as error:
        failure = error
    if guard is not None:
        try:
            guard.confine((lambda _: None) if failure else monitor.confine)
        except SwitchError as error:
            raise failure or error from error  # whoever lacks both rights needs the first one first
        log.check(guard.settings)
    return failure


def _statuses() -> list[str]:
    """The status of each thread; of a thread that has just ended there is none."""
    texts = []
    with suppress(FileNotFoundError):  # there is no such folder on other systems than Linux
        for thread in os.listdir(TASKS):
            with suppress(FileNotFoundError, ProcessLookupError), open(f"{TASKS}/{thread}/status") as file:
                texts.append(file.read())
    return texts


def _done(words: str, step: Callable[[], T]) -> T:
    try:
        return step()
    except OSError as error:
        raise PrivilegesError(f"{words}: {error.strerror or error}") from error


def _cannot_become(name: str, error: OSError, effective: int) -> str:
    """The reason alone: what to type next is up to the command."""
    reason = f"cannot become the user {name}: {error.strerror or error}"
    if effective:
        return reason
    is_limited = in_user_namespace()
    why = {
        errno.EPERM: "this user namespace lets nobody switch"
        if is_limited
        else "root lacks CAP_SETUID or CAP_SETGID here",
        errno.EINVAL: "this user namespace does not have that user",
    }.get(error.errno or 0)
    return f"{reason} ({why})" if why else reason
