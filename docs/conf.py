"""How Sphinx builds the site of netmon's documentation: ``make docs``. A warning is an error."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

from netmon import __version__ as release

project = "netmon"
copyright = "the authors of netmon, Apache License 2.0"  # noqa: A001  the name that Sphinx asks for
html_title = f"netmon {release}"

extensions = ["myst_parser", "settings_page", "api_page", "blocks"]
exclude_patterns = ["_*"]
nitpicky = True
smartquotes = False  # two hyphens begin a flag

myst_heading_anchors = 6  # the anchors that GitHub makes
suppress_warnings = ["myst.header"]  # what a directive makes begins with a lower heading

python_maximum_signature_line_length = 88
add_module_names = False
toc_object_entries_show_parents = "hide"

html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["netmon.css"]
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False

PAGES = {"CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md", "LICENSE": "../LICENSE"}
"""Files beside this folder -> how pages of the site that include one of them name another."""


def name_pages(app, relative_path, parent, source):
    for file, page in PAGES.items():
        source[0] = source[0].replace(f"]({file})", f"]({page})")


def setup(app):
    app.connect("include-read", name_pages)
