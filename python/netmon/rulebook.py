"""The rules of a session: the one that two flags set, those of the configuration, and those of ``--alerts`` files.

An error names the file, the line and the key. Reads the files of ``--alerts``, and those that rules name: a key that
stands in a file is that of the rule from then on.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from netmon import config
from netmon._core import MAX_SUBSETS
from netmon.alerts import Rule
from netmon.alerts.policy import subsets_of
from netmon.config import ConfigError
from netmon.document import brief

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from netmon.config import Configured
    from netmon.document import RawRule
    from netmon.options import Settings


def rules_of(configured: Configured, warn: Callable[[str], object] | None = None) -> list[Rule]:
    """All rules, the one of the flags first; raises ConfigError.

    `warn` is called with what is allowed and unwise; by default standard error tells it, unless ``quiet`` is set.
    """
    settings = configured.settings
    warn = warn or (lambda words: None if settings.quiet else _say(words))
    raw, wrong = list(configured.rules), []
    for path in settings.alerts:
        try:
            raw += _of_file(path)
        except ConfigError as error:
            wrong.append(error)
    found, mistakes = _read(raw, warn)
    if wrong := [*wrong, *mistakes]:
        raise ConfigError.of(wrong)
    rules = [usual(settings), *found]
    try:
        subsets_of(rules)
    except ValueError as error:
        raise ConfigError(f"{_one_too_many(rules[1:], raw)}: {error}") from error
    return rules


def _say(words: str) -> None:
    from netmon import format as fmt  # noqa: PLC0415  few rules make netmon warn

    sys.stderr.write(f"netmon: warning: {fmt.sanitize(words)}\n")


def _one_too_many(rules: Sequence[Rule], raw: Sequence[RawRule]) -> str:
    """Where the first rule stands whose subsets are too many, with its key."""
    seen: set[tuple[str, str]] = set()
    for rule, table in zip(rules, raw, strict=True):
        seen.update(rule.subsets)
        if len(seen) > MAX_SUBSETS:
            key = next((key for key in ("where", "good", "per") if key in table.values), "name")
            return f"{table.place(key)}: alert.{key}"
    return "alert"


def usual(settings: Settings) -> Rule:
    """The rule that two flags set, gonetmon's: so many hits in so many seconds. ConfigError for a span of no rule."""
    try:
        return Rule(settings.alert_threshold, settings.alert_span)
    except ValueError as error:
        raise ConfigError(f"alert_span: {error}") from error


def _of_file(path: str) -> tuple[RawRule, ...]:
    """The rules of a file that has nothing else."""
    given = config.read_file(path)
    if given or given.profiles:
        key = next(iter(given), "profile")
        raise ConfigError(f"{path}: {key}: a file of --alerts has [[alert]] tables only; settings belong to --config")
    return given.rules


def with_rules(error: ConfigError) -> ConfigError:
    """The error of a file with what is wrong with its rules."""
    return ConfigError.of([error, *_read(error.rules, lambda _: None)[1]])


def _read(raw: Iterable[RawRule], warn: Callable[[str], object]) -> tuple[list[Rule], list[ConfigError]]:
    """The rules, and what is wrong with others."""
    if not (raw := list(raw)):
        return [], []
    from netmon.alerts.written import RuleError, read_rule  # noqa: PLC0415  few sessions have rules of their own

    rules: list[Rule] = []
    wrong: list[ConfigError] = []
    names: dict[str, RawRule] = {}
    for table in raw:
        try:
            rule = _with_files(read_rule(table.values), table, warn)
        except RuleError as error:
            for each in (error, *error.others):
                words = brief(str(each), *table.values.values())
                wrong.append(ConfigError(f"{_place(table, each.key)}: {words}"))
            continue
        if rule.name in names:
            words = brief(f"{rule.name!r} is the name of the rule at {names[rule.name].place('name')}", rule.name)
            wrong.append(ConfigError(f"{_place(table, 'name')}: {words}"))
            continue
        names[rule.name] = table
        rules.append(rule)
        for key in filter(table.values.get, ("where", "good")):
            from netmon import lookalikes  # noqa: PLC0415  takes time to load, and few rules have filters

            for note in lookalikes.notes(table.values[key]):
                warn(f"{_place(table, key)}: {note}")
    return rules, wrong


def _place(table: RawRule, key: str) -> str:
    """``rules.toml:7: alert.metric``."""
    return f"{table.place(key)}: {f'alert.{key}' if key else 'alert'}"


def _with_files(rule: Rule, table: RawRule, warn: Callable[[str], object]) -> Rule:
    """The rule with the key of its file. The certificates are looked at: they are read again for each message."""
    from netmon.actions import credentials  # noqa: PLC0415  as above
    from netmon.alerts.written import RuleError  # noqa: PLC0415  as above

    name = "ca_file"
    try:
        if rule.ca_file:
            credentials.trusting(rule.ca_file)
        if rule.secret_file:
            name = "secret_file"
            key = credentials.key(rule.secret_file)
            if credentials.is_exposed(rule.secret_file):
                what = f"every user can read or change {rule.secret_file}"
                warn(f"{_place(table, name)}: {what}; chmod 600 keeps it secret")
            return rule._replace(secret=key, secret_file="")
    except ValueError as error:
        raise RuleError(name, str(error)) from None
    return rule


def with_secrets(rules: Iterable[RawRule]) -> list[str]:
    """The names of rules that hold a key, or a URL with more than an origin and a path."""
    return [
        str(rule.values["name"])
        for rule in rules
        if rule.values.get("secret") or set("@?") & set(str(rule.values.get("webhook", "")))
    ]


def explained(rules: Iterable[Rule]) -> Iterator[str]:
    """Yields a sentence for each rule, and what it does."""
    from netmon import format as fmt  # noqa: PLC0415  as above
    from netmon.actions import spec  # noqa: PLC0415  as above
    from netmon.alerts.written import sentence  # noqa: PLC0415  as above

    for rule in rules:
        done = spec.sentence(rule)
        yield fmt.sanitize(f"{rule.title}: {sentence(rule)}" + (f"; {done}" if done else ""))
