"""Looks whom a live capture becomes once its devices are open, and tries that in a process of its own."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

from netmon._core import switch_user
from netmon.config import ConfigError
from netmon.doctor.facts import Dropped
from netmon.privileges import in_user_namespace, planned

if TYPE_CHECKING:
    from collections.abc import Callable

    from netmon.config import Configured
    from netmon.privileges import User


def dropped(reads: Callable[[], Configured]) -> Dropped:
    """What these settings give."""
    effective = os.geteuid()
    try:
        settings = reads().settings._replace(read=())
        user = planned(settings, os.environ, effective, acts=False).user
    except ConfigError as error:
        return Dropped(None, str(error))
    if user is None:
        return Dropped(None if effective else "root")
    failed = attempt(user)
    if not failed:
        return Dropped(user.name)
    return Dropped(user.name, f"netmon cannot become {user.name}: {os.strerror(failed)}", in_user_namespace())


def attempt(user: User) -> int:
    """Becomes the user in a child process. Returns the number of the error, 0 if it worked."""
    child = os.fork()
    if child == 0:
        code = errno.EPERM
        try:
            switch_user(user.uid, user.gid)
            code = 0
        except OSError as error:
            code = error.errno or code
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)
