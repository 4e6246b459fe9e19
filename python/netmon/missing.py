"""What to say when the native core cannot be loaded: what to install, in one sentence.

The command says that sentence and ends; a program gets it as the ImportError. Loaded only then.
"""

import os
import sys

LIBRARY = "libpcap"

INSTALL = "netmon needs libpcap: install libpcap0.8 (Debian, Ubuntu) or libpcap (Fedora, Arch, Alpine)"


def explain(error: ImportError) -> ImportError:
    """The error to raise in place of the loader's; as the command, the end of it."""
    if LIBRARY not in str(error):
        return error
    if is_command(sys.argv[0], sys.orig_argv):
        print(INSTALL, file=sys.stderr)
        raise SystemExit(1)
    return ImportError(INSTALL, name="netmon._core")


def is_command(started: str, arguments: list[str]) -> bool:
    """Whether ``netmon`` or ``python -m netmon`` is what runs."""
    as_module = started == "-m" and "netmon" in arguments
    return as_module or os.path.basename(started) == "netmon"
