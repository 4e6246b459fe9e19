"""The files that a rule names for its webhook: a key to sign messages with, and certificates to trust.

A path goes in; a key or TLS settings come out, or ValueError with the path and what is wrong. Never writes, and no
message shows what stands in a file.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl

LONGEST_KEY = 4096
"""Bytes of a key at most. HMAC-SHA256 gains nothing from more than 64; a larger file was named by mistake."""


def key(path: str) -> str:
    """The key in a file, without one newline at its end."""
    try:
        with open(path, "rb") as file:
            data = file.read(LONGEST_KEY + 1)
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror or error}") from None
    if len(data) > LONGEST_KEY:
        raise ValueError(f"{path} is no key: it has more than {LONGEST_KEY} bytes")
    data = data.removesuffix(b"\n").removesuffix(b"\r")
    if not data:
        raise ValueError(f"{path} is empty")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise ValueError(f"{path} is no text: write the key as text, as `openssl rand -hex 32` does") from None


def is_exposed(path: str) -> bool:
    """Whether every user of this machine may read or change a file."""
    try:
        return bool(os.stat(path).st_mode & (stat.S_IROTH | stat.S_IWOTH))
    except OSError:
        return False


def trusting(path: str) -> ssl.SSLContext:
    """TLS settings that trust the certificates of a PEM file and no others.

    They are those of authorities, or of the server itself.
    """
    import ssl  # noqa: PLC0415  only HTTPS needs it

    try:
        context = ssl.create_default_context(cafile=path)
    except ssl.SSLError:
        raise ValueError(f"{path} has no certificates in PEM format") from None
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror or error}") from None
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context
