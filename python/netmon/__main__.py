"""``python -m netmon`` is the command ``netmon``."""

from netmon.start import command

command()
