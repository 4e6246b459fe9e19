"""Writes the man page and the completions of bash, zsh and fish, which a wheel installs below ``share``.

They are made from the parser of the command, so from the table of settings: python scripts/generated.py
"""

from pathlib import Path

import completion
from manual import manual
from netmon import cli

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "netmon.data" / "data" / "share"
"""What a wheel installs below ``share``. The completions there are links to those of the package."""

COMPLETIONS = {shell: ROOT / "python" / "netmon" / "completions" / f"netmon.{shell}" for shell in completion.SHELLS}
"""What ``netmon --completion`` prints."""


def files():
    """The path of each file and its text."""
    made = {path: completion.script(cli.parser(), shell) for shell, path in COMPLETIONS.items()}
    return made | {FOLDER / "man/man1/netmon.1": manual(cli.parser())}


def main():
    for path, text in files().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


if __name__ == "__main__":
    main()
