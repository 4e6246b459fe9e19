"""How much more a count varies from block to block than a count of independent events would: its dispersion. Pure.

A count whose dispersion is 4 is as certain as a quarter of it would be if events were independent. Rao and Scott (1992)
divide counts of clusters by their design effect; for rates it is the variance of quasi-Poisson models (McCullagh and
Nelder 1989).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

FEWEST = 5
"""Blocks that are needed to tell how much traffic varies."""


class Spread(NamedTuple):
    """The dispersion, and with how many degrees of freedom it was estimated; None if events are independent."""

    dispersion: float = 1.0
    freedom: float | None = None


INDEPENDENT = Spread()


def of_blocks(parts: Sequence[tuple[float, float]], *, is_share: bool) -> Spread | None:
    """The dispersion of a count in blocks, each (count, what it is counted in): seconds, or with `is_share` the whole.

    None if there are too few blocks, or nothing was counted.
    """
    parts = [(x, whole) for x, whole in parts if whole > 0]
    count, whole = sum(x for x, _ in parts), sum(n for _, n in parts)
    if len(parts) < FEWEST or count <= 0 or (is_share and count >= whole):
        return None
    mean = count / whole
    squares = sum((x - mean * n) ** 2 for x, n in parts)
    expected = count * (1 - mean) if is_share else count
    freedom = len(parts) - 1
    return Spread(squares * len(parts) / freedom / expected, float(freedom))


def in_common(before: Spread | None, after: Spread | None, *, independent: bool) -> Spread | None:
    """The dispersion of both sides: the lower one, since what varies on one side only is a change and not chance.

    No dispersion is below 1: that counts are more even than independent ones is chance, or a machine that sends them.
    None if it is not known; if events may be `independent`, it then is 1.
    """
    known = [spread for spread in (before, after) if spread is not None]
    if not known:
        return INDEPENDENT if independent else None
    dispersion = min(spread.dispersion for spread in known)
    if independent and dispersion <= 1:
        return INDEPENDENT
    return Spread(max(dispersion, 1.0), sum(spread.freedom or 0 for spread in known))
