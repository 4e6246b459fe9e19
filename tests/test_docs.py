"""``help`` shows the docstrings of the stub, a docstring for every public name, and nothing private.

The table in CONTRIBUTING that says which files a change touches names files that exist.
"""

import ast
import inspect
import pydoc
import re
from pathlib import Path

import netmon
import pytest
from netmon import Monitor, _core

STUB = ast.parse((Path(netmon.__file__).parent / "_core.pyi").read_text())
CLASSES = {node.name: node for node in STUB.body if isinstance(node, ast.ClassDef)}
FUNCTIONS = {node.name: node for node in STUB.body if isinstance(node, ast.FunctionDef)}
MADE = {
    "__new__",
    "__eq__",
    "__ne__",
    "__len__",
    "__add__",
    "__radd__",
    "__getitem__",
    "__iter__",
    "__next__",
    "__contains__",
}
"""Methods that Python documents itself."""


def members(node):
    """The methods of a class and of its base classes."""
    for base in node.bases:
        if isinstance(base, ast.Name) and base.id in CLASSES:
            yield from members(CLASSES[base.id])
    yield from (each for each in node.body if isinstance(each, ast.FunctionDef) and each.name not in MADE)


TEXTS = {
    **{name: ast.get_docstring(node) for name, node in (CLASSES | FUNCTIONS).items() if not name.startswith("_C")},
    **{
        f"{name}.{member.name}": ast.get_docstring(member)
        for name, node in CLASSES.items()
        if not name.startswith("_")
        for member in members(node)
    },
}


@pytest.mark.parametrize("name", TEXTS)
def test_a_docstring_is_that_of_the_stub(name):
    found = _core
    for part in name.split("."):
        found = inspect.getattr_static(found, part)
    told = getattr(found, "__func__", found).__doc__
    assert TEXTS[name], "the stub has a docstring for it"
    assert inspect.cleandoc(told or "") == TEXTS[name]


def test_the_stub_names_every_member_that_is_public():
    for name, node in CLASSES.items():
        if not name.startswith("_"):
            public = {member for member in vars(getattr(_core, name)) if not member.startswith("_")}
            assert public <= {member.name for member in members(node)}, name


@pytest.mark.parametrize("name", [name for name in netmon.__all__ if name != "__version__"])
def test_every_public_name_has_a_docstring(name):
    assert inspect.getdoc(getattr(netmon, name))


@pytest.mark.parametrize("kind", [Monitor, netmon.AlertPolicy, netmon.Rule, netmon.Alert])
def test_every_public_method_has_a_docstring(kind):
    for name, member in vars(kind).items():
        if not name.startswith("_") and callable(member):
            assert inspect.getdoc(member), name


def test_a_subclass_of_monitor_has_its_own_signature():
    class Of(Monitor):
        def __init__(self, name, snaplen=96):
            super().__init__(name, snaplen=snaplen)

    class With(Monitor):
        def __init__(self, name, *, snaplen=96, **settings):
            super().__init__(name, snaplen=snaplen, **settings)

    assert str(inspect.signature(Of)) == "(name, snaplen=96)"
    assert {"name", "snaplen", "workers"} <= set(inspect.signature(With).parameters)
    assert inspect.signature(With).parameters["snaplen"].default == 96


def test_help_shows_nothing_private():
    text = pydoc.plain(pydoc.render_doc(Monitor))
    assert "_engine" not in text
    assert not [name for name in inspect.signature(Monitor).parameters if name.startswith("_")]


ROOT = Path(__file__).parents[1]
BELOW = ("rust/src", "python/netmon")
"""The folders in which the paths of the table in CONTRIBUTING are."""


def changes():
    """The rows of the table "To add X, touch Y": what is added, the paths that are touched, and those that are new."""
    section = (ROOT / "CONTRIBUTING.md").read_text().partition("## To add X, touch Y")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (?!to add)(.+?) \|(.*)\|(.*)\|$", section, re.MULTILINE)
    return [(what, *(re.findall(r"`([\w/.]+\.\w+)`", cell) for cell in cells)) for what, *cells in rows]


def is_there(path):
    return any((ROOT / below / path).is_file() for below in BELOW)


@pytest.mark.parametrize(("what", "touched", "new"), changes(), ids=[what for what, *_ in changes()])
def test_each_change_of_the_table_touches_files_that_exist_and_adds_files_that_do_not(what, touched, new):
    assert [path for path in touched if not is_there(path)] == []
    assert [path for path in new if is_there(path)] == []
    assert touched


def test_the_table_has_twelve_changes():
    assert len(changes()) == 12
