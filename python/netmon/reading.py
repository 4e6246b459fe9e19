"""Values of settings from what people write: text, or a TOML document. msgspec checks them against `Settings`.

A value that cannot be is a ValueError that says what was expected, and in a document where. Loaded when there is a
value to read: msgspec takes as long to load as all of this package, and most commands name a file or an interface.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_type_hints

import msgspec

from netmon.options import DEFAULTS, Duration, Settings, Size, Speed

if TYPE_CHECKING:
    from collections.abc import Mapping

KINDS = get_type_hints(Settings, localns={"Meta": msgspec.Meta}, include_extras=True)
TRUTH = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}

Document = msgspec.defstruct(
    "Document", [(name, kind, DEFAULTS[name]) for name, kind in KINDS.items()], forbid_unknown_fields=True
)


def from_text(name: str, text: str) -> Any:
    """The value of one setting; lists are separated by commas."""
    kind = KINDS[name]
    value: object = text
    if kind == tuple[str, ...]:
        value = tuple(part.strip() for part in text.split(",") if part.strip())
    elif kind is bool:
        value = TRUTH.get(text.strip().lower(), text)
    return msgspec.convert(value, kind, strict=False, dec_hook=_decode)


def from_document(document: Mapping[str, object]) -> dict[str, Any]:
    """The settings a document gives, and no others."""
    read = msgspec.convert(document, Document, dec_hook=_decode)
    return {name: getattr(read, name) for name in document}


def _decode(kind: type, value: object) -> object:
    if issubclass(kind, (Duration, Size, Speed)):
        return kind.parse(value)
    raise NotImplementedError(kind)
