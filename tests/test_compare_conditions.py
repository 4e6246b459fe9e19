"""The conditions of --fail-if: their grammar, mistakes with their position, and what comes of them."""

import pytest
from fakes import snapshot
from netmon.compare.conditions import ConditionError, condition, outcome
from netmon.compare.course import Course
from netmon.compare.text import said
from netmon.measures import MEASURES
from scene import tcp
from test_compare import BASE, LATER, course
from traffic import START, Shape, snapshots

GOOD = [
    # text, measure, amount, is_relative, per_second, word, filter, per
    ("error_ratio > 1% worse", "error_ratio", 0.01, False, False, "worse", None, ""),
    ("error_ratio>0.01 more", "error_ratio", 0.01, False, False, "more", None, ""),
    ("  p99 > 20% worse ", "latency.p99", 0.2, True, False, "worse", None, ""),
    ("p95 > 50ms worse", "latency.p95", 0.05, False, False, "worse", None, ""),
    ("duration.p99.9 > 1.5 s worse", "duration.p99.9", 1.5, False, False, "worse", None, ""),
    ("requests > 30% less", "requests", 0.3, True, False, "less", None, ""),
    ("requests > 30 % change per host", "requests", 0.3, True, False, "change", None, "host"),
    ("status.5xx > 0 more", "status.5xx", 0, False, False, "more", None, ""),
    ("status.503 > 7k better", "status.503", 7000, False, False, "better", None, ""),
    ("reset > 2/s worse", "reset", 2, False, True, "worse", None, ""),
    ("response_bytes > 10MB more", "response_bytes", 1e7, False, False, "more", None, ""),
    ("response_bytes > 5MiB/s more", "response_bytes", 5 * 2**20, False, True, "more", None, ""),
    ("to_server > 3ms worse per host", "to_server", 0.003, False, False, "worse", None, "host"),
    ("p95 > 50ms worse for host:api.*", "latency.p95", 0.05, False, False, "worse", "host:api.*", "host"),
    ("p95 > 1s worse for host:a section:v", "latency.p95", 1, False, False, "worse", "host:a section:v", "section"),
    ("p95 > 1ms worse for host:a per section", "latency.p95", 0.001, False, False, "worse", "host:a", "section"),
    ("lost_ratio > 1% worse", "lost_ratio", 0.01, False, False, "worse", None, ""),
]  # fmt: skip


@pytest.mark.parametrize(("text", "name", "amount", "relative", "per_second", "word", "where", "per"), GOOD)
def test_a_condition_is_parsed(text, name, amount, relative, per_second, word, where, per):
    found = condition(text)
    assert (found.kind.name, found.amount, found.is_relative, found.per_second) == (name, amount, relative, per_second)
    assert (found.word, found.where and found.where.text, found.per) == (word, where, per)


BAD = [
    # text, position, part of the message
    ("", 0, "a measure is expected, such as error_ratio or p95"),
    ("   ", 3, "a measure is expected"),
    ("eror_ratio > 1% worse", 0, "no measure is called 'eror_ratio', did you mean error_ratio?"),
    ("status.9x > 1 more", 0, "no measure is called 'status.9x'"),
    ("rtt > 1ms worse", 0, "rtt cannot be compared: write to_client or to_server"),
    ("absent > 1s more", 0, "absent cannot be compared"),
    ("error_ratio", 11, "> is expected after the measure"),
    (f"requests > {'9' * 400}% less", 11, "the amount is too large"),
    ("error_ratio < 1% worse", 12, "> is expected after the measure"),
    ("error_ratio >= 1% worse", 12, "> is expected after the measure"),
    ("error_ratio > worse", 14, "an amount is expected, such as 1%, 50ms or 100"),
    ("error_ratio > 200% worse", 14, "is more than everything"),
    ("error_ratio > 50ms worse", 14, "is not a share such as 0.05 or 5%"),
    ("p95 > 5MB worse", 6, "is not a duration such as"),
    ("p95 > 5s/s worse", 6, "is a rate"),
    ("error_ratio > 1%", 16, "one of worse, better, more, less, change is expected"),
    ("error_ratio > 1% wrose", 17, "'wrose' is not one of worse, better, more, less, change"),
    ("requests > 1% worse", 14, "requests is neither better nor worse when it changes: write more, less or change"),
    ("status.2xx > 1% worse", 16, "neither better nor worse"),
    ("p95 > 1% worse or else", 15, "for FILTER or per host|section is expected here, or the end"),
    ("p95 > 1% worse for", 15, "for FILTER or per host|section is expected here"),
    ("p95 > 1% worse per client", 19, "'client' is not one of host, section"),
    ("p95 > 1% worse for host:(", 24, ""),
    ("p95 > 1% worse for status:5xx", 19, "rows are chosen by host: and section:, not by status"),
    ("p95 > 1% worse for section:/a per host", 34, "a host has many sections: write per section"),
    ("reset > 1% worse per section", 0, "reset is not known per section"),
    ("lost_ratio > 1% worse per host", 0, "lost_ratio is not known per host"),
]


@pytest.mark.parametrize(("text", "position", "message"), BAD)
def test_a_mistake_is_told_with_its_position(text, position, message):
    with pytest.raises(ConditionError) as caught:
        condition(text)
    assert message in str(caught.value)
    assert caught.value.text == text
    assert caught.value.position == position


def test_every_measure_is_a_condition_or_says_why_not():
    parsed, refused = [], []
    for name in MEASURES:
        try:
            parsed.append(condition(f"{name} > 1% more").kind.name)
        except ConditionError as error:
            refused.append((name, str(error)))
    assert refused == [
        ("rtt", "rtt cannot be compared: write to_client or to_server"),
        ("absent", "absent cannot be compared"),
    ]
    assert len(parsed) == len(MEASURES) - 2


# What comes of a condition


AFTER = {
    ("api.example", "/v1"): Shape(60, errors=0.05, seconds=0.03),
    ("api.example", "/v2"): Shape(40, errors=0.002),
    ("www.example", "/"): Shape(20, errors=0.002),
}


@pytest.fixture(scope="module")
def sides():
    return course(BASE, 100, seed=1), course(AFTER, 100, seed=2, start=LATER)


VERDICTS = [
    ("error_ratio > 1% worse", "failed"),
    ("error_ratio > 5% worse", "passed"),
    ("error_ratio > 1% better", "passed"),
    ("error_ratio > 1% change", "failed"),
    ("error_ratio > 2.7% worse", "unsure"),
    ("status.5xx > 0 more", "failed"),
    ("status.5xx > 0 less", "passed"),
    ("status.5xx > 100 more", "failed"),
    ("status.5xx > 500 more", "passed"),
    ("status.5xx > 1/s more", "failed"),
    ("status.5xx > 5/s more", "passed"),
    ("status.5xx > 300% more", "failed"),
    ("status.404 > 0 more", "passed"),
    ("requests > 10% less", "failed"),
    ("requests > 40% less", "passed"),
    ("requests > 10% more", "passed"),
    ("requests > 2000 less", "failed"),
    ("p95 > 5% worse", "failed"),
    ("p95 > 90% worse", "passed"),
    ("p95 > 5ms worse", "failed"),
    ("p95 > 50ms worse", "passed"),
    ("p50 > 40% worse for host:www.*", "passed"),
    ("p50 > 20% worse per section", "failed"),
    ("error_ratio > 1% worse for host:www.*", "passed"),
    ("error_ratio > 1% worse for host:nobody", "unsure"),
    ("requests > 50% less per host", "failed"),
    ("requests > 90% less per host", "passed"),
    ("status.418 > 0 more", "passed"),
    ("status.418 > 10 more", "passed"),
    ("status.418 > 10% more", "passed"),
    ("status.418 > 1 more", "unsure"),
    ("lost > 0 more", "unsure"),
    ("reset > 0 more", "unsure"),
    ("response_bytes > 10% more", "passed"),
]


@pytest.mark.parametrize(("text", "verdict"), VERDICTS, ids=[row[0] for row in VERDICTS])
def test_a_condition_fails_passes_or_is_unsure(sides, text, verdict):
    """These sides have no packets and no connections, as tables do not, so nothing is known of losses and resets."""
    assert outcome(condition(text), *sides).verdict == verdict


def test_a_condition_names_the_rows_that_fail_the_greatest_change_first(sides):
    found = outcome(condition("error_ratio > 0.5% worse per section"), *sides)
    assert [each.place for each in found.findings] == [("api.example", "/v1")]
    assert found.rows == 3
    text = said(found)
    assert text.startswith("error ratio of api.example/v1 rose from 0.3 % (18 of 6 015) to 5.1 % (309 of 6 021) (")
    assert text.endswith("+4.3 to +5.4 points)")


def test_equal_traffic_fails_no_condition():
    """With an amount of 0 any certain change would fail."""
    texts = (
        "error_ratio > 0 change",
        "p50 > 0 change",
        "p99 > 0 change",
        "requests > 0 change",
        "error_ratio > 0 change per section",
    )
    failed = 0
    for seed in range(20):
        both = course(BASE, 40, seed=seed), course(BASE, 40, seed=seed + 500, start=LATER)
        failed += sum(outcome(condition(text), *both).verdict == "failed" for text in texts)
    assert failed <= 7, "of 100, five in the mean"


def test_too_few_data_do_not_fail_and_do_not_pass():
    few = {("a.example", "/"): Shape(1, errors=0.0)}
    both = course(few, 30, seed=1), course(few, 30, seed=2)
    found = outcome(condition("error_ratio > 1% worse"), *both)
    assert found.verdict == "unsure"
    assert said(found).startswith("not enough data to say: error ratio of all traffic stayed at 0 % (0 of ")


def test_five_errors_of_a_hundred_where_there_was_none_fail():
    def of(statuses):
        n = sum(statuses.values())
        errors = statuses.get("503", 0)
        return Course.of([snapshot(START, requests=n, responses=n, errors=errors, statuses=statuses, hits=2 * n)])

    both = of({"200": 100}), of({"200": 93, "503": 7})
    assert outcome(condition("error_ratio > 1% worse"), *both).verdict == "failed"
    assert outcome(condition("error_ratio > 8% worse"), *both).verdict == "unsure"


def test_a_side_without_responses_is_not_enough_to_say():
    found = outcome(condition("error_ratio > 1% worse"), course(BASE), Course.of([snapshot(START, requests=5, hits=5)]))
    assert found.verdict == "unsure"
    empty = outcome(condition("error_ratio > 1% worse"), Course.of([]), Course.of([]))
    assert (empty.verdict, said(empty)) == ("unsure", "not enough data to say: no traffic has such a figure")


def test_an_amount_of_0_does_not_pass_where_a_side_has_no_value():
    calm, failing = course(BASE), course({("a.example", "/"): Shape(50, errors=0.9)})
    assert outcome(condition("errors > 0 worse"), Course.of([]), failing).verdict == "unsure"
    added = course({**BASE, ("new.example", "/"): Shape(50, errors=0.9)})
    found = outcome(condition("error_ratio > 0 worse per host"), calm, added)
    assert (found.verdict, "new.example" in {each.place[0] for each in found.findings}) == ("unsure", True)
    assert outcome(condition("requests > 0 less for host:new.example"), calm, added).verdict == "passed"
    assert outcome(condition("requests > 0% less for host:new.example"), calm, added).verdict == "passed"


def test_connections_are_judged_where_their_course_is_known():
    def of(seed, **health):
        parts = snapshots({("a.example", "/"): Shape(5)}, 60, seed=seed)
        return Course.of([*parts, *(snapshot(START + at, tcp=tcp(20, rtt=0.02, **health)) for at in range(60))])

    both = of(1, retransmitted=1), of(2, retransmitted=9, reset=3)
    assert outcome(condition("reset > 1/s worse"), *both).verdict == "failed"
    assert outcome(condition("retransmitted > 100 worse"), *both).verdict == "failed"
    assert outcome(condition("to_client > 50ms worse"), *both).verdict == "passed"


def test_what_neither_side_has_any_of_passes_also_where_events_come_in_groups():
    def of(seed, **health):
        return Course.of(snapshot(START + at, tcp=tcp(9, rtt=0.02, **health), hits=2, requests=1) for at in range(60))

    for text in ("lost > 0 more", "reset > 0 worse", "retransmitted > 100 more"):
        assert outcome(condition(text), of(1), of(2)).verdict == "passed", text
    whole = outcome(condition("retransmitted_ratio > 1% worse"), of(1), of(2))
    assert whole.verdict == "passed"
    assert said(whole).startswith("resent segments of all traffic stayed at 0 % (0 of ")


def test_bytes_are_judged_only_where_their_course_is_known():
    def of(size, count):
        parts = [snapshot(START + at, hits=2, requests=1, response_bytes=size + at % 3) for at in range(60)]
        return Course.of(parts if count > 1 else [sum(parts)])

    for count, verdict in ((60, "failed"), (1, "unsure")):
        assert outcome(condition("response_bytes > 10% more"), of(1000, count), of(1500, count)).verdict == verdict


def test_the_interval_is_told_in_the_unit_of_the_condition(sides):
    for text, end in (
        ("p95 > 5ms worse", " ms)"),
        ("p95 > 5% worse", " %)"),
        ("error_ratio > 1% worse", " points)"),
        ("requests > 1% less", " %)"),
        ("status.5xx > 1/s more", "/s)"),
        ("duration.p95 > 1ms worse", "no traffic has such a figure"),
    ):
        assert said(outcome(condition(text), *sides)).endswith(end), text


def test_hosts_that_fail_beyond_the_first_five_are_counted():
    shapes = {(f"h{n}.example", "/"): Shape(20, errors=0.0) for n in range(8)}
    worse = {key: Shape(20, errors=0.3) for key in shapes}
    found = outcome(condition("error_ratio > 1% worse per host"), course(shapes, 40), course(worse, 40, seed=2))
    assert (found.verdict, len(found.findings)) == ("failed", 8)
    assert said(found).endswith("; and 3 more")
