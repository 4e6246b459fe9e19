"""Numbers, times and wire text as people read them: tables of value and text."""

from datetime import UTC, timedelta, timezone

import pytest
from netmon import format as fmt
from wcwidth import wcwidth

TABLE = [
    (fmt.count, 0, "0"),
    (fmt.count, 999, "999"),
    (fmt.count, 48210, "48 210"),
    (fmt.count, 1234567, "1 234 567"),
    (fmt.short, 999_999, "999 999"),
    (fmt.short, 1_000_000, "1 M"),
    (fmt.short, 1_250_000, "1.2 M"),
    (fmt.rate, 0, "0"),
    (fmt.rate, 0.04, "<0.1"),
    (fmt.rate, 62.5, "62.5"),
    (fmt.rate, 99.96, "100"),
    (fmt.rate, 3480.4, "3 480"),
    (fmt.percent, 0, "0 %"),
    (fmt.percent, 0.000001, "<0.1 %"),
    (fmt.percent, 0.0312, "3.1 %"),
    (fmt.percent, 0.5, "50 %"),
    (fmt.percent, 0.9999, "99 %"),
    (fmt.percent, 1, "100 %"),
    (fmt.latency, None, "-"),
    (fmt.latency, 0.0, "0 ms"),
    (fmt.latency, 0.0000004, "0 us"),
    (fmt.latency, 0.00004, "40 us"),
    (fmt.latency, 0.0001, "0.10 ms"),
    (fmt.latency, 0.00123, "1.2 ms"),
    (fmt.latency, 0.0123, "12 ms"),
    (fmt.latency, 0.9994, "999 ms"),
    (fmt.latency, 0.9996, "1.0 s"),
    (fmt.latency, 61.2, "61.2 s"),
    (fmt.duration, 0, "0 s"),
    (fmt.duration, 0.5, "0.5 s"),
    (fmt.duration, 8, "8 s"),
    (fmt.duration, 59.7, "1 min"),
    (fmt.duration, 130, "2 min 10 s"),
    (fmt.duration, 120, "2 min"),
    (fmt.duration, 3_700, "1 h 1 min"),
    (fmt.duration, 90_000, "1 d 1 h"),
    (fmt.tops, {200: 103, 303: 4}, "200: 103, 303: 4"),
    (fmt.tops, {}, ""),
]


@pytest.mark.parametrize(("write", "value", "text"), TABLE)
def test_table(write, value, text):
    assert write(value) == text


@pytest.mark.parametrize(
    ("name", "columns", "text"),
    [
        ("shop.example/checkout", 21, "shop.example/checkout"),
        ("shop.example/checkout", 20, "shop.example/che~out"),
        ("shop.example/checkout", 14, "shop.example/~"),
        ("shop.example/checkout", 13, "shop~ple/c~ut"),
        ("api.example.com", 9, "api.~.com"),
        ("/checkout/pay", 9, "/che~/pay"),
        ("\u4f8b\u3048\u4f8b\u3048", 5, "\u4f8b~\u3048"),
        ("shop", 1, "~"),
        ("shop", 0, ""),
    ],
)
def test_names_are_cut_in_the_middle_and_hosts_stay_whole_where_they_fit(name, columns, text):
    assert fmt.shorten(name, columns) == text


def test_a_name_that_is_cut_never_takes_more_than_its_columns():
    for name in ("a-long.host.example/path/to/some", "/画像/画像/画像", "例え例え.example/画像", "plain", "a/", ""):
        for columns in range(40):
            assert fmt.width(fmt.shorten(name, columns)) <= columns


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0, "bit/s", "0 bit/s"),
        (999, "bit/s", "999 bit/s"),
        (690_100, "bit/s", "690.1 kbit/s"),
        (999_960, "bit/s", "1 Mbit/s"),
        (6_900_000, "bit", "6.9 Mbit"),
        (12e15, "B", "12 PB"),
        (4_200, "B", "4.2 kB"),
    ],
)
def test_scaled(value, unit, text):
    assert fmt.scaled(value, unit) == text


def test_times_are_local_with_their_offset():
    india = timezone(timedelta(hours=5, minutes=30))
    assert fmt.time(0.25, zone=UTC) == "1970-01-01 00:00:00 +00:00"
    assert fmt.time(0.25, zone=UTC, digits=3) == "1970-01-01 00:00:00.250 +00:00"
    assert fmt.time(0, zone=india) == "1970-01-01 05:30:00 +05:30"
    assert fmt.clock(0, zone=india) == "05:30:00"


@pytest.mark.parametrize(
    ("wire", "shown"),
    [
        ("shop.example", "shop.example"),
        ("", ""),
        ("caf\xe9.example", "caf\xe9.example"),
        ("例え.example", "例え.example"),
        ("a\x1b[31mb", "a\\x1b[31mb"),
        ("a\x9bb", "a\\x9bb"),
        ("a\nb\tc\x00\x7f", "a\\x0ab\\x09c\\x00\\x7f"),
        ("a\u202eb", "a\\u202eb"),
        ("a\u2066b\u200bc\ufeff", "a\\u2066b\\u200bc\\ufeff"),
        ("a\u2028b\u2029", "a\\u2028b\\u2029"),
        ("a\ue000b", "a\\ue000b"),
        ("a\udc80b", "a\\x80b"),
        ("a\U000e0041b", "a\\U000e0041b"),
    ],
)
def test_nothing_from_the_wire_moves_the_cursor_or_hides(wire, shown):
    assert fmt.sanitize(wire) == shown


@pytest.mark.parametrize(
    ("text", "columns", "shown"),
    [
        ("abc", 5, "abc  "),
        ("abcdef", 5, "abcd~"),
        ("abcdef", 1, "~"),
        ("abc", 0, ""),
        ("例え", 4, "例え"),
        ("例え話", 5, "例え~"),
        ("例え話", 4, "例~ "),
    ],
)
def test_fit_gives_exactly_the_columns(text, columns, shown):
    assert fmt.fit(text, columns) == shown
    assert fmt.width(fmt.fit(text, columns)) == columns


def test_narrow_characters_take_one_column():
    assert {char for char in fmt.NARROW if wcwidth(char) != 1} == set()


def test_fit_pads_on_the_left_when_asked():
    assert fmt.fit("12", 4, right=True) == "  12"
