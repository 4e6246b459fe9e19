"""Rows as sequences and as Arrow: data frames read them without objects, and lists of objects stay what they were."""

import copy
import pickle

import duckdb
import netmon
import polars
import pytest
import scene
from fakes import snapshot
from netmon import Snapshot, _core

NAMES = ("hosts", "sections", "clients", "exchanges")
FULL = Snapshot.merge(scene.second(at) for at in range(60))


def frame(rows):
    return polars.DataFrame(rows)


MAPS = (
    *("methods", "statuses", "protocols"),
    *("grpc_statuses", "client_close_codes", "server_close_codes", "client_resets", "server_resets"),
)
RARE: dict[str, object] = {name: {} for name in MAPS[3:]} | {"request_messages": 0, "response_messages": 0}
"""What rows of HTTP/1 do not have in JSON, and what stands in its place in tables."""

ABSENT = {"stream": 0, "grpc_status": ""}
"""What stands in tables where an exchange in JSON has null."""


def flat(row, prefix=""):
    """A row of JSON as one table has it: nested keys are joined with an underscore."""
    found = {}
    for key, value in row.items():
        if isinstance(value, dict) and key not in MAPS:
            found |= flat(value, f"{prefix}{key}_")
        elif key != "sections":
            found[prefix + key] = value
    return found


def in_json(name):
    """The rows of a table as JSON has them."""
    document = FULL.to_dict()
    if name != "sections":
        return [(RARE if name != "exchanges" else {}) | flat(row) for row in document[name]]
    sections = [(host["name"], section) for host in document["hosts"] for section in host["sections"]]
    return [{"host": host} | RARE | flat(section) for host, section in sections]


# Sequences


@pytest.mark.parametrize("name", NAMES)
def test_rows_behave_like_the_list_of_their_objects(name):
    rows = getattr(FULL, name)
    shown = [repr(row) for row in rows]
    assert len(rows) == len(shown) > 3
    assert [repr(rows[at]) for at in range(len(rows))] == shown
    assert repr(rows[-1]) == shown[-1]
    assert [repr(row) for row in rows[1:3]] == shown[1:3]
    assert [repr(row) for row in rows[::-2]] == shown[::-2]
    assert [repr(row) for row in reversed(rows)] == shown[::-1]
    assert isinstance(rows[:2], list)
    before: list = [None]
    assert [repr(row) for row in rows + rows[:1]] == [*shown, shown[0]]
    assert (len(rows + rows), len(before + rows)) == (2 * len(rows), len(rows) + 1)
    assert repr(rows) == f"[{', '.join(shown)}]"
    assert [repr(row) for row in pickle.loads(pickle.dumps(rows))] == shown
    assert [repr(row) for row in copy.copy(rows)] == shown


@pytest.mark.parametrize("at", [-(10**20), -1, 0, 10**20])
def test_an_index_without_a_row_is_an_index_error(at):
    with pytest.raises(IndexError):
        Snapshot().hosts[at]


def test_an_index_that_is_no_number_is_a_type_error():
    with pytest.raises(TypeError):
        FULL.hosts["shop.example"]


def test_no_rows_equal_an_empty_list_and_nothing_else():
    assert Snapshot().hosts == []
    assert [] == Snapshot().exchanges  # noqa: SIM300  both sides are tried
    assert Snapshot().hosts == Snapshot().clients
    assert Snapshot().hosts != ()
    assert FULL.hosts != []
    assert not Snapshot().sections
    assert object() not in FULL.hosts
    assert FULL.hosts.count(None) == 0
    with pytest.raises(ValueError, match="not in list"):
        FULL.hosts.index(None)
    with pytest.raises(TypeError):
        hash(FULL.hosts)
    with pytest.raises(TypeError):
        FULL.hosts + 1


def test_sections_are_those_of_each_host_in_turn():
    want = [(host.name, section.path) for host in FULL.hosts for section in host.sections]
    assert [(section.host, section.path) for section in FULL.sections] == want
    assert len(want) == FULL.section_count


# Arrow


OF_STREAMS = (
    "protocol",
    "tls",
    "stream",
    "tls_handshake",
    "queued",
    "grpc_status",
    "request_messages",
    "response_messages",
)
"""Columns of exchanges that came later than others, so they are behind them."""
OF_PROCESS = ("process", "pid", "container", "pod", "namespace", "client_process")
"""Columns of exchanges that JSON has only where the process is known, in an object of its own."""


@pytest.mark.parametrize("name", NAMES)
def test_a_data_frame_has_the_names_and_values_of_json(name):
    data = frame(getattr(FULL, name))
    if name == "exchanges":
        assert set(OF_PROCESS) <= set(data.columns)
        data = data.drop(OF_PROCESS)
    rows = in_json(name)
    classes = {f"status_{number}xx" for number in range(1, 6)}
    assert set(data.columns) - classes == set(rows[0])
    assert classes <= set(data.columns) or name == "exchanges"
    key = {"hosts": ["name"], "sections": ["host", "path"], "clients": ["address"], "exchanges": ["ts"]}[name]
    told = data.drop("ts").to_dicts() if name == "exchanges" else data.sort(key).to_dicts()
    assert len(told) == len(rows)
    for found, want in zip(told, rows, strict=True):
        for column, value in found.items():
            if column in classes:
                counted = {int(status): count for status, count in want["statuses"].items()}
                assert value == sum(n for status, n in counted.items() if status // 100 == int(column[7])), column
            elif want[column] is None and column in ABSENT:
                assert value == ABSENT[column]
            elif column in MAPS:
                assert {str(key): count for key, count in value.items()} == want[column]
            else:
                assert value == want[column], column


def test_rows_of_a_data_frame_are_in_the_order_of_the_sequence():
    assert list(frame(FULL.hosts)["name"]) == [host.name for host in FULL.hosts]
    assert list(frame(FULL.exchanges)["path"]) == [exchange.path for exchange in FULL.exchanges]


def test_times_are_exact_and_in_utc():
    times = frame(FULL.exchanges)["ts"]
    assert times.dtype == polars.Datetime("ns", "UTC")
    assert [at.timestamp() for at in times] == [exchange.ts for exchange in FULL.exchanges]


@pytest.mark.parametrize("name", NAMES)
def test_each_call_gives_a_fresh_stream(name):
    rows = getattr(FULL, name)
    assert frame(rows).equals(frame(rows))
    many = netmon.arrow([FULL, FULL], name)
    assert frame(many).equals(frame(many))
    first, second = rows.__arrow_c_stream__(), rows.__arrow_c_stream__(None)
    assert first is not second
    del first, second  # never read


@pytest.mark.parametrize("name", NAMES)
def test_no_rows_have_the_same_columns(name):
    empty = frame(getattr(Snapshot(), name))
    assert empty.schema == frame(getattr(FULL, name)).schema
    assert (empty.height, frame(netmon.arrow([], name)).height) == (0, 0)
    assert frame(netmon.arrow([], name)).columns == ["start", "end", *empty.columns]


def test_many_snapshots_are_one_table_with_the_time_of_each():
    seconds = [scene.second(at) for at in range(60)]
    data = frame(netmon.arrow(iter(seconds)))
    assert data["requests"].sum() == FULL.requests
    assert data["latency_count"].sum() == sum(host.latency.count for host in FULL.hosts)
    assert sorted(set(data["start"].dt.epoch("s"))) == [each.start for each in seconds if each.sections]
    assert (data["end"] - data["start"]).dt.total_seconds().unique().to_list() == [1]
    by_host = data.group_by("host").agg(polars.sum("hits"))
    assert dict(by_host.iter_rows()) == {host.name: host.hits for host in FULL.hosts}


def test_duckdb_reads_rows_as_tables():
    hosts, many = FULL.hosts, netmon.arrow([FULL, FULL], "hosts")  # noqa: F841  DuckDB finds it by its name
    assert duckdb.sql("select sum(requests) from hosts").fetchall() == [(FULL.requests,)]
    query = "select name, sum(statuses[200]) from many group by name"
    assert dict(duckdb.sql(query).fetchall()) == {
        host.name: 2 * host.statuses[200] if 200 in host.statuses else None for host in hosts
    }


def test_more_rows_than_a_batch_has_are_all_read():
    rows = [{"name": f"h{number:05}", "requests": 1} for number in range(40_000)]
    hosts = snapshot(hosts=rows).hosts
    data = frame(hosts)
    assert (data.height, data["requests"].sum(), data["name"].n_unique()) == (40_000, 40_000, 40_000)
    assert frame(netmon.arrow([snapshot(hosts=rows)] * 2, "hosts")).height == 80_000


def test_a_data_frame_outlives_the_snapshot():
    data = frame(snapshot(hosts=[{"name": "a", "requests": 3}]).hosts)
    assert data.select("name", "requests").rows() == [("a", 3)]


def test_histograms_in_a_table_add_up_exactly():
    """`buckets`, `offset` and `scale` say all that a histogram knows, so percentiles over rows need no guess."""
    [row] = frame(FULL.hosts).head(1).to_dicts()
    parts = {key: row[f"latency_{key}"] for key in ("sum", "min", "max", "zero_count", "scale", "offset", "buckets")}
    again = snapshot(latency=parts).latency
    assert [again.quantile(q) for q in (0.1, 0.5, 0.99)] == [
        FULL.hosts[0].latency.quantile(q) for q in (0.1, 0.5, 0.99)
    ]


@pytest.mark.parametrize(
    "call", [netmon.arrow, lambda _, rows: _core.csv_head(rows), lambda _, rows: FULL.to_csv(rows)]
)
def test_unknown_rows_are_named_beside_the_known_ones(call):
    with pytest.raises(ValueError, match='there are no rows "host", but hosts, sections, clients, exchanges'):
        call([], "host")


def test_what_is_no_snapshot_is_a_type_error():
    with pytest.raises(TypeError):
        netmon.arrow([1])
