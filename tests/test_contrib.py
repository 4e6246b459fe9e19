"""The rules and the dashboard in contrib/: Prometheus takes each expression, and answers it in both forms."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from patience import PATIENCE, eventually
from scraping import PROMTOOL, WAYS, counting, needs_prometheus, scraping, served
from series import whole

CONTRIB = Path(__file__).parents[1] / "contrib"
RULES = sorted((CONTRIB / "prometheus").glob("*.rules.yml"))
DASHBOARD = json.loads((CONTRIB / "grafana" / "netmon.json").read_text())
DOCUMENT = (Path(__file__).parents[1] / "docs" / "metrics.md").read_text()
FORMS = {"text": "netmon-classic.rules.yml", "native histograms": "netmon-native.rules.yml"}


def promtool(*arguments):
    run = subprocess.run(
        [PROMTOOL, *map(str, arguments)], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def queries():
    """Every expression of the dashboard, with its variables filled in."""
    panels = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
    filled = {"$__rate_interval": "10s", "$instance": ".*", "$host": ".*"}
    for panel in panels:
        for target in panel["targets"]:
            yield panel["title"], re.sub(r"\$\w+", lambda found: filled[found[0]], target["expr"])


@needs_prometheus
@pytest.mark.parametrize("path", RULES, ids=lambda path: path.name)
def test_promtool_takes_the_rules(path):
    assert "SUCCESS" in promtool("check", "rules", path)


@needs_prometheus
def test_the_rules_fire_and_record_what_their_tests_say():
    assert "SUCCESS" in promtool("test", "rules", CONTRIB / "prometheus" / "netmon.test.yml")


def test_the_dashboard_asks_only_for_metrics_that_are_documented():
    known = set(re.findall(r"^\| `(\w+)`", DOCUMENT, re.MULTILINE))
    used = {name for _, query in queries() for name in re.findall(r"\b(?:netmon|http_server)_\w+", query)}
    used |= {name for path in RULES for name in re.findall(r"\b(?:netmon|http_server)_\w+", path.read_text())}
    assert {name.removesuffix("_bucket") for name in used} <= known
    assert len(used) > 20


def test_panels_do_not_overlap_and_have_names_of_their_own():
    places = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not places & cells, panel["title"]
        assert at["x"] + at["w"] <= 24
        places |= cells
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


def counted(number):
    """An interval in which everything is counted, `number` times as much as in the first."""
    return whole(number, hosts=("a.example", "b.example:8080"))


@needs_prometheus
@pytest.mark.parametrize("way", WAYS)
def test_every_panel_and_every_rule_has_an_answer(tmp_path, way):
    rules = [CONTRIB / "prometheus" / name for name in ("netmon.rules.yml", FORMS[way])]
    with (
        served() as (opened, url),
        counting(opened.sink, counted),
        scraping(tmp_path, url.removeprefix("http://"), *WAYS[way], rules=rules) as found,
    ):
        eventually(lambda: (found.number('count_over_time(up{job="netmon"}[1m])') or 0) >= 8)
        for title, query in queries():
            assert found.query(query), title
        recorded = re.findall(r"record: (\S+)", "".join(path.read_text() for path in rules))
        assert len(recorded) == 9
        for name in recorded:
            eventually(lambda name=name: found.query(name))
        median = found.query('netmon:http_duration_seconds:p50_rate5m{server_address="b.example"}')
        (one,) = median.values()
        assert float(one["value"][1]) == pytest.approx(0.3, rel=0.5 if way == "text" else 0.045)
