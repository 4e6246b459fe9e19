"""Packages that only some inputs and outputs need: what to install if one is missing. A name in, a sentence out."""

from __future__ import annotations

import sys
from importlib import import_module

EXTRAS = {"parquet": "arro3.io", "html": "jinja2", "fsspec": "fsspec"}
"""Name of an extra of the distribution -> the module that it installs."""


def missing(extra: str) -> str | None:
    """What to type if the package of an extra cannot be loaded; None if it can."""
    try:
        import_module(EXTRAS[extra])
    except ImportError as error:
        install = f"{sys.executable} -m pip install 'netmon-http[{extra}]'"
        return f"this needs the extra {extra} ({error}): {install}"
    return None
