"""``python -m netmon`` is the command ``netmon``."""

from netmon.cli import process

process()
