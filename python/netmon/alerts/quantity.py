"""Amounts as people write them in a rule: ``7000``, ``5%``, ``200ms``, ``10Mbit/s``. Text in, numbers out."""

from __future__ import annotations

import re
from math import inf, nan
from typing import TYPE_CHECKING, NamedTuple

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

_PATTERN = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([A-Za-z%]*)\s*(/s)?\s*")


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
        amount, times, is_rate = number(given), 1.0, False
    else:
        found = _PATTERN.fullmatch(given)
        times = UNITS[unit].get(found[2], -1.0) if found else -1.0
        amount, is_rate = float(found[1]) if found else 0.0, bool(found and found[3])
    value = float(f"{amount * times:.12g}")  # 5 % is 0.05 and not a rounded product
    if times < 0 or not 0 <= value < inf:
        raise ValueError(f"{given!r} is not an amount such as {EXAMPLES[unit]}")
    if is_rate and unit in {"ratio", "s"}:
        raise ValueError(f"{given!r} is a rate, and this is none: write {EXAMPLES[unit]}")
    if unit == "ratio" and value > 1:
        raise ValueError(f"{given!r} is more than everything: write {EXAMPLES[unit]}")
    return Quantity(value, is_rate)
