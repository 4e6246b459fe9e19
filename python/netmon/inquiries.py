"""What is answered without a capture, its settings and its rules: a completion, the interfaces, the doctor's page."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from netmon.config import Configured


def is_one(flags: argparse.Namespace) -> bool:
    """Whether the flags ask for such an answer."""
    return bool(flags.completion or flags.list_interfaces or flags.doctor)


def answer(flags: argparse.Namespace, reads: Callable[[], Configured]) -> int:
    """Prints the answer and returns the exit code. `reads` gives what all sources of settings give, or raises."""
    if flags.completion:
        from importlib.resources import files  # noqa: PLC0415  few runs need it, so it is loaded only then

        print((files("netmon") / "completions" / f"netmon.{flags.completion}").read_text("utf-8"), end="")
        return 0
    if flags.doctor:
        from netmon.doctor import command  # noqa: PLC0415  as above

        return command.run(vars(flags), reads)
    from netmon import advice  # noqa: PLC0415  as above

    print("\n".join(advice.interfaces(every=bool(vars(flags).get("verbose")))))
    return 0
