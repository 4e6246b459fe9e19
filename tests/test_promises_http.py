"""HTTP that is unusual or broken: framing, forms of targets, tunnels, other protocols.

Each test forges its packets and reads them as a capture file; see `promises`.
"""

import struct

import pytest
from promises import CHUNKED, GET, OK, Wire, get, heads, ok, promise


@promise(16)
def test_pipelined_requests_are_paired_in_order(read):
    asked = [(f"/{n}", 400 + n) for n in range(80)]
    turns = b"".join(get(path) for path, _ in asked), b"".join(ok(b"x", status) for _, status in asked)
    total = read(Wire().say(*turns))
    answered = {section.path: section.statuses for section in total.host("a.example").sections}
    assert answered == {path: {status: 1} for path, status in asked}
    assert (total.capture.unanswered, total.capture.orphan_responses) == (0, 0)


@promise(16)
def test_the_oldest_of_over_100_waiting_requests_are_dropped_and_counted(read):
    total = read(Wire().say(GET * 150, OK * 100))
    assert heads(total) == (150, 100)
    assert total.capture.unanswered == 50


@promise(17)
def test_interim_responses_consume_no_request(read):
    interim = b"HTTP/1.1 100 Continue\r\n\r\n" * 50 + b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    total = read(Wire().say(GET, interim + OK).say(GET, ok(b"", 404)), exchanges=True)
    assert total.statuses == {100: 50, 103: 1, 200: 1, 404: 1}
    assert [exchange.status for exchange in total.exchanges] == [200, 404]


@promise(18)
@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304), ("HEAD", 500)])
def test_responses_without_a_body_have_none_whatever_their_fields_say(read, method, status):
    head = f"HTTP/1.1 {status} X\r\nContent-Length: 5000\r\n\r\n".encode()
    total = read(Wire().say(GET.replace(b"GET", method.encode()) + GET, head + ok(b"", 404)))
    assert total.statuses == {status: 1, 404: 1}


@promise(18)
def test_whether_an_orphan_has_a_body_is_told_by_what_follows(read):
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n"
    without = Wire(4000, handshake=False).send(1, head).send(1, ok(b"", 404))
    with_body = Wire(4001, handshake=False).send(1, head).send(1, b"b" * 40 + ok(b"", 404))
    assert read(without, with_body).statuses == {200: 2, 404: 2}


@promise(19)
@pytest.mark.parametrize("size", [1, 7, 1400])
def test_chunk_extensions_and_trailers_are_passed_over(read, size):
    body = b'5;name=value;a="b"\r\nhello\r\n00A \r\n0123456789\r\n0;last\r\nTrailer: GET / HTTP/1.1\r\nT: 2\r\n\r\n'
    total = read(Wire().say(GET, CHUNKED + body + ok(b"", 404), size=size))
    assert total.statuses == {200: 1, 404: 1}
    assert total.response_bytes == len(CHUNKED + body + ok(b"", 404))
    assert total.capture.ambiguous_framing == {}


@promise(19)
def test_chunk_data_without_its_line_end_is_told_and_the_next_message_found(read):
    total = read(Wire().say(GET, CHUNKED + b"2\r\nabcd\r\n0\r\n\r\n").say(GET, ok(b"", 404)))
    assert total.statuses == {200: 1, 404: 1}
    assert (total.capture.ambiguous_framing, total.capture.resyncs) == ({"chunk": 1}, 1)


@promise(19)
def test_trailers_without_end_are_given_up(read):
    wire = Wire().say(GET, CHUNKED + b"0\r\n" + b"T: rubbish\r\n" * 7000).say(GET, ok(b"", 404))
    total = read(wire)
    assert total.statuses == {200: 1, 404: 1}
    assert total.capture.parse_errors == 1


@promise(20)
def test_a_body_until_close_is_over_with_the_fin(read):
    wire = Wire().say(GET, b"HTTP/1.0 200 OK\r\n\r\nHTTP/1.1 500 part of the body\r\n\r\n")
    asked = wire.packets[3][0]
    wire.now = asked + 5
    (exchange,) = read(wire.close(), exchanges=True).exchanges
    assert exchange.status == 200
    assert exchange.duration == pytest.approx(5.01, abs=0.001), "the server's FIN"


@promise(20)
def test_a_body_until_close_hides_no_message(read):
    total = read(Wire().say(GET, b"HTTP/1.0 200 OK\r\n\r\n").send(1, ok(b"", 500)).close())
    assert total.statuses == {200: 1}


def hello(name=b"secret.example"):
    """A TLS ClientHello for a name, in one record."""
    server = struct.pack("!HBH", len(name) + 3, 0, len(name)) + name
    extensions = struct.pack("!HH", 0, len(server)) + server
    extensions = struct.pack("!HH", 21, 300) + bytes(300) + extensions
    body = b"\3\3" + bytes(32) + b"\0" + b"\0\2\x13\1" + b"\1\0" + struct.pack("!H", len(extensions)) + extensions
    message = b"\1" + struct.pack("!I", len(body))[1:] + body
    return b"\x16\3\1" + struct.pack("!H", len(message)) + message


SERVER_HELLO = b"\x16\3\3\0\x2a" + bytes(42)
CONNECT = b"CONNECT b.example:443 HTTP/1.1\r\nHost: b.example:443\r\n\r\n"
ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"


@promise(21)
@pytest.mark.parametrize("size", [1400, 60, 1])
def test_tls_through_connect_is_a_tunnel_and_its_server_is_named(read, size):
    wire = Wire().say(CONNECT, ESTABLISHED).say(hello(), SERVER_HELLO, size=size).say(GET, OK)
    total = read(wire)
    assert heads(total) == (1, 1)
    assert total.capture.protocols == {"http1": 1, "tunnel": 1, "tls": 1}
    assert total.server_names == {"secret.example": 1}


@promise(21)
def test_http_through_connect_is_counted(read):
    total = read(Wire().say(CONNECT, ESTABLISHED).say(GET, ok(b"", 404)))
    assert (total.methods, total.statuses) == ({"CONNECT": 1, "GET": 1}, {200: 1, 404: 1})


@promise(21)
def test_a_connect_that_is_refused_makes_no_tunnel(read):
    total = read(Wire().say(CONNECT, ok(b"no", 403)).say(GET, OK))
    assert (heads(total), total.capture.protocols) == ((2, 2), {"http1": 1})


@promise(21)
@pytest.mark.parametrize(("name", "protocol"), [("websocket", "websocket"), ("h2c", "http2"), ("rubbish", "tunnel")])
def test_after_an_upgrade_http1_is_not_read_and_the_protocol_is_named(read, name, protocol):
    switching = f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: {name}\r\nConnection: upgrade\r\n\r\n".encode()
    wire = Wire().say(get("/chat", "a.example", f"Upgrade: {name}"), switching).say(GET, OK)
    total = read(wire)
    assert (heads(total), total.statuses) == ((1, 1), {101: 1})
    assert total.capture.protocols == {"http1": 1, protocol: 1}


@promise(21, 26)
@pytest.mark.parametrize(
    ("protocol", "client", "server"),
    [
        ("tls", hello(), SERVER_HELLO),
        ("ssh", b"SSH-2.0-OpenSSH_9.2\r\n", b"SSH-2.0-OpenSSH_9.2\r\n"),
        ("other", b"\0\1\2\3\4\5\6\7binary", b"\xff\xfe\xfd"),
        ("other", b"EHLO mail.example\r\n", b"250 mail.example\r\n"),
    ],
)
def test_what_is_no_http_is_named_with_its_bytes_on_port_80_too(read, protocol, client, server):
    total = read(Wire().say(client, server).say(b"GET in the midst", b"HTTP/1.1 is a protocol"))
    assert (heads(total), total.capture.protocols) == ((0, 0), {protocol: 1})
    (interface,) = total.interfaces
    assert list(interface.protocols) == [protocol]
    assert 0 < interface.protocols[protocol] <= interface.bytes
    assert interface.http_packets == 0


def framed(*lines, body=b""):
    return "\r\n".join([*lines, "", ""]).encode() + body


POST = "POST /p HTTP/1.1", "Host: a.example"
EMPTY = b"0\r\n\r\n"


@promise(22)
@pytest.mark.parametrize(
    ("message", "kinds"),
    [
        (framed(*POST, "Content-Length: 99", "Transfer-Encoding: chunked", body=EMPTY), {"length_and_encoding": 1}),
        (framed(*POST, "Transfer-Encoding: chunked", "Content-Length: 1", body=EMPTY), {"length_and_encoding": 1}),
        (framed(*POST, "Content-Length: 5, 5", body=b"hello"), {"length": 1}),
        (framed(*POST, "Content-Length: 5", "Content-Length: 5", body=b"hello"), {"length": 1}),
        (framed(*POST, "Content-Length: 5", "Content-Length: 500", body=b"hello"), {"length": 1}),
        (framed(*POST, "Content-Length: 0000000000000005", body=b"hello"), {"length": 1}),
        (framed(*POST, "Transfer-Encoding: gzip, chunked", body=EMPTY), {}),
        (framed(*POST, "Transfer-Encoding: gzip", "Transfer-Encoding: chunked", body=EMPTY), {"encoding": 1}),
        (framed(*POST, "Transfer-Encoding: chunked, identity"), {"encoding": 1}),
        (framed("POST /p HTTP/1.0", "Host: a.example", "Transfer-Encoding: chunked", body=EMPTY), {"encoding": 1}),
        (framed(*POST, "X-Long: a", " continued", "Content-Length: 5", body=b"hello"), {"fold": 1}),
        (framed(*POST, "X-Long: a", "\tcontinued: b"), {"fold": 1}),
        (framed(*POST, "Content-Length : 5", body=b"hello"), {"field": 1}),
    ],
)
def test_framing_that_two_readers_could_read_differently_is_told_by_kind(read, message, kinds):
    total = read(Wire().say(message).send(0, get("/hidden")).say(b"", OK + OK))
    assert total.capture.ambiguous_framing == kinds
    assert total.methods == {"POST": 1, "GET": 1}, "the message behind it is found"


@promise(22)
def test_a_request_hidden_behind_both_lengths_is_counted(read):
    hidden = framed(*POST, "Content-Length: 60", "Transfer-Encoding: chunked", body=EMPTY + get("/hidden"))
    total = read(Wire().say(hidden, OK + ok(b"", 404)))
    assert {section.path for section in total.host("a.example").sections} == {"/p", "/hidden"}
    assert total.statuses == {200: 1, 404: 1}


FOLDED = [
    ("Transfer-Encoding:\r\n chunked", EMPTY),
    ("Transfer-Encoding: gzip,\r\n\t chunked", EMPTY),
    ("Content-Length:\r\n \r\n  5", b"hello"),
]


@promise(22)
@pytest.mark.parametrize(("field", "body"), FOLDED)
@pytest.mark.parametrize("size", [1400, 1])
def test_a_folded_field_frames_its_message(read, field, body, size):
    asked = framed("POST /p HTTP/1.1", "Host:\r\n a.example", "X: a", "\tb", field, body=body) + get("/n")
    answered = framed("HTTP/1.1 200 OK", field, "X: a", body=body) + ok(b"", 404)
    total = read(Wire().say(asked, answered, size=size))
    assert (total.host("a.example").requests, total.statuses) == (2, {200: 1, 404: 1})
    assert total.capture.ambiguous_framing == {"fold": 2}


@promise(22)
@pytest.mark.parametrize(
    "broken",
    [
        framed(*POST, "Content-Length: -1"),
        framed(*POST, "Content-Length:"),
        framed(*POST, "Transfer-Encoding: chunked, identity"),
        framed(*POST, "Transfer-Encoding: chunked, identity", body=EMPTY),
        framed(*POST, "Transfer-Encoding: chunked"),
        framed(*POST, "Transfer-Encoding: chunked", body=b"-1\r\n"),
        framed(*POST, "Transfer-Encoding: chunked", body=b"x\r\nhello\r\n0\r\n\r\n"),
        framed(*POST, "Transfer-Encoding: chunked", body=b"2\r\nhello\r\n0\r\n\r\n"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_behind_broken_framing_the_next_message_may_follow_in_the_same_segment(read, broken, method):
    behind = get("/n").replace(b"GET", method.encode())
    for wire in Wire().send(0, broken + behind), Wire().send(0, broken).send(0, behind):
        total = read(wire.say(b"", ok(b"", 400) + OK))
        assert total.methods == {"POST": 1, method: 1}
        assert (total.statuses, total.capture.unanswered) == ({400: 1, 200: 1}, 0)


@promise(22)
def test_behind_broken_framing_a_body_is_no_message(read):
    body = b"--b\r\nContent-Type: message/http\r\n\r\n" + GET
    total = read(Wire().say(framed(*POST, "Content-Length: ten", body=body), OK))
    assert heads(total) == (1, 1)


@promise(23)
@pytest.mark.parametrize(
    ("message", "kinds"),
    [
        (b"GET /a HTTP/1.1\nHost: a.example\n\n", {"bare_lf": 1}),
        (b"GET /a HTTP/1.1\r\nHost: a.example\n\r\n", {"bare_lf": 1}),
        (b"\r\n\r\n\nGET /a HTTP/1.1\r\nHost: a.example\r\n\r\n", {}),
        (b"GET /a HTTP/1.1\r\nX: a\rHost: evil.example\r\nHost: a.example\r\n\r\n", {}),
        (b"GET /a HTTP/1.1\r\n Host: evil.example\r\nHost: a.example\r\n\r\n", {"fold": 1}),
        (b"GET /a HTTP/1.1\r\nHost : a.example\r\n\r\n", {"field": 1}),
        (b"GET /a HTTP/1.1\r\nHost: a.example\r\nX-Nul: b\0c\r\n\r\n", {"field": 1}),
    ],
)
@pytest.mark.parametrize("size", [1400, 1])
def test_line_ends_nul_and_white_space_out_of_place_are_read_as_rfc_9112_says(read, message, kinds, size):
    total = read(Wire().say(message, OK, size=size).say(GET, OK))
    assert [(host.name, host.requests) for host in total.hosts] == [("a.example", 2)]
    assert total.capture.ambiguous_framing == kinds


@promise(24)
@pytest.mark.parametrize(
    ("line", "host", "path", "method"),
    [
        ("GET http://abs.example/x/y HTTP/1.1", "abs.example", "/x", "GET"),
        ("GET http://user:pass@ABS.example:80/x HTTP/1.1", "abs.example", "/x", "GET"),
        ("GET http://abs.example HTTP/1.1", "abs.example", "/", "GET"),
        ("CONNECT auth.example:443 HTTP/1.1", "auth.example:443", None, "CONNECT"),
        ("OPTIONS * HTTP/1.1", "a.example", "*", "OPTIONS"),
        ("get /x HTTP/1.1", "a.example", "/x", "OTHER"),
        ("GET /x y z HTTP/1.1", "a.example", None, "GET"),
        ("GET  HTTP/1.1", "a.example", None, "GET"),
        ("GET ?q=1 HTTP/1.1", "a.example", "/", "GET"),
        ("M-SEARCH /x HTTP/1.0", "a.example", "/x", None),
    ],
)
def test_every_form_of_target_has_its_host_and_section(read, line, host, path, method):
    total = read(Wire().say(framed(line, "Host: a.example"), ok(b"", 404)).say(GET, OK))
    row = total.host(host)
    assert row is not None, [host.name for host in total.hosts]
    assert method is None or method in row.methods
    assert path is None or path in [section.path for section in row.sections]
    assert heads(total) == (2, 2)


SECRET = "s3cr3t"


@promise(24)
@pytest.mark.parametrize(
    ("target", "host", "name", "path"),
    [
        ("/a;jsessionid=X", "h", "h", "/a"),
        ("/a;jsessionid=X/b?X", "h", "h", "/a"),
        ("/a%3BX", "h", "h", "/a"),
        ("/a?X", "h", "h", "/a"),
        ("/a#X", "h", "h", "/a"),
        ("/;X", "h", "h", "/"),
        ("/a", "h?X", "h", "/a"),
        ("/a", "h/X", "h", "/a"),
        ("/a", "u:X@h", "h", "/a"),
        ("/a", "u:X/X@h", "10.0.0.2:80", "/a"),
        ("u:X@h/p", "h", "h", "/"),
        ("http://u:X@h/a;X", "h", "h", "/a"),
        ("http://u:X/X@h/p", "h", "h", "/"),
        ("http://u:X?X@h/p", "h", "h", "/"),
        ("http://u:X@X@h/p", "other", "h", "/p"),
        ("/login;jsessionid=X", "h", "h", "/login"),
        ("/a X", "h", "h", "/a"),
        ("/a", "h X", "h", "/a"),
        ("/a", "h\\X", "h", "/a"),
        ("/a", "h @X", "10.0.0.2:80", "/a"),
        ("/a", "u:X?X@h", "10.0.0.2:80", "/a"),
    ],
)
def test_secrets_of_targets_and_hosts_are_in_no_name(read, target, host, name, path):
    line, field = (text.replace("X", SECRET) for text in (f"GET {target} HTTP/1.1", f"Host: {host}"))
    total = read(Wire().say(framed(line, field), OK).say(framed(line, field), OK), exchanges=True)
    assert [(row.name, [section.path for section in row.sections]) for row in total.hosts] == [(name, [path])]
    assert SECRET.encode() not in total.to_json()


@promise(24)
@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
def test_http_0_9_is_the_first_line_of_a_connection_or_none(read, end):
    first = Wire().say(b"GET /old" + end, b"<html>HTTP/1.1 200 not a head</html>").close()
    second = Wire(4001).say(GET, OK).say(b"GET /old" + end)
    midway = Wire(4002, handshake=False).say(b"GET /old" + end)
    total = read(first, second, midway)
    assert heads(total) == (2, 1)
    assert total.host("10.0.0.2:80").requests == 1


@promise(24)
def test_a_line_without_version_is_no_http_0_9_when_fields_follow(read):
    total = read(Wire().say(b"GET /old\nHost: a.example\n\n", b"<html></html>").close())
    assert (heads(total), total.capture.protocols) == ((0, 0), {"other": 1})


@promise(24)
@pytest.mark.parametrize(
    ("line", "method"),
    [
        ("GET /x HTTP/1.1 ", "GET"),
        ("GET /x HTTP/1.1 \t ", "GET"),
        ("GET /x HTTP/1.10", "GET"),
        ("GET /x HTTP/1.0.8", "GET"),
        ("GET /x HTTP/1.", "GET"),
        ("GET /x HTTP/2.0", "GET"),
        ("GET /x http/1.1", "GET"),
        ("GET /x Http/1.1", "GET"),
        ("GET /x HTTP/1.1 HTTP/1.1", "GET"),
        ("GET /x HTTP/1.1 and more", "GET"),
        ("GET\t/x\tHTTP/1.1", "GET"),
        ("GET   /x   HTTP/1.1", "GET"),
        ("get /x HTTP/1.0.8", "OTHER"),
        (f"{'M' * 256} /x HTTP/1.1", "OTHER"),
    ],
)
@pytest.mark.parametrize("size", [1400, 1])
def test_request_lines_that_real_servers_accept_are_requests(read, line, method, size):
    total = read(Wire().say(framed(line, "Host: a.example"), ok(b"", 505), size=size).say(GET, OK))
    assert [section.path for section in total.host("a.example").sections] == ["/a", "/x"]
    assert (total.statuses, total.capture.orphan_responses) == ({505: 1, 200: 1}, 0)
    assert method in total.methods


@promise(24)
@pytest.mark.parametrize("size", [1400, 1])
def test_a_request_line_without_a_target_is_a_request(read, size):
    total = read(Wire().say(framed("GET HTTP/1.1", "Host: a.example"), ok(b"", 400), size=size).say(GET, OK))
    assert (total.host("a.example").requests, total.statuses) == (2, {400: 1, 200: 1})


@promise(24)
@pytest.mark.parametrize(
    "line",
    [
        "ICY 200 OK",
        "HTTP/2 200",
        "HTTP/2.0 200 OK",
        "HTTP/1.1 200ok",
        "HTTP/1.1 200",
        "HTTP/1.1\t200 OK",
        "http/1.1 200 OK",
    ],
)
@pytest.mark.parametrize("size", [1400, 1])
def test_status_lines_that_real_clients_accept_are_responses(read, line, size):
    total = read(Wire().say(GET, framed(line, "Content-Length: 2", body=b"hi"), size=size).say(GET, ok(b"", 404)))
    assert (total.statuses, total.capture.unanswered) == ({200: 1, 404: 1}, 0)


@promise(24, 26)
@pytest.mark.parametrize(
    "line", ["We speak HTTP/1.1 here", "GET requests of HTTP/1.1 are", "GET / RTSP/1.0", "PRI * HTTP/2.0", "ICY waters"]
)
def test_what_only_mentions_http_is_no_message(read, line):
    total = read(Wire().say(framed(line), b"HTTP/1.1 is what it is\r\n"))
    assert heads(total) == (0, 0)


@promise(25)
def test_ten_thousand_fields_hide_neither_host_nor_length(read):
    many = [f"X-{n}: v" for n in range(4000)]
    message = framed(
        "POST /p HTTP/1.1", *many, "Host: last.example", "Content-Length: 19", body=b"GET / HTTP/1.1\r\n\r\n."
    )
    total = read(Wire().say(message + GET, OK + OK))
    assert total.host("last.example").requests == 1
    assert heads(total) == (2, 2)
    more = framed("GET /p HTTP/1.1", "Host: first.example", *many, *many, *many)
    total = read(Wire().say(more + GET, OK + OK))
    assert total.host("first.example").requests == 1
    assert heads(total) == (2, 2)


@promise(25)
def test_one_byte_per_segment_counts_the_same(read):
    message = framed(*POST, *["X-Field: value"] * 200, "Content-Length: 5", body=b"hello")
    total = read(Wire().say(message, CHUNKED + b"5\r\nhello\r\n0\r\n\r\n", size=1).say(GET, OK, size=1).close())
    assert (heads(total), total.request_bytes) == ((2, 2), len(message + GET))


@promise(26)
@pytest.mark.parametrize("port", [1, 22, 443, 8080, 65535])
def test_http_is_found_on_any_port(read, port):
    total = read(Wire(server_port=port).say(GET, OK))
    assert (heads(total), total.capture.protocols) == ((1, 1), {"http1": 1})


V1 = b"PROXY TCP4 192.0.2.1 192.0.2.2 1000 80\r\n"


def version_2(length, command=0x21):
    return b"\r\n\r\n\0\r\nQUIT\n" + struct.pack("!BBH", command, 0x11, length) + b"\n" * length


@promise(26)
@pytest.mark.parametrize("header", [V1, b"PROXY UNKNOWN\r\n", version_2(12), version_2(1500), version_2(0, 0x20)])
@pytest.mark.parametrize("size", [1400, 20, 1])
def test_a_proxy_header_is_passed_over_however_it_is_cut(read, header, size):
    total = read(Wire().say(header + GET, OK, size=size).say(GET, ok(b"", 404)))
    assert (heads(total), total.statuses) == ((2, 2), {200: 1, 404: 1})
    assert total.capture.protocols == {"http1": 1}


@promise(26)
@pytest.mark.parametrize("header", [V1, version_2(65_535)])
@pytest.mark.parametrize("size", [1400, 1])
def test_what_follows_a_proxy_header_is_recognised(read, header, size):
    h2c = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"
    for behind, protocol in (hello(), "tls"), (h2c, "http2"):
        total = read(Wire().say(header[:-500], size=1400).say(header[-500:] + behind, size=size))
        assert total.capture.protocols == {protocol: 1}


@promise(34)
def test_both_hops_through_a_proxy_count_and_a_filter_narrows(read):
    front = Wire(4000, server_port=8080).say(GET, OK)
    back = Wire(4001, server="10.0.0.3").say(GET, OK)
    assert heads(read(front, back)) == (2, 2)
    assert heads(read(front, back, filter="tcp port 8080")) == (1, 1)


@promise(35)
@pytest.mark.parametrize("coding", ["gzip", "br", "zstd", "rubbish"])
def test_coded_bodies_are_counted_and_not_decoded(read, coding):
    body = b"\x1f\x8b\x08\0bomb" + bytes(500)
    total = read(Wire().say(GET, ok(body, 200, f"Content-Encoding: {coding}")).say(GET, OK))
    assert heads(total) == (2, 2)
    assert total.response_bytes == len(ok(body, 200, f"Content-Encoding: {coding}")) + len(OK)


@promise(36)
def test_parts_of_a_multipart_body_are_no_messages(read):
    body = b"--b\r\nContent-Type: message/http\r\n\r\n" + GET + b"--b--\r\n"
    posted = framed(*POST, "Content-Type: multipart/mixed; boundary=b", f"Content-Length: {len(body)}", body=body)
    assert heads(read(Wire().say(posted + GET, OK + OK, size=len(posted) - len(GET) - 7))) == (2, 2)
