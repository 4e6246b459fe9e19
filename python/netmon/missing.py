"""The message for a native core that cannot be loaded: what to install, in one sentence.

The command prints that sentence and ends; a program gets it as an ImportError. This module is loaded only then.
"""

LIBRARY = "libpcap"

INSTALL = "netmon needs libpcap: install libpcap0.8 (Debian, Ubuntu) or libpcap (Fedora, Arch, Alpine)"


def explain(error: ImportError) -> ImportError:
    """The error to raise for `error`: one that says what to install if libpcap is missing, else `error` itself."""
    return ImportError(INSTALL, name="netmon._core") if LIBRARY in str(error) else error
