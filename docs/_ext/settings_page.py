"""Directives that write the reference of the command from its tables: settings, flags, commands, events, exit codes.

The texts are those of the help, so no page can say anything else. Each directive makes Markdown, which MyST reads.
"""

import re
import textwrap
from typing import Annotated, Literal, get_args, get_origin

from netmon import arguments, commands, config, reading
from netmon.address import Address
from netmon.events import EVENTS
from netmon.options import DEFAULTS, OPTIONS
from netmon.values import ClientFrom, Duration, FileSize, Share, Size, Speed
from sphinx.util.docutils import SphinxDirective
from words import escaped, markdown

KINDS = {
    Duration: "duration",
    Size: "size",
    FileSize: "size of a file",
    Share: "share",
    Speed: "speed",
    Address: "address",
}
"""The kinds of values that have an explanation of their own, by the heading that they have on the page."""

FLAG = re.compile(r"(?<![\w-])(--?[a-zA-Z][\w-]*)")

TELLS_DEFAULT = "default: "
"""In the help of a setting that says itself what holds without it."""

EXPLAINED = {**KINDS, FileSize: None}


class Made(SphinxDirective):
    """A directive whose content is Markdown that a method makes."""

    optional_arguments = 1
    final_argument_whitespace = True

    def run(self):
        return self.parse_text_to_nodes("\n\n".join(self.made(*self.arguments)), allow_section_headings=True)


class SettingsOf(Made):
    """The settings of a group."""

    def made(self, group):
        settings = [option for option in OPTIONS if option.group == group]
        if not settings:
            raise self.error(f"no settings are in the group {group!r}")
        yield "```{program} netmon\n```"
        yield from map(described, settings)


def described(option):
    """One setting: its flags, what it does, and how else it is given."""
    name = option.name
    takes = f" {option.metavar}" if option.metavar else ""
    flags = ", ".join(f"{flag}{f'[={option.metavar}]' if option.alone else takes}" for flag in option.flags.split())
    lines = [f"```{{option}} {flags}", sentence(option.help)]
    if option.about:
        lines += ["", f"The key means: {escaped(option.about)}. The flag is the same as `{name} = false`."]
    ways = [
        f"key `{name}`",
        f"variable `NETMON_{name.upper()}`",
        f"value: {value_of(reading.KINDS[name])}",
        *[f"default: {'off' if option.alone else default_of(name)}"] * (TELLS_DEFAULT not in option.help),
    ]
    return "\n".join([*lines, "", " · ".join(ways), "```"])


def sentence(text):
    """A text of the help, which has neither a capital letter nor a period."""
    shown = FLAG.sub(r"`\1`", escaped(text))
    return f"{shown[:1].upper()}{shown[1:]}."


def value_of(kind):
    """What a value is, in words: its unit and its limits."""
    parts = get_args(kind)
    if get_origin(kind) is Literal:
        return ", ".join(f"`{part}`" for part in parts[:-1]) + f" or `{parts[-1]}`"
    if get_origin(kind) is Annotated:
        least, most = parts[1].ge, parts[1].le
        return f"a whole number of {least} " + ("or more" if most is None else f"to {most:,}")
    if type(None) in parts:
        return value_of(parts[0])
    if kind is ClientFrom:
        return value_of(Literal[ClientFrom.NAMES])
    for known, word in KINDS.items():
        if issubclass(kind if isinstance(kind, type) else tuple, known):
            return f"[{word}](#{word.split()[0]})"
    return {bool: "`true` or `false`", str: "text"}.get(kind, "a list of strings")


def default_of(name):
    value = DEFAULTS[name]
    if value is None or value == ():
        return "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{config.to_text(value)}`"


class Values(Made):
    """The kinds of values that settings have, with their units."""

    def made(self):
        for kind, word in EXPLAINED.items():
            if word:
                yield f"({word})=\n**A {word}**: {markdown(kind.__doc__)}".replace("**A a", "**An a")


class Flags(Made):
    """The flags that are no settings."""

    def made(self):
        yield "```{program} netmon\n```"
        known = {flag for option in OPTIONS for flag in option.flags.split()}
        for action in arguments.parser()._actions:
            if action.option_strings and not known & {*action.option_strings}:
                yield flag(action)


class Command(Made):
    """A command that does not capture: what it does, its arguments, and the rest of its help."""

    def made(self, name):
        parser = commands.module(name).parser()
        usage = " ".join(parser.format_usage().removeprefix("usage: ").split())
        yield block(textwrap.fill(usage, 84, subsequent_indent="    ", break_on_hyphens=False))
        yield from map(sentence, (part.rstrip(".") for part in (parser.description or "").split("\n\n")))
        yield f"```{{program}} netmon {name}\n```"
        for action in parser._actions:
            yield flag(action) if action.option_strings else f"`{action.metavar}`: {sentence(action.help)}"
        for part in (parser.epilog or "").strip().split("\n\n"):
            yield block(part) if "\n  " in part else sentence(part.rstrip("."))


def block(text):
    return f"```text\n{text}\n```"


def flag(action):
    value = action.metavar or "|".join(action.choices or [action.dest.upper()])
    takes = f" {value}" if action.nargs != 0 else ""
    flags = ", ".join(f"{each}{takes}" for each in action.option_strings)
    return f"```{{option}} {flags}\n{sentence(action.help or '')}\n```"


class Events(Made):
    """The events of the log."""

    def made(self):
        rows = [f"| `{name}` | {sentence(about)} |" for name, about in EVENTS.items()]
        yield "\n".join(("| event | what it tells, and its fields |", "|---|---|", *rows))


class ExitCodes(Made):
    """The exit codes of the command."""

    def made(self):
        rows = re.findall(r"^ +(\d)  (.+)$", arguments.EXAMPLES.partition("exit codes:")[2], re.MULTILINE)
        yield "\n".join(("| code | when |", "|---|---|", *(f"| {code} | {sentence(when)} |" for code, when in rows)))


def setup(app):
    for name, directive in {
        "settings": SettingsOf,
        "values": Values,
        "flags": Flags,
        "command": Command,
        "events": Events,
        "exit-codes": ExitCodes,
    }.items():
        app.add_directive(name, directive)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
