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


def thirds(samples):
    """The first and the last third of samples."""
    third = max(1, len(samples) // 3)
    return samples[:third], samples[-third:]


def usual(samples, field):
    """The value that a tenth of the samples are at or below, of the first and of the last third of samples.

    What is open for a moment, such as a connection of a scraper, is not open in a tenth of them; what leaks is in all.
    And what is closed for a moment, such as a stream that a viewer opens anew, is not closed in a tenth of them: the
    lowest value of all would take such a moment in the first third for a leak.
    """
    parts = ([getattr(sample, field) for sample in part] for part in thirds(samples))
    return tuple(sorted(values)[len(values) // 10] for values in parts)


def not_grown(what, samples, field):
    first, last = usual(samples, field)
    return Check(what, f"{first} to {last}", "no more than before", last <= first)


def growth(samples, most):
    """Memory over the samples after the warm-up: `most` MiB per hour. Without a bound the figures are only shown.

    What grows is the floor: the lowest sample of the last third is above that of the first. Memory that is taken and
    given back some time later, as an allocator does with what is free between other things, is above the floor.
    """
    for field, what in (("private", "anonymous memory"), ("resident", "resident memory")):
        first, last = (min(part, key=lambda sample: getattr(sample, field)) for part in thirds(samples))
        low, high = getattr(first, field), getattr(last, field)
        per_hour = 3600 * (high - low) / (last.at - first.at or 1)
        found = f"{low:.1f} to {high:.1f} MiB, {per_hour:+.2f} MiB/h"
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
