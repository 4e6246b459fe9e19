"""The start of the process: what runs before the modules that take time to load.

While they load, Ctrl+C ends the process at once. A KeyboardInterrupt in the middle of an import would print a
traceback, or would be lost where the interpreter swallows it. The session installs its own handler later.
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
