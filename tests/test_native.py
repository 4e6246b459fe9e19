"""The native module has the classes and functions of its stub, and snapshots obey their laws, seen from Python."""

import ast
import contextlib
import functools
import gc
import json
import threading
from collections import Counter
from itertools import permutations
from pathlib import Path

import forge
import netmon
import pytest
from netmon import Monitor, Snapshot, _core

NOON = 1_795_348_800  # 2026-11-22 12:00:00 UTC
STUB = Path(__file__).parents[1] / "python" / "netmon" / "_core.pyi"
SUMS = ("hits", "requests", "responses", "errors", "request_bytes", "response_bytes")


def busy(at, hosts=5, sections=4):
    """Conversations with many hosts and sections, each with its own share of methods, statuses and bytes."""
    talks = []
    for h in range(hosts):
        talk = forge.Conversation(4000 + h, at + h / 100, server=f"10.0.1.{h + 1}")
        for s in range(sections):
            for n in range(h + s + 1):
                method, status = ("GET", "POST", "HEAD")[n % 3], (200, 404, 500)[(h + n) % 3]
                body = b"" if method == "HEAD" else b"x" * (100 * h + n)
                when = at + h / 100 + s / 10 + n / 1000 + 0.01
                talk.ask(when, method, f"host{h}.example", f"/s{s}/{n}", status, took=(n + 1) / 10_000, body=body)
        talks.append(talk.close(at + 0.9))
    return talks


@pytest.fixture(scope="module")
def snapshots(tmp_path_factory):
    """Snapshots of three seconds, with hosts in common and different numbers of rows."""
    made = [busy(NOON), busy(NOON + 1, hosts=3), busy(NOON + 2, sections=2)]
    path = tmp_path_factory.mktemp("native") / "busy.pcap"
    path.write_bytes(forge.pcap(*[talk for talks in made for talk in talks]))
    found = list(Monitor(read=path, exchanges=True).snapshots())
    assert len(found) == 3
    return found


def add(rows):
    """The sums of the counts of rows, with those of methods, statuses and histograms."""
    total = Counter()
    for row in rows:
        total.update({name: getattr(row, name) for name in SUMS})
        total.update({("method", method): count for method, count in row.methods.items()})
        total.update({("status", status): count for status, count in row.statuses.items()})
        total.update({"latencies": row.latency.count, "durations": row.duration.count})
    return +total


# Merging


def test_merging_is_the_same_in_any_order(snapshots):
    merged = {Snapshot.merge(order).to_json() for order in permutations(snapshots)}
    assert len(merged) == 1


def test_merging_is_the_same_in_any_grouping(snapshots):
    a, b, c = snapshots
    left = Snapshot.merge([Snapshot.merge([a, b]), c])
    right = Snapshot.merge([a, Snapshot.merge([b, c])])
    assert left == right == Snapshot.merge(snapshots)
    assert left == functools.reduce(lambda one, other: Snapshot.merge([one, other]), snapshots, Snapshot())


def test_the_empty_snapshot_changes_nothing(snapshots):
    for snapshot in snapshots:
        assert Snapshot.merge([Snapshot(), snapshot, Snapshot()]) == snapshot
    assert Snapshot.merge([]) == Snapshot()
    assert (Snapshot().start, Snapshot().end, Snapshot().hits, Snapshot().hosts) == (0, 0, 0, [])


def test_merging_takes_any_iterable_and_nothing_but_snapshots(snapshots):
    assert Snapshot.merge(iter(snapshots)) == Snapshot.merge(tuple(snapshots))
    with pytest.raises(TypeError):
        Snapshot.merge([*snapshots, "no snapshot"])
    with pytest.raises(TypeError):
        Snapshot.merge(3)


def test_merging_leaves_its_parts_as_they_were(snapshots):
    before = [snapshot.to_json() for snapshot in snapshots]
    Snapshot.merge(snapshots)
    assert [snapshot.to_json() for snapshot in snapshots] == before


def test_a_merge_spans_its_parts_and_adds_them(snapshots):
    total = Snapshot.merge(snapshots)
    assert (total.start, total.end) == (NOON, NOON + 3)
    assert add([total]) == add(snapshots)
    assert total.capture.received == sum(snapshot.capture.received for snapshot in snapshots)
    assert len(total.exchanges) == sum(len(snapshot.exchanges) for snapshot in snapshots)


# Conservation


def test_hosts_add_up_to_the_total_and_sections_to_their_host(snapshots):
    for snapshot in [*snapshots, Snapshot.merge(snapshots)]:
        assert add(snapshot.hosts) == add([snapshot])
        for host in snapshot.hosts:
            assert add(host.sections) == add([host])


@pytest.mark.parametrize(("hosts", "sections"), [(1, 1), (2, 3), (4, 200), (100, 1), (100, 100)])
def test_folding_keeps_the_heaviest_rows_and_every_sum(snapshots, hosts, sections):
    total = Snapshot.merge(snapshots)
    folded = total.folded(hosts, sections)
    named = [host for host in folded.hosts if host.name != _core.OTHER]
    assert [host.name for host in named] == [host.name for host in total.top(hosts)]
    assert add(folded.hosts) == add([folded]) == add([total])
    for host in folded.hosts:
        assert add(host.sections) == add([host])
    for host in named:
        assert add([host]) == add([total.host(host.name)])
        assert len([section for section in host.sections if section.path != _core.OTHER]) <= sections
    assert folded.capture.hosts_folded == max(0, total.host_count - hosts)
    assert folded == total or hosts < 100 or sections < 100


# Rows


def test_rows_come_by_hits_and_then_by_name(snapshots):
    total = Snapshot.merge(snapshots)
    ranked = [(-host.hits, host.name) for host in total.hosts]
    assert ranked == sorted(ranked)
    assert [host.name for host in total.top(2)] == [host.name for host in total.hosts][:2]
    assert total.host_count == len(total.hosts) == 5
    assert total.host("nobody.example") is None
    for host in total.hosts:
        assert [s.path for s in host.top_sections(2)] == [s.path for s in host.sections][:2]
        assert host.addresses == [f"10.0.1.{int(host.name[4]) + 1}"]


def test_tables_come_most_frequent_first(snapshots):
    total = Snapshot.merge(snapshots)
    for table in (total.methods, total.statuses):
        assert list(table.values()) == sorted(table.values(), reverse=True)
    assert sum(total.methods.values()) == total.requests
    assert sum(total.statuses.values()) == total.responses
    assert total.errors == total.statuses[500]


def test_quantiles_are_within_the_error_of_the_histogram(snapshots):
    total = Snapshot.merge(snapshots)
    exact = sorted(exchange.latency for exchange in total.exchanges)
    assert total.latency.count == len(exact) == total.requests
    assert total.latency.sum == pytest.approx(sum(exact))
    assert (total.latency.min, total.latency.max) == pytest.approx((exact[0], exact[-1]))
    for q in (0.01, 0.5, 0.9, 0.99):
        wanted = exact[min(len(exact) - 1, int(q * len(exact)))]
        assert total.latency.quantile(q) == pytest.approx(wanted, rel=0.05)
    for outside in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="0"):
            total.latency.quantile(outside)
    assert Snapshot().latency.quantile(0.5) is None
    assert sum(total.latency.buckets) + total.latency.zero_count == total.latency.count


# JSON


def test_a_snapshot_is_the_same_after_json(snapshots):
    for snapshot in [*snapshots, Snapshot.merge(snapshots), Snapshot.merge(snapshots).folded(2, 1), Snapshot()]:
        line = snapshot.to_json()
        assert line.isascii()
        assert b"\n" not in line
        assert Snapshot.from_json(line) == Snapshot.from_json(line.decode()) == snapshot
        assert Snapshot.from_json(line).to_json() == line
        assert snapshot.to_dict() == json.loads(line)
        assert snapshot.to_dict()["schema"] == 1


def test_a_snapshot_from_json_merges_as_the_original(snapshots):
    assert Snapshot.merge(Snapshot.from_json(s.to_json()) for s in snapshots) == Snapshot.merge(snapshots)


def test_times_in_json_are_rfc_3339_utc(snapshots):
    document = snapshots[0].to_dict()
    assert document["start"].startswith("2026-11-22T12:00:00")
    assert document["start"].endswith("Z")
    assert document["exchanges"][0]["ts"].endswith("Z")


def test_keys_left_out_of_json_are_zero_or_empty():
    assert Snapshot.from_json(b'{"schema": 1}') == Snapshot()


@pytest.mark.parametrize(
    "document",
    [
        b"", b"x", b"[]", b"3", b"null", b"{", b'"text"', b"\xff\xfe", b'{"schema": 2}',
        b'{"schema": 1, "requests": -1}', b'{"schema": 1, "requests": "many"}', b'{"schema": 1, "start": "yesterday"}',
        b'{"schema": 1, "statuses": {"many": 1}}', b'{"schema": 1, "hosts": {}}', b'{"schema": 1} {"schema": 1}',
    ],
)  # fmt: skip
def test_what_is_no_snapshot_is_a_value_error(document):
    with pytest.raises(ValueError, match=r"."):
        Snapshot.from_json(document)


def test_counts_that_do_not_fit_stay_at_the_largest_that_does():
    huge = 2**64 - 1
    counts = {"requests": huge, "responses": huge}
    one = Snapshot.from_json(json.dumps({"schema": 1, "hosts": [{"name": "a"} | counts]} | counts))
    total = Snapshot.merge([one, one]).folded(0, 0)
    assert total.requests == total.hits == total.hosts[0].hits == huge


@pytest.mark.parametrize("depth", [10_000, 100_000])
def test_deep_json_is_an_error_not_a_crash(depth):
    with pytest.raises(ValueError, match=r"."):
        Snapshot.from_json("[" * depth)


# Equality


def test_snapshots_are_compared_by_what_they_count(snapshots):
    a, b, _ = snapshots
    assert a != b
    assert a == Snapshot.from_json(a.to_json())
    assert a != "a"
    assert (a == 3) is False
    with pytest.raises(TypeError):
        hash(a)


# Lifetimes and threads


def test_rows_live_on_without_their_snapshot(snapshots):
    host = Snapshot.merge(snapshots).hosts[0]
    section, latency = host.sections[0], host.latency
    hits = host.hits
    gc.collect()
    assert host.hits == hits
    assert section.hits > 0
    assert latency.count > 0


def test_nothing_of_a_snapshot_can_be_changed(snapshots):
    for holder, name in ((snapshots[0], "hits"), (snapshots[0].hosts[0], "name"), (snapshots[0].capture, "gaps")):
        with pytest.raises(AttributeError):
            setattr(holder, name, 1)


def test_threads_may_read_and_merge_the_same_snapshots(snapshots):
    expected = Snapshot.merge(snapshots).to_json()
    found = []

    def work():
        for _ in range(50):
            total = Snapshot.merge(snapshots)
            rows = [(host.name, host.hits, [section.path for section in host.sections]) for host in total.hosts]
            found.append((total.to_json(), len(rows)))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [(expected, 5)] * 200


# The stub


def manual():
    return ast.parse(STUB.read_text())


def test_everything_in_the_stub_is_in_the_module():
    """Names and members; `mypy.stubtest` checks their signatures."""
    for node in manual().body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            there = getattr(_core, node.name)
            for member in node.body:
                if isinstance(member, ast.FunctionDef):
                    assert hasattr(there, member.name), f"{node.name}.{member.name}"
        elif isinstance(node, ast.FunctionDef):
            assert callable(getattr(_core, node.name))
        elif isinstance(node, ast.AnnAssign):
            assert hasattr(_core, node.target.id)


def test_all_names_everything_in_the_module():
    assert sorted(_core.__all__) == sorted(
        name for name in dir(_core) if not name.startswith("__") or "version" in name
    )


def test_rows_are_made_by_the_engine_only():
    for name in ("Host", "Section", "Histogram", "Interface", "Tcp", "Capture", "Exchange", "InterfaceInfo"):
        with pytest.raises(TypeError):
            getattr(_core, name)()


def test_errors_are_what_a_python_user_expects():
    assert issubclass(netmon.SourceError, netmon.CaptureError)
    assert issubclass(netmon.CaptureError, OSError)
    assert issubclass(netmon.FilterError, ValueError)


@pytest.mark.parametrize(
    "setting",
    [
        {"interval": 0}, {"interval": -1}, {"interval": float("nan")}, {"timeout": -1},
        {"timeout": float("nan")}, {"section_depth": -1}, {"snaplen": -1}, {"buffer_size": -1}, {"interfaces": 3},
    ],
    ids=str,
)  # fmt: skip
def test_a_setting_out_of_range_is_refused(setting):
    with pytest.raises((ValueError, TypeError, OverflowError)):
        _core.Engine(**setting)


@pytest.mark.parametrize(
    ("depth", "paths"), [(1, {"/a", "/"}), (2, {"/a/b", "/a/c", "/"}), (5, {"/a/b/x", "/a/c", "/"})]
)
def test_the_depth_of_sections_is_a_setting(depth, paths, tmp_path):
    talk = forge.Conversation(4000, NOON)
    for path in ("/a/b/x?q=/1", "/a/c", "/", "/?q"):
        talk.ask(NOON, "GET", "a.example", path, 200)
    file = tmp_path / "depth.pcap"
    file.write_bytes(forge.pcap(talk))
    total = Snapshot.merge(Monitor(read=file, section_depth=depth).snapshots())
    assert {section.path for section in total.hosts[0].sections} == paths


def test_an_engine_that_was_not_started_can_be_closed():
    engine = _core.Engine(read=["/nosuch.pcap"])
    engine.close()
    engine.close()
    with pytest.raises((EOFError, ValueError, RuntimeError, OSError)):
        engine.next(0.1)


def test_after_the_end_next_always_raises_eof_error(tmp_path):
    file = tmp_path / "empty.pcap"
    file.write_bytes(forge.pcap())
    engine = _core.Engine(read=[str(file)])
    engine.start()
    with contextlib.suppress(EOFError):
        while True:
            engine.next(5)
    for _ in range(3):
        with pytest.raises(EOFError):
            engine.next(5)
    engine.close()
    with pytest.raises(EOFError):
        engine.next(5)


def test_a_list_of_interfaces_has_loopback():
    assert any(info.loopback and info.up for info in netmon._core.list_interfaces())
    assert "libpcap" in _core.libpcap_version()
