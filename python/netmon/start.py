"""The command as a process: what runs before anything that takes time is loaded.

While it loads, Ctrl+C ends the process as it ends any other. A KeyboardInterrupt in the middle of an import would be a
traceback, or nothing at all where the interpreter swallows it. The session installs a handler of its own.
"""

import _signal  # type: ignore[import-not-found]  # `signal` takes longer to import than all of this


def command() -> None:
    """Runs the command ``netmon`` and ends the process."""
    if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
        _signal.signal(_signal.SIGINT, _signal.SIG_DFL)
    try:
        from netmon.cli import process  # noqa: PLC0415  loads all that the command needs
    except ImportError as error:
        from netmon.missing import explain  # noqa: PLC0415  as above

        explained = explain(error)
        if explained is error:
            raise
        raise SystemExit(str(explained)) from None

    process()
