"""What to say when the native core cannot be loaded: what to install, in one sentence.

The command says that sentence and ends; a program gets it as the ImportError. Loaded only then.
"""

LIBRARY = "libpcap"

INSTALL = "netmon needs libpcap: install libpcap0.8 (Debian, Ubuntu) or libpcap (Fedora, Arch, Alpine)"


def explain(error: ImportError) -> ImportError:
    """The error to raise in place of the loader's."""
    return ImportError(INSTALL, name="netmon._core") if LIBRARY in str(error) else error
