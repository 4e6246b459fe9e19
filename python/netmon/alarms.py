"""The alerts of a session: its policy, what rules do when they fire, and what is remembered after the end.

The policy decides; this module carries out. It is called with each frame, on the thread that makes frames.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from netmon import format as fmt
from netmon import log, safe_file
from netmon.actions.news import FAILED, News
from netmon.alerts import AlertPolicy
from netmon.alerts.kinds import Newcomers
from netmon.alerts.plain import undamaged
from netmon.alerts.watch import MICRO
from netmon.config import reads_files, settings_of_run
from netmon.rulebook import rules_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from netmon.actions.runner import Actions
    from netmon.alerts import Alert, Policy, Rule
    from netmon.alerts.newcomers import Known
    from netmon.config import Configured
    from netmon.frames import Frame, Frames
    from netmon.monitor import Monitor
    from netmon.options import Settings

EVERY = 60.0
"""Seconds of packet time between two writings of the state."""

PATIENCE = 1.0
"""Seconds that the end of the session waits for actions: netmon ends within two seconds of a signal."""

MOST_BYTES = 256 << 20
"""Bytes of a state file at most that are read."""


def state_path(settings: Settings, rules: Sequence[Rule], environment: Mapping[str, str]) -> str | None:
    """Where the state is kept: as set, or for live capture with rules that learn in ``$XDG_STATE_HOME``; else None."""
    if settings.state is not None:
        return settings.state
    if settings.read or all(rule.kind == "bound" for rule in rules):
        return None
    home = environment.get("XDG_STATE_HOME") or os.path.join(environment.get("HOME", "/"), ".local", "state")
    return os.path.join(home, "netmon", "state.json")


def known_file(name: str) -> str:
    """The name of the file with the names that a rule knows: ``known-new-server.txt`` for the rule ``new-server``.

    A name of other characters is written with the nearest ones and a part of its hash: no two rules share a file.
    """
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    if plain != name:
        from hashlib import sha256  # noqa: PLC0415  few rules need it

        plain = "-".join(filter(None, (plain, sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8])))
    return f"known-{plain}.txt"


class Alarms:
    """`report` shows a line to the user. Without `is_open`, no file is read before `open`."""

    def __init__(
        self,
        settings: Settings,
        rules: Sequence[Rule],
        environment: Mapping[str, str],
        report: Callable[[str], None],
        *,
        is_open: bool = True,
    ) -> None:
        self._settings, self._rules, self._environment, self._report = settings, rules, environment, report
        self._path: str | None = None
        self._saved: float | None = None  # the end of the snapshot after which the state was written
        self._trouble = ""
        self._is_full = False
        self._actions: Actions | None = None
        self._news = News()
        self._refusal = ""
        self.policy = self._policy(rules)
        if is_open:
            self.open()

    def open(self, refuses_commands: str = "") -> None:
        """Reads what is remembered, and from then on carries out what rules ask for.

        `refuses_commands` says why rules that are read later cannot run commands; it is empty if they can.
        """
        self._refusal = refuses_commands
        self._path = state_path(self._settings, self._rules, self._environment)
        self._load()
        self._learn()
        self._act(self._rules)

    def _policy(self, rules: Sequence[Rule]) -> AlertPolicy:
        settings = self._settings
        named = () if settings.read else tuple(name for name in settings.interfaces if not set(name) & set("*?["))
        return AlertPolicy(rules, live=not settings.read, interfaces=named, max_loss=float(settings.alert_max_loss))

    def _act(self, rules: Sequence[Rule]) -> None:
        is_live = not self._settings.read or "-" in self._settings.read  # rules are tried on a file without effect
        if self._actions is None and is_live and any(rule.exec or rule.webhook for rule in rules):
            from netmon.actions.runner import Actions  # noqa: PLC0415  few rules have actions

            self._actions = Actions(rules, on_event=self._happened)
            self._actions.resume(self._firing(), rules)

    def _firing(self) -> Iterator[Alert]:
        """Yields the alerts that have not recovered."""
        for group in self.policy.groups:
            for placed in group.rules:
                yield from group.firing(placed)

    def _happened(self, name: str, level: Any, /, **fields: Any) -> None:
        """Logs what became of an action, and shows what failed."""
        outcome = fields.pop("outcome", "")
        kind = "failed" if outcome in FAILED else "retry" if outcome == "retry" else "done"
        log.event(f"{name}.{kind}", level, outcome=outcome, **fields)
        if self._news.shows(outcome, **fields):
            self._report(f"netmon: {level}: {fields.get('message', '')}\n")

    def take(self, frame: Frame) -> None:
        """Carries out what the new alerts of a frame ask for, and keeps the state from time to time."""
        if self._actions is not None and frame.events:
            self._actions.take(frame.events)
        if not self._is_full and (self.policy.overflow or self.policy.sums.overflow):
            self._is_full = True
            log.event("limit.reached", "warning", limit="rows of rules")
            self._report("netmon: warning: rules have too many rows; some of them are not judged\n")
        end = frame.snapshot.end
        if self._path is not None and (self._saved is None or abs(end - self._saved) >= EVERY):
            self._saved = end
            self.save()

    def reload(self, frames: Frames, configured: Configured, monitor: Monitor | None = None) -> str:
        """Uses the rules of a configuration that was read again; the states of rules that stayed the same go on."""
        from netmon.alerts.kept import resume, state_of  # noqa: PLC0415  few sessions keep a state

        rules = rules_of(configured, lambda words: self._report(f"netmon: warning: {fmt.sanitize(words)}\n"))
        if self._refusal and (command := next((rule.name for rule in rules if rule.exec), "")):
            raise ValueError(f"the rule {command} has `exec`: {self._refusal}")

        def made(_old: Policy) -> AlertPolicy:
            policy = self._policy(rules)
            resume(policy, state_of(self.policy))
            policy.take_trends(self.policy)
            self.policy = policy
            return policy

        frames.follow(made)
        if monitor is not None:
            monitor.count_for(self.policy)
        if self._actions is not None:
            self._actions.resume(self._firing(), rules)
        self._act(rules)
        told = f"{fmt.plural(len(rules) - 1, 'rule')} and that of the flags"
        new = settings_of_run(configured.settings, () if self._settings.state is None else ("state",))
        changed = [
            name for name, now in new._asdict().items() if name not in RELOADED and now != getattr(self._settings, name)
        ]
        return f"{told}; changed, and used after a restart: {', '.join(changed)}" if changed else told

    def _load(self) -> None:
        if self._path is None:
            return
        import json  # noqa: PLC0415  as above

        from netmon.alerts.kept import resume  # noqa: PLC0415  as above

        try:
            with open(self._path, "rb") as file, undamaged():
                state = json.loads(file.read(MOST_BYTES))
                if reads_files(self._settings) and (why := self._why_not(state)):
                    self._report(f"netmon: warning: {self._path} is left alone: {why}; rules begin anew\n")
                    self._path = None
                    return
                resume(self.policy, state)
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:
            reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
            self._report(f"netmon: warning: {self._path} is not used: {reason}; rules begin anew\n")

    def _why_not(self, state: Any) -> str:
        """Why a state must be neither used nor replaced by a trial on files: it has to be older than their packets."""
        from netmon.log_lines import time  # noqa: PLC0415  only a trial with a state needs it
        from netmon.source import beginning_of  # noqa: PLC0415  as above

        pipes = [path for path in self._settings.read if os.path.exists(path) and not os.path.isfile(path)]
        if pipes:
            return f"{fmt.sanitize(pipes[0])} is no regular file, so it cannot be known whether its packets are newer"
        begins, now = beginning_of(self._settings), _time_of(state)
        late = self._settings.interval  # of a capture that goes on where another ended, both have the same interval
        if begins is None or now is None or now <= begins + late:
            return ""
        return f"it is of {time(now)}, and the capture begins before, at {time(begins)}"

    def _known(self) -> Iterator[tuple[str, Known]]:
        """Yields the names that each rule about newcomers knows, with the path of their file, beside the state."""
        if self._path is None:
            return
        for group in self.policy.groups:
            if isinstance(group, Newcomers):
                yield os.path.join(os.path.dirname(self._path), known_file(group.rules[0].rule.name)), group.known

    def _learn(self) -> None:
        """Takes the names in the files, which people may have edited, in place of those of the state."""
        for path, known in self._known():
            try:
                with open(path, encoding="utf-8") as file:
                    lines = file.read(MOST_BYTES).splitlines()
            except FileNotFoundError:
                continue
            except (OSError, ValueError) as error:
                self._report(f"netmon: warning: {path} is not read: {getattr(error, 'strerror', None) or error}\n")
                continue
            known.names.clear()
            known.take(line.strip() for line in lines if line.strip() and not line.startswith("#"))

    def save(self) -> None:
        """Writes the state in one step: a reader finds the old one or the new one. Trouble is told once."""
        if self._path is None:
            return
        import json  # noqa: PLC0415  as above

        from netmon.alerts.kept import state_of  # noqa: PLC0415  as above

        try:
            os.makedirs(os.path.dirname(self._path) or ".", mode=0o700, exist_ok=True)
            content = json.dumps(state_of(self.policy), separators=(",", ":")).encode()
            safe_file.swap(self._path, content)
            for path, known in self._known():
                safe_file.swap(path, "".join(f"{name}\n" for name in (HEADER, *known.names)).encode())
        except OSError as error:
            if (trouble := error.strerror or repr(error)) != self._trouble:
                self._trouble = trouble
                self._report(f"netmon: error: {self._path}: {trouble}; what rules have learned is not kept\n")
        else:
            self._trouble = ""

    def close(self) -> None:
        """Keeps the state, and waits a little for actions."""
        self.save()
        if self._actions is not None:
            with suppress(OSError):
                self._actions.close(PATIENCE)


def _time_of(state: Any) -> float | None:
    """The time of a state; None if it is damaged, which `resume` tells."""
    now = state.get("now") if isinstance(state, dict) else None
    return now / MICRO if isinstance(now, int) else None


RELOADED = frozenset({"alerts", "alert_threshold", "alert_span", "profile"})
"""Settings that a reload uses, and the one that says only where others come from."""

HEADER = "# The names that the rule knows, one a line. Remove one, and it is told when it is seen again."
