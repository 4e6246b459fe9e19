"""Converts text and TOML documents to values of settings. msgspec checks them against `Settings`.

An invalid value raises a ValueError that says what was expected; in a document the error has the key. This module is
loaded only when there is a value to convert: msgspec takes as long to load as all of this package, and most commands
only name a file or an interface.
"""

from __future__ import annotations

from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from netmon.address import Address
from netmon.options import DEFAULTS, Settings
from netmon.values import ClientFrom, Duration, FileSize, Share, Size, Speed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

KINDS = get_type_hints(Settings, localns={"Meta": msgspec.Meta}, include_extras=True)
TRUTH = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
NAMES = {
    str: "a string in quotes",
    tuple[str, ...]: "a list of strings",
    bool: "true or false",
    int: "a whole number",
    FileSize: "a size",
}


class SettingError(ValueError):
    """A key of a document that is not a setting or has an invalid value. The message is for the user."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key


def from_text(name: str, text: str) -> Any:
    """The value of one setting; lists are separated by commas."""
    kind = KINDS[name]
    value: object = text
    if kind == tuple[str, ...]:
        value = tuple(part.strip() for part in text.split(",") if part.strip())
    elif kind is bool or _is_address(kind):
        value = TRUTH.get(text.strip().lower(), text)
    return _convert(value, kind, strict=False)


def from_document(document: Mapping[str, object]) -> dict[str, Any]:
    """The settings that a document gives; raises SettingError for the first that is wrong."""
    read, wrong = checked(document)
    if wrong:
        raise wrong[0]
    return read


def checked(document: Mapping[str, object]) -> tuple[dict[str, Any], list[SettingError]]:
    """The settings that a document gives, and what is wrong with the others."""
    read: dict[str, Any] = {}
    wrong: list[SettingError] = []
    for key, value in document.items():
        if key not in DEFAULTS:
            wrong.append(SettingError(key, "unknown setting" + meant(key, DEFAULTS)))
            continue
        try:
            read[key] = _convert(value, KINDS[key], strict=True)
        except ValueError as error:
            wrong.append(SettingError(key, str(error)))
    return read, wrong


def nearest(name: str, names: Iterable[str] = DEFAULTS) -> str | None:
    """The setting, or the one of other `names`, whose spelling is closest to `name`; None if none is close."""
    from difflib import get_close_matches  # noqa: PLC0415  only a mistyped name needs it

    return next(iter(get_close_matches(name.replace("-", "_"), [*names], n=1)), None)


def meant(name: str, names: Iterable[str]) -> str:
    """``, did you mean top?`` for a name that is close to one of `names`; else empty."""
    near = nearest(name, names)
    return f", did you mean {near}?" if near else ""


def _is_address(kind: Any) -> bool:
    """Whether a value is an address, or false for none."""
    return any(isinstance(one, type) and issubclass(one, Address) for one in get_args(kind))


def _convert(value: object, kind: Any, *, strict: bool) -> Any:
    if value is False and _is_address(kind):
        return None
    try:
        return msgspec.convert(value, kind, strict=strict, dec_hook=_decode)
    except msgspec.ValidationError as error:
        if isinstance(error.__cause__, ValueError):  # raised by `parse` in `options`, whose message is best
            raise error.__cause__ from None
        hint = f': write ["{value}"]' if kind == tuple[str, ...] and isinstance(value, str) else ""
        raise ValueError(f"{value!r} is not {_expected(kind)}{hint}") from None


def _expected(kind: Any) -> str:
    """What kind of value is expected, in words for a person."""
    arguments = get_args(kind)
    if get_origin(kind) is Literal:
        return f"one of {', '.join(arguments)}" if len(arguments) > 1 else arguments[0]
    if get_origin(kind) is Annotated:
        least, most = arguments[1].ge, arguments[1].le
        return f"{_expected(arguments[0])} of {least} " + ("or more" if most is None else f"to {most}")
    if NoneType in arguments:
        return _expected(arguments[0])
    if get_origin(kind) is UnionType or get_origin(kind) is Union:
        return " or ".join(_expected(one) for one in arguments)
    return NAMES.get(kind) or f"a {kind.__name__.lower()}"


def _decode(kind: type, value: object) -> object:
    if issubclass(kind, (Address, ClientFrom, Duration, Share, Size, Speed)):
        return kind.parse(value)
    raise NotImplementedError(kind)
