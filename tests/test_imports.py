"""The import law of the Python half: who may know whom, read from the sources."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "python" / "netmon"
FILES = sorted(path for path in ROOT.rglob("*.py") if path.name != "_core.py")
NAMES = {path: ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in FILES}

ORDER = [
    {"_core", "missing"},
    {"measures"},
    {"pace", "given", "options", "outlet", "safe_file"},
    {"monitor", "alerts", "format", "console", "demo", "tail"},
    {"flapping"},
    {"frames", "reading", "advice"},
    {"losses"},
    {"absence"},
    {"config"},
    {"playback"},
    {"player"},
    {"sinks", "sinks.*", "display", "display.*"},
    {"session"},
    {"cli"},
    {"start"},
]
"""Each level may import those above it, and its own package."""


def imports(path):
    """Every module a file imports, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            if node.module == "netmon":
                yield from (f"netmon.{alias.name}" for alias in node.names)
            else:
                yield node.module or ""


def level(name):
    package = name.split(".")[0] + ".*"
    return next(i for i, names in enumerate(ORDER) if name in names or ("." in name and package in names))


@pytest.mark.parametrize("path", FILES, ids=NAMES.get)
def test_a_module_imports_only_earlier_ones(path):
    name = NAMES[path]
    if name in ("", "__init__", "__main__"):
        return
    package = name.split(".")[0]
    for imported in imports(path):
        if not imported.startswith("netmon."):
            continue
        other = imported.removeprefix("netmon.")
        if other.split(".")[0] != package:
            assert level(other) < level(name), f"{name} imports {other}"


@pytest.mark.parametrize("path", FILES, ids=NAMES.get)
def test_only_three_modules_of_display_know_prompt_toolkit(path):
    known = {imported.split(".")[0] for imported in imports(path)}
    assert "prompt_toolkit" not in known or NAMES[path] in ("display.app", "display.control", "display.keyboard")


@pytest.mark.parametrize("path", FILES, ids=NAMES.get)
def test_no_module_is_a_drawer_for_everything(path):
    assert path.stem not in {"utils", "util", "helpers", "helper", "common", "types", "misc"}


@pytest.mark.parametrize("path", FILES, ids=NAMES.get)
def test_every_module_opens_with_its_law_and_is_small(path):
    source = path.read_text()
    assert ast.get_docstring(ast.parse(source)), "opens with what goes in, what comes out, what it never does"
    assert len(source.splitlines()) <= 400
