"""Snapshots and their rows as objects of Python: shown, copied, pickled, added up, and as flat records."""

import copy
import csv
import io
import pickle
import re
from datetime import UTC, datetime

import forge
import pytest
from fakes import histogram, snapshot
from netmon import Snapshot, Window, _core


@pytest.fixture
def busy(read):
    """A snapshot with a row of each kind."""
    talk = forge.Conversation(4000, 1_700_000_000.25)
    talk.ask(1_700_000_000.5, "GET", "a.example", "/x/1", 200, body=b"x" * 1500)
    talk.ask(1_700_000_000.75, "POST", "a.example", "/y", 503)
    talk.ask(1_700_000_001, "GET", "b.example", "/<b>&", 404)
    return read(talk.close(1_700_000_001.5), exchanges=True, connections=True)


def rows(busy):
    """One object of each class of rows."""
    host = busy.hosts[0]
    listed = [busy.exchanges[0], busy.connections[0]]
    return [busy.interfaces[0], busy.tcp, busy.capture, host, host.sections[0], host.latency, *listed]


# Shown


def test_each_object_says_in_a_line_what_it_is(busy):
    for row in [busy, *rows(busy), busy.point(), *_core.list_interfaces()]:
        text = repr(row)
        assert text.startswith(f"<{type(row).__name__} "), text
        assert text.endswith(">")
        assert "\n" not in text
        assert " at 0x" not in text
    assert repr(busy) == "<Snapshot 2023-11-14T22:13:20Z, 2 s: 6 hits, 1 error, 2 hosts>"
    assert repr(Snapshot()) == "<Snapshot empty: 0 hits, 0 errors, 0 hosts>"
    assert repr(Snapshot().latency) == "<Histogram empty>"
    assert repr(Snapshot().tcp) == "<Tcp all 0>"
    host = busy.host("a.example")
    assert re.fullmatch(r"<Host a\.example: 2 requests, 200: 1, 503: 1, p95 [\d.]+ .?s, 2 sections>", repr(host))
    assert re.fullmatch(r"<Section a\.example/y: 1 request, 503: 1, p95 .*>", repr(host.section("/y")))
    assert re.fullmatch(
        r"<Exchange 2023-11-14T22:13:20\.500000Z GET a\.example/x/1 200 after .*>", repr(busy.exchanges[0])
    )


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0000015, "1.50 us"), (0.0123, "12.3 ms"), (0.8, "800 ms"), (61.5, "61.5 s"), (3600, "3600 s")],
)
def test_durations_have_three_digits(seconds, text):
    latency = snapshot(latency=histogram(at=seconds, count=7)).latency
    assert repr(latency) == f"<Histogram 7 values: min {text}, p50 {text}, p95 {text}, max {text}>"


def cells(html):
    return [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in re.findall(r"<tr>(.*?)</tr>", html)]


def test_a_snapshot_is_a_table_of_its_hosts_in_a_notebook(busy):
    head, first, second = cells(busy._repr_html_())
    assert head[:7] == ["host", "requests", "responses", "2xx", "3xx", "4xx", "5xx"]
    assert first[:7] == ["a.example", "2", "2", "1", "0", "0", "1"]
    assert second[:7] == ["b.example", "1", "1", "0", "0", "1", "0"]


def test_a_table_has_a_screenful_of_rows_and_tells_how_many_more_there_are():
    many = snapshot(hosts=[{"name": f"h{at}", "requests": 12_345 + at, "sections": []} for at in range(25)])
    table = cells(many._repr_html_())
    assert len(table) == 22
    assert table[1][:2] == ["h24", "12 369"]
    assert table[-1] == ["and 5 more"]


def test_every_table_is_closed_and_escapes_what_the_wire_said(busy):
    host = busy.host("b.example")
    evil = snapshot(hosts=[{"name": "<script>alert('$1')</script>\"&", "requests": 1, "sections": []}])
    shown = [busy, host, host.sections[0], host.latency, Snapshot().latency, busy.exchanges[-1], Snapshot(), evil]
    for row in shown:
        html = row._repr_html_()
        assert html.startswith("<table>")
        assert html.endswith("</table>")
        assert not re.search(r"<(?!/?(table|caption|thead|tbody|tr|th|td)\b)", html), html
        for tag in ("table", "caption", "thead", "tbody", "tr", "th", "td"):
            assert len(re.findall(rf"<{tag}\b", html)) == html.count(f"</{tag}>")
    assert "/&lt;b&gt;&amp;" in host._repr_html_()
    assert "&lt;script&gt;alert(&#39;&#36;1&#39;)&lt;/script&gt;&quot;&amp;" in evil._repr_html_()


# Copied and pickled


def test_a_copy_is_the_same_object_since_it_never_changes(busy):
    for row in [busy, *rows(busy)]:
        assert copy.copy(row) is row
        assert copy.deepcopy({"row": [row]})["row"][0] is row


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_what_was_pickled_is_the_same_again(busy, protocol):
    again = pickle.loads(pickle.dumps(busy, protocol))
    assert again == busy
    assert again.to_json() == busy.to_json()
    for row in rows(busy):
        same = pickle.loads(pickle.dumps(row, protocol))
        assert type(same) is type(row)
        assert repr(same) == repr(row)


def test_rows_of_a_merge_are_pickled_exactly(busy):
    merged = Snapshot.merge([busy, snapshot(5, interfaces=[{"name": "lo", "state": "down"}])])
    assert pickle.loads(pickle.dumps(merged)) == merged


def test_bytes_of_a_snapshot_are_few(busy):
    assert len(busy.to_bytes()) * 4 < len(busy.to_json())
    assert Snapshot.from_bytes(bytearray(busy.to_bytes())) == busy
    assert Snapshot.from_bytes(Snapshot().to_bytes()) == Snapshot()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: b"", "its first bytes are not those of a snapshot"),
        (lambda data: data[:-1], "damaged"),
        (lambda data: data + b"x", "damaged"),
        (lambda data: data[:6] + b"\x63" + data[7:], "version 99"),
        (lambda data: data[:7] + b"\xff" * 9 + b"\x01", "damaged"),
    ],
)
def test_bytes_that_are_no_snapshot_are_a_value_error(busy, damage, message):
    with pytest.raises(ValueError, match=f"not a snapshot: .*{message}"):
        Snapshot.from_bytes(damage(busy.to_bytes()))


def test_only_classes_of_netmon_are_restored(busy):
    with pytest.raises(ValueError, match="no class"):
        _core._restore("os.system", busy.to_bytes())


# Added up


def test_snapshots_are_added_up():
    parts = [snapshot(at, hits=at, hosts=[{"name": f"h{at % 3}", "hits": at, "sections": []}]) for at in range(200)]
    merged = Snapshot.merge(parts)
    assert parts[1] + parts[2] == Snapshot.merge(parts[1:3])
    assert sum(parts) == sum(parts, Snapshot()) == merged
    assert sum(parts, Snapshot()) == sum(reversed(parts), Snapshot())
    total = parts[0]
    total += parts[1]
    assert (total, parts[0].hits) == (parts[0] + parts[1], 0)
    assert 0 + parts[1] == parts[1]
    half = sum(parts[:100])
    assert half.hits == sum(range(100)), "looking at a sum on the way changes nothing"
    assert half + sum(parts[100:]) == merged


@pytest.mark.parametrize("other", [1, None, "x", 0.5, [], {}])
def test_nothing_else_is_added(other):
    for add in (lambda: Snapshot() + other, lambda: other + Snapshot()):
        with pytest.raises(TypeError):
            add()


def test_a_sum_may_be_pushed_into_a_window():
    window = Window()
    window.push(snapshot(1, hits=1) + snapshot(2, hits=2))
    assert window.merged.hits == 3


# Times and records


def test_times_are_floats_and_datetimes(busy):
    for seconds, time in [
        (busy.start, busy.start_time),
        (busy.end, busy.end_time),
        (busy.exchanges[1].ts, busy.exchanges[1].time),
    ]:
        assert time == datetime.fromtimestamp(seconds, UTC)
        assert time.tzinfo is UTC
    assert busy.exchanges[1].time == datetime(2023, 11, 14, 22, 13, 20, 750_000, UTC)
    assert Snapshot().start_time == datetime.fromtimestamp(Snapshot().start, UTC)


def test_records_are_flat_and_alike(busy):
    records = busy.rows()
    assert [(row["host"], row["section"], row["requests"]) for row in records] == [
        ("a.example", "/x", 1),
        ("a.example", "/y", 1),
        ("b.example", "/<b>&", 1),
    ]
    assert len({tuple(row) for row in records}) == 1, "the same keys in the same order"
    assert all(isinstance(value, (str, int, float, datetime)) for row in records for value in row.values())
    for key in ("hits", "requests", "responses", "errors", "request_bytes", "response_bytes"):
        assert sum(row[key] for row in records) == getattr(busy, key)
    section = busy.host("a.example").section("/y")
    row = records[1]
    assert (row["status_5xx"], row["status_2xx"], row["latency_p95"]) == (1, 0, section.latency.quantile(0.95))
    assert (row["start"], row["end_time"]) == (busy.start, busy.end_time)


def test_a_host_without_sections_keeps_its_counts_in_the_records():
    assert [
        (row["section"], row["requests"], row["latency_p50"])
        for row in snapshot(hosts=[{"name": "a", "requests": 3}]).rows()
    ] == [(None, 3, None)]


def test_a_csv_writer_takes_the_records(busy):
    records = busy.rows()
    out = io.StringIO()
    writer = csv.DictWriter(out, records[0])
    writer.writeheader()
    writer.writerows(records)
    out.seek(0)
    read = list(csv.DictReader(out))
    assert [row["section"] for row in read] == ["/x", "/y", "/<b>&"]
    assert float(read[0]["start"]) == busy.start


@pytest.mark.parametrize("library", ["polars", "pandas"])
def test_a_data_frame_takes_the_records(busy, library):
    frames = pytest.importorskip(library)
    frame = frames.DataFrame(busy.rows() + snapshot(hosts=[{"name": "a", "requests": 3}]).rows())
    assert frame.shape == (4, len(busy.rows()[0]))
    assert frame["requests"].sum() == 6
    assert list(frame["host"])[:2] == ["a.example", "a.example"]
