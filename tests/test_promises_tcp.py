"""TCP that is unusual or broken: order, overlap, holes, resets, odd handshakes.

Each test forges its packets and reads them as a capture file; see `promises`.
"""

import random

import pytest
from forge import ACK, FIN, RST, SYN
from netmon.frames import Frames
from netmon.sinks.summary import summary
from promises import CHUNKED, GET, LONG, OK, URG, Wire, get, heads, ok, promise


@promise(5)
@pytest.mark.parametrize("seed", range(10))
def test_segments_out_of_order_give_what_they_give_in_order(read, seed):
    shuffle = random.Random(seed).shuffle
    wire = Wire()
    for requests, responses in zip(*LONG, strict=True):
        for side, text in ((0, requests), (1, responses)):
            pieces = [(wire._next[side] + start, text[start : start + 90]) for start in range(0, len(text), 90)]
            shuffle(pieces)
            for at, piece in pieces:
                wire.send(side, piece, at=at)
    total = read(wire.close())
    assert heads(total) == (20, 20)
    assert total.request_bytes == sum(map(len, LONG[0]))
    assert total.response_bytes == sum(map(len, LONG[1]))
    assert total.capture.gaps == 0


@promise(6)
def test_the_first_of_overlapping_bytes_win(read):
    first, second = get("/first"), get("/other")
    whole = Wire(4000).send(0, first).send(0, second, at=1).say(b"", OK)
    begun = Wire(4001).send(0, first[:8]).send(0, second, at=1).send(0, first, at=1)
    held = Wire(4002).send(0, first[8:], at=9).send(0, second[8:], at=9).send(0, second, at=1)
    for wire, path in (whole, "/first"), (begun, "/firer"), (held, "/othst"):
        total = read(wire)
        assert [section.path for section in total.host("a.example").sections] == [path]
        assert (total.requests, total.capture.gaps) == (1, 0)


@promise(7)
@pytest.mark.parametrize("isn", [0, 1, 2**31 - 1, 2**31, 2**32 - 300, 2**32 - 1])
def test_sequence_numbers_wrap_wherever_they_begin(read, isn):
    wire = Wire(isn=(isn, (isn + 2**31) % 2**32))
    for turn in zip(*LONG, strict=True):
        wire.say(*turn, size=90)
    total = read(wire.close())
    assert (heads(total), total.capture.gaps, total.tcp.closed, total.tcp.retransmitted) == ((20, 20), 0, 1, 0)


@promise(8)
@pytest.mark.parametrize(
    ("upload", "download"),
    [
        (b"\0\1\2", b"\xff\xfe\xfd"),
        (b'{"json": 1}', b"<p>some <b>words</b>"),
        (b"words of an upload\n", b"words of a page\n"),
        (b"words of an upload", b"words of a page"),
    ],
)
def test_a_capture_that_begins_midway_counts_from_the_next_message(read, upload, download):
    wire = Wire(handshake=False).send(1, download).send(0, upload)
    total = read(wire.say(b"", ok(b"", 404)).say(GET, OK))
    assert (total.methods, total.statuses) == ({"GET": 1}, {404: 1, 200: 1})
    assert (total.capture.orphan_responses, total.capture.unanswered) == (1, 0)


@promise(9)
def test_requests_alone_are_counted_and_unanswered(read):
    total = read(Wire().say(*[GET, OK] * 30).only(0))
    assert (heads(total), total.capture.unanswered, total.capture.gaps) == ((30, 0), 30, 0)


@promise(9)
def test_responses_alone_are_counted_for_the_address_and_orphans(read):
    total = read(Wire().say(*[GET, OK] * 30).only(1))
    assert (heads(total), total.capture.orphan_responses, total.capture.gaps) == ((0, 30), 30, 0)
    assert [host.name for host in total.hosts] == ["10.0.0.2:80"]


@promise(10)
@pytest.mark.parametrize("snaplen", [54 + 60, 54 + 41, 54 + 20])
def test_packets_cut_by_the_snapshot_length_are_holes_of_known_size(read, snaplen):
    wire = Wire().say(GET, ok(b"x" * 3000)).say(GET, ok(b"y" * 10_000)).close()
    total = read(wire, snaplen=snaplen)
    assert heads(total) == (2, 2), "the first lines were captured"
    assert total.capture.truncated > 0
    assert "none lost" not in summary(Frames().push(total))
    assert (total.tcp.retransmitted, total.tcp.out_of_order, total.tcp.closed) == (0, 0, 1)


@promise(10)
def test_with_a_snapshot_length_of_96_the_statuses_are_those_of_the_whole_capture(read):
    statuses = [200, 503, 404, 500, 301]
    wire = Wire()
    for number, status in enumerate(statuses):
        asked = get(f"/section{number}/and/more/of/the/path/{'x' * 50}", "a.example", "X: " + "y" * 300)
        wire.say(asked, ok(b"z" * 3000, status, "X: " + "y" * 2000))
    total = read(wire.close(), snaplen=96)
    assert total.statuses == dict.fromkeys(statuses, 1)
    assert (total.errors, total.capture.truncated_heads) == (2, 10)
    (host,) = total.hosts
    assert sorted(section.path for section in host.sections) == [f"/section{number}" for number in range(5)]
    assert (total.capture.orphan_responses, total.capture.unanswered) == (0, 0)


@promise(10)
@pytest.mark.parametrize(
    ("line", "section"),
    [
        ("GET /a/b HTTP/1.1", "/a"),
        ("GET /abcdef?x=1 HTTP/1.1", "/abcdef"),
        ("GET /abcdef HTTP/1.1", "/abcdef"),
        ("GET /abcdefghijklmnopq HTTP/1.1", "~unknown"),
        ("GET http://a.example/abcdefghi HTTP/1.1", "~unknown"),
        ("GET http://abc.example.org/ HTTP/1.1", "~unknown"),
    ],
)
def test_the_section_of_a_cut_request_line_counts_if_it_is_complete(read, line, section):
    message = f"{line}\r\nHost: a.example\r\n\r\n".encode()
    total = read(Wire().say(message, ok(b"", 404)), snaplen=54 + 20)
    assert [section.path for host in total.hosts for section in host.sections] == [section]
    assert (total.requests, total.statuses) == (1, {404: 1})


@promise(10)
def test_a_status_cut_within_its_digits_is_told_and_not_counted(read):
    total = read(Wire().say(GET, ok(b"", 503)).say(GET, OK), snaplen=54 + 11)
    assert (total.requests, total.responses, total.capture.truncated_heads) == (2, 0, 4)


@promise(10, 11)
def test_a_first_line_that_ends_in_a_hole_counts_nothing(read):
    wire = Wire().send(0, b"GET /a HT").send(0, b"TP/1.1\r\nHost: a.example\r\n\r\n").say(b"", ok(b"", 404)).lose(4)
    total = read(wire.say(GET, OK))
    assert (total.requests, total.responses, total.capture.truncated_heads) == (1, 2, 0)


@promise(11)
def test_a_hole_in_a_body_of_known_length_costs_bytes_only(read):
    body = b"HTTP/1.1 500 not a message\r\n\r\n" * 200
    wire = Wire().say(GET, ok(body)).say(GET, ok(b"", 204)).lose(5, 6)
    total = read(wire)
    assert total.statuses == {200: 1, 204: 1}
    assert (total.capture.gaps, total.capture.gap_bytes) == (1, 2800)
    assert (total.capture.resyncs, total.capture.unanswered) == (0, 0)


@promise(11)
def test_a_hole_in_a_chunked_body_ends_at_the_next_message(read):
    chunks = b"".join(b"64\r\n" + b"c" * 100 + b"\r\n" for _ in range(40)) + b"0\r\n\r\n"
    total = read(Wire().say(GET, CHUNKED + chunks).say(GET, ok(b"", 404)).lose(5))
    assert total.statuses == {200: 1, 404: 1}
    assert (total.capture.gaps, total.capture.gap_bytes) == (1, 1400)
    assert total.capture.resyncs <= 1


@promise(11)
def test_deleting_packets_never_makes_a_message(read):
    wire = Wire()
    for turn in zip(*LONG, strict=True):
        wire.say(*turn, size=200)
    whole = wire.packets
    choose = random.Random(3)
    for _ in range(40):
        wire.packets = sorted(choose.sample(whole, len(whole) - choose.randint(1, 12)))
        total = read(wire)
        assert total.requests <= 20
        assert total.responses <= 20
        lost = total.capture.gaps + total.capture.unanswered + total.capture.orphan_responses
        assert heads(total) == (20, 20) or lost > 0


@promise(11)
def test_a_request_seen_only_when_sent_again_shifts_no_answer(read):
    """The capture missed the first copy of the request, so its response is captured before the retransmission."""
    wire = Wire().send(0, get("/late"))
    del wire.packets[-1]
    wire.send(1, OK).send(0, get("/late"), at=1)
    for number in range(5):
        wire.say(get(f"/{number}"), ok(b"", 400 + number))
    total = read(wire)
    answered = {section.path: section.statuses for section in total.host("a.example").sections}
    del answered["/late"]
    assert answered == {f"/{number}": {400 + number: 1} for number in range(5)}
    assert total.statuses == {200: 1} | {400 + number: 1 for number in range(5)}
    assert total.capture.unanswered <= 1


@promise(12)
def test_data_in_a_reset_is_no_message(read):
    total = read(Wire().say(GET, OK).send(1, OK, RST | ACK).send(0, GET, RST))
    assert (heads(total), total.tcp.reset) == ((1, 1), 1)


@promise(12)
def test_a_blind_reset_out_of_the_window_is_ignored(read):
    wire = Wire().say(GET, OK).send(1, b"", RST, at=2**30).send(0, b"", RST, at=2**31)
    wire._next = [1 + len(GET), 1 + len(OK)]
    total = read(wire.say(GET, OK).close())
    assert (heads(total), total.tcp.reset, total.tcp.closed, total.tcp.opened) == ((2, 2), 0, 1, 1)


@promise(12)
def test_a_fin_sent_again_closes_once(read):
    wire = Wire().say(GET, OK).close()
    end = 1 + len(OK)
    for _ in range(3):
        wire.send(1, b"", FIN | ACK, at=end)
    total = read(wire)
    assert (heads(total), total.tcp.closed, total.tcp.opened) == ((1, 1), 1, 1)


@promise(13)
def test_data_on_a_syn_is_read_once_though_it_is_sent_again_without(read):
    accepted = Wire(4000, handshake=False).send(0, GET, SYN, at=0)
    accepted._next[0] = 1 + len(GET)
    accepted.send(1, b"", SYN | ACK, at=0).say(b"", OK)
    refused = Wire(4001, handshake=False).send(0, GET, SYN, at=0).send(0, b"", SYN, at=0)
    refused._next[0] = 1
    refused.send(1, b"", SYN | ACK, at=0).send(0, b"").say(GET, OK)
    total = read(accepted, refused)
    assert (heads(total), total.tcp.opened) == ((2, 2), 2)
    assert total.capture.unanswered == 0


def split_handshake():
    wire = Wire(handshake=False).send(0, b"", SYN, at=0).send(1, b"", SYN, at=0)
    return wire.send(0, b"", SYN | ACK, at=0).send(1, b"").say(GET, OK).close()


@promise(14)
def test_after_a_split_handshake_the_side_that_asks_is_the_client(read):
    total = read(split_handshake(), exchanges=True)
    assert heads(total) == (1, 1)
    assert (total.exchanges[0].client, total.exchanges[0].server) == ("10.0.0.1:4000", "10.0.0.2:80")


@promise(14)
def test_a_split_handshake_opens_one_connection(read):
    assert read(split_handshake()).tcp.opened == 1


@promise(15)
def test_urgent_bytes_are_read_inline(read):
    wire = Wire().send(0, GET[:10]).send(0, GET[10:12], ACK | URG, urgent=1).send(0, GET[12:]).say(b"", OK)
    assert read(wire).host("a.example").requests == 1
