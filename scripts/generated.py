"""Writes the files that a wheel installs beside the package: the man page, and the completions of bash, zsh and fish.

They are made from the parser of the command, so from the table of settings: python scripts/generated.py
"""

from pathlib import Path

from manual import manual
from netmon import cli, completion

FOLDER = Path(__file__).parents[1] / "netmon.data" / "data" / "share"

COMPLETIONS = {
    "bash": "bash-completion/completions/netmon",
    "zsh": "zsh/site-functions/_netmon",
    "fish": "fish/vendor_completions.d/netmon.fish",
}
"""Where each shell looks for completions, below a folder ``share``."""


def files():
    """The path of each file and its text."""
    made = {FOLDER / path: completion.script(cli.parser(), shell) for shell, path in COMPLETIONS.items()}
    return made | {FOLDER / "man/man1/netmon.1": manual(cli.parser())}


def main():
    for path, text in files().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


if __name__ == "__main__":
    main()
