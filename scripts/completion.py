"""Completion for shells: a parser and the table of settings in, a script for bash, zsh or fish out. Reads nothing.

shtab writes the script. This module says what a flag takes: words of a table, files, interfaces or profiles. The
package holds the scripts that it gives, see `generated.py`, so that netmon itself does not need shtab.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

import shtab
import terms
from netmon import commands
from netmon.arguments import SHELLS
from netmon.reading import KINDS
from netmon.values import ClientFrom

if TYPE_CHECKING:
    from argparse import Action, ArgumentParser
    from collections.abc import Mapping, Sequence

FILES = frozenset({"read", "keylog", "output", "filter_file", "log_file", "config", "files", "before", "after"})
"""Arguments that take the path of a file."""

INTERFACES = frozenset({"interfaces", "exclude_interfaces"})

PROFILES = frozenset({"profile"})

FILTERS = frozenset({"where"})
"""Arguments that take a filter of exchanges."""

CONDITIONS = frozenset({"fail_if"})
"""Arguments that begin with a measure."""

WORDS = {
    "speed": ("1", "10", "0.5", "max"),
    "expression": (
        *commands.COMMANDS,
        "tcp",
        "port",
        "portrange",
        "host",
        "net",
        "src",
        "dst",
        "ip",
        "ip6",
        "vlan",
        "and",
        "or",
        "not",
    ),
    "completion": SHELLS,
}
"""Words for what takes others as well; of a setting that takes certain words only, the table of settings has them."""

OTHERS = "^(bluetooth|nflog|nfqueue|dbus-|usbmon)"
"""Devices of libpcap that carry no packets of a network. They can be captured from, and nobody looks for them."""

NAMES = f"netmon --list-interfaces 2>/dev/null | cut -d ' ' -f 1 | grep -Ev '{OTHERS}'"
"""Prints the names of the interfaces. A name that a terminal could not show is not one that can be typed."""

FILE = "${NETMON_CONFIG:-${XDG_CONFIG_HOME:-$HOME/.config}/netmon/config.toml}"
TABLES = rf"""sed -n 's/^\[profile\.\([A-Za-z0-9_-]*\)\].*/\1/p' "{FILE}" 2>/dev/null"""
"""Prints the names of the profiles in the configuration file that NETMON_CONFIG names, or in the usual one."""

OF_LINE = {
    "bash": r"""  local i file=
  for ((i = 1; i + 1 < ${#COMP_WORDS[@]}; i++)); do
    if [[ ${COMP_WORDS[i]} == --config ]]; then
      file=${COMP_WORDS[i + 1]}
      [[ $file == = ]] && file=${COMP_WORDS[i + 2]}
    fi
  done
  file=${file//\\/}
  local NETMON_CONFIG=${file:-$NETMON_CONFIG}
""",
    "zsh": r"""  local i file
  for ((i = 2; i < CURRENT; i++)); do
    case $words[i] in
      --config) file=$words[i+1] ;;
      --config=*) file=${words[i]#--config=} ;;
    esac
  done
  file=${(Q)file}
  local NETMON_CONFIG=${file:-$NETMON_CONFIG}
""",
    "fish": r"""  set -l file $NETMON_CONFIG
  set -l given (commandline -opc)
  for i in (seq (count $given))
    switch $given[$i]
      case --config
        set file $given[(math $i + 1)]
      case '--config=*'
        set file (string replace -- --config= '' $given[$i])
    end
  end
  set -lx NETMON_CONFIG $file
""",
}
"""Sets NETMON_CONFIG to the file that ``--config`` names on the line, for each shell."""


BASH_FILES = r"""_netmon_files() {
  compgen -f -- "${1//\\/}"
}
"""
"""Completes paths in bash. The word is as it was typed, so a space in it has a backslash before it."""


BASH_BEGINS = (
    """_shtab_netmon() {
""",
    """_shtab_netmon() {
  local -a words=("${COMP_WORDS[@]:0:COMP_CWORD+1}") joined=()
  local each
  for each in "${words[@]}"; do
    if (( ${#joined[@]} )) && [[ $each == : || ${joined[-1]} == *: ]] && [[ -n $each || ${joined[-1]} != -* ]]; then
      joined[-1]+=$each
    else
      joined+=("$each")
    fi
  done
  local -a COMP_WORDS=("${joined[@]}")
  local COMP_CWORD=$(( ${#joined[@]} - 1 ))
""",
)
"""In bash a colon divides words. Here they are one word again."""

BASH_ENDS = (
    """  return 0
}

complete -o""",
    """  if [[ ${#COMPREPLY[@]} = 1 && ${COMPREPLY[0]} == *: ]]; then
    compopt -o nospace 2>/dev/null || : # bash>=4
  fi
  if [[ $completing_word == *:* && $COMP_WORDBREAKS == *:* ]]; then
    COMPREPLY=("${COMPREPLY[@]#"${completing_word%"${completing_word##*:}"}"}")
  fi

  return 0
}

complete -o""",
)
"""Only what stands behind the last colon is replaced by what is completed. A value follows a colon without a space."""

OF_COMMAND = """  if (( CURRENT > 2 )) && [[ -v _shtab_netmon_${words[2]}_options ]]; then
    local options=_shtab_netmon_${words[2]}_options
    shift words
    (( CURRENT -= 1 ))
    _arguments -C -s ${(P)options}
    return
  fi
"""
"""Completes the arguments of a command in zsh. Otherwise they would be taken for words of a capture filter."""


def script(parser: ArgumentParser, shell: str) -> str:
    """The script that completes the arguments of `parser` in a shell."""
    files = shtab.FILE | {"bash": "_netmon_files", "preamble": {"bash": BASH_FILES}}
    kinds = (
        (FILES, files),
        (INTERFACES, _lines("interfaces", NAMES)),
        (PROFILES, _lines("profiles", TABLES, OF_LINE)),
        (FILTERS, _terms("terms", terms.terms())),
        (CONDITIONS, _terms("measures", terms.measures())),
    )
    for action in [*parser._actions, *_add_commands(parser)]:
        how = next((how for names, how in kinds if action.dest in names), None)
        if how is not None and action.nargs != 0:
            action.complete = how
        elif words := _words(action):
            action.choices = words
    written = shtab.complete(parser, shell).rstrip()
    if shell == "bash":
        written = written.replace(*BASH_BEGINS, 1).replace(*BASH_ENDS, 1)
    if shell == "zsh":
        written = written.replace("_shtab_netmon() {\n", f"_shtab_netmon() {{\n{OF_COMMAND}", 1)
    return f"{written}\n"


def _add_commands(parser: ArgumentParser) -> Sequence[Any]:
    """Adds each command as a parser below `parser`, and returns the actions of all. Only a completion needs them so."""
    below = parser.add_subparsers()
    added: list[Any] = []
    for name, command in commands.COMMANDS.items():
        made = below.add_parser(name, parents=[commands.module(name).parser()], add_help=False, help=command.help)
        added += made._actions
    return added


def _words(action: Action) -> Sequence[str]:
    """The words that an argument takes; empty if there is no list of them."""
    if action.nargs == 0:
        return ()
    if action.dest in WORDS:
        return WORDS[action.dest]
    kind = KINDS.get(action.dest)
    if get_origin(kind) is Literal:
        return get_args(kind)
    return ClientFrom.NAMES if ClientFrom in get_args(kind) else ()


def _lines(what: str, command: str, before: Mapping[str, str] = MappingProxyType({})) -> dict[str, Any]:
    """How shtab is told to complete with the lines that a command prints, which runs when a key is pressed.

    `before` are lines that run before it, for each shell.
    """
    first = {shell: before.get(shell, "") for shell in SHELLS}
    return {
        "bash": f"_netmon_{what}",
        "zsh": f"_netmon_{what}",
        "fish": f"(__netmon_{what})",
        "preamble": {
            "bash": f'_netmon_{what}() {{\n{first["bash"]}  compgen -W "$({command})" -- "$1"\n}}\n',
            "zsh": f'_netmon_{what}() {{\n{first["zsh"]}  compadd -- ${{(f)"$({command})"}}\n}}\n',
            "fish": f"function __netmon_{what}\n{first['fish']}  sh -c {_quoted(command)}\nend\n",
        },
    }


def _terms(what: str, words: Sequence[str]) -> dict[str, Any]:
    """How shtab is told to complete with words. Those with a value are offered behind their field and a colon."""
    plain = " ".join(word for word in words if ":" not in word[:-1])
    valued = " ".join(word for word in words if ":" in word[:-1])
    return {
        "bash": f"_netmon_{what}",
        "zsh": f"_netmon_{what}",
        "fish": f"(__netmon_{what})",
        "preamble": {
            "bash": f"""_netmon_{what}() {{
  local words="{plain}"
  [[ $1 == *:* ]] && words="{valued}"
  compgen -W "$words" -- "$1"
}}
""",
            "zsh": f"""_netmon_{what}() {{
  if [[ $PREFIX == *:* ]]; then
    compadd -- {valued or "''"}
  else
    local -a fields=({plain})
    compadd -S '' -- ${{(M)fields:#*:}}
    compadd -- ${{fields:#*:}}
  fi
}}
""",
            "fish": f"""function __netmon_{what}
  if string match -q '*:*' -- (commandline -ct)
    printf '%s\\n' {valued}
  else
    printf '%s\\n' {plain}
  end
end
""",
        },
    }


def _quoted(command: str) -> str:
    """A command as one word of fish."""
    escaped = command.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
