"""The recipes of docs/archives.md run: each count is that of a single pass, and other engines give the same figures."""

import importlib.util
import json
import os
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path

import netmon
import pytest
import slices
from netmon import Snapshot

ROOT = Path(__file__).parents[1]
RECIPES = ROOT / "contrib" / "recipes"


def recipe(name):
    """A recipe as a module."""
    about = importlib.util.spec_from_file_location(name, RECIPES / f"{name}.py")
    made = sys.modules[name] = importlib.util.module_from_spec(about)
    about.loader.exec_module(made)
    return made


runs = recipe("runs")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Consecutive slices of 5 s, of connections that last for 4 s."""
    folder = tmp_path_factory.mktemp("slices")
    for number, data in enumerate(slices.captures(1200, 5.0)[1]):
        (folder / f"{number:03}.pcap").write_bytes(data)
    return sorted(map(str, folder.iterdir()))


@pytest.fixture(scope="module")
def once(files):
    """The sum of a single pass."""
    return Snapshot.merge(netmon.read(files))


# Runs


@pytest.mark.parametrize("count", [1, 2, 3, 5, 100])
def test_the_sum_of_runs_is_that_of_a_single_pass(files, once, count):
    made = runs.divide(random.Random(count).sample(files, len(files)), count=count)
    assert len(made) == min(count, len(files))
    assert Snapshot.merge(map(runs.count, made)).to_json() == once.to_json()


def test_each_interval_is_that_of_a_single_pass_and_comes_from_one_run(files):
    found = [snapshot for run in runs.divide(files, count=4) for snapshot in runs.snapshots(run)]
    assert list(map(counts, found)) == list(map(counts, netmon.read(files)))


def counts(snapshot):
    """All that is counted. How many connections are tracked is a level: those that ended long ago are among them."""
    found = snapshot.to_dict()
    del found["capture"]["flows"]
    return found


def test_settings_and_lists_of_exchanges_come_from_runs_as_well(files):
    settings = {"exchanges": True, "where": "status:5xx", "section_depth": 2}
    found = Snapshot.merge(runs.count(run, **settings) for run in runs.divide(files, count=3))
    assert found.to_json() == Snapshot.merge(netmon.read(files, **settings)).to_json()
    assert found.errors > 0


def test_a_longer_interval_is_divided_at_its_ends(files):
    want = list(map(counts, netmon.read(files, interval=7)))
    made = runs.divide(files, count=4, interval=7)
    assert [counts(each) for run in made for each in runs.snapshots(run, interval=7)] == want


def test_without_files_before_a_cut_only_latencies_across_it_are_lost(files, once):
    """What docs/archives.md says of the price: heads are counted all the same."""
    found = Snapshot.merge(map(runs.count, runs.divide(files, count=len(files), before=0)))
    assert (found.requests, found.responses) == (once.requests, once.responses)
    lost = once.latency.count - found.latency.count
    assert 0 < lost == found.capture.orphan_responses
    assert found.host("10.0.0.2:80").hits == lost, "a response whose request is unknown counts for its server"


def test_files_without_packets_and_no_files_make_no_run(tmp_path):
    empty = tmp_path / "empty.pcap"
    empty.write_bytes(slices.captures(1, 1.0)[0][:24])
    assert runs.divide([str(empty)], count=2) == []
    assert runs.divide([], count=2) == []


# Engines


def printed(script, *arguments, **environment):
    paths = os.pathsep.join([str(Path(netmon.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, RECIPES / script, *arguments],
        capture_output=True, check=False, env=os.environ | {"PYTHONPATH": paths} | environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.splitlines()[-1]


def test_processes_of_the_standard_library_give_every_count_of_a_single_pass(files, once):
    assert printed("processes.py", *files, WORKERS="2") == once.to_json()


def test_dask_gives_every_count_of_a_single_pass(files, once):
    pytest.importorskip("dask.bag", reason="needs pip install dask")
    assert printed("dask_bag.py", *files, PIECES="5") == once.to_json()


def test_dask_reads_urls(files, once):
    pytest.importorskip("dask.bag", reason="needs pip install dask")
    pytest.importorskip("fsspec", reason="needs pip install 'netmon-http[fsspec]'")
    url = f"file://{Path(files[0]).parent}/*.pcap"
    found = Snapshot.from_json(printed("dask_bag.py", url, PIECES="3"))
    assert (found.requests, found.latency.count) == (once.requests, once.latency.count)
    assert json.loads(found.to_json())["hosts"] == json.loads(once.to_json())["hosts"]


@pytest.mark.timeout(300)
def test_ray_gives_every_count_of_a_single_pass(files, once):
    pytest.importorskip("ray", reason="needs pip install ray")
    assert printed("ray_tasks.py", *files, PIECES="4") == once.to_json()


# Other engines read NDJSON


@pytest.fixture
def ndjson(files, tmp_path):
    path = tmp_path / "all.ndjson"
    path.write_bytes(b"".join(snapshot.to_json() + b"\n" for snapshot in netmon.read(files)))
    return path


def close(found, wanted):
    """Percentiles of buckets of scale 4 agree within the width of a bucket."""
    return found == pytest.approx(wanted, rel=0.045)


def test_duckdb_gives_the_requests_and_percentiles_of_each_host(ndjson, once):
    duckdb = pytest.importorskip("duckdb", reason="needs pip install duckdb")
    database = duckdb.connect()
    database.execute(f"set variable files = '{ndjson}'")
    rows = database.execute((ROOT / "contrib/duckdb/hosts.sql").read_text()).fetchall()
    assert len(rows) == len(once.hosts) == 7
    for name, requests, responses, errors, size, *percentiles in rows:
        host = once.host(name)
        assert (requests, responses, errors, size) == (host.requests, host.responses, host.errors, host.response_bytes)
        assert close(percentiles, [host.latency.quantile(q) for q in (0.5, 0.95, 0.99)])


def test_the_short_query_of_the_document_gives_the_requests_of_each_host(ndjson, once):
    duckdb = pytest.importorskip("duckdb", reason="needs pip install duckdb")
    query = re.search(r"^    (select h\.name.*)$", (ROOT / "docs/archives.md").read_text(), re.MULTILINE)[1]
    rows = duckdb.connect().execute(query.replace("all.ndjson", str(ndjson))).fetchall()
    assert dict(rows) == {host.name: host.requests for host in once.hosts}


def test_duckdb_makes_scales_equal_before_it_adds_buckets(tmp_path):
    duckdb = pytest.importorskip("duckdb", reason="needs pip install duckdb")

    def line(scale, offset, buckets):
        times = {
            "sum": 1.0,
            "min": 0.001,
            "max": 2.0,
            "zero_count": 1,
            "scale": scale,
            "offset": offset,
            "buckets": buckets,
        }
        host = {"name": "a", "requests": 9, "responses": 9, "errors": 0, "response_bytes": 0, "latency": times}
        return json.dumps({"schema": 1, "hosts": [host]}) + "\n"

    path = tmp_path / "a.ndjson"
    path.write_text(line(4, -33, [5, 0, 7]) + line(3, -17, [2, 9]))
    merged = Snapshot.merge(map(Snapshot.from_json, path.read_text().splitlines()))
    database = duckdb.connect()
    database.execute(f"set variable files = '{path}'")
    ((_, _, _, _, _, *found),) = database.execute((ROOT / "contrib/duckdb/hosts.sql").read_text()).fetchall()
    assert found == pytest.approx([merged.hosts[0].latency.quantile(q) for q in (0.5, 0.95, 0.99)], rel=0.09)


def test_polars_reads_ndjson_as_data_frames(ndjson, once):
    polars = pytest.importorskip("polars", reason="needs pip install polars")
    with ndjson.open("rb") as lines:
        frame = polars.DataFrame(netmon.arrow(map(Snapshot.from_json, lines), "hosts"))
    found = frame.group_by("name").agg(polars.col("requests").sum(), polars.col("errors").sum())
    assert {row[0]: row[1:] for row in found.rows()} == {host.name: (host.requests, host.errors) for host in once.hosts}
    assert frame["start"].n_unique() == len(ndjson.read_bytes().splitlines())


def test_clickhouse_takes_the_rows_and_gives_percentiles(ndjson, once):
    pytest.importorskip("chdb", reason="needs the engine of ClickHouse: pip install chdb")
    code = """if True:
        import sys
        from chdb.session import Session
        session = Session()
        for text in sys.argv[1:]:
            print(session.query(text, "TSV"), end="")
    """
    schema, insert, query = (
        (ROOT / f"contrib/clickhouse/{name}.sql").read_text() for name in ("schema", "insert", "hosts")
    )
    insert = insert.replace("'FILE'", f"'{ndjson}'").replace("'MACHINE'", "'web1'")
    texts = [schema, insert, query]
    done = subprocess.run([sys.executable, "-c", code, *texts], capture_output=True, text=True, check=True)
    rows = [line.split("\t") for line in done.stdout.splitlines() if line]
    assert len(rows) == 7
    for name, requests, errors, _, p95 in rows:
        host = once.host(name)
        assert (int(requests), int(errors)) == (host.requests, host.errors)
        assert close(float(p95), host.latency.quantile(0.95))


# Configurations of other programs


def test_vector_takes_its_configuration():
    if shutil.which("vector") is None:
        pytest.skip("needs vector")
    subprocess.run(["vector", "validate", "--no-environment", ROOT / "contrib/vector/netmon.toml"], check=True)


def test_vector_and_clickhouse_agree_on_the_columns():
    config = (ROOT / "contrib/vector/netmon.toml").read_text()
    table = (ROOT / "contrib/clickhouse/schema.sql").read_text()
    rows = re.findall(r'^    "(\w+)":', config, re.MULTILINE)
    assert rows == re.findall(r"^    (\w+) [A-Z]", table, re.MULTILINE)


def test_promtool_takes_the_configuration_of_a_fleet():
    if shutil.which("promtool") is None:
        pytest.skip("needs promtool")
    done = subprocess.run(
        ["promtool", "check", "config", ROOT / "contrib/fleet/prometheus.yml"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_collector_takes_the_configuration_of_a_fleet():
    collector = shutil.which("otelcol-contrib") or shutil.which("otelcol")
    if collector is None:
        pytest.skip("needs otelcol-contrib")
    subprocess.run([collector, "validate", f"--config={ROOT / 'contrib/fleet/otel-collector.yaml'}"], check=True)
