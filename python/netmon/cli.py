"""The command: arguments in, exit code out.

Makes settings from flags, environment and file, and hands them to the session. Turns an error into an exit code and a
message on standard error that says what to type next. Imports late, so that ``netmon -V`` is quick.
"""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from netmon import captures, commands, config, inquiries
from netmon._core import CaptureError, Filter, FilterError, SourceError, WhereError
from netmon.arguments import parser
from netmon.document import Given
from netmon.options import DEFAULTS, FILLED, Settings
from netmon.privileges import PrivilegesError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Container, Mapping, Sequence

    from netmon.alerts import Rule
    from netmon.guard import Guard

OK, FAILED, USAGE, NOT_PERMITTED, NO_SOURCE, ALERTED = range(6)
INTERRUPTED = 130
"""The exit code that shells use after Ctrl+C: 128 plus the number of SIGINT."""

DEMO = {"interfaces": ("lo",), "alert_threshold": 1000, "alert_span": 10.0}
"""Defaults of the demo: its storm passes 1000 hits in 10 s, its calm stays far below."""
ERRORS = (
    (SourceError, NO_SOURCE, ""),
    (CaptureError, FAILED, "the capture failed: "),
    (OSError, FAILED, ""),
    (FilterError, USAGE, "the filter does not compile: "),
    (WhereError, USAGE, "where: "),
    (OverflowError, USAGE, "a number is too large: "),
    (config.ConfigError, USAGE, ""),
    (PrivilegesError, NOT_PERMITTED, ""),
)
"""Kind of error, exit code, and the words before the message; the first row that fits counts."""


class Started(NamedTuple):
    """Who has started the process; by now it may be another user."""

    user: int
    by_sudo: bool


def main(argv: Sequence[str] | None = None, *, confines: bool = False) -> int:
    """Runs the command and returns its exit code. With `confines`, the process gives up its rights for good."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments and arguments[0] in commands.COMMANDS:
        return guarded(lambda: _command(arguments, confines=confines), [])
    return guarded(lambda: _run(arguments, confines=confines), arguments)


def _command(arguments: list[str], *, confines: bool) -> int:
    if confines:
        from netmon.guard import keep_reading  # noqa: PLC0415  few runs need it, so it is loaded only then

        keep_reading()
    return commands.run(arguments[0], arguments[1:])


def guarded(run: Callable[[], int], arguments: list[str]) -> int:
    """The exit code of `run`; an error becomes an exit code and a message on standard error."""
    started = Started(os.geteuid(), by_sudo="SUDO_UID" in os.environ)
    try:
        return run()
    except SystemExit as stop:  # argparse: --help, --version, wrong usage
        return stop.code if isinstance(stop.code, int) else USAGE
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        _silence(sys.stdout)
        return OK
    except Exception as error:  # the last resort: one clear message, never a traceback
        from netmon.console import Console  # noqa: PLC0415  few runs need it, so it is loaded only then

        code, message = _explain(error, arguments, started)
        Console.of_process().say(message + "\n")
        return code


def process() -> NoReturn:
    """Runs the command and ends the process without freeing memory, which can take longer than everything else."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # closed by the shell: >&-; else the next file would get its number
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115  as long as the process
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # names that are not valid text are shown as well
    code = main(confines=True)
    try:
        sys.stdout.flush()
    except KeyboardInterrupt:  # printing a text, such as the help, waits for its reader
        code = INTERRUPTED
    except BrokenPipeError:  # the reader has closed the pipe
        pass
    except OSError as error:
        code = FAILED
        print(f"netmon: standard output: {error.strerror}", file=sys.stderr)
    os._exit(code)


def _run(arguments: list[str], *, confines: bool) -> int:
    flags = parser().parse_intermixed_args(arguments)
    if inquiries.is_one(flags):
        return inquiries.answer(flags, lambda: configured_by(flags, os.environ, lambda _: None))
    configured = _configured(flags)
    settings = configured.settings
    if flags.print_config:
        return _print(configured)
    if flags.check_config:
        return _check(configured)
    from netmon import rulebook  # noqa: PLC0415  few runs need it, so it is loaded only then

    rules = rulebook.rules_of(configured)
    if settings.where:
        _look_at(configured)
    if flags.suggest_alerts:
        return _suggest(settings, rules, configured.path, confines=confines)
    from netmon import strangers  # noqa: PLC0415  --version and --help do not need it
    from netmon._core import limit_allocator  # noqa: PLC0415  as above

    if not settings.read or settings.speed or "-" in settings.read:
        limit_allocator()  # a run of days needs memory without holes; files need speed
    for warning in strangers.begin(settings, rules):  # before privileges are given up
        _warn(warning, settings)
    settings = config.settings_of_run(settings, vars(flags))
    reread = (lambda: read_again(configured.path, flags)) if configured.rules or settings.alerts else None
    guard = _guard(settings, rules, configured.path) if confines else None
    if guard is not None and guard.plan.user:
        flags.config = configured.path  # another user has other files
    return watch(settings, demo=flags.demo, reread=reread, rules=rules, guard=guard)


def _suggest(settings: Settings, rules: Sequence[Rule], path: str, *, confines: bool) -> int:
    from netmon import suggest  # noqa: PLC0415  few runs need it, so it is loaded only then

    if confines:
        _guard(settings, rules, path).prepare()
    print("\n".join(suggest.of_capture(settings)))
    return OK


def _guard(settings: Settings, rules: Sequence[Rule], path: str) -> Guard:
    """What gives up the rights of this process."""
    from netmon.guard import Guard  # noqa: PLC0415  as above

    return Guard(settings, rules, path)


def _configured(flags: argparse.Namespace) -> config.Configured:
    """What all sources give, checked together. Warns of what is not used."""
    warnings: list[str] = []
    try:
        configured = configured_by(flags, os.environ, warnings.append)
    except config.ConfigError as error:
        if not error.rules:
            raise
        from netmon import rulebook  # noqa: PLC0415  as above

        raise rulebook.with_rules(error) from error
    check(configured.settings, vars(flags))
    mistakes = set(config.unknown_variables(os.environ)) if flags.check_config else set()
    for warning in warnings:
        if warning not in mistakes:
            _warn(warning, configured.settings)
    return configured


def _print(configured: config.Configured) -> int:
    """Prints settings and rules as a configuration file, and warns if it holds secrets."""
    if not configured.rules:
        print(config.to_toml(configured.settings), end="")
        return OK
    from netmon import rulebook  # noqa: PLC0415  as above

    rulebook.rules_of(configured)
    print(config.to_toml(configured.settings, configured.rules), end="")
    if named := rulebook.with_secrets(configured.rules):
        _warn(f"this output holds secrets, of the rule {', '.join(named)}: keep it to yourself", configured.settings)
    return OK


def _check(configured: config.Configured) -> int:
    """Explains each rule, and says what is wrong and what is unwise."""
    from netmon import checks, rulebook  # noqa: PLC0415  as above
    from netmon import format as fmt  # noqa: PLC0415  as above

    wrong = [*map(config.ConfigError, config.unknown_variables(os.environ)), *checks.wrong(configured)]
    rules: list[Rule] = []
    try:
        rules = rulebook.rules_of(configured)
    except config.ConfigError as error:
        wrong.append(error)
    if wrong:
        raise config.ConfigError.of(wrong)
    print("\n".join(rulebook.explained(rules)))
    for warning in checks.unwise(configured, rules):
        _warn(warning, configured.settings)
    if not configured.settings.quiet:
        sys.stderr.write(f"netmon: {fmt.sanitize(checks.summary(configured, rules))}\n")
    return OK


def _look_at(configured: config.Configured) -> None:
    """Warns of terms of `where` that look like others. A mistake in a file or a variable is told with its place."""
    from netmon import lookalikes  # noqa: PLC0415  as above

    where, place = configured.settings.where or "", configured.place("where")
    try:
        Filter(where)
    except WhereError as error:
        if place == "--where":
            raise
        raise config.ConfigError(f"{place}: {error}") from error
    for note in lookalikes.notes(where):
        _warn(f"{place}: {note}", configured.settings)


def _warn(warning: str, settings: Settings) -> None:
    from netmon import format as fmt  # noqa: PLC0415  few runs need it, so it is loaded only then

    if not settings.quiet:
        sys.stderr.write(f"netmon: warning: {fmt.sanitize(warning)}\n")


def watch(
    settings: Settings,
    *,
    demo: bool = False,
    reread: Callable[[], config.Configured] | None = None,
    rules: Sequence[Rule] | None = None,
    guard: Guard | None = None,
) -> int:
    """Runs a session and returns the exit code. `reread` reads the configuration again, for SIGHUP."""
    from netmon import log, session  # noqa: PLC0415  as above

    if guard is None:
        log.check(settings)
    given = {"reread": reread, "rules": rules if rules and len(rules) > 1 else None, "guard": guard}
    more: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if demo:
        from netmon.demo import traffic  # noqa: PLC0415  heavy, and seldom asked for

        with traffic() as made:
            keyed = settings._replace(keylog=(*settings.keylog, made.keys))
            fired = session.run(keyed, filter=made.filter, demo=True, **more)
    else:
        try:
            fired = session.run(settings, once=settings.once, must_be_whole=True, **more)
        except session.IncompleteError:  # the log said it
            return FAILED
    return ALERTED if fired and settings.fail_on_alert else OK


def read_again(path: str, flags: argparse.Namespace) -> config.Configured:
    """What all sources give now. `path` is the file that was read at the start; without it, raises ConfigError."""
    from netmon import advice  # noqa: PLC0415  as above

    if path and (why := advice.unreadable(path)):
        raise config.ConfigError(f"{path}: {why}")
    troubles: list[str] = []
    configured = configured_by(flags, os.environ, troubles.append)
    if configured.path != path:
        raise config.ConfigError(next(iter(troubles), f"{configured.path or path}: another file was read at the start"))
    return configured


def settings_from(
    flags: argparse.Namespace, environment: Mapping[str, str], warn: Callable[[str], None] = lambda _: None
) -> Settings:
    """The settings of all sources, checked together."""
    settings = configured_by(flags, environment, warn).settings
    check(settings, vars(flags))
    return settings


def configured_by(
    flags: argparse.Namespace, environment: Mapping[str, str], warn: Callable[[str], None]
) -> config.Configured:
    """What flags, environment, file and profile give together."""
    given = {name: value for name, value in vars(flags).items() if name in DEFAULTS}
    given |= {name: tuple(value) for name, value in given.items() if isinstance(value, list)}
    if expressions := _filters(flags):
        given["filter"] = expressions
    base = DEMO if flags.demo else {}
    file = _file(flags, environment, warn)
    configured = config.combine(base, file, config.read_environment(environment), given, "--profile")
    for warning in config.unknown_variables(environment):
        warn(warning)
    return configured


def check(settings: Settings, given: Container[str]) -> None:
    """Raises ConfigError for settings that do not go together; `given` are the names of those the caller gave."""
    if "speed" in given and not settings.read:
        raise config.ConfigError("--speed needs a capture file to play: add -r FILE")
    for name in (name for name in FILLED if name in given and getattr(settings, name) == ""):
        raise config.ConfigError(f"--{name.replace('_', '-')}: is empty; leave the flag out, or give it a value")
    for path in settings.output:
        from netmon.sinks import files, outputs  # noqa: PLC0415  few write files

        if outputs.extension(path) not in outputs.FILES:
            raise config.ConfigError(f"-o {path}: the name must end in {outputs.endings()}")
        if problem := outputs.unavailable(path, append=settings.append):
            raise config.ConfigError(f"-o {path}: {problem}")
        if problem := files.refusal(settings, path):
            raise config.ConfigError(f"-o {path}: {problem}")
    if settings.web or settings.prometheus or settings.otlp or settings.asks_for_packets:
        from netmon.sinks import services  # noqa: PLC0415  few runs serve

        for name, problem in services.unavailable(settings):
            raise config.ConfigError(f"--{name}: {problem}")
    if settings.append and settings.force:
        raise config.ConfigError("--append adds to a file and --force replaces it: give one of them")


def _file(flags: argparse.Namespace, environment: Mapping[str, str], warn: Callable[[str], None]) -> Given:
    if flags.no_config:
        return Given()
    if path := flags.config or environment.get(config.FILE):
        return config.read_file(path)
    return config.read_usual(environment, os.geteuid(), warn)


def _filters(flags: argparse.Namespace) -> str | None:
    """The capture filter, from ``-f``, ``-F`` or the end of the command; None if none is given."""
    if named := captures.named(flags.expression):
        from netmon import advice  # noqa: PLC0415  as above

        raise config.ConfigError(advice.files_are_no_filter(named))
    ways = [vars(flags).get("filter"), " ".join(flags.expression) or None]
    if flags.filter_file is not None:
        try:
            with open(flags.filter_file) as file:
                ways.append(file.read().strip())
        except OSError as error:
            raise config.ConfigError(f"-F {flags.filter_file}: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise config.ConfigError(f"-F {flags.filter_file}: is not a text file") from error
    given = [way for way in ways if way is not None]
    if len(given) > 1:
        raise config.ConfigError("give the filter once: as -f, as -F, or at the end of the command")
    return given[0] if given else None


def _explain(error: Exception, arguments: list[str], started: Started) -> tuple[int, str]:
    """The exit code and the message for what went wrong."""
    from netmon import advice  # noqa: PLC0415  as above
    from netmon import format as fmt  # noqa: PLC0415  as above

    text = fmt.sanitize((error.strerror if isinstance(error, OSError) else None) or str(error))
    if said := advice.of_rights(error, text, arguments, is_root=started.user == 0):
        return NOT_PERMITTED, said
    if isinstance(error, OSError) and error.filename:
        text = f"{fmt.sanitize(os.fsdecode(error.filename))}: {text}"
        is_file = not os.fsdecode(error.filename).startswith("--")  # else a server, whose message says what to type
        if isinstance(error, PermissionError) and is_file and os.geteuid() != started.user:
            return FAILED, advice.not_writable(text, arguments, by_sudo=started.by_sudo)
    if isinstance(error, FilterError) and (files := _files_taken_for_filter(arguments)):
        return USAGE, f"netmon: {advice.files_are_no_filter(files)}"
    if isinstance(error, FilterError) and len(given := parser().parse_intermixed_args(arguments).expression) == 1:
        text += advice.meant_by(given[0])
    for kind, code, words in ERRORS:
        if isinstance(error, kind):
            others = "".join(f"\nnetmon: {fmt.sanitize(other)}" for other in getattr(error, "others", ()))
            return code, f"netmon: {words}{text}{_pointed_at(error, arguments)}{others}"
    return FAILED, f"netmon: {advice.unforeseen(error)}"


def _pointed_at(error: Exception, arguments: list[str]) -> str:
    """Two more lines for a mistake in a filter: the filter, and a mark below the mistake. Empty for other errors."""
    position = getattr(error, "position", None)
    if not isinstance(error, (FilterError, WhereError)) or position is None:
        return ""
    from netmon import format as fmt  # noqa: PLC0415  as above

    if isinstance(error, FilterError):
        text = error.filter
    else:
        text = settings_from(parser().parse_intermixed_args(arguments), os.environ).where or ""
    before = fmt.sanitize(text[:position])
    return f"\n  {before}{fmt.sanitize(text[position:])}\n  {' ' * fmt.width(before)}^" if text else ""


def _files_taken_for_filter(arguments: list[str]) -> list[str]:
    """Words of the filter that are files: a shell expands ``-r dump*`` to several names behind one ``-r``."""
    return [word for word in parser().parse_intermixed_args(arguments).expression if os.path.isfile(word)]


def _silence(stream: Any) -> None:
    """Redirects a stream that has no reader any more to /dev/null, so that its buffer is flushed without an error."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
