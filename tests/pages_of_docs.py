"""The pages of the documentation as tests read them: blocks of code with their language, and commands in them."""

import importlib.util
import re
import shlex
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [
    *sorted(path for path in DOCS.rglob("*.md") if not path.relative_to(DOCS).parts[0].startswith("_")),
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
]

WRITTEN_BY_SCRIPTS = {"screen.md"}
"""Pages whose blocks are no code: frames of the screen."""


class Block(NamedTuple):
    path: Path
    line: int
    language: str
    text: str

    @property
    def name(self):
        return f"{self.path.relative_to(ROOT)}:{self.line}"


def language_of(text):
    """The language that the site gives a block that does not name one."""
    about = importlib.util.spec_from_file_location("blocks", DOCS / "_ext" / "blocks.py")
    made = sys.modules["blocks"] = importlib.util.module_from_spec(about)
    about.loader.exec_module(made)
    return made.language(text)


def blocks(*languages):
    """The blocks of code of all pages in one of these languages."""
    from markdown_it import MarkdownIt  # noqa: PLC0415  comes with Sphinx's reader of Markdown

    for path in PAGES:
        for token in MarkdownIt().parse(path.read_text()) if path.name not in WRITTEN_BY_SCRIPTS else ():
            if token.type in {"fence", "code_block"}:
                language = token.info.strip() or language_of(token.content)
                if language in languages:
                    yield Block(path, token.map[0] + 1, language, token.content)


def quoted():
    """What stands in the text of all pages as code."""
    from markdown_it import MarkdownIt  # noqa: PLC0415  as above

    for path in PAGES:
        for token in MarkdownIt().enable("table").parse(path.read_text()):
            for part in token.children or ():
                if part.type == "code_inline":
                    yield Block(path, (token.map or [0])[0] + 1, "sh", part.content)


OPERATORS = {"|", "||", "&", "&&", ";", ";;", ">", ">>", "<", "<(", ")", "(", ">&"}
SHELL_WORDS = {"do", "then", "else", "!"}
ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")


def commands(text):
    """The commands of a shell script, each as the list of its words; ``sudo`` and variables before it are left out."""
    lexer = shlex.shlex(text.replace("\\\n", " ").replace("\n", " ; "), posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    lexer.commenters = ""
    found, redirects = [[]], False
    for word in lexer:
        if redirects:
            redirects = False
        elif word in {">", ">>", "<", ">&"}:
            redirects = True
        elif word in OPERATORS:
            found.append([])
        else:
            found[-1].append(word)
    for words in found:
        while words and (ASSIGNMENT.match(words[0]) or words[0] in {"sudo", "$", *SHELL_WORDS}):
            del words[0]
        if words:
            yield words
