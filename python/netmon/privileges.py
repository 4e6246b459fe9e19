"""Who netmon becomes once its devices are open, and whether it has become so. Decides and checks; changes nothing.

Settings, the environment and the status of threads as the kernel tells it go in; a `User`, numbers and words come out.
`guard` carries it out.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from netmon.config import ConfigError, invoking_user

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from netmon.options import Settings

ROOT = 0

NOBODY = "nobody"
"""The user that netmon becomes if root itself has started it."""

NOBODY_NUMBER = 65534
"""The user and the group of that name where the system does not list them; and the group of an unknown user."""

DAC_OVERRIDE, FOWNER, NET_BIND_SERVICE, NET_RAW = 1 << 1, 1 << 3, 1 << 10, 1 << 13
"""Capabilities, as bits of ``linux/capability.h``."""

READER = DAC_OVERRIDE | FOWNER | NET_BIND_SERVICE
"""What root retains that reads files: its outputs may be in folders of users, as those of `sudo netmon -r` are."""

STANDARD_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Where programs are looked for on behalf of root: the PATH of root may have folders where others can write."""

OPENERS = ("netmon-watcher", "netmon-in-")
"""How the names of threads begin that open later interfaces, and so retain CAP_NET_RAW."""


class PrivilegesError(Exception):
    """Rights cannot be given up, or are not gone. Nothing was written, and netmon must end."""


class SwitchError(PrivilegesError):
    """The process cannot become another user."""


class User(NamedTuple):
    """An account of this machine."""

    uid: int
    gid: int
    name: str
    home: str


class Plan(NamedTuple):
    """What netmon becomes."""

    user: User | None
    """Whom; None to stay who it is."""
    rights: int | None
    """The capabilities that all threads retain; None to leave capabilities alone, as for root that stays root."""
    reads_files: bool
    """Whether it has no devices to open, so that it gives up its rights before anything is opened."""


def planned(settings: Settings, environment: Mapping[str, str], effective: int, *, acts: bool) -> Plan:
    """What netmon becomes, started as the user `effective`. Raises ConfigError for an unknown user.

    Root becomes the user of `settings`, else the one who called sudo, else nobody. Root that reads files stays root
    unless a user is named. If it `acts`, which means that it carries out what alerts ask for, it keeps all its rights:
    commands run as the user who called sudo.
    """
    reads_files = bool(settings.read)
    user = None
    if settings.user is not None:
        user = account(settings.user)
    elif effective == ROOT and not reads_files:
        user = _behind_sudo(environment) or nobody()
    if user is not None and user.uid != effective:
        return Plan(user, 0, reads_files)
    if effective != ROOT:
        return Plan(None, 0, reads_files)
    return Plan(None, READER if reads_files and not acts else None, reads_files)


def account(name: str) -> User:
    """The account of a name, or of a number. Raises ConfigError if this machine has none of that name."""
    import pwd  # noqa: PLC0415  only root needs it

    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        if not (name.isascii() and name.isdigit() and int(name) < NOBODY_NUMBER << 15):
            raise ConfigError(f"--user {name}: this machine has no such user") from None
        return numbered(int(name))
    return User(entry.pw_uid, entry.pw_gid, entry.pw_name, entry.pw_dir)


def nobody() -> User:
    """The account that owns no files."""
    try:
        return account(NOBODY)
    except ConfigError:
        return User(NOBODY_NUMBER, NOBODY_NUMBER, NOBODY, "/")


def _behind_sudo(environment: Mapping[str, str]) -> User | None:
    """The one who called sudo, unless that is root."""
    number = invoking_user(environment, ROOT)
    return numbered(number) if number else None


def numbered(number: int) -> User:
    """The account of a number; one without an entry has no group of its own and no home."""
    import pwd  # noqa: PLC0415  as above

    try:
        entry = pwd.getpwuid(number)
    except KeyError:
        return User(number, NOBODY_NUMBER, str(number), "/")
    return User(number, entry.pw_gid, entry.pw_name, entry.pw_dir)


UID_MAP = "/proc/self/uid_map"
EVERY_USER = ["0", "0", "4294967295"]
"""What that file holds outside of user namespaces: all users, under their own numbers."""


def in_user_namespace() -> bool:
    """Whether this process is in a user namespace, as of `unshare -r`, where even root may not do much."""
    with suppress(OSError), open(UID_MAP) as file:  # there is no such file on other systems than Linux
        return file.read().split() != EVERY_USER
    return False


def environment_of(user: User, environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of the process as that user: what names the user before, or belongs to it, is replaced.

    That includes PATH: root's own may name folders that the user cannot read, or that are not meant for it.
    """
    gone = {"SUDO_USER", "SUDO_UID", "SUDO_GID", "SUDO_COMMAND", "MAIL"}
    kept = {name: value for name, value in environment.items() if name not in gone}
    own = {"HOME": user.home, "USER": user.name, "LOGNAME": user.name, "XDG_RUNTIME_DIR": f"/run/user/{user.uid}"}
    return kept | own | {"PATH": STANDARD_PATH}


def remaining(plan: Plan, statuses: Iterable[str], *, effective: int) -> str:
    """What is wrong with the threads of the process after rights were given up; empty if nothing is.

    `statuses` are the texts of ``/proc/self/task/*/status``, `effective` is the user before.
    """
    user = effective if plan.user is None else plan.user.uid
    for status in map(_fields, statuses):
        thread = status.get("Name", "?")
        wrong = next(_wrong(plan, status, user, is_opener=thread.startswith(OPENERS)), "")
        if wrong:
            return f"the thread {thread} {wrong}"
    return ""


def _wrong(plan: Plan, status: Mapping[str, str], user: int, *, is_opener: bool) -> Iterator[str]:
    if set(status.get("Uid", "?").split()) != {str(user)}:
        yield f"has the users {status.get('Uid', '?')}, not {user}"
    if plan.user is not None:
        if set(status.get("Gid", "?").split()) != {str(plan.user.gid)}:
            yield f"has the groups {status.get('Gid', '?')}, not {plan.user.gid}"
        if status.get("Groups", "").split():
            yield f"has the supplementary groups {status['Groups']}"
    if status.get("NoNewPrivs", "1") != "1":
        yield "may gain rights"
    if plan.rights is None:
        return
    allowed = plan.rights | (NET_RAW if is_opener else 0)
    for name, most in (("CapPrm", allowed), ("CapEff", allowed), ("CapInh", 0), ("CapAmb", 0)):
        if int(status.get(name, "0"), 16) & ~most:
            yield f"has capabilities: {name} {status[name]}"


def _fields(status: str) -> dict[str, str]:
    lines = (line.partition(":") for line in status.splitlines())
    return {name: " ".join(value.split()) for name, _, value in lines}


def unwanted(attempts: Iterable[Callable[[], object]]) -> bool:
    """Whether one of the attempts to get rights back succeeds."""
    for attempt in attempts:
        try:
            attempt()
        except OSError:
            continue
        return True
    return False
