"""The man page of netmon: the parser of the command in, a page of man(7) out."""

import re
import textwrap

from netmon import arguments, commands
from netmon._core import Filter, WhereError, __version__
from netmon.alerts.written import KEYS
from netmon.events import EVENTS
from netmon.options import OPTIONS

DATE = "2026-11-26"
"""When the words of the page, not only its options, were last changed."""

HEAD = r""".\" Made by scripts/generated.py from the table of settings; do not edit.
.TH NETMON 1 "{date}" "netmon {version}" "User Commands"
.SH NAME
netmon \- watch HTTP on the wire
.SH SYNOPSIS
.B netmon
[\fIOPTION\fR]...
[\fIBPF EXPRESSION\fR...]
.br
.B netmon
\fICOMMAND\fR
[\fIOPTION\fR]...
.SH DESCRIPTION
netmon captures packets, or reads them from files, and shows which hosts and sections are requested, with their
methods, statuses, latencies and errors, over which interface, and how healthy the connections are.
It raises an alert when traffic crosses a threshold.
It needs no proxy, no agent and no change to the application.
.PP
On a terminal it draws a screen, where \fB?\fR shows all keys.
Elsewhere it prints a report once per window.
Words at the end of the command are a filter as in \fBpcap\-filter\fR(7).
.PP
Capturing needs the right CAP_NET_RAW, which root has.
Reading files needs no right.
"""

SETTINGS = r"""
.SH SETTINGS
Every setting is a flag, a key of the configuration file, an environment variable and a keyword of the function
\fBnetmon.run\fR in Python.
The flag \fB\-\-section\-depth 2\fR is \fBsection_depth = 2\fR in the file and \fBNETMON_SECTION_DEPTH=2\fR in the
environment.
What is said later counts: defaults, the file, its profile, the environment, flags.
\fBnetmon \-\-print\-config\fR prints the result, with all keys, as a file that gives the same settings and rules.
.PP
Keys that differ from the flag: {differ}.
.PP
A table \fB[profile.\fINAME\fB]\fR of the file holds settings that hold only if the profile is chosen: with
\fB\-\-profile\fR, with \fBNETMON_PROFILE\fR, or with the key \fBprofile.use\fR of the file.
.PP
Durations are written as 90, 90s, 500ms, 5m, 1h, 1d or 1m30s; sizes as a number of KiB or as 512KiB, 16MiB or 1GiB.
In the environment the parts of a list are separated by commas.
.SH ALERT RULES
A table \fB[[alert]]\fR of the configuration file, or of a file of \fB\-\-alerts\fR, is a rule:
.PP
.nf
    [[alert]]
    name = "checkout is slow"
    metric = "latency.p95"
    where = "host:shop.example"
    above = "500ms"
    for = "30s"
.fi
.PP
\fBnetmon \-\-check\-config\fR explains each rule in a sentence, or says what is wrong with it.
\fBnetmon \-r\fR \fIFILE\fR tries rules on a capture without effect.
Keys:
{keys}
.SH FILTERS
The filter of \fB\-\-where\fR, of the key \fBwhere\fR of a rule, and of \fB/\fR on the screen is about exchanges.
Terms side by side must all hold; \fBand\fR, \fBor\fR, \fBnot\fR, \fB!\fR and parentheses combine them.
\fBhost:api\fR means that a field contains the text, or matches it as a whole if it has * or ?;
\fBhost=api.example\fR means the whole field;
\fBlatency>200ms\fR, \fBbytes>=1MiB\fR and \fBstatus<500\fR compare numbers;
\fBstatus:5xx\fR, \fBstatus:none\fR and \fBclient:10.0.0.0/8\fR are terms as well, and so is a text alone.
Fields are {fields}.
.SH EVENTS
The log of \fB\-\-log\-file\fR has one line for each event:
{events}
.SH SIGNALS
.TP
SIGINT, SIGTERM
end netmon, which writes what it has counted. A second SIGINT ends it at once.
.TP
SIGHUP
reads the alert rules again, if there are any, or says why not and keeps the old ones.
Without rules, or if the terminal is gone, it ends netmon.
.SH ENVIRONMENT
.TP
.B NETMON_*
Settings; see above.
.TP
.B NETMON_CONFIG
The configuration file to read instead of the usual one.
.TP
.B NO_COLOR
If it is not empty, no colours are used.
.TP
.B JOURNAL_STREAM
Set by \fBsystemd\fR(1): if standard error is the journal, the log goes there with priorities.
.SH FILES
.TP
.I $XDG_CONFIG_HOME/netmon/config.toml
The configuration file; \fI~/.config\fR if XDG_CONFIG_HOME is not set.
Under sudo it is that of the user who called sudo, if it belongs to that user or to root and nobody else can write it.
.TP
.I $XDG_STATE_HOME/netmon/state.json
What rules have learned of live traffic, unless \fB\-\-state\fR names another file; \fI~/.local/state\fR if
XDG_STATE_HOME is not set.
Beside it, \fIknown-\fRNAME\fI.txt\fR holds the names that a rule about newcomers knows, one a line.
.SH EXIT STATUS
{codes}
.SH EXAMPLES
{examples}
.SH SEE ALSO
.BR pcap\-filter (7),
.BR tcpdump (8)
"""


def manual(parser):
    """The text of the page."""
    examples, codes = arguments.EXAMPLES.split("exit codes:")
    rest = SETTINGS.format(
        differ=", ".join(_differ()),
        events="\n".join(f".TP\n.B {_escaped(name)}\n{_sentence(about)}" for name, about in EVENTS.items()),
        keys="\n".join(f".TP\n.B {_escaped(key.name)}\n{_sentence(key.help)}" for key in KEYS.values()),
        fields=_fields(),
        codes="\n".join(_codes(codes)),
        examples="\n".join(_examples(examples)),
    )
    page = HEAD.format(version=__version__, date=DATE) + "\n".join((*_options(parser), *_commands())) + rest
    return "".join(f"{line}\n" for whole in page.splitlines() for line in _wrapped(whole))


def _fields():
    """The fields of a filter, as its parser lists them."""
    try:
        Filter("no-field:x no_field:x")
    except WhereError as error:
        return re.search(r"fields are (.*?);", str(error))[1]
    raise AssertionError("a field that does not exist is refused")


def _wrapped(line):
    """The lines of a paragraph. A line that begins with a period would be a request of roff."""
    if line.startswith("."):
        return [line]
    first, *more = textwrap.wrap(line, 80, break_on_hyphens=False, break_long_words=False)
    return [first, *(f"\\&{each}" if each.startswith((".", "'")) else each for each in more)]


def _options(parser):
    yield ".SH OPTIONS"
    for group in parser._action_groups:
        actions = [action for action in group._group_actions if action.option_strings]
        if actions:
            yield f".SS {_escaped(group.title.capitalize())}"
        for action in actions:
            takes = f" \\fI{_escaped(action.metavar)}\\fR" if action.metavar and action.nargs != 0 else ""
            takes = f" [{takes.strip()}]" if action.nargs == "?" else takes
            flags = ", ".join(f"\\fB{_escaped(flag)}\\fR" for flag in action.option_strings)
            yield f".TP\n{flags}{takes}\n{_sentence(action.help)}"


def _commands():
    """A heading for each command, what it does and its arguments."""
    yield ".SH COMMANDS"
    for name in commands.COMMANDS:
        parser = commands.module(name).parser()
        yield f".SS netmon {_escaped(name)}\n{_sentence(parser.description)}"
        for action in parser._actions:
            takes = f"\\fI{_escaped(action.metavar)}\\fR" if action.metavar and action.nargs != 0 else ""
            flags = ", ".join(f"\\fB{_escaped(flag)}\\fR" for flag in action.option_strings)
            yield f".TP\n{' '.join(filter(None, (flags, takes)))}\n{_sentence(action.help)}"
        yield from (f".PP\n{_paragraph(part)}" for part in (parser.epilog or "").split("\n\n") if part.strip())


def _paragraph(text):
    """A paragraph of an epilog; one with lines that are indented keeps its lines."""
    lines = [_sentence(line) for line in text.strip("\n").splitlines()]
    if not any(line.startswith(" ") for line in lines):
        return " ".join(lines)
    return "\n".join((".nf", *lines, ".fi"))


def _differ():
    r"""``\\fB\\-\\-interface\\fR is \\fBinterfaces\\fR``: flags whose key is not the flag with underscores."""
    for option in OPTIONS:
        flag = option.flags.split()[-1]
        if flag.removeprefix("--").replace("-", "_") != option.name:
            yield f"\\fB{_escaped(flag)}\\fR is \\fB{option.name}\\fR"


def _codes(text):
    """The exit codes, each with what it means."""
    for number, about in re.findall(r"^ +(\d)  (.+)$", text, re.MULTILINE):
        yield f".TP\n.B {number}\n{_sentence(about)}"


def _examples(text):
    for line in text.splitlines()[1:]:
        if line.strip():
            command, about = re.split(r"\s{2,}", line.strip(), maxsplit=1)
            yield f".TP\n.B {_escaped(command)}\n{_sentence(about)}"


def _sentence(text):
    """A text as a paragraph of its own: a period at its start would make it a request of roff."""
    shown = _escaped(text)
    return f"\\&{shown}" if shown.startswith((".", "'")) else shown


def _escaped(text):
    return text.replace("\\", "\\e").replace("-", "\\-")
