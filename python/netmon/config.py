"""Where settings come from: defaults < configuration file < NETMON_* environment < flags.

Each source becomes a table of the settings it gives, checked on its own, so that an error names the place it came
from. Reads the one file it is told of; never guesses what was meant.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from netmon.options import DEFAULTS, OPTIONS, Duration, Settings, Size, Speed

if TYPE_CHECKING:
    from collections.abc import Mapping


class ConfigError(ValueError):
    """A setting that cannot be; the message names its source and its key."""


def default_path(environment: Mapping[str, str]) -> str:
    """``$XDG_CONFIG_HOME/netmon/config.toml``, whether it exists or not."""
    home = environment.get("XDG_CONFIG_HOME") or os.path.join(environment.get("HOME", "/"), ".config")
    return os.path.join(home, "netmon", "config.toml")


def read_file(path: str) -> dict[str, Any]:
    """The settings a TOML file gives."""
    import tomllib  # noqa: PLC0415  its patterns take as long as all of this package, and few have a file

    from netmon import reading  # noqa: PLC0415  as above

    try:
        with open(path, "rb") as file:
            return reading.from_document(tomllib.load(file))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"{path}: {error}") from error


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


def parse(name: str, text: str) -> Any:
    """The value of one setting, from text."""
    from netmon import reading  # noqa: PLC0415  most commands have no value that is to be read

    return reading.from_text(name, text)


def settle(*layers: Mapping[str, Any]) -> Settings:
    """The settings of all layers, later ones first in rank."""
    return Settings(**{name: value for layer in layers for name, value in layer.items()})


def to_toml(settings: Settings) -> str:
    """A configuration file that gives these settings, each explained."""
    lines = []
    for option in OPTIONS:
        value = getattr(settings, option.name)
        assignment = f"{option.name} = {_toml(value)}" if value is not None else f"# {option.name} ="
        lines.append(f"{assignment:<34} # {option.help}")
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
    import json  # noqa: PLC0415  only who prints a configuration needs it
    import unicodedata  # noqa: PLC0415  as above

    from netmon.format import HIDDEN  # noqa: PLC0415  as above

    # JSON's strings are TOML's, but for characters that TOML or a terminal wants escaped
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(f"\\U{ord(char):08x}" if unicodedata.category(char) in HIDDEN else char for char in quoted)
