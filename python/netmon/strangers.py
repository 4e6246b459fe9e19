"""The processes of others: starts who looks for them, and says why they stay unknown where a filter or a rule asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netmon._core import Filter, fork_process_helper

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from netmon.alerts import Rule
    from netmon.options import Settings

FIELDS = {"process", "container", "pod", "namespace"}
"""Fields of filters that only processes of this machine have."""

OWN = "self"
"""The network namespace of netmon itself, as ``--netns`` calls it."""


def begin(settings: Settings, rules: Iterable[Rule]) -> Iterator[str]:
    """Starts the child that looks for processes, if one is of use, and yields what to warn of.

    To be called while this process has one thread, and before it gives up its rights.
    """
    sees_all = settings.processes and not settings.read and fork_process_helper()
    if told := warning(settings, rules, sees_all=sees_all):
        yield told


def warning(settings: Settings, rules: Iterable[Rule], *, sees_all: bool) -> str:
    """What to warn of at the start; empty if nobody asks for processes, or if they are seen.

    `sees_all` tells whether the processes of other users are seen as well.
    """
    why = _why(settings, sees_all=sees_all)
    return f"a filter or a rule asks for processes, but {why}" if why and _is_asked(settings, rules) else ""


def _is_asked(settings: Settings, rules: Iterable[Rule]) -> bool:
    rules = list(rules)
    filters = [settings.where, *(rule.where for rule in rules)]
    fields = {field for text in filters if text for field in Filter(text).fields}
    return bool(FIELDS & fields) or any(rule.per == "process" for rule in rules)


def _why(settings: Settings, *, sees_all: bool) -> str:
    if settings.read:
        return "packets of files and pipes do not tell them"
    if not settings.processes:
        return "--no-processes leaves them out"
    if any(name != OWN for name in settings.netns):
        return "those of other network namespaces are not looked for"
    if not sees_all:
        return "only those of this user are seen: others need CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH, which root has"
    return ""
