"""Where settings come from: defaults < configuration file < NETMON_* environment < flags.

Each source becomes a table of the settings it gives, checked on its own, so that an error names the place it came
from. Reads the one file it is told of; never guesses what was meant.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from netmon.options import OPTIONS, Duration, Settings, Size, Speed

if TYPE_CHECKING:
    from collections.abc import Mapping

FIELDS = {field.name: field for field in msgspec.structs.fields(Settings)}
TRUTH = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}


class ConfigError(ValueError):
    """A setting that cannot be; the message names its source and its key."""


def default_path(environment: Mapping[str, str]) -> Path:
    """``$XDG_CONFIG_HOME/netmon/config.toml``, whether it exists or not."""
    home = environment.get("XDG_CONFIG_HOME") or Path(environment.get("HOME", "/")) / ".config"
    return Path(home) / "netmon" / "config.toml"


def read_file(path: Path) -> dict[str, Any]:
    """The settings a TOML file gives."""
    import tomllib  # noqa: PLC0415  its patterns take as long as all of this package, and few have a file

    try:
        document = tomllib.loads(path.read_text("utf-8"))
        settings = msgspec.convert(document, Settings, dec_hook=_decode)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"{path}: {error}") from error
    return {name: getattr(settings, name) for name in document}


def read_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    """The settings that NETMON_* variables give; lists are separated by commas."""
    given = {}
    for name in FIELDS:
        variable = f"NETMON_{name.upper()}"
        if variable in environment:
            try:
                given[name] = parse(name, environment[variable])
            except ValueError as error:
                raise ConfigError(f"{variable}: {error}") from error
    return given


def parse(name: str, text: str) -> Any:
    """The value of one setting, from text."""
    kind = FIELDS[name].type
    value: object = text
    if kind == tuple[str, ...]:
        value = tuple(part.strip() for part in text.split(",") if part.strip())
    elif kind is bool:
        value = TRUTH.get(text.strip().lower(), text)
    try:
        return msgspec.convert(value, kind, strict=False, dec_hook=_decode)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from error


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
    return _toml(value).strip('"')


def _toml(value: object) -> str:
    if isinstance(value, Size):
        return f'"{value // 1024}KiB"'
    if isinstance(value, Speed) and value == float("inf"):
        return '"max"'
    if isinstance(value, (Duration, Speed)):
        return f"{value:g}"
    if isinstance(value, tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    # JSON's strings, numbers and booleans are TOML's, but for one character that TOML wants escaped
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _decode(kind: type, value: object) -> object:
    if issubclass(kind, (Duration, Size, Speed)):
        return kind.parse(value)
    raise NotImplementedError(kind)
