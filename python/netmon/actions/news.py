"""Which outcomes of actions are shown: what changes, not what repeats. The log has them all. Pure."""

from __future__ import annotations

FAILED = ("failed", "dropped", "unsent")
"""Outcomes of what was not done and is not tried again."""


class News:
    """Remembers, for each rule and kind of action, what was shown last. It may be asked on any thread."""

    def __init__(self) -> None:
        self._shown: dict[tuple[str, str], tuple[str, str]] = {}

    def shows(self, outcome: str, *, rule: str = "", kind: str = "", reason: str = "", **_others: object) -> bool:
        """Whether an outcome is shown: the first retry, a failure whose reason is new, and success after either."""
        about = (rule, kind)
        if outcome == "done":
            return self._shown.pop(about, None) is not None
        if outcome not in {"retry", "failed"}:
            return outcome in FAILED
        before = self._shown.get(about)
        if outcome == "retry" and before is not None:
            return False
        self._shown[about] = (outcome, reason)
        return before != (outcome, reason)
