"""``-o report.html``: the report of a real capture, beside the other outputs, and what it needs."""

import json
import re

import forge
import pytest
from netmon import cli, extras

pytest.importorskip("jinja2", reason="needs the extra [html]")


@pytest.fixture
def capture(tmp_path):
    """A capture of three connections, one of them with an error."""
    path = tmp_path / "capture.pcap"
    talks = [
        forge.Conversation(40_000 + status, 1_000.0).ask(1_000.1, "GET", "shop.example", "/a/<b>?q=1", status)
        for status in (200, 404, 503)
    ]
    path.write_bytes(forge.pcap(*talks))
    return path


def run(*arguments):
    return cli.main(["--no-config", "-q", *map(str, arguments)])


def data(path):
    (found,) = re.findall(r'id="data">(.*?)</script>', path.read_text(), re.DOTALL)
    return json.loads(found)


def test_a_report_counts_what_the_other_outputs_count(capture, tmp_path):
    report, document = tmp_path / "report.html", tmp_path / "out.json"
    assert run("-r", capture, "-o", report, "-o", document, "--format", "plain") == 0
    total, shown = json.loads(document.read_text()), data(report)
    (host,) = shown["tables"]["hosts"]["rows"]
    assert (
        host[:4]
        == ["shop.example", total["requests"], total["responses"], total["errors"]]
        == ["shop.example", 3, 3, 1]
    )
    assert sorted(key for key, _, _ in shown["statuses"]) == ["200", "404", "503"]
    assert len(shown["tables"]["slowest"]["rows"]) == 3
    assert report.read_text().startswith("<!doctype html>")


def test_a_report_changes_nothing_in_the_other_outputs(capture, tmp_path):
    alone, beside = tmp_path / "alone.ndjson", tmp_path / "beside.ndjson"
    run("-r", capture, "-o", alone)
    run("-r", capture, "-o", beside, "-o", tmp_path / "report.html")
    assert alone.read_bytes() == beside.read_bytes()


def test_a_report_beside_a_list_of_requests_has_its_requests_too(capture, tmp_path, capsys):
    assert run("-r", capture, "--requests", "-o", tmp_path / "report.html") == 0
    assert len(capsys.readouterr().out.splitlines()) == 3
    assert len(data(tmp_path / "report.html")["tables"]["slowest"]["rows"]) == 3


def test_with_redact_a_report_has_no_paths(capture, tmp_path):
    run("-r", capture, "--redact", "all", "-o", tmp_path / "report.html")
    assert all("<b>" not in str(row) for row in data(tmp_path / "report.html")["tables"]["slowest"]["rows"])


def test_a_report_names_its_filter(capture, tmp_path):
    run("-r", capture, "--where", "status:5xx", "-o", tmp_path / "report.html")
    assert data(tmp_path / "report.html")["where"] == "status:5xx"
    assert data(tmp_path / "report.html")["tables"]["hosts"]["rows"][0][1] == 1


def test_a_page_cannot_be_appended_to(capture, tmp_path, capsys):
    assert run("-r", capture, "--append", "-o", tmp_path / "report.html") == 2
    assert "--append cannot add to a page; --force replaces it" in capsys.readouterr().err


def test_without_the_extra_the_error_names_it_and_the_command_that_installs_it(capture, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(extras.EXTRAS, "html", "jinja2_that_is_not_there")
    report = tmp_path / "report.html"
    assert run("-r", capture, "-o", report) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"netmon: -o {report}: this needs the extra html ")
    assert "pip install 'netmon-http[html]'" in told
    assert not report.exists()


def test_a_report_is_not_rotated(capture, tmp_path):
    assert run("-r", capture, "--output-max-size", "1KiB", "-o", tmp_path / "report.html") == 0
    assert [path.name for path in tmp_path.glob("*.html")] == ["report.html"]
