"""Checks of plain data that a file or a pickle gave: each returns the value, or raises ValueError for damage."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

LATEST = 2**53
"""The latest time in microseconds, and the largest count: in nanoseconds the time still has room in 64 bits."""

LARGEST = 1e24
"""The largest value of a measure: more than 64 bits count, and small enough for sums of many such values."""


@contextmanager
def undamaged() -> Iterator[None]:
    """Turns what damaged data raises in the block into ValueError."""
    try:
        yield
    except (LookupError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
        raise ValueError(f"the state is damaged: {error!r:.200}") from error


def time(value: Any) -> int:
    """A time or a length of time in microseconds."""
    return _whole(value, -LATEST)


def count(value: Any) -> int:
    return _whole(value, 0)


def number(value: Any) -> float:
    """A value of a measure, whole or not."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) <= LARGEST:
        raise _damage(value, "a number")
    return value


def text(value: Any) -> str:
    if not isinstance(value, str):
        raise _damage(value, "text")
    return value


def _whole(value: Any, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= LATEST:
        raise _damage(value, "a whole number in its range")
    return value


def _damage(value: object, expected: str) -> ValueError:
    shown = f"{value:.3g}" if isinstance(value, float) else type(value).__name__
    return ValueError(f"the state is damaged: {expected} is missing, there is {shown}")
