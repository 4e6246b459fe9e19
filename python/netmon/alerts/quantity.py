"""Amounts as people write them in a rule: ``7000``, ``5%``, ``200ms``, ``10Mbit/s``. Text in, numbers out."""

from __future__ import annotations

import re
from math import inf, nan
from typing import TYPE_CHECKING, NamedTuple

from netmon.values import Duration

if TYPE_CHECKING:
    from collections.abc import Mapping

    from netmon.measures import Unit

_THOUSANDS = {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
_BINARY = {"Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40}

UNITS: Mapping[Unit, Mapping[str, float]] = {
    "count": _THOUSANDS,
    "ratio": {"": 1.0, "%": 0.01},
    "s": {"us": 1e-6, "ms": 1e-3, "": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0},
    "B": {f"{prefix}B": times for prefix, times in {**_THOUSANDS, **_BINARY}.items()} | {"": 1.0},
    "bit": {f"{prefix}bit": times for prefix, times in {**_THOUSANDS, **_BINARY}.items()} | {"": 1.0},
}
"""The spellings of each unit, and how many of the base unit each is."""

EXAMPLES: Mapping[Unit, str] = {
    "count": "7000, 7k or 50/s",
    "ratio": "0.05 or 5%",
    "s": "0.2, 200ms or 5m",
    "B": "10MB, 10MiB or 5MB/s",
    "bit": "10Mbit or 10Mbit/s",
}

KINDS: Mapping[Unit, str] = {
    "count": "an amount",
    "ratio": "a share",
    "s": "a duration",
    "B": "a size",
    "bit": "an amount of bits",
}
"""What an amount in each unit is called in an error."""

_PATTERN = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([A-Za-z%]*)\s*(/s)?\s*")


_SEVERAL = re.compile(r"\s*(\d+\s*(d|h|ms?|s)\s*){2,}")
"""Durations of several parts: ``1m30s``."""


class Quantity(NamedTuple):
    """An amount in its base unit: seconds, bytes, bits, a share of 1, or a count."""

    value: float
    per_second: bool = False

    @property
    def number(self) -> float:
        """The value, as a whole number if it is one."""
        return int(self.value) if self.value == int(self.value) else self.value


def number(given: object) -> float:
    """A number as a float; no number, a truth value and what a float cannot hold are not a number: NaN."""
    try:
        return float(given) if isinstance(given, (int, float)) and not isinstance(given, bool) else nan
    except OverflowError:
        return nan


def quantity(given: float | str, unit: Unit) -> Quantity:
    """The amount that a number or a text gives, for a measure with this unit. ValueError says what is expected."""
    if isinstance(given, (int, float)):
        amount, times, is_rate, spelt = number(given), 1.0, False, ""
    else:
        found = _PATTERN.fullmatch(given)
        if unit == "s" and not found and _SEVERAL.fullmatch(given):
            return Quantity(Duration.parse(given))
        times = UNITS[unit].get(found[2], -1.0) if found else -1.0
        amount, is_rate = float(found[1]) if found else 0.0, bool(found and found[3])
        spelt = found[2] if found else ""
    value = float(f"{amount * times:.12g}")  # 5 % is 0.05 and not a rounded product
    if times < 0 or not 0 <= value < inf:
        raise ValueError(f"{given!r} is not {KINDS[unit]} such as {EXAMPLES[unit]}{_with_a_point(given, unit)}")
    if is_rate and unit in {"ratio", "s"}:
        raise ValueError(f"{given!r} is a rate, and this is none: write {EXAMPLES[unit]}")
    if unit == "ratio" and value > 1:
        raise ValueError(f"{given!r} is more than everything{_as_a_share(value, spelt, unit)}")
    return Quantity(value, is_rate)


def _as_a_share(value: float, unit_given: str, unit: Unit) -> str:
    """What was meant by a share above 1: most people who write 99.9 mean percent."""
    if unit_given or value > 100:
        return f": write {EXAMPLES[unit]}"
    return f", did you mean {value:g}% or {value / 100:.12g}?"


def _with_a_point(given: object, unit: Unit) -> str:
    """What was meant by an amount with a decimal comma."""
    if not isinstance(given, str) or given.count(",") != 1:
        return ""
    pointed = given.replace(",", ".").strip()
    try:
        quantity(pointed, unit)
    except ValueError:
        return ""
    return f"; did you mean {pointed}?"
