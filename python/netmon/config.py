"""Where settings come from: defaults < configuration file < NETMON_* environment < flags.

Each source becomes a table of the settings it gives. It is checked by itself, so that an error names its source.
Reads at most one file; never guesses what was meant.
"""

from __future__ import annotations

import os
import re
import stat
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from netmon.options import DEFAULTS, DIGITS, OPTIONS, Duration, Settings, Size, Speed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

BOM = b"\xef\xbb\xbf"
"""The byte order mark that some editors write at the start of UTF-8 text."""


class ConfigError(ValueError):
    """An invalid setting; the message names its source and its key."""


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


def read_usual(environment: Mapping[str, str], effective: int, warn: Callable[[str], None]) -> dict[str, Any]:
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
            return _read(path, file.read())
    return {}


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


def read_file(path: str) -> dict[str, Any]:
    """The settings that a TOML file gives; raises ConfigError."""
    try:
        with open(path, "rb") as file:
            return _read(path, file.read())
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error


def _read(path: str, content: bytes) -> dict[str, Any]:
    """The settings of a document; an error names the file, the line and the key."""
    import tomllib  # noqa: PLC0415  loads as slowly as all of this package, and few users have a file

    from netmon import reading  # noqa: PLC0415  as above

    text = ""
    try:
        text = content.removeprefix(BOM).decode()
        return reading.from_document(tomllib.loads(text))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}:{line}: this is not UTF-8 text") from error
    except tomllib.TOMLDecodeError as error:
        words, _, place = str(error).partition(" (at ")
        number = re.match(r"line (\d+)", place)
        at = number[1] if number else text.count("\n") + 1
        raise ConfigError(f"{path}:{at}: {words}") from error
    except reading.SettingError as error:
        raise ConfigError(f"{path}:{_line_of(error.key, text)} {error.key}: {error}") from error


def _line_of(key: str, text: str) -> str:
    """``3:`` if line 3 begins with the key; empty if no line does, as with unusual ways to write a key."""
    found = re.search(rf"""^[ \t\[]*["']?{re.escape(key)}["']?[ \t]*[=.\]]""", text, re.MULTILINE)
    return f"{text.count(chr(10), 0, found.start()) + 1}:" if found else ""


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
        if prefix == "NETMON" and (name != name.upper() or name.lower() not in DEFAULTS):
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


def to_toml(settings: Settings) -> str:
    """The text of a configuration file with these settings, each with a comment that explains it."""
    lines = []
    for option in OPTIONS:
        value = getattr(settings, option.name)
        assignment = f"{option.name} = {_toml(value)}" if value is not None else f"# {option.name} ="
        lines.append(f"{assignment:<34} # {option.about or option.help}")
    return "\n".join(lines) + "\n"


def to_text(value: object) -> str:
    """A value as one would type it."""
    if isinstance(value, Size):
        return f"{value // 1024}KiB"
    if isinstance(value, (Duration, Speed)):
        return "max" if value == float("inf") else f"{value:g}"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _toml(value: object) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    text = to_text(value)
    return _quoted(text) if isinstance(value, (str, Size)) or value == float("inf") else text


def _quoted(text: str) -> str:
    import json  # noqa: PLC0415  only ``--print-config`` needs it
    import unicodedata  # noqa: PLC0415  as above

    from netmon.format import HIDDEN  # noqa: PLC0415  as above

    # A JSON string is a TOML string, except for characters that TOML or a terminal needs escaped.
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(f"\\U{ord(char):08x}" if unicodedata.category(char) in HIDDEN else char for char in quoted)
