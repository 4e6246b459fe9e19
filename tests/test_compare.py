"""What a comparison finds in invented traffic with fixed seeds, and that it finds nothing where nothing has changed."""

import random

import pytest
from fakes import snapshot
from netmon._core import OTHER
from netmon.compare.course import BLOCKS, Course
from netmon.compare.findings import comparison
from netmon.compare.inputs import Side
from netmon.compare.result import result
from scene import tcp
from traffic import START, Shape, counts, snapshots, total

LATER = START + 86_400


def course(shapes, seconds=60, *, seed=1, start=START, **more):
    return Course.of(snapshots(shapes, seconds, seed=seed, start=start, **more))


def found(before, after):
    """(host or host and path, measure, verdict) of each certain change that is not about all traffic."""
    return {
        ("".join(each.place), each.kind.name, each.verdict) for each in comparison(before, after).certain if each.place
    }


def side(given, *, format="json", where=None, name="a.ndjson"):  # noqa: A002  the field has this name
    return Side(name, format, given, where)


BASE = {
    ("api.example", "/v1"): Shape(60, errors=0.002),
    ("api.example", "/v2"): Shape(40, errors=0.002),
    ("www.example", "/"): Shape(50, errors=0.002),
}


# Nothing has changed


FAMILIES = {
    "many hosts": {(f"h{n}.example", "/a"): Shape(0.2 + n / 20) for n in range(40)},
    "bursts of clients": {(f"h{n}.example", "/a"): Shape(3 + n / 4, errors=0.05, burst=7) for n in range(12)},
    "one host": {("a.example", "/a"): Shape(60, errors=0.02)},
    "waves": {
        ("a.example", "/a"): lambda second: Shape(
            20 + 30 * (second % 10 < 3), errors=0.02, seconds=0.02 + 0.02 * (second % 7 < 2)
        )
    },
}


@pytest.mark.parametrize("name", FAMILIES)
def test_two_runs_of_the_same_traffic_have_nearly_no_certain_change(name):
    """Each comparison may have a false change with a chance of 5 % for each of three levels; these have none or one."""
    runs, tests, false = 8, 0, 0
    for seed in range(runs):
        compared = comparison(
            course(FAMILIES[name], seed=2 * seed), course(FAMILIES[name], seed=2 * seed + 1, start=LATER)
        )
        tests += len(compared.findings)
        false += bool(compared.certain)
    assert tests >= 20 * runs
    assert false <= 1


def test_without_a_correction_for_many_tests_there_would_be_false_changes():
    shapes = FAMILIES["many hosts"]
    compared = comparison(course(shapes, seed=5), course(shapes, seed=6))
    assert [each for each in compared.findings if each.chance < 0.05]
    assert compared.certain == []


def test_without_a_dispersion_bursts_would_be_changes():
    shapes = {("a.example", "/a"): Shape(60, errors=0.1, burst=30)}
    false = [0, 0]
    for seed in range(12):
        whole = comparison(course(shapes, seed=seed), course(shapes, seed=100 + seed))
        single = [Course.of([sum(snapshots(shapes, 60, seed=at))]) for at in (seed, 100 + seed)]
        false[0] += bool(whole.certain)
        false[1] += bool(comparison(*single).certain)
    assert false[0] <= 1
    assert false[1] >= 6, "one snapshot has no course, so requests are taken as independent"


def test_two_halves_of_one_run_have_no_certain_change():
    whole = list(snapshots(BASE, 120, seed=9))
    assert comparison(Course.of(whole[:60]), Course.of(whole[60:])).certain == []


# What has changed is found


CHANGES = [
    ("errors", Shape(60, errors=0.03), {("error_ratio", "worse")}),
    ("fewer requests", Shape(30, errors=0.002), {("requests", "changed")}),
    ("slower", Shape(60, errors=0.002, seconds=0.03), {("latency.p50", "worse"), ("latency.p95", "worse")}),
    ("faster", Shape(60, errors=0.002, seconds=0.01), {("latency.p50", "better"), ("latency.p95", "better")}),
    ("a longer tail", Shape(60, errors=0.002, spread=1.0), {("latency.p95", "worse"), ("latency.p99", "worse")}),
    ("not found", Shape(60, errors=0.002, missing=0.08), {("status.4xx", "worse")}),
]


@pytest.mark.parametrize(("shape", "expected"), [row[1:] for row in CHANGES], ids=[row[0] for row in CHANGES])
def test_a_change_of_one_section_is_found_there_and_nowhere_else(shape, expected):
    after = BASE | {("api.example", "/v1"): shape}
    changes = found(course(BASE), course(after, seed=2, start=LATER))
    assert {("api.example/v1", *change) for change in expected} <= changes
    rows = {row for row, measure, _ in changes if not measure.startswith("status.")}
    assert rows <= {"api.example/v1", "api.example"}


def test_hosts_and_sections_appear_and_vanish():
    before = BASE | {("old.example", "/x"): Shape(2)}
    after = BASE | {("new.example", "/x"): Shape(2), ("www.example", "/more"): Shape(2)}
    compared = comparison(course(before), course(after, seed=2, start=LATER))
    named = {
        ("".join(each.place), each.has_appeared, each.has_vanished) for each in compared.certain if len(each.place)
    }
    assert {
        ("old.example", False, True),
        ("old.example/x", False, True),
        ("new.example", True, False),
        ("new.example/x", True, False),
        ("www.example/more", True, False),
    } <= named


def test_a_row_with_few_hits_has_neither_appeared_nor_vanished():
    one = [counts_of_one_request("rare.example")]
    before, after = Course.of([*snapshots(BASE, 60, seed=1), *one]), course(BASE, seed=2)
    compared = comparison(before, after)
    assert compared.few == 2, "the host and its section"
    assert not any("rare.example" in each.place for each in compared.findings)


def counts_of_one_request(host):
    row = {"hits": 2, "requests": 1, "responses": 1, "statuses": {"200": 1}}
    return snapshot(START, hosts=[{"name": host, "sections": [{"path": "/", **row}], **row}], **row)


def test_an_outage_on_one_side_is_a_change_although_it_is_one_burst():
    def outage(second):
        return Shape(60, errors=0.5 if 20 <= second < 24 else 0.002)

    after = BASE | {("api.example", "/v1"): outage}
    changes = found(course(BASE), course(after, seed=2, start=LATER))
    assert ("api.example", "error_ratio", "worse") in changes
    assert ("api.example", "error_ratio", "better") in found(course(after, seed=2), course(BASE, start=LATER))


def test_the_answer_is_the_most_important_change_with_its_counts():
    after = BASE | {("api.example", "/v1"): Shape(60, errors=0.05), ("www.example", "/"): Shape(50, seconds=0.023)}
    made = result(side(course(BASE, 100)), side(course(after, 100, seed=2, start=LATER)))
    assert made.answer == "error ratio of api.example rose from 0.3 % (26 of 10 070) to 3.1 % (314 of 9 993)"


def test_connections_are_compared():
    def tcps(seed, **health):
        parts = snapshots({("a.example", "/"): Shape(40)}, 60, seed=seed)
        return Course.of([*parts, *(snapshot(START + at, tcp=tcp(20, rtt=0.02, **health)) for at in range(60))])

    compared = comparison(tcps(1, retransmitted=1), tcps(2, retransmitted=4, reset=3))
    changes = {(each.kind.name, each.verdict) for each in compared.certain if not each.place}
    assert {("retransmitted_ratio", "worse"), ("reset", "worse")} <= changes


# What limits it


def test_losses_are_told_first_and_make_rates_less_certain():
    shapes = {("a.example", "/a"): Shape(60)}
    fewer = {("a.example", "/a"): Shape(53)}
    capture = {"received": 880, "kernel_dropped": 120}
    whole = course(shapes, 120), course(fewer, 120, seed=2)
    lossy = whole[0], course(fewer, 120, seed=2, capture=capture)
    assert ("a.example", "requests", "changed") in found(*whole)
    assert ("a.example", "requests", "changed") not in found(*lossy)
    made = result(side(lossy[0]), side(lossy[1]))
    assert made.notes[0] == "12.0 % of packets lost after: counts are lower bounds, and rates are less certain"
    made = result(side(lossy[1]), side(lossy[0]))
    assert made.notes[0].startswith("12.0 % of packets lost before: counts are lower bounds")


def test_different_filters_and_depths_are_told():
    deep = {("api.example", "/v1/a"): Shape(10), ("www.example", "/"): Shape(10)}
    made = result(side(course(BASE)), side(course(deep, seed=2), where="host:\x1bw*"))
    assert "The sides were counted with different filters, before: none, after: host:\\x1bw*" in made.notes
    assert any("Sections have up to 1 path segment before and 2 after" in note for note in made.notes)


def test_one_snapshot_has_no_course_and_that_is_told():
    single = Course.of([sum(snapshots(BASE, 60, seed=1))])
    made = result(side(single), side(course(BASE, seed=2)))
    assert made.notes[0].startswith("BEFORE has too few intervals to tell how much traffic varies")
    segments = [each for each in result(side(single), side(single)).totals if each.kind.name == "retransmitted_ratio"]
    assert [each.measured.difference for each in segments] in ([], [(-float("inf"), float("inf"))])


def test_parquet_says_nothing_about_losses_and_that_is_told():
    made = result(side(course(BASE)), side(course(BASE, seed=2), format="parquet"))
    assert made.notes == ["Parquet does not say what was lost after, nor how connections were"]


@pytest.mark.parametrize(("before", "after", "said"), [(0, 60, "before"), (60, 0, "after"), (0, 0, "before")])
def test_a_side_without_http_is_told(before, after, said):
    made = result(side(course(BASE, before)), side(course(BASE, after)))
    assert made.answer == f"No HTTP was seen {said}, so there is nothing to compare"
    assert made.changes == [] or before != after


def test_the_row_for_the_rest_is_not_compared():
    rest = {(OTHER, "/"): Shape(10), ("a.example", OTHER): Shape(10)}
    compared = comparison(course(rest), course({("a.example", "/"): Shape(1)}, seed=2))
    assert not any(OTHER in each.place for each in compared.findings)


# A course


def test_a_course_has_20_to_40_blocks_of_equal_length_whatever_its_length():
    for seconds in (45, 100, 1000, 5000):
        made = Course.of(snapshot(START + at, requests=2, hits=2) for at in range(seconds))
        assert BLOCKS // 2 <= len(made.blocks) <= BLOCKS
        assert made.seconds == seconds
        assert sum(length for length, _ in made.blocks) == pytest.approx(seconds)
        assert sum(block.requests for _, block in made.blocks if block) == made.total.requests == 2 * seconds


def test_a_course_takes_snapshots_in_any_order_and_of_any_length():
    parts = [snapshot(START + at, requests=1, hits=1) for at in (50, 3, 90, 0, 77)]
    parts.append(snapshot(START + 20, START + 24, requests=4, hits=4))
    made = Course.of(parts)
    assert (made.seconds, made.total.requests, made.intervals) == (91, 9, 6)
    assert sum(block.requests for _, block in made.blocks if block) == 9


def test_silence_counts_as_time():
    made = Course.of([snapshot(START, requests=5, hits=5), snapshot(START + 99, requests=5, hits=5)])
    assert len(made.blocks) >= BLOCKS // 2
    assert sum(block is None for _, block in made.blocks) == len(made.blocks) - 2


def test_a_course_without_snapshots_is_empty():
    made = Course.of([])
    assert (made.seconds, made.blocks, made.unseen) == (0, [], 1.0)


def test_memory_of_a_course_is_bounded_by_its_rows():
    made = Course(rows=300)
    for at in range(100):
        rows = [{"name": f"h{at}-{n}", "hits": 2, "sections": [{"path": "/", "hits": 2}]} for n in range(100)]
        made.push(snapshot(START + at, hosts=rows, hits=200, requests=200))
    made.close()
    assert made.total.requests == 20_000
    assert max(block.row_count for _, block in made.blocks) < 100 * 100


def test_rows_of_traffic_add_up():
    """The invented traffic is what the tests take it for."""
    made = list(snapshots(BASE, 3, seed=1))
    for each in made:
        assert each.requests == sum(host.requests for host in each.hosts)
        assert each.latency.count == each.responses
    assert total([]) | {} == total([])
    assert counts(random.Random(1), Shape(0)) is None
