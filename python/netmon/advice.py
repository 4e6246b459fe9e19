"""What to type next: the texts that follow an error, with real paths, and the list of interfaces. Prints nothing.

All names from the system, from files and from the command line are sanitized.
"""

from __future__ import annotations

import getpass
import grp
import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from netmon import format as fmt
from netmon._core import CaptureError, SourceError, list_interfaces
from netmon.privileges import SwitchError, in_user_namespace

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

WIDEST = 32
"""Columns at most for the names of interfaces. A longer name moves only its own line."""

NO_NETWORK = ("nflog", "nfqueue", "dbus-", "bluetooth", "usbmon")
"""Beginnings of the names of devices that libpcap lists although they are no network interfaces."""

OUTSIDE = "sudo netmon"
"""How netmon is started outside of a user namespace, where it may be installed elsewhere."""

REFUSED = ("Operation not permitted", "CAP_NET_RAW")
"""What libpcap says, by its version, where the kernel lets nobody capture."""

FILES = 3
"""Files named in an error at most; a shell may have expanded ``*`` to hundreds."""


def command() -> str:
    """What to type in a shell to start this program from any folder."""
    started = Path(sys.argv[0])
    if started.name == "__main__.py":
        return f"{shlex.quote(sys.executable)} -m netmon"
    found = shutil.which("netmon") if os.sep not in sys.argv[0] else None
    return shlex.quote(str(Path(found or started).absolute()))


def of_rights(error: Exception, cause: str, arguments: Sequence[str], *, is_root: bool) -> str:
    """What to say of an error whose reason is a right that this process lacks; empty for other errors."""
    if isinstance(error, SwitchError):
        return not_switched(cause, arguments, is_root=is_root, in_namespace=in_user_namespace())
    if isinstance(error, PermissionError) and error.filename is None:
        return not_permitted(cause, arguments, is_root=is_root, in_namespace=in_user_namespace())
    is_refused = isinstance(error, (CaptureError, SourceError)) and any(words in cause for words in REFUSED)
    return not_permitted(cause, arguments, in_namespace=True) if is_refused and in_user_namespace() else ""


def not_permitted(
    cause: str, arguments: Sequence[str], *, is_root: bool | None = None, in_namespace: bool = False
) -> str:
    """The cause, then what to do. For root without the right, as in containers, that is not `sudo`.

    Root of a user namespace has rights only over networks that were made in it, whatever capabilities it has.
    """
    this = fmt.sanitize(command())
    again = fmt.sanitize(shlex.join(arguments))
    enters = "CAP_SYS_ADMIN" in cause
    read = f"  or read a file:     {this} -r capture.pcap"
    given = "--cap-add=NET_RAW --cap-add=SYS_ADMIN" if enters else "--cap-add=NET_RAW"
    ways: tuple[str, ...]
    if in_namespace:
        ways = (
            "  this is a user namespace, whose root may capture only from networks that were made in it",
            f"  run it outside:     {f'{OUTSIDE} {again}'.rstrip()}",
            read,
        )
    elif os.geteuid() == 0 if is_root is None else is_root:
        ways = (f"  root lacks this right here; to give it to a container: docker run {given} ...", read)
    else:
        rights = "+net_raw,+sys_admin" if enters else "+net_raw"
        grant = f"setpriv {_as_now()} --inh-caps={rights} --ambient-caps={rights}"
        ways = (
            f"  run it once:        {f'sudo {this} {again}'.rstrip()}        (sudo does not keep your PATH)",
            read,
            f"  or grant the right: {f'sudo {grant} {this} {again}'.rstrip()}",
        )
    return "\n".join((f"netmon: {cause}", *ways))


def not_switched(cause: str, arguments: Sequence[str], *, is_root: bool, in_namespace: bool) -> str:
    """The cause, then what to do where netmon cannot become another user."""
    again = _again(arguments)
    if not is_root:
        ways = (
            f"  stay who you are:   {command()}{again}",
            f"  or have the right:  sudo {command()} --user NAME{again}",
        )
    elif in_namespace:
        ways = (
            f"  keep this root:     {command()} --user root{again}",
            f"  or run it outside:  {OUTSIDE}{again}",
        )
    else:
        ways = (
            f"  keep root:          {command()} --user root{again}",
            "  or give the right to a container: docker run --cap-add=SETUID --cap-add=SETGID --cap-add=NET_RAW ...",
        )
    return "\n".join((f"netmon: {cause}", *map(fmt.sanitize, ways)))


def not_writable(cause: str, arguments: Sequence[str], *, by_sudo: bool) -> str:
    """The cause, then what to do where netmon has become another user, who may not write a file."""
    user = _user()
    sudo = "sudo " if by_sudo else ""
    folder = f"{sudo}install -d -m 700 -o {user} /var/lib/netmon"
    ways = (
        f"  netmon has become the user {user}, who may not write there (see --user)",
        f"  write elsewhere:   {folder}        (then name a file there)",
        f"  or keep root:      {sudo}{fmt.sanitize(f'{command()} --user root{_again(arguments)}')}",
    )
    return "\n".join((f"netmon: {cause}", *ways))


def _again(arguments: Sequence[str]) -> str:
    """The arguments behind a command, without the user that they name."""
    words = [*arguments]
    while "--user" in words:
        at = words.index("--user")
        del words[at : at + 2]
    kept = [word for word in words if not word.startswith("--user=")]
    return f" {shlex.join(kept)}" if kept else ""


def meant_by(word: str) -> str:
    """What to type where a single word behind the command is no filter, because something else was meant."""
    named = fmt.sanitize(word)
    is_one = any(one.name == word for one in list_interfaces())
    if is_one:
        return f"; to capture on the interface {named}, give -i {named}"
    return f"; {named} is no command, file or interface either (see netmon -h)" if word.isalnum() else ""


def unreadable(path: str) -> str:
    """Why a file that was read at the start cannot be read again; empty if it can.

    By now netmon may be another user, and so may be without the right to enter a folder.
    """
    try:
        os.stat(path)
    except FileNotFoundError:
        return "is gone"
    except OSError as error:
        reason = error.strerror or str(error)
    else:
        if not os.path.isfile(path):
            return "is not a file"
        if os.access(path, os.R_OK):
            return ""
        reason = "Permission denied"
    return f"{reason} for the user {_user()}, who netmon is now: restart netmon, or let that user read it"


def _user() -> str:
    try:
        return fmt.sanitize(getpass.getuser())
    except (KeyError, OSError):  # a number without an account
        return str(os.geteuid())


def _as_now() -> str:
    """The options of setpriv for the user and the group of this process; by number where these have no names."""
    try:
        return f"--reuid={getpass.getuser()} --regid={grp.getgrgid(os.getgid()).gr_name} --init-groups"
    except (KeyError, OSError):  # as in a container that is run as any user
        return f"--reuid={os.getuid()} --regid={os.getgid()} --clear-groups"


def unforeseen(error: Exception) -> str:
    """What to say of an error that no part of netmon expects: the system lacks something, or netmon has a fault."""
    if isinstance(error, MemoryError):
        return "out of memory"
    if isinstance(error, RuntimeError) and "new thread" in str(error):
        return "the system starts no more threads: see ulimit -u, and the limit of tasks of a service or a container"
    return f"internal error, please report it: {fmt.sanitize(repr(error))}"


def interfaces(*, every: bool = True) -> Iterator[str]:
    """One line per interface: name, state, addresses, description.

    Unless `every` one is wanted, a last line names the devices that carry no HTTP.
    """
    there = list_interfaces()
    left_out = [] if every else [one for one in there if one.name.startswith(NO_NETWORK)]
    shown = [(fmt.sanitize(one.name), one) for one in there if one not in left_out]
    column = min(WIDEST, max((fmt.width(name) for name, _ in shown), default=0))
    for name, one in shown:
        words = ("up" if one.up else "down", "loopback" if one.loopback else "")
        about = "  ".join(filter(None, (" ".join(one.addresses), one.description)))
        padding = " " * max(0, column - fmt.width(name))
        yield f"{name}{padding}  {' '.join(filter(None, words)):<11}  {fmt.sanitize(about)}".rstrip()
    if left_out:
        yield f"(-v lists {', '.join(fmt.sanitize(one.name) for one in left_out)} too, which carry no HTTP)"


def files_are_no_filter(files: Sequence[str]) -> str:
    """What to type when files were given in place of the filter."""
    given = fmt.sanitize(" ".join(f"-r {shlex.quote(path)}" for path in files[:FILES]))
    more = " ..." if len(files) > FILES else ""
    are = "is not a filter" if len(files) == 1 else "are not filters"
    named = fmt.sanitize(", ".join(files[:FILES]))
    return f"{named}{more} {are}; each file to read needs its own -r: {given}{more}"
