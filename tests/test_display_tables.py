"""Tables differ only in the fields of their `Spec` and its `Column`s: no code asks which table it has."""

import ast
from pathlib import Path

import pytest
from drawing import at, pressed
from netmon import display
from netmon.display.rows import rows_of
from netmon.display.specs import SPECS
from netmon.display.view import PANELS, Panel

FILES = sorted(Path(display.__file__).parent.glob("*.py"))


def special_cases(source):
    """Comparisons with a table or with the title of a column, and attributes that only some rows have."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Compare):
            operands = [part for side in (node.left, *node.comparators) for part in ast.walk(side)]
            if any(isinstance(part, ast.Attribute) and ast.unparse(part).startswith("Panel.") for part in operands):
                yield ast.unparse(node)
            texts = [side for side in (node.left, *node.comparators) if isinstance(side, ast.Constant)]
            if texts and any(isinstance(part, ast.Attribute) and part.attr == "title" for part in operands):
                yield ast.unparse(node)
        elif (
            isinstance(node, ast.Call)
            and ast.unparse(node.func) == "getattr"
            and isinstance(node.args[1], ast.Constant)
        ):
            yield ast.unparse(node)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_code_of_the_screen_has_a_special_case_for_a_table_or_a_column(path):
    assert list(special_cases(path.read_text())) == []


@pytest.mark.parametrize(
    "case",
    [
        "panel is Panel.INTERFACES",
        "panel not in (Panel.HOSTS, Panel.ALERTS)",
        "column.title == 'status'",
        "getattr(row, 'state')",
    ],
)
def test_a_special_case_is_found(case):
    assert list(special_cases(f"if {case}: pass")) == [case]


def test_every_table_has_a_spec_and_is_on_some_page():
    assert set(SPECS) == set(Panel) == {panel for panels in PANELS.values() for panel in panels}


@pytest.mark.parametrize(
    ("panel", "keys"),
    [
        (Panel.REQUESTS, ["5", "j"]),
        (Panel.CONNECTIONS, ["4", "j"]),
        (Panel.OF_CLIENT, ["7", "enter", "j"]),
        (Panel.SLOWEST, ["2", "enter", "j"]),
    ],
)
def test_a_selected_row_of_an_interface_that_is_switched_off_goes_with_the_others(panel, keys):
    view = pressed(at()(), keys)
    assert view.focus is panel
    assert rows_of(view, panel).total > 1
    assert rows_of(view._replace(off=frozenset({"eth0"})), panel).total == 0


@pytest.mark.parametrize("panel", [panel for panel in Panel if SPECS[panel].find])
def test_a_row_that_a_filter_leaves_out_is_found_in_the_window(panel):
    keys = {
        Panel.HOSTS: [],
        Panel.SECTIONS: ["enter"],
        Panel.ALL_SECTIONS: ["2"],
        Panel.INTERFACES: ["3"],
        Panel.INTERFACE_HOSTS: ["3", "enter"],
        Panel.INTERFACE_QUALITY: ["4", "tab"],
        Panel.HOST_QUALITY: ["4", "tab", "tab"],
        Panel.CLIENTS: ["7"],
        Panel.SERVERS: ["8"],
    }[panel]
    view = pressed(at()(), keys)
    view = pressed(view, ["j"] if rows_of(view, panel).total > 1 else ["k"])
    assert view.focus is panel
    found = SPECS[panel].find(view.frame.window, view.last[panel])
    assert SPECS[panel].name(found) == SPECS[panel].name(view.last[panel].row)
