"""The site of the documentation: it builds without a warning, every link has a target, and nothing is left out."""

import ast
import html
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import netmon
import pytest
from netmon import commands
from netmon.events import EVENTS
from netmon.options import OPTIONS
from pages_of_docs import DOCS, PAGES, ROOT

STUB = ast.parse((Path(netmon.__file__).parent / "_core.pyi").read_text())


class Page(HTMLParser):
    """The anchors of a page, and what it links to and loads."""

    def __init__(self, path):
        super().__init__()
        self.anchors, self.targets, self.described = set(), [], []
        self.feed(path.read_text())

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.anchors |= {given["id"]} if "id" in given else set()
        self.targets += [given[name] for name in ("href", "src") if given.get(name)]
        if tag == "img":
            self.described.append(given.get("alt"))


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the site, built anew."""
    pytest.importorskip("sphinx")
    folder = tmp_path_factory.mktemp("site")
    command = [
        sys.executable,
        "-m",
        "sphinx",
        "-q",
        "-W",
        "--keep-going",
        "-d",
        folder / "doctrees",
        DOCS,
        folder / "html",
    ]
    built = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)
    assert (built.returncode, built.stderr) == (0, "")
    return folder / "html"


@pytest.fixture(scope="module")
def pages(site):
    return {path: Page(path) for path in site.rglob("*.html")}


def test_every_link_within_the_site_has_a_target(pages):
    missing = []
    for path, page in pages.items():
        for target in page.targets:
            parts = urlsplit(target)
            if parts.scheme or parts.netloc:
                continue
            found = Path(os.path.normpath(path.parent / unquote(parts.path))) if parts.path else path
            if not found.is_file() or (
                parts.fragment and found in pages and parts.fragment not in pages[found].anchors
            ):
                missing.append(f"{path.name}: {target}")
    assert missing == []
    assert sum(len(page.targets) for page in pages.values()) > 1000


def test_links_to_other_sites_are_well_formed(pages):
    found = {target for page in pages.values() for target in page.targets if urlsplit(target).scheme}
    assert found
    for target in found:
        parts = urlsplit(target)
        assert parts.scheme == "https", target
        assert re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", parts.netloc), target


def test_no_page_loads_anything_from_elsewhere(site):
    for path in site.rglob("*.html"):
        assert not re.findall(r"<(?:script|img|link)[^>]*(?:src|href)=\"https?:[^\"]*\"", path.read_text()), path.name


def test_every_page_is_in_the_site_and_pictures_are_described(site, pages):
    for path in PAGES:
        if path.is_relative_to(DOCS):
            assert (site / path.relative_to(DOCS).with_suffix(".html")) in pages
    described = [text for page in pages.values() for text in page.described]
    assert described
    assert all(described)


def test_the_picture_of_the_screen_is_on_the_front_page(site):
    assert 'src="_images/screen.svg"' in (site / "index.html").read_text()


def shown(path):
    """The text of a page, without mark-up."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", "", path.read_text())).split())


def test_every_setting_is_described_with_its_flags_key_variable_and_default(site):
    text = shown(site / "reference/settings.html")
    for option in OPTIONS:
        flag = option.flags.split()[-1]
        assert re.search(
            rf"{flag}\b.*?key {option.name} · variable NETMON_{option.name.upper()} · value: .+? · default: ", text
        ), flag
        assert option.help[1:] in text, flag


def test_the_kinds_of_values_are_explained_with_their_units(site):
    text = shown(site / "reference/settings.html")
    for told in (
        "A duration: Seconds, written as 200, 200s, 500ms",
        "A size: Bytes, written as a number of KiB",
        "A share: ",
    ):
        assert told in text


def test_every_command_event_and_exit_code_is_described(site):
    told = shown(site / "reference/command.html")
    for name in commands.COMMANDS:
        assert commands.module(name).parser().description.split(".")[0] in told
    assert "5--fail-on-alert and an alert fired." in told.replace("5 ", "5")
    log = shown(site / "reference/logs.html")
    assert [name for name in EVENTS if name not in log] == []


def test_every_public_name_of_python_is_described_with_its_members(pages, site):
    anchors = pages[site / "reference/python.html"].anchors
    assert [name for name in netmon.__all__ if name != "__version__" and f"netmon.{name}" not in anchors] == []
    for node in STUB.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            full = next(each for each in (f"netmon.{node.name}", f"netmon._core.{node.name}") if each in anchors)
            core = f"netmon._core.{node.name}"
            for member in node.body:
                if isinstance(member, ast.FunctionDef) and not member.name.startswith("_"):
                    assert {f"{full}.{member.name}", f"{core}.{member.name}"} & anchors, member.name
    assert {"netmon.Monitor.snapshots", "netmon.Snapshot.hits", "netmon.Client.requests"} <= anchors


def test_a_name_that_is_not_documented_is_an_error(tmp_path):
    """The build is strict: a page with a dead link, a wrong name or a page outside the table of contents fails."""
    pytest.importorskip("sphinx")
    for text in ("# A\n\n[b](missing.md)\n", "# A\n\n{py:obj}`netmon.Missing`\n", "# A\n\n[c](#nowhere)\n"):
        (tmp_path / "conf.py").write_text(
            (DOCS / "conf.py").read_text().replace("Path(__file__).parent", f"Path({str(DOCS)!r})")
        )
        (tmp_path / "_static").mkdir(exist_ok=True)
        (tmp_path / "_static" / "netmon.css").touch()
        (tmp_path / "index.md").write_text(text)
        command = [sys.executable, "-m", "sphinx", "-q", "-W", "-E", tmp_path, tmp_path / "_out"]
        assert subprocess.run(command, capture_output=True, timeout=60, check=False).returncode != 0, text


def test_the_front_door_is_short_and_leads_to_the_site():
    text = (ROOT / "README.md").read_text()
    assert len(text) < 6700
    assert "docs/tutorial.md" in text
    for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
        assert (ROOT / link).exists(), link
