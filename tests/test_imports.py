"""The import law of the Python half: which module may import which, checked in the sources."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "python" / "netmon"
FILES = sorted(path for path in ROOT.rglob("*.py") if path.name != "_core.py")
NAMES = {path: ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in FILES}

ORDER = [
    {"_core", "missing"},
    {"measures", "address", "values"},
    {"pumps", "extras"},
    {"lending", "remote"},
    {"pace", "given", "options", "safe_file", "format", "places", "hangup", "commands"},
    {"rotation", "modules", "reach", "captures"},
    {"outlet"},
    {"packet_files"},
    {"packet_writer"},
    {"actions.spec", "actions.address", "actions.facts"},
    {"alerts", "alerts.*", "console", "tail"},
    {"monitor"},
    {"archive"},
    {"flapping", "events", "log_file", "notes"},
    {"log_lines"},
    {"log_handler"},
    {"log"},
    {"frames", "reading", "lookalikes", "strangers"},
    {"losses", "reload"},
    {"absence"},
    {"document"},
    {"config"},
    {"privileges"},
    {"advice"},
    {"demo", "demo.*"},
    {"playback", "source", "session_log", "actions", "actions.*"},
    {"rulebook", "suggest"},
    {"alarms", "checks"},
    {"guard"},
    {"player"},
    {"page", "page.*", "serving", "serving.*", "otlp", "otlp.*"},
    {"sinks", "sinks.*", "display", "display.*"},
    {"session"},
    {"doctor", "doctor.*"},
    {"inquiries"},
    {"arguments"},
    {"cli"},
    {"lines"},
    {"joining"},
    {"merging", "compare", "compare.*"},
    {"keywords"},
    {"start"},
]
"""Each level may import those above it, and its own package."""

INSIDE = {
    "compare": [
        {"__init__", "chance", "course", "singles", "spread"},
        {"bounds"},
        {"measured"},
        {"kinds"},
        {"findings"},
        {"conditions", "inputs", "words"},
        {"result"},
        {"text"},
        {"document", "view"},
        {"command"},
    ],
    "alerts": [
        {"plain", "quantity", "scope", "watch"},
        {"rule"},
        {"baseline", "kept", "newcomers", "objective", "sums", "trust", "written"},
        {"group"},
        {"kinds"},
        {"policy"},
        {"__init__"},
    ],
    "sinks": [
        {"__init__", "series", "where", "thrift"},
        {"document", "ndjson", "plain", "report", "requests", "row_groups", "summary", "tables"},
        {"parquet_file"},
        {"parquet_place"},
        {"parquet"},
        {"evidence", "otlp", "outputs", "packets", "prometheus", "web"},
        {"viewers"},
        {"files"},
        {"services"},
    ],
    "serving": [
        {"__init__", "messages", "negotiation", "trust"},
        {"feed"},
        {"server"},
        {"servers"},
    ],
    "otlp": [
        {"__init__", "answer", "target"},
        {"exports"},
        {"exporter"},
    ],
    "page": [
        {"__init__", "axes", "clock", "escape", "latencies"},
        {"columns", "shapes", "timeline"},
        {"answer", "heat", "record"},
        {"charts", "data"},
        {"render"},
    ],
    "doctor": [
        {"__init__", "facts"},
        {"checks", "machine", "network", "page", "rights", "trial"},
        {"command"},
    ],
    "demo": [
        {"__init__", "pages"},
        {"http1", "http2"},
        {"__main__"},
    ],
    "display": [
        {"__init__", "severities", "spec", "themes", "typed"},
        {"canvas", "columns", "keyboard", "matching", "terminal", "view"},
        {"alert_words", "servers"},
        {"charts", "header", "specs", "timeline"},
        {"absent", "ranked"},
        {"rows"},
        {"plan"},
        {"about", "export", "inspector", "moves", "streams", "tables"},
        {"keys"},
        {"help"},
        {"parts"},
        {"layout"},
        {"control"},
        {"app", "look"},
    ],
}
"""The levels within these packages. Imports for type hints alone are not restricted there."""


def hints(tree):
    """All nodes that only a type checker sees."""
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            for statement in node.body:
                yield from ast.walk(statement)


def imports(path, *, with_hints=True):
    """Every module a file imports, wherever in the file."""
    tree = ast.parse(path.read_text())
    hidden = set() if with_hints else set(hints(tree))
    for node in ast.walk(tree):
        if node in hidden:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            if node.module == "netmon":
                yield from (f"netmon.{alias.name}" for alias in node.names)
                continue
            yield node.module or ""
            inside = (f"{node.module}.{alias.name}" for alias in node.names)
            yield from (name for name in inside if name.removeprefix("netmon.") in NAMES.values())


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


def known(path):
    """The modules of netmon that a file needs when it runs."""
    found = {name.removeprefix("netmon.") for name in imports(path, with_hints=False)}
    return found & set(NAMES.values()) - {NAMES[path]}


def test_a_module_that_is_imported_from_its_package_is_found():
    assert {"display.canvas", "display.columns"} <= known(ROOT / "display" / "tables.py")
    assert "display.ranked" not in known(ROOT / "display" / "spec.py"), "a type hint"
    assert "display.app" in known(ROOT / "session.py"), "an import within a function"


@pytest.mark.parametrize("package", INSIDE)
def test_inside_of_a_package_too_a_module_imports_only_earlier_ones(package):
    levels = {name: number for number, names in enumerate(INSIDE[package]) for name in names}
    files = {path.stem: path for path in FILES if path.parent.name == package}
    assert set(levels) == set(files)
    for name, path in files.items():
        inside = {other.partition(".")[2] or "__init__" for other in known(path) if other.split(".")[0] == package}
        assert {other for other in inside if levels[other] >= levels[name]} == set(), f"{package}.{name}"


def test_no_circle_of_imports_remains_but_for_type_hints():
    graph = {NAMES[path]: known(path) for path in FILES}
    assert sum(map(len, graph.values())) > len(graph), "imports are found"
    assert list(TopologicalSorter(graph).static_order())


@pytest.mark.parametrize("path", FILES, ids=NAMES.get)
def test_only_three_modules_of_display_know_prompt_toolkit(path):
    known = {imported.split(".")[0] for imported in imports(path)}
    assert "prompt_toolkit" not in known or NAMES[path] in ("display.app", "display.control", "display.keyboard")


def test_only_the_renderer_of_pages_knows_jinja():
    knows = {NAMES[path] for path in FILES if {"jinja2", "markupsafe"} & {name.split(".")[0] for name in imports(path)}}
    assert knows == {"page.render"}


@pytest.mark.parametrize("path", FILES, ids=NAMES.get)
def test_no_module_has_a_catch_all_name(path):
    assert path.stem not in {"utils", "util", "helpers", "helper", "common", "types", "misc"}


@pytest.mark.parametrize("path", FILES, ids=NAMES.get)
def test_every_module_opens_with_its_law_and_is_small(path):
    source = path.read_text()
    assert ast.get_docstring(ast.parse(source)), "opens with what goes in, what comes out, what it never does"
    assert len(source.splitlines()) <= 400
