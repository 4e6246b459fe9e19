"""Too much of everything: floods, heads without end, invented names, invalid sizes.

Each test forges its packets and reads them as a capture file; see `promises`.
"""

import forge
import pytest
from forge import SYN
from netmon import Monitor, Snapshot
from promises import CHUNKED, GET, OK, Wire, crowd, get, heads, ok, promise, resident


@promise(1)
def test_a_syn_flood_of_spoofed_sources_is_bounded_and_evicts_no_real_connection(read):
    real = Wire().say(GET)
    flood = crowd(150_000, b"", SYN)
    late = Wire(handshake=False, now=2.0)
    late._next = [1 + len(GET), 1]
    total = read(real, flood, late.send(1, OK))
    assert heads(total) == (1, 1)
    assert (total.capture.orphan_responses, total.capture.unanswered) == (0, 0)
    assert total.capture.flows <= 100_001
    assert total.capture.flows_evicted >= 50_000


@promise(2)
def test_never_finished_heads_of_100_000_clients_cost_little_memory(read):
    crowded = crowd(100_000, b"GET /slow HTTP/1.1\r\nHost: s.example\r\nX-a: b\r\n")
    before = resident()
    total = read(crowded)
    assert total.requests == 100_000
    assert total.capture.unanswered == 100_000
    assert resident() - before < 150e6


@promise(2)
def test_a_head_over_64_kib_counts_once_and_the_next_message_is_found(read):
    total = read(Wire().say(get("/a", "a.example", *["X: " + "y" * 1000] * 100) + GET, OK + OK))
    assert (heads(total), total.capture.parse_errors) == ((2, 2), 1)


@promise(3)
def test_invented_hosts_are_folded_above_the_cap_and_sums_stay_exact(read):
    wire = Wire()
    for first in range(0, 50_000, 100):
        wire.send(0, b"".join(get(f"/{n % 7}", f"{'x' * 300}{n}.example") for n in range(first, first + 100)))
    total = read(wire, interval=3600)
    assert total.host_count <= 10_001
    assert total.capture.hosts_folded >= 40_000
    assert sum(host.requests for host in total.hosts) == total.requests == 50_000
    assert max(len(host.name) for host in total.hosts) <= 255 + len("…".encode("unicode_escape"))


@promise(3)
def test_invented_paths_are_folded_above_the_cap_and_sums_stay_exact(read):
    wire = Wire()
    for first in range(0, 50_000, 500):
        wire.send(0, b"".join(get(f"/{n}") for n in range(first, first + 500)))
    total = read(wire, interval=3600)
    sections = total.host("a.example").sections
    assert len(sections) <= 201
    assert total.capture.sections_folded >= 49_000
    assert sum(section.requests for section in sections) == total.requests == 50_000


@promise(4)
@pytest.mark.parametrize("size", [b"-1", b"0x10", b"zz", b""])
def test_invalid_chunk_sizes_are_told_and_the_next_message_is_found(read, size):
    total = read(Wire().say(GET, CHUNKED + size + b"\r\nrubbish").say(GET, ok(b"", 404)))
    assert total.statuses == {200: 1, 404: 1}
    assert total.capture.ambiguous_framing == {"chunk": 1}
    assert total.capture.resyncs == 1


@promise(4)
@pytest.mark.parametrize("length", ["-1", "+5", "", "0x10", "ten", "1.0"])
def test_invalid_lengths_are_told_and_the_next_message_is_found(read, length):
    total = read(
        Wire().say(GET, f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\nbody".encode()).say(GET, ok(b"", 404))
    )
    assert total.statuses == {200: 1, 404: 1}
    assert total.capture.ambiguous_framing == {"length": 1}


@promise(4)
@pytest.mark.parametrize(
    "message",
    [
        *[CHUNKED + size + b"\r\n" for size in (b"ffffffffffffffff", b"10000000000000000", b"f" * 40)],
        *[f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n".encode() for length in (2**64, "9" * 40)],
    ],
)
def test_a_size_that_64_bits_do_not_hold_is_a_body_without_end(read, message):
    total = read(Wire().say(GET, message + ok(b"", 500)).send(1, ok(b"", 404)).close())
    assert total.statuses == {200: 1}
    assert total.capture.parse_errors == 0


@promise(4)
@pytest.mark.parametrize("size", [1, 7, 1400])
def test_a_chunk_size_may_have_any_number_of_zeros(read, size):
    body = b"0" * 40 + b"2 \r\nhi\r\n" + b"0" * 40 + b"\t\r\n\r\n"
    total = read(Wire().say(GET, CHUNKED + body + ok(b"", 404), size=size))
    assert (total.statuses, total.capture.ambiguous_framing) == ({200: 1, 404: 1}, {})


@promise(4)
def test_the_largest_possible_sizes_allocate_nothing(read):
    before = resident()
    largest = f"HTTP/1.1 200 OK\r\nContent-Length: {2**64 - 1}\r\n\r\nbody".encode()
    total = read(Wire().say(GET, CHUNKED + b"ffffffffffffffff\r\nx").close(), Wire(4001).say(GET, largest).close())
    assert total.statuses == {200: 2}
    assert resident() - before < 20e6


@promise(3)
def test_an_interval_tells_only_what_happened_in_it_however_much_was_seen_before(tmp_path):
    flood = Wire()
    for first in range(0, 20_000, 100):
        flood.now = 0.1 + first / 1e5
        flood.send(0, b"".join(get(f"/{n % 7}", f"h{n // 10}.example") for n in range(first, first + 100)))
    later = [Wire(5000 + n, now=2.0 + n).say(get("/late", f"h{n}.example"), OK).close() for n in range(50)]
    path = tmp_path / "capture.pcap"
    path.write_bytes(forge.pcap(flood, *later))
    first, *rest = Monitor(read=path).snapshots()
    assert (first.requests, first.host_count) == (20_000, 2000)
    assert [(one.requests, one.host_count, one.section_count) for one in rest] == [(1, 1, 1)] * 50
    assert all(len(one.to_json()) < 10_000 for one in rest)


@promise(3)
def test_buckets_of_many_sections_keep_to_a_budget_and_counts_stay_exact(read):
    wires = []
    for number in range(300):
        wire = Wire(2000 + number, now=0.001)
        for path in range(20):
            wire.say(get(f"/{path}", f"h{number}.example"))
            wire.now += 1e-6 * 2 ** ((number + path) % 25)
            wire.say(b"", ok(b""))
        wires.append(wire.close())
    several = [read(*wires[part::3], interval=3600) for part in range(3)]
    total = Snapshot.merge(several)
    assert (total.responses, total.latency.count) == (6000, 6000)
    assert total.capture.histogram_halvings == 0
    wide = "[" + ",".join(["1"] * 1000) + "]"
    histogram = f'{{"min":1e-9,"max":9e8,"sum":1,"offset":-470,"buckets":{wide}}}'
    section = f'{{"path":"/PATH","responses":1000,"latency":{histogram},"duration":{histogram}}}'
    hosts = []
    for number in range(100):
        sections = ",".join(section.replace("PATH", str(path)) for path in range(30))
        hosts.append(f'{{"name":"h{number}","sections":[{sections}]}}')
    wider = Snapshot.from_json(f'{{"hosts":[{",".join(hosts)}]}}')
    folded = wider.folded()
    halvings = folded.capture.histogram_halvings
    assert halvings == 1
    assert sum(s.latency.count for h in folded.hosts for s in h.sections) == 3_000_000
    assert {s.latency.scale for h in folded.hosts for s in h.sections} == {3}
    assert len(folded.to_json()) < len(wider.to_json()) * 0.6
    merged = Snapshot.merge([wider, folded])
    assert {s.latency.scale for h in merged.hosts for s in h.sections} == {3}
    assert Snapshot.from_json(folded.to_json()).hosts[0].sections[0].latency.scale == 3
