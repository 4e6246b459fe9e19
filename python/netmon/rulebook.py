"""The rules of a session: the one that two flags set, those of the configuration, and those of ``--alerts`` files.

An error names the file, the line and the key. Reads the files of ``--alerts``, and nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from netmon import config
from netmon.alerts import Rule
from netmon.config import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from netmon.config import Configured
    from netmon.document import RawRule
    from netmon.options import Settings


def rules_of(configured: Configured) -> list[Rule]:
    """All rules, the one of the flags first; raises ConfigError."""
    settings = configured.settings
    raw = [*configured.rules, *(rule for path in settings.alerts for rule in _of_file(path))]
    return [usual(settings), *_read(raw)]


def usual(settings: Settings) -> Rule:
    """The rule that two flags set, gonetmon's: so many hits in so many seconds."""
    return Rule(settings.alert_threshold, settings.alert_span)


def _of_file(path: str) -> tuple[RawRule, ...]:
    """The rules of a file that has nothing else."""
    given = config.read_file(path)
    if given or given.profiles:
        key = next(iter(given), "profile")
        raise ConfigError(f"{path}: {key}: a file of --alerts has [[alert]] tables only; settings belong to --config")
    return given.rules


def _read(raw: Iterable[RawRule]) -> Iterator[Rule]:
    from netmon.alerts.written import RuleError, read_rule  # noqa: PLC0415  few sessions have rules of their own

    names: dict[str, RawRule] = {}
    for table in raw:
        try:
            rule = read_rule(table.values)
        except RuleError as error:
            where = f"alert.{error.key}" if error.key else "alert"
            raise ConfigError(f"{table.place(error.key)}: {where}: {error}") from error
        if rule.name in names:
            other = names[rule.name].place("name")
            raise ConfigError(f"{table.place('name')}: alert.name: {rule.name!r} is the name of the rule at {other}")
        names[rule.name] = table
        yield rule


def explained(rules: Iterable[Rule]) -> Iterator[str]:
    """Yields a sentence for each rule, and what it does."""
    from netmon import format as fmt  # noqa: PLC0415  as above
    from netmon.actions import spec  # noqa: PLC0415  as above
    from netmon.alerts.written import sentence  # noqa: PLC0415  as above

    for rule in rules:
        done = spec.sentence(rule)
        yield fmt.sanitize(f"{rule.name or 'the rule of the flags'}: {sentence(rule)}" + (f"; {done}" if done else ""))
