"""Which words of a command name capture files, by their extension or by their first bytes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

BEFORE_NAMES = ("host", "src", "dst", "net", "gateway")
"""Words of a filter that are followed by a name; that name may look like the name of a file."""

CAPTURES = (".pcap", ".pcapng", ".cap", ".pcap.gz", ".pcapng.gz", ".pcap.zst", ".pcapng.zst")
PLAIN = tuple(map(bytes.fromhex, ("d4c3b2a1", "a1b2c3d4", "4d3cb2a1", "a1b23c4d", "0a0d0d0a")))
MAGIC = (*PLAIN, b"\x1f\x8b", b"\x28\xb5\x2f\xfd")
"""Extensions and first bytes of capture files: pcap in either byte order and pcapng, as they are or in gzip or zstd."""


def named(words: Sequence[str]) -> list[str]:
    """Words of a filter that name capture files, by their extension or by the first bytes of the file."""
    found = [word for word, before in zip(words, ["", *words], strict=False) if before not in BEFORE_NAMES]
    return [word for word in found if word.endswith(CAPTURES) or _is_capture(word)]


def _is_capture(path: str) -> bool:
    if not os.path.isfile(path):
        return False
    try:
        with open(path, "rb") as file:
            return file.read(4).startswith(MAGIC)
    except OSError:
        return False
