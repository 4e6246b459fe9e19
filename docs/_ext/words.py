"""Texts of docstrings and of the help as Markdown. Pure."""

import inspect
import re

CODE = re.compile(r"``(?P<code>.+?)``|`(?P<name>[^`]+)`", re.DOTALL)
"""Code, and the name of something that is documented, as docstrings write them."""

SPECIAL = re.compile(r"([\\*_\[\]<>#|~])")
NAME = re.compile(r"[A-Za-z_]\w*(\.\w+)*")


def markdown(text, arguments=()):
    """A docstring: its paragraphs, with links from names that are no `arguments`, and its blocks of code."""
    parts = inspect.cleandoc(text or "").split("\n\n")
    return "\n\n".join(_python(part) if part.startswith("    ") else prose(part, arguments) for part in parts)


def _python(block):
    return f"```python\n{inspect.cleandoc(block)}\n```"


def prose(text, arguments=()):
    """One paragraph."""
    made, end = [], 0
    for found in CODE.finditer(text):
        made += [escaped(text[end : found.start()]), _code(found, arguments)]
        end = found.end()
    return "".join([*made, escaped(text[end:])])


def _code(found, arguments):
    name = found["name"]
    if name and name not in arguments and NAME.fullmatch(name):
        return f"{{py:obj}}`{name}`"
    return f"`{' '.join((found['code'] or name).split())}`"


def escaped(text):
    """Text without any mark-up."""
    return SPECIAL.sub(r"\\\1", text)
