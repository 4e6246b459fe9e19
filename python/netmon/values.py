"""The kinds of values that settings have, as people write them: text in, a number or a name out."""

from __future__ import annotations

import re
from typing import ClassVar, Self


class Duration(float):
    """Seconds, written as ``200``, ``200s``, ``500ms``, ``5m``, ``1h`` or ``1m30s``; above 0."""

    UNITS: ClassVar = {"ms": 0.001, "": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
    PARTS: ClassVar = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*([a-z]+)\s*")

    @classmethod
    def parse(cls, value: object) -> Self:
        seconds = cls._seconds(value)
        if not 0 <= seconds < float("inf"):
            raise ValueError(f"{value!r} is not a duration such as 90, 90s, 500ms, 5m or 1h")
        if seconds <= 0:
            raise ValueError(f"{value!r} is not above 0")
        return cls(seconds)

    @classmethod
    def _seconds(cls, value: object) -> float:
        """The seconds that a number or a text gives; -1 for what gives none."""
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            try:
                return float(value)
            except OverflowError:
                return -1.0
        text = value.strip() if isinstance(value, str) else ""
        if re.fullmatch(r"\d+(?:\.\d*)?|\.\d+", text):
            return float(text)
        parts = cls.PARTS.findall(text)
        units = [cls.UNITS.get(unit, 0) for _, unit in parts]
        is_whole = bool(parts) and not cls.PARTS.sub("", text)
        if not (is_whole and all(units)) or sorted(set(units))[::-1] != units:
            return -1.0
        return sum(float(number) * unit for (number, _), unit in zip(parts, units, strict=True))


DIGITS = 18
"""Digits of a whole number at most; a longer number is refused."""


class Size(int):
    """Bytes, written as a number of KiB, as in tcpdump, or with a unit: ``16MiB``, ``512KiB``, ``1GiB``."""

    UNITS: ClassVar = {"": 1 << 10, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30}
    MOST: ClassVar = 2047 << 20  # libpcap takes 31 bits
    LIMIT: ClassVar = "2047MiB, the most that libpcap takes"

    @classmethod
    def parse(cls, value: object) -> Self:
        found = re.fullmatch(r"(\d+)\s*([a-z]*)", str(value).strip().lower())
        if isinstance(value, bool) or not found or found[2] not in cls.UNITS or not found[1].strip("0"):
            raise ValueError(f"{value!r} is not a size such as 4096 (KiB) or 16MiB")
        size = int(found[1][:DIGITS]) * cls.UNITS[found[2]]
        if len(found[1]) > DIGITS or size > cls.MOST:
            raise ValueError(f"{value!r} is above {cls.LIMIT}")
        return cls(size)


class FileSize(Size):
    """The size of a file, written as a `Size`."""

    MOST: ClassVar = 1 << 50
    LIMIT: ClassVar = "1048576GiB"


class Share(float):
    """A part of a whole, written as ``5%`` or ``0.05``; above 0 and at most 1."""

    @classmethod
    def parse(cls, value: object) -> Self:
        found = re.fullmatch(r"(\d+(?:\.\d*)?|\.\d+)\s*(%?)", str(value).strip())
        share = float(found[1]) / (100 if found[2] else 1) if found and not isinstance(value, bool) else 0.0
        if not 0 < share <= 1:
            raise ValueError(f"{value!r} is not a share such as 5% or 0.05")
        return cls(share)


class Speed(float):
    """A multiple of real time, written as ``1``, ``10`` or ``0.5``; ``max`` is as fast as possible."""

    @classmethod
    def parse(cls, value: object) -> Self:
        text = str(value).strip().lower()
        found = re.fullmatch(r"\d+(?:\.\d*)?|\.\d+", text)
        speed = float("inf") if text == "max" else float(text) if found else 0.0
        if isinstance(value, bool) or speed <= 0:
            raise ValueError(f"{value!r} is not a speed such as 1, 10, 0.5 or max")
        return cls(speed)


class ClientFrom(str):
    """Where proxies tell the address of their client: a field of the request, or the PROXY protocol."""

    __slots__ = ()
    NAMES: ClassVar = ("X-Forwarded-For", "Forwarded", "X-Real-IP", "PROXY")

    @classmethod
    def parse(cls, value: object) -> Self:
        for name in cls.NAMES:
            if str(value).strip().lower() == name.lower():
                return cls(name)
        raise ValueError(f"{value!r} is not one of {', '.join(cls.NAMES)}")
