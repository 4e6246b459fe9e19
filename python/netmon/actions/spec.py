"""What a rule says about its actions: one table of settings with their checks, and the limits of all actions.

Values of settings go in; checked values come out, or ValueError with what is wrong. Never runs, connects or reads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Kind: TypeAlias = Literal["exec", "webhook"]
"""The kinds of actions. Each has a lane per rule."""

KINDS: tuple[Kind, ...] = ("exec", "webhook")

FORMATS = ("alertmanager", "plain")

TIMEOUTS: Mapping[Kind, float] = {"exec": 30.0, "webhook": 10.0}
"""Seconds for a run of a command, and for an attempt to post, where the rule has no `timeout`."""

LONGEST = 3600.0
"""Seconds of a timeout at most: an action that hangs holds one of few threads."""

ARGUMENTS = 256
"""Arguments of a command at most, the program included."""


class Rule(Protocol):
    """What actions read of a rule. Thresholds are numbers in the unit of the measure, text as written, or None."""

    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def metric(self) -> str: ...
    @property
    def where(self) -> object: ...
    @property
    def per(self) -> str | None: ...
    @property
    def above(self) -> float | str | None: ...
    @property
    def below(self) -> float | str | None: ...
    @property
    def severity(self) -> str: ...
    @property
    def span(self) -> float: ...
    @property
    def exec(self) -> tuple[str, ...]: ...
    @property
    def webhook(self) -> str: ...
    @property
    def format(self) -> str: ...
    @property
    def secret(self) -> str: ...
    @property
    def timeout(self) -> float | None: ...
    @property
    def secret_file(self) -> str: ...
    @property
    def ca_file(self) -> str: ...
    @property
    def slo(self) -> float | None: ...
    @property
    def new(self) -> str: ...


class Window(Protocol):
    """A pair of spans, in seconds, over which an error budget may burn at a rate of `factor` at most."""

    @property
    def long(self) -> float: ...
    @property
    def short(self) -> float: ...
    @property
    def factor(self) -> float: ...


class Details(Protocol):
    """What is known of an alert by the kind of its rule: an objective, or a baseline."""

    @property
    def window(self) -> Window | None: ...
    @property
    def budget(self) -> float | None: ...
    @property
    def usual(self) -> tuple[float, float] | None: ...


class Alert(Protocol):
    """What actions read of an alert. Times are in seconds since 1970; `key` is text from the wire, or empty."""

    @property
    def rule(self) -> Rule: ...
    @property
    def state(self) -> Literal["fired", "recovered"]: ...
    @property
    def at(self) -> float: ...
    @property
    def value(self) -> float | None: ...
    @property
    def since(self) -> float: ...
    @property
    def duration(self) -> float: ...
    @property
    def times(self) -> int: ...
    @property
    def key(self) -> str: ...
    @property
    def details(self) -> Details: ...


class Limits(NamedTuple):
    """The bounds of actions. Tests make waits short; the rest of netmon uses the defaults."""

    queue: int = 100
    """Alerts of a rule that wait for one kind of action. Beyond this, states that are out of date are dropped."""
    batch: int = 50
    """Alerts in one message to Alertmanager or in its format."""
    attempts: int = 10
    """Attempts to deliver a message. With the waits below they take about four minutes."""
    first_wait: float = 1.0
    """Seconds between the first two attempts at most. Each further wait is twice as long."""
    longest_wait: float = 60.0
    """Seconds that a wait never exceeds, unless the receiver asks for more."""
    longest_asked: float = 300.0
    """Seconds of a ``Retry-After`` at most."""
    remind: float = 60.0
    """Seconds after which Alertmanager is told again of an alert that goes on, as Prometheus does."""
    firing: int = 1000
    """Alerts of a rule that Alertmanager is told of again."""
    commands: int = 8
    """Commands that run at the same time, over all rules."""
    posts: int = 16
    """Messages that are posted at the same time, over all rules."""


class Setting(NamedTuple):
    """A setting of a rule: its key, its default, what it means, and the check, which returns the value to keep."""

    name: str
    default: object
    help: str
    check: Callable[[object], object]


def _exec(value: object) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)) or not all(isinstance(each, str) for each in value):
        raise ValueError('must be a list of texts, the program first, as in ["logger", "-t", "netmon"]')
    if not value:
        return ()
    program = value[0]
    if len(value) > ARGUMENTS:
        raise ValueError(f"has {len(value)} arguments; {ARGUMENTS} are allowed")
    if any("\0" in each for each in value):
        raise ValueError("has a NUL character, which no argument can have")
    if not program.strip() or program.endswith("/"):
        raise ValueError("must begin with the name of a program")
    if "/" in program and not program.startswith("/"):
        raise ValueError(f"must name a program in PATH or by its absolute path, not {program!r}")
    return tuple(value)


def _webhook(value: object) -> str:
    from netmon.actions import address  # noqa: PLC0415  only rules with a webhook need it

    if not isinstance(value, str):
        raise ValueError("must be a URL")
    if value:
        address.parse(value)
    return value


def _format(value: object) -> str:
    if value not in FORMATS:
        from difflib import get_close_matches  # noqa: PLC0415  only a mistyped name needs it

        near = "".join(f", did you mean {name}?" for name in get_close_matches(str(value), FORMATS, n=1))
        raise ValueError(f"must be one of {', '.join(FORMATS)}, not {value!r}{near}")
    return str(value)


def _secret(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("must be text")  # the value itself is never shown
    if any("\ud800" <= char <= "\udfff" for char in value):
        raise ValueError("is not valid text")
    return value


def _path(value: object) -> str:
    if not isinstance(value, str) or "\0" in value or (value and not value.startswith("/")):
        raise ValueError(f"must be the absolute path of a file, not {value!r}")
    return value


def _timeout(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= LONGEST:
        raise ValueError(f"must be a number of seconds above 0 and at most {LONGEST:.0f}, not {value!r}")
    return float(value)


SETTINGS: Mapping[str, Setting] = {
    setting.name: setting
    for setting in (
        Setting("exec", (), "a program and its arguments, run without a shell when the rule fires or recovers", _exec),
        Setting("webhook", "", "the URL to which alerts are posted", _webhook),
        Setting("format", "alertmanager", "the format of messages: alertmanager or plain", _format),
        Setting("secret", "", "the key with which messages are signed (HMAC-SHA256)", _secret),
        Setting("timeout", None, "seconds for a run (30) and for an attempt to post (10)", _timeout),
        Setting("secret_file", "", "the file with the key with which messages are signed", _path),
        Setting("ca_file", "", "the file with the certificates to trust, PEM, for a webhook with https", _path),
    )
}
"""Every setting of a rule that is about its actions."""


def checked(name: str, value: object) -> object:
    """The value to keep for the setting `name`. Raises ValueError, beginning with the name, if it is not allowed."""
    try:
        return SETTINGS[name].check(value)
    except ValueError as error:
        raise ValueError(f"{name} {error}") from None


def check(rule: Rule) -> None:
    """Checks all settings of a rule. Raises ValueError."""
    for name in SETTINGS:
        checked(name, getattr(rule, name))
    agree(rule)


def agree(rule: Rule) -> None:
    """Checks that the settings of a rule, each of which is allowed, fit together. Raises ValueError."""
    if rule.secret and rule.secret_file:
        raise ValueError("a rule has `secret_file` or `secret`, not both")
    for name in ("secret", "secret_file"):
        if getattr(rule, name) and not rule.webhook:
            raise ValueError(f"`{name}` of a rule signs the messages of a `webhook`, and there is none")
    if rule.ca_file and not rule.webhook.startswith("https://"):
        raise ValueError("`ca_file` of a rule is for a webhook that begins with https://")


def timeout(kind: Kind, rule: Rule) -> float:
    """Seconds for one run or one attempt."""
    return TIMEOUTS[kind] if rule.timeout is None else rule.timeout


def sentence(rule: Rule) -> str:
    """What a rule does when it fires and recovers: ``runs logger; posts to http://127.0.0.1:9093``; empty for nothing.

    Shows no argument, and of a URL only its origin: the rest may be secret. Not sanitized.
    """
    parts = [f"runs {rule.exec[0]}"] if rule.exec else []
    if rule.webhook:
        from netmon.actions import address  # noqa: PLC0415  as above

        to = address.parse(rule.webhook)
        how = "plain JSON" if rule.format == "plain" else "for its API" if address.api(to) else "Alertmanager's format"
        parts.append(f"posts to {to.origin} ({how}{', signed' if rule.secret or rule.secret_file else ''})")
    return "; ".join(parts)
