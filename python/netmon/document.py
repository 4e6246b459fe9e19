"""A configuration file: its text in; settings, profiles and raw alert rules out. Pure but for its path in messages.

Settings are checked. Rules are handed on as they are written, with their lines. An error names the file, the line and
the key.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from netmon.places import Path

BOM = b"\xef\xbb\xbf"
"""The byte order mark that some editors write at the start of UTF-8 text."""


RULES, PROFILES, USE = "alert", "profile", "use"
"""Keys of a file that are not settings: the alert rules, the profiles, and in the table of profiles the one to use."""


class ConfigError(ValueError):
    """An invalid setting; the message names its source and its key. `others` are further mistakes, as messages."""

    def __init__(self, message: str, others: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.others = tuple(others)
        self.rules: tuple[RawRule, ...] = ()
        """The rules of a file whose settings are wrong: they may be wrong as well."""

    @classmethod
    def of(cls, errors: Iterable[ConfigError]) -> Self:
        """One error that tells several, in their order."""
        first, *others = (message for error in errors for message in (str(error), *error.others))
        return cls(first, others)


MOST_SHOWN = 60
"""Characters of a value that an error repeats."""

MOST_WORD = 200
"""Characters of any other word in an error, such as a path."""


def brief(words: str, *values: object) -> str:
    """The words of an error, with values and words that are too long shortened."""
    for value in values:
        if len(shown := repr(value)) > MOST_SHOWN:
            words = words.replace(shown, f"{shown[: MOST_SHOWN - 3]}...")
    return re.sub(rf"\S{{{MOST_WORD},}}", lambda word: f"{word[0][: MOST_SHOWN - 3]}...", words)


FILES = "alerts"
"""The setting that lists files with rules, which is easily taken for the key of a rule."""


class RawRule(NamedTuple):
    """One ``[[alert]]`` table of a file, not checked."""

    values: Mapping[str, Any]
    path: str
    """The path of the file."""
    line: int | None
    """The line on which the table begins; None where it has no line of its own."""
    lines: Mapping[str, int]
    """The line of each key that has one."""

    def place(self, key: str = "") -> str:
        """``rules.toml:7``: where a key stands, or the table if the key has no line of its own."""
        line = self.lines.get(key, self.line)
        return self.path if line is None else f"{self.path}:{line}"


class Given(dict[str, Any]):
    """The settings that a file gives, with its profiles and its alert rules."""

    path: str = ""
    """The path of the file; empty if no file was read."""
    profiles: Mapping[str, Given] = MappingProxyType({})
    rules: tuple[RawRule, ...] = ()
    chosen: str = ""
    """Where the file says which profile to use: ``config.toml:1 profile.use``."""
    place: Callable[[str], str] = str
    """Where the file gives a setting: ``config.toml:3: top``."""

    def profile(self, name: str | None, source: str) -> Given:
        """The profile of this name; an empty one without a name. An unknown name raises ConfigError with `source`."""
        if not name:
            return Given()
        if name in self.profiles:
            return self.profiles[name]
        from netmon import reading  # noqa: PLC0415  only a mistyped name needs it

        if not self.path:
            raise ConfigError(f"{source}: no configuration file was read, so there is no profile {name!r}")
        where = "" if source == self.chosen else f" in {self.path}"
        raise ConfigError(f"{source}: no profile {name!r}{where}{reading.meant(name, self.profiles)}")


def read(path: str, content: bytes) -> Given:
    """What a document gives; an error names the file, the line and the key."""
    import tomllib  # noqa: PLC0415  loads as slowly as all of this package, and few users have a file

    text = ""
    try:
        text = content.removeprefix(BOM).decode()
        return _Document(path, text).given(tomllib.loads(text))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}:{line}: this is not UTF-8 text") from error
    except tomllib.TOMLDecodeError as error:
        words, _, place = str(error).partition(" (at ")
        number = re.match(r"line (\d+)", place)
        at = number[1] if number else text.count("\n") + 1
        raise ConfigError(f"{path}:{at}: {brief(_explained(words, text, int(at)))}") from error
    except ConfigError:
        raise
    except (ValueError, RecursionError) as error:  # a number with thousands of digits; arrays within arrays
        is_deep = isinstance(error, RecursionError)
        words = "arrays or tables are nested too deeply" if is_deep else "a number has too many digits"
        raise ConfigError(f"{path}{_culprit(text, is_deep=is_deep)}: {words}") from error


DEEP, LONG = 50, 1000
"""Fewer open brackets, and fewer digits of a number, than those for which the reader of TOML gives up."""


def _culprit(text: str, *, is_deep: bool) -> str:
    """The line and the key of the first value that is nested too deeply, or has too many digits."""
    key, depth = "", 0
    for number, line in enumerate(text.split("\n"), 1):
        if found := re.match(r"""[ \t]*([\w."'-]{1,60})[ \t]*=""", line):
            key = f" {found[1]}"
        elif header := re.match(r"[ \t]*\[+([^\[\]]{1,60})\]+[ \t\r]*(#.*)?$", line):
            key, depth = f" {header[1]}", 0
            continue
        depth += line.count("[") + line.count("{") - line.count("]") - line.count("}")
        opened = max(line.count("["), line.count("{"), depth, line.count("."))
        if opened > DEEP if is_deep else re.search(rf"[0-9_]{{{LONG},}}", line):
            return f":{number}:{key}"
    return ""


_UNQUOTED = re.compile(r"[ \t]*([\w.-]+)[ \t]*=[ \t]*([^\s\"'\[{#=][^\"'#]*?)[ \t]*(#.*)?")
"""A line that gives a key a value without quotation marks."""


def _explained(words: str, text: str, at: int) -> str:
    """What is wrong with a line that is no TOML, and what was meant."""
    if _chooses_a_profile(text, at):
        return f"{words}; to choose a profile, write {PROFILES}.{USE} = ..."
    if words.startswith(r"Illegal character '\n'"):
        return "a quotation mark is missing: a text ends with the mark with which it begins, on the same line"
    is_value = words.startswith(("Invalid value", "Expected newline"))
    if is_value and (unquoted := _UNQUOTED.fullmatch(text.split("\n")[at - 1].rstrip("\r"))):
        key, value = unquoted[1], unquoted[2]
        meant = value.lower() if value.lower() in {"true", "false"} else f'"{value}"'
        return f"{words}; did you mean {key} = {meant}?"
    return words


def _chooses_a_profile(text: str, line: int) -> bool:
    """Whether the fault at `line` is that ``profile = "edge"`` leaves no room for the table ``[profile.edge]``."""
    return bool(re.match(r"[ \t]*\[+profile\.", text.split("\n")[line - 1])) and bool(
        re.search(r"^[ \t]*profile[ \t]*=", text, re.MULTILINE)
    )


class _Document:
    """A TOML document that is checked; an error names its file, the line and the key."""

    def __init__(self, path: str, text: str) -> None:
        self._path, self._text = path, text
        self._wrong: list[ConfigError] = []

    def given(self, document: Mapping[str, Any]) -> Given:
        given = self._settings(document, ())
        given.path = self._path
        profiles = document.get(PROFILES, {})
        if not isinstance(profiles, dict):
            raise self._error((PROFILES,), f"profiles are tables: write {PROFILES}.{USE} = ... to choose one")
        given.profiles = {
            name: self._settings(table, (PROFILES, name))
            for name, table in profiles.items()
            if self._is_profile(name, table)
        }
        if self._wrong:
            error = ConfigError.of(self._wrong)
            error.rules = given.rules
            raise error
        for name in given.profiles:
            if PROFILES in profiles[name]:
                raise self._error((PROFILES, name, PROFILES), "a profile cannot choose a profile")
        if isinstance(use := profiles.get(USE, ""), str) and use:
            given[PROFILES], given.chosen = use, self._place((PROFILES, USE))
            given.profile(use, given.chosen)
        return given

    def _is_profile(self, name: str, table: object) -> bool:
        """Whether an entry of the table of profiles is a profile, and not the choice of one."""
        if isinstance(table, dict):
            return True
        if name == USE and isinstance(table, str):
            return False
        raise self._error((PROFILES, name), f"a profile is a table: [{PROFILES}.NAME]; {USE} chooses one by its name")

    def _settings(self, table: Mapping[str, Any], where: Path) -> Given:
        from netmon import reading  # noqa: PLC0415  as above

        files = table.get(FILES, [])
        if isinstance(files, dict) or (isinstance(files, list) and any(isinstance(each, dict) for each in files)):
            words = f"files with rules are listed here; a rule itself is written as [[{RULES}]]"
            raise self._error((*where, FILES), words)
        values, wrong = reading.checked({key: table[key] for key in table if key not in (RULES, PROFILES)})
        self._wrong += [self._error((*where, error.key), str(error)) for error in wrong]
        given = Given(values)
        given.place = lambda key: self._place((*where, key))
        given.rules = tuple(self._rules(table.get(RULES, []), (*where, RULES)))
        return given

    def _rules(self, tables: object, where: Path) -> Iterator[RawRule]:
        if not (isinstance(tables, list) and all(isinstance(table, dict) for table in tables)):
            raise self._error(where, f"rules are tables: [[{'.'.join(map(str, where))}]]")
        from netmon import places  # noqa: PLC0415  few files have rules

        lines = places.lines_of(self._text) if tables else {}
        for number, table in enumerate(tables):
            at = (*where, number)
            own = {path[-1]: line for path, line in lines.items() if path[:-1] == at}
            yield RawRule(table, self._path, places.line_of(at, lines), {str(key): line for key, line in own.items()})

    def _place(self, key: Path) -> str:
        """``config.toml:3: profile.edge.top``."""
        from netmon import places  # noqa: PLC0415  as above

        line = places.line_of(key, places.lines_of(self._text))
        return f"{self._path}:{'' if line is None else f'{line}:'} {'.'.join(map(str, key))}"

    def _error(self, key: Path, message: str) -> ConfigError:
        return ConfigError(f"{self._place(key)}: {brief(message)}")
