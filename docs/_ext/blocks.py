"""The language of a block of code that does not name one. Blocks that are only indented, as on older pages, do not."""

import re

from docutils import nodes

LANGUAGES = {
    "toml": re.compile(r"\[\[?[\w.]+\]\]?\n"),
    "json": re.compile(r"\{\"(?!.*\.\.\.)", re.DOTALL),  # no document that is cut short
    "python": re.compile(r"(import|from|with|def) "),
    "yaml": re.compile(r"\w+:\n"),
    "sql": re.compile(r"select "),
    "sh": re.compile(r"(sudo |\w+=\S+ )*(netmon(?! \d)|make|ssh|python|scripts/\S+|duckdb) "),
}
"""Language -> how a block in it begins."""


def language(text):
    """The language of a text; ``text`` if it is none of these."""
    return next((name for name, begins in LANGUAGES.items() if begins.match(text)), "text")


def name_languages(app, doctree):
    for block in doctree.findall(nodes.literal_block):
        if block.get("language", "default") in {"default", "none"}:
            block["language"] = language(block.rawsource)


def setup(app):
    app.connect("doctree-read", name_languages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
