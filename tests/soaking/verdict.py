"""Compares what was found with what must be (pure): a table of checks, and whether all of them hold."""

from typing import NamedTuple


class Check(NamedTuple):
    """`found` and `wanted` are texts for the table."""

    what: str
    found: str
    wanted: str
    holds: bool


def equal(what, found, wanted):
    return Check(what, str(found), str(wanted), found == wanted)


def at_most(what, found, bound, unit=""):
    return Check(
        what, f"{found:,.2f}{unit}" if isinstance(found, float) else f"{found:,}", f"<= {bound:,}{unit}", found <= bound
    )


def at_least(what, found, bound):
    return Check(what, f"{found:,}", f">= {bound:,}", found >= bound)


def same_counts(what, found, wanted):
    """Two tables of counts: how many of their rows differ, with the first of these."""
    differ = sorted(key for key in found.keys() | wanted.keys() if found.get(key, 0) != wanted.get(key, 0))
    total, rows = sum(wanted.values()), len(wanted)
    if not differ:
        return Check(what, f"{total:,} in {rows:,} rows", "the same", bool(wanted))
    first = differ[0]
    text = f"{len(differ)} rows differ: {first} {found.get(first, 0)}, not {wanted.get(first, 0)}"
    return Check(what, text, f"{total:,} in {rows:,} rows", False)


def slope(points):
    """Per hour, the slope of the line that fits points (seconds, value) best; 0 for fewer than two points."""
    if len(points) < 2:
        return 0.0
    x, y = (sum(values) / len(points) for values in zip(*points, strict=True))
    above = sum((at - x) * (value - y) for at, value in points)
    return 3600 * above / (sum((at - x) ** 2 for at, _ in points) or 1)


def usual(samples, field):
    """The value that a tenth of the samples are at or below, of the first and of the last third of samples.

    What is open for a moment, such as a connection of a scraper, is not open in a tenth of them; what leaks is in all.
    And what is closed for a moment, such as a stream that a viewer opens anew, is not closed in a tenth of them: the
    lowest value of all would take such a moment in the first third for a leak.
    """
    third = max(1, len(samples) // 3)
    values = [getattr(sample, field) for sample in samples]
    return tuple(sorted(part)[len(part) // 10] for part in (values[:third], values[-third:]))


def not_grown(what, samples, field):
    first, last = usual(samples, field)
    return Check(what, f"{first} to {last}", "no more than before", last <= first)


ROUND = 420
"""Seconds after which the enemy's attacks come again. What is freed again within a round is no growth."""


def least(samples, field, span=ROUND):
    """(seconds, value) of the lowest sample of each round."""
    rounds = {}
    for sample in samples:
        point = (sample.at, getattr(sample, field))
        rounds[sample.at // span] = min(rounds.get(sample.at // span, point), point, key=lambda each: each[1])
    return list(rounds.values())


def growth(samples, most):
    """Memory over the samples after the warm-up: `most` MiB per hour. Without a bound the figures are only shown."""
    for field, what in (("private", "anonymous memory"), ("resident", "resident memory")):
        points = least(samples, field)
        per_hour = slope(points)
        found = f"{points[0][1]:.1f} to {points[-1][1]:.1f} MiB, {per_hour:+.2f} MiB/h"
        yield Check(what, found, "-" if most is None else f"< {most:g} MiB/h", most is None or per_hour < most)


def table(checks):
    """The checks as lines of text."""
    widths = [max(len(check[column]) for check in checks) for column in range(3)]
    return [
        f"{'ok  ' if check.holds else 'FAIL'}  {check.what:{widths[0]}}  {check.found:{widths[1]}}  {check.wanted}"
        for check in checks
    ]


def holds(checks):
    return all(check.holds for check in checks)
