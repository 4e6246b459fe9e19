"""The words for lost, truncated and undecoded packets: figures in, text out."""

import pytest
from fakes import snapshot
from netmon import Snapshot, losses
from netmon.frames import Frames, Tally
from netmon.sinks.summary import summary

UNKNOWN = {"ethertype 0x8926": 10}
ADVICE, NAMED = "capture with a larger -s", "with unknown EtherType 0x8926"
CUT = Tally(packets=1204, truncated=96, truncated_heads=12)


@pytest.mark.parametrize(
    ("tally", "text"),
    [
        (Tally(packets=48210), "48 210 packets, none lost"),
        (Tally(packets=1), "1 packet, none lost"),
        (Tally(), "0 packets, none lost"),
        (Tally(packets=99, lost=1), "99 packets, 1 lost (1.0 %)"),
        (Tally(packets=9_999_999, lost=1), "9 999 999 packets, 1 lost (<0.1 %)"),
        (Tally(packets=20, undecoded=UNKNOWN), "20 packets, 10 packets with unknown EtherType 0x8926"),
        (CUT, "1 204 packets, 96 packets and 12 heads truncated: capture with a larger -s"),
        (Tally(packets=9, truncated=1), "9 packets, 1 packet truncated: capture with a larger -s"),
    ],
)
def test_the_capture_line_says_all_where_there_is_room(tally, text):
    assert losses.text(tally) == text


@pytest.mark.parametrize(
    ("columns", "text"),
    [
        (None, "nothing from eth1: it is down, and 1 more; 9 packets, 3 lost (25 %)"),
        (60, "nothing from eth1: it is down, and 1 more; 3 lost (25 %)"),
        (50, "nothing from eth1: it is down, and 1 more"),
        (20, "2 not captured"),
    ],
)
def test_a_problem_comes_first_in_the_capture_line_and_is_bad(columns, text):
    tally = Tally(packets=9, lost=3, problems={"eth1": "it is down", "eth2": "it was removed"})
    assert losses.text(tally, columns) == text
    assert losses.line(tally) == "nothing from eth1: it is down, and 1 more; 9 packets, 3 lost (25 %)"
    assert losses.is_bad(Tally(problems={"eth1": "it is down"}))
    assert not losses.is_whole(Tally(problems={"eth1": "it is down"}))


def test_a_problem_is_that_of_the_newest_interval():
    frames = Frames()
    down = [{"name": "eth1", "state": "down", "problem": "it is down\x1b"}]
    frame = frames.push(snapshot(0, interfaces=down))
    assert "nothing from eth1: it is down\\x1b" in losses.text(frame.tally)
    assert not frames.push(snapshot(1, interfaces=[{"name": "eth1", "state": "new"}])).tally.problems


@pytest.mark.parametrize(
    ("columns", "text"),
    [
        (200, f"1 204 packets, 5 lost (0.4 %), 96 packets and 12 heads truncated: {ADVICE}, 10 packets {NAMED}"),
        (130, f"5 lost (0.4 %), 96 packets and 12 heads truncated: {ADVICE}, 10 packets {NAMED}"),
        (110, f"1 204 packets, 5 lost (0.4 %), 96 truncated (12 heads): raise -s, 10 {NAMED}"),
        (90, f"5 lost (0.4 %), 96 truncated (12 heads): raise -s, 10 {NAMED}"),
        (75, "1 204 packets, 5 lost (0.4 %), 96 truncated (12 heads), 10 not decoded"),
        (60, "5 lost (0.4 %), 96 truncated (12 heads), 10 not decoded"),
        (20, "5 lost (0.4 %)"),
    ],
)
def test_the_capture_line_says_as_much_as_fits(columns, text):
    tally = CUT._replace(lost=5, undecoded=UNKNOWN)
    assert losses.text(tally, columns) == text


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("ethertype 0x8926", "with unknown EtherType 0x8926"),
        ("ppp protocol 0x00fd", "of unknown PPP protocol 0x00fd"),
        ("ip protocol 99", "of unknown IP protocol 99"),
        ("link type 147", "of unknown link type 147"),
        ("encrypted 802.11", "encrypted by 802.11"),
        ("tunnel vxlan", "in tunnels (vxlan), see --decode-tunnels"),
        ("too many tags", "with too many tags"),
        ("cut headers", "with cut headers"),
        ("~other", "of other kinds"),
    ],
)
def test_every_kind_has_words(kind, words):
    assert list(losses.kinds({kind: 10})) == [f"10 packets {words}"]
    assert list(losses.kinds({kind: 1})) == [f"1 packet {words}"]


def test_many_kinds_are_named_by_the_most_frequent():
    many = {f"ethertype 0x{n:04x}": 10 - n for n in range(5)} | {"tunnel gre": 2, "tunnel vxlan": 1}
    assert list(losses.kinds(many)) == [
        "10 packets with unknown EtherType 0x0000",
        "9 packets with unknown EtherType 0x0001",
        "8 packets with unknown EtherType 0x0002",
        "13 packets of 2 more kinds",
        "3 packets in tunnels (gre, vxlan), see --decode-tunnels",
    ]


def frame_of(**capture):
    return Frames(10.0).push(snapshot(0, capture=capture))


def test_none_lost_is_not_said_when_something_was_missed():
    for missed in ({"truncated": 3}, {"undecoded": UNKNOWN}, {"kernel_dropped": 1}):
        said = summary(frame_of(received=20, **missed))
        assert "none lost" not in said
    assert "none lost" in summary(frame_of(received=20))


def test_the_summary_names_kinds_and_says_what_to_do_about_truncated_packets():
    said = summary(frame_of(received=20, truncated=9, truncated_heads=1, undecoded=UNKNOWN)).splitlines()
    assert said[:3] == [
        "netmon: 1 s, 20 packets, 9 truncated (1 head), 10 not decoded",
        "  truncated: 9 packets and 1 head; capture with a larger -s",
        "  not decoded: 10 packets with unknown EtherType 0x8926",
    ]
    red = summary(frame_of(received=20, truncated=9), color=True).splitlines()[1]
    assert red == "\x1b[31m  truncated: 9 packets; capture with a larger -s\x1b[0m"


def test_kinds_add_up_over_time_and_survive_json():
    frames = Frames(10.0)
    frames.push(snapshot(0, capture={"received": 20, "undecoded": UNKNOWN}))
    frame = frames.push(snapshot(1, capture={"received": 20, "undecoded": UNKNOWN | {"tunnel gre": 30}}))
    assert dict(frame.tally.undecoded) == {"tunnel gre": 30, "ethertype 0x8926": 20}
    assert Snapshot.from_json(frame.window.to_json()).capture.undecoded == frame.tally.undecoded
    assert list(frame.window.capture.undecoded) == ["tunnel gre", "ethertype 0x8926"]
