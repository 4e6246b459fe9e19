"""The command as a function: `run` takes every setting as a keyword and runs the session that the command runs."""

from __future__ import annotations

import os
from inspect import Parameter, Signature, signature
from typing import Any

from netmon import cli, config, rulebook
from netmon.config import ConfigError, settings_of_run
from netmon.document import PROFILES, Given
from netmon.options import DEFAULTS
from netmon.values import Size


def run(*, config: str | os.PathLike[str] | None = None, **settings: Any) -> int:
    """Runs what the command ``netmon`` runs and returns its exit code: 0 ended, 1 failed, 3 not permitted, and so on.

    Keywords are the settings by the names that they have in a configuration file (``netmon --print-config`` prints
    all), with values as there: a duration is a number of seconds or text such as ``"5m"``, a size is a number of KiB or
    text such as ``"16MiB"``. Paths may be path objects, and one name may stand for a list of one. None is the default.
    `config` is the path of a configuration file, whose settings hold where no keyword is given; without it no file is
    read. NETMON_* variables are not read. Errors of the run are told on standard error, as the command tells them.

    Raises TypeError for a keyword that is no setting, and ValueError for a value that is not valid or for an invalid
    configuration file.
    """
    configured = configured_of(settings, config)
    if settings.get("user") is not None:
        raise ConfigError("user: only the command netmon becomes another user; a program decides that for itself")
    rules = rulebook.rules_of(configured)
    given = [name for name, value in settings.items() if value is not None]
    return cli.guarded(lambda: cli.watch(settings_of_run(configured.settings, given), rules=rules), [])


def _signature() -> Signature:
    """Every setting by name, with its default; otherwise ``help`` would show ``**settings``."""
    short = signature(run)
    own = [each for each in short.parameters.values() if each.kind is not Parameter.VAR_KEYWORD]
    spelled = [Parameter(name, Parameter.KEYWORD_ONLY, default=default) for name, default in DEFAULTS.items()]
    return short.replace(parameters=[*own, *spelled])


setattr(run, "__signature__", _signature())  # noqa: B010  mypy knows no such attribute of a function


def configured_of(keywords: dict[str, Any], path: str | os.PathLike[str] | None = None) -> config.Configured:
    """What keywords and a configuration file give; raises TypeError and ConfigError."""
    given = {name: _value(name, value) for name, value in keywords.items() if _is_given(name, value)}
    file = Given() if path is None else config.read_file(os.fspath(path))
    configured = config.combine({}, file, {}, given, PROFILES)
    cli.check(configured.settings, given)
    return configured


def _is_given(name: str, value: object) -> bool:
    if name in DEFAULTS:
        return value is not None
    from netmon import reading  # noqa: PLC0415  only a mistyped name needs it

    raise TypeError(f"run() got an unexpected keyword argument {name!r}{reading.meant(name, DEFAULTS)}")


def _value(name: str, value: Any) -> Any:
    from netmon import reading  # noqa: PLC0415  loads msgspec

    if isinstance(DEFAULTS[name], tuple):
        several = [value] if isinstance(value, (str, os.PathLike)) else value
        value = [_plain(one) for one in several] if isinstance(several, (list, tuple)) else several
    else:
        value = _plain(value)
    try:
        return reading.from_document({name: value})[name]
    except reading.SettingError as error:
        raise ConfigError(f"{name}: {error}") from error


def _plain(value: Any) -> Any:
    """A value as a configuration file holds it: infinity is the speed ``max``."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Size):
        return config.to_text(value)
    return "max" if value == float("inf") else value
