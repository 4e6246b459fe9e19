"""Where settings come from: defaults < configuration file < its profile < NETMON_* environment < flags.

Each source becomes a table of the settings it gives. It is checked by itself, so that an error names its source.
Reads at most one file; never guesses what was meant. The alert rules of a file are handed on as they are written.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from netmon import document
from netmon.document import PROFILES, RULES, USE, Given, RawRule
from netmon.options import DEFAULTS, OPTIONS, Settings
from netmon.values import DIGITS, Duration, Share, Size, Speed

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Mapping

ConfigError = document.ConfigError

FILE = "NETMON_CONFIG"
"""The variable that names a configuration file, as ``--config`` does. A file cannot name itself: it is no setting."""


class Configured(NamedTuple):
    """What all sources together give."""

    settings: Settings
    rules: tuple[RawRule, ...] = ()
    """The alert rules of the file and of its profile. A rule of the profile replaces one of the same name."""
    path: str = ""
    """The path of the configuration file; empty if none was read."""
    place: Callable[[str], str] = str
    """Where a setting was given: ``--where``, ``NETMON_WHERE`` or ``config.toml:3: where``."""


SIZES = ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))
"""Units of a size, the largest first."""


def default_paths(environment: Mapping[str, str], user: int | None = None) -> Iterator[str]:
    """Yields the paths of the usual configuration file, whether they exist or not; the first that exists counts.

    ``$XDG_CONFIG_HOME/netmon/config.toml``. Under sudo, which changes the environment, the file of `user` comes first.
    """
    if user is not None and not environment.get("XDG_CONFIG_HOME"):
        import pwd  # noqa: PLC0415  only sudo needs it

        with suppress(KeyError):
            yield os.path.join(pwd.getpwuid(user).pw_dir, ".config", "netmon", "config.toml")
    home = environment.get("XDG_CONFIG_HOME") or os.path.join(environment.get("HOME", "/"), ".config")
    yield os.path.join(home, "netmon", "config.toml")


def invoking_user(environment: Mapping[str, str], effective: int) -> int | None:
    """The user id of the one who called sudo; None if this process is not root by sudo."""
    number = environment.get("SUDO_UID", "")
    return int(number) if effective == 0 and number.isascii() and number.isdigit() and len(number) < DIGITS else None


def read_usual(environment: Mapping[str, str], effective: int, warn: Callable[[str], None]) -> Given:
    """The settings of the usual file; empty if there is none that can be read.

    Under sudo, anybody who can write the file tells root what to do. So the file must belong to root or to the user
    who called sudo, and nobody else may be able to write it.
    """
    user = invoking_user(environment, effective)
    for path in default_paths(environment, user):
        try:
            # O_NONBLOCK: do not wait if the path is a named pipe.
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            warn(f"{path} is not read: {error.strerror}")
            continue
        if trouble := _distrust(os.fstat(descriptor), user):
            os.close(descriptor)
            warn(f"{path} is not read: {trouble}")
            continue
        with open(descriptor, "rb") as file:
            return document.read(path, file.read())
    return Given()


def _distrust(status: os.stat_result, user: int | None) -> str:
    """Why the usual file must not be read; empty if it may be."""
    if not stat.S_ISREG(status.st_mode):
        return "it is not a regular file"
    if user is None:
        return ""
    if status.st_uid not in (0, user):
        return "under sudo it must belong to you or to root"
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return "under sudo only you may be allowed to write it (chmod go-w)"
    return ""


def read_file(path: str) -> Given:
    """The settings, profiles and rules that a TOML file gives; raises ConfigError."""
    try:
        with open(path, "rb") as file:
            return document.read(path, file.read())
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error


def read_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    """The settings that NETMON_* variables give."""
    given = {}
    for name in DEFAULTS:
        variable = f"NETMON_{name.upper()}"
        if variable in environment:
            try:
                given[name] = parse(name, environment[variable])
            except ValueError as error:
                raise ConfigError(f"{variable}: {error}") from error
    return given


def unknown_variables(environment: Mapping[str, str]) -> Iterator[str]:
    """Yields a warning for each NETMON_* variable that is not a setting: most are mistyped."""
    for variable in sorted(environment):
        prefix, _, name = variable.partition("_")
        if prefix == "NETMON" and variable != FILE and (name != name.upper() or name.lower() not in DEFAULTS):
            from netmon import reading  # noqa: PLC0415  as above

            near = reading.nearest(name.lower())
            yield f"{variable} is not a setting" + (f", did you mean NETMON_{near.upper()}?" if near else "")


def parse(name: str, text: str) -> Any:
    """The value of one setting, from text."""
    from netmon import reading  # noqa: PLC0415  most commands have no value to convert

    return reading.from_text(name, text)


def settle(*layers: Mapping[str, Any]) -> Settings:
    """The settings of all layers; a later layer overrides an earlier one."""
    return Settings(**{name: value for layer in layers for name, value in layer.items()})


def combine(
    base: Mapping[str, Any], file: Given, environment: Mapping[str, Any], given: Mapping[str, Any], source: str
) -> Configured:
    """What all sources give together: `base`, a file and its profile, the environment, and what the caller gives.

    `source` is what the caller calls the setting ``profile``, for an error.
    """
    sources = ((given, source), (environment, "NETMON_PROFILE"), (file, file.chosen))
    name, said = next(((layer[PROFILES], said) for layer, said in sources if PROFILES in layer), (None, ""))
    profile = file.profile(name, said)
    settings = settle(base, file, profile, environment, given)._replace(profile=name or None)
    named = {rule.values.get("name") for rule in profile.rules} - {None}
    kept = (rule for rule in file.rules if rule.values.get("name") not in named)

    def place(key: str) -> str:
        if key in given:
            return f"--{key.replace('_', '-')}" if source.startswith("--") else key
        if key in environment:
            return f"NETMON_{key.upper()}"
        return (profile if key in profile else file).place(key)

    return Configured(settings, (*kept, *profile.rules), file.path, place)


def reads_files(settings: Settings) -> bool:
    """Whether packets come from files alone: not from interfaces, and not from a pipe, which may go on for ever."""
    return bool(settings.read) and "-" not in settings.read


def settings_of_run(settings: Settings, given: Container[str]) -> Settings:
    """The settings with which a session runs; `given` are the names of those that the caller gave.

    What rules have learned of live traffic is no part of a trial on a file: there, `state` counts only if the caller
    gave it.
    """
    return settings._replace(state=None) if reads_files(settings) and "state" not in given else settings


def to_toml(settings: Settings, rules: Iterable[RawRule] = ()) -> str:
    """The text of a configuration file with these settings, each with a comment that explains it, and these rules.

    Rules stand as they were written, secrets included. Raises ConfigError for a name that is not valid UTF-8, which
    TOML cannot hold.
    """
    lines = []
    for option in OPTIONS:
        value = getattr(settings, option.name)
        key = f"{PROFILES}.{USE}" if option.name == PROFILES else option.name
        try:
            assignment = f"{key} = {_toml(value)}" if value is not None else f"# {key} ="
        except UnicodeEncodeError as error:
            raise ConfigError(f"{option.name}: {error.object!r} is not valid UTF-8, so no file can hold it") from error
        lines.append(f"{assignment:<34} # {option.about or option.help}")
    if settings.profile is not None:
        lines += ["", f"[{PROFILES}.{_quoted(settings.profile)}]  # its settings are among those above"]
    for rule in rules:
        lines += ["", f"[[{RULES}]]", *(f"{key} = {_toml(value)}" for key, value in rule.values.items())]
    return "\n".join(lines) + "\n"


def to_text(value: object) -> str:
    """A value as one would type it."""
    if isinstance(value, Size):
        size, unit = next((size, unit) for size, unit in SIZES if value % size == 0 or size == 1024)
        return f"{value // size}{unit}"
    if isinstance(value, (Duration, Share, Speed)):
        return "max" if value == float("inf") else _decimal(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _decimal(value: float) -> str:
    """All digits of a number, without an exponent."""
    text = repr(float(value)).removesuffix(".0")
    if "e" not in text:
        return text
    from decimal import Decimal  # noqa: PLC0415  such numbers are rare

    return f"{Decimal(text):f}"


def _toml(value: object) -> str:
    if isinstance(value, (tuple, list)):
        return "[" + ", ".join(map(_toml, value)) + "]"
    text = to_text(value)
    return _quoted(text) if isinstance(value, (str, Size)) or value == float("inf") else text


def _quoted(text: str) -> str:
    import json  # noqa: PLC0415  only ``--print-config`` needs it
    import unicodedata  # noqa: PLC0415  as above

    from netmon.format import HIDDEN  # noqa: PLC0415  as above

    text.encode()  # raises an error for bytes of a file name that are not valid UTF-8
    # A JSON string is a TOML string, except for characters that TOML or a terminal needs escaped.
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(f"\\U{ord(char):08x}" if unicodedata.category(char) in HIDDEN else char for char in quoted)
