"""The table of promises in `docs/accuracy.md` names tests that exist, and all of those that are tied to its rows."""

import re

import test_paths  # noqa: F401  the import ties its tests to the rows
import test_promises_files  # noqa: F401
import test_promises_health  # noqa: F401
import test_promises_hostile  # noqa: F401
import test_promises_http  # noqa: F401
import test_promises_ip  # noqa: F401
import test_promises_limits  # noqa: F401
import test_promises_tcp  # noqa: F401
from promises import ROOT, ROWS


def there():
    """The names of all functions of the core and of the tests."""
    sources = [*ROOT.glob("rust/src/**/*.rs"), *ROOT.glob("rust/tests/*.rs"), *ROOT.glob("tests/test_*.py")]
    return set(re.findall(r"(?:fn|def) (\w+)\(", "".join(path.read_text() for path in sources)))


def test_every_test_that_a_table_lists_exists():
    text = (ROOT / "docs" / "accuracy.md").read_text()
    cells = re.findall(r"\| ((?:`\w+`, )*`\w+`) \|$", text, re.M)
    named = {name for cell in cells for name in re.findall(r"`(\w+)`", cell) if name.count("_") >= 3}
    assert len(named) > 200
    assert named - there() == set()


def test_every_row_of_the_table_has_tests_that_exist():
    text = (ROOT / "docs" / "accuracy.md").read_text()
    table = {
        int(row): set(re.findall(r"`(\w+)`", tests))
        for row, tests in re.findall(r"^\| (\d+) \|.*\| (.*) \|$", text, re.M)
    }
    assert sorted(table) == list(range(1, 41))
    known = there()
    assert {row: sorted(tests - known) for row, tests in table.items() if tests - known} == {}
    assert {row: sorted(set(tests) - table[row]) for row, tests in ROWS.items() if set(tests) - table[row]} == {}
    assert all(table.values())


def test_every_promise_about_bad_weather_and_hostile_bytes_has_tests_that_exist():
    text = (ROOT / "docs" / "accuracy.md").read_text()
    table = {
        int(row): set(re.findall(r"`(\w+)`", tests))
        for row, tests in re.findall(r"^\| P(\d+) \|.*\| (.*) \|$", text, re.M)
    }
    assert set(table) >= {*range(42, 55), *range(60, 69)}
    known = there()
    assert {row: sorted(tests - known) for row, tests in table.items() if tests - known or not tests} == {}


def test_every_promise_about_http2_grpc_websocket_and_tls_has_tests_that_exist():
    text = (ROOT / "docs" / "accuracy.md").read_text()
    rows = re.findall(r"^\| H(\d+) \|.*\| (.*) \|$", text, re.M)
    assert [int(row) for row, _ in rows] == list(range(1, 17))
    known = there()
    missing = {row: sorted(set(re.findall(r"`(\w+)`", tests)) - known) for row, tests in rows}
    assert {row: tests for row, tests in missing.items() if tests} == {}
