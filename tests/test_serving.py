"""Serving HTTP: every request over a real socket. Which requests are answered, with which fields, and what clients may
cost that are slow, many, rude or gone.
"""

import gzip
import http.client
import random
import re
import socket
import threading
import time
import zlib
from contextlib import ExitStack, closing, contextmanager, suppress

import pytest
from netmon.address import Address, PrometheusAddress
from netmon.serving import messages, server, trust
from netmon.serving.feed import Feed
from netmon.serving.messages import Body, Request, Response
from netmon.serving.server import Server
from netmon.serving.servers import Servers
from patience import PATIENCE, eventually

LONG = b"0123456789abcdef" * 4096
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
SAFE = {name.lower() for name, _ in messages.SAFE}


@contextmanager
def serving(handlers=None, address="127.0.0.1:0"):
    made = Server(Address.parse(address))
    for path, handler in (handlers or {"/": lambda _: Response.text(200, "hello")}).items():
        made.handle(path, handler)
    try:
        yield made
    finally:
        made.close()


def connect(made, host="127.0.0.1"):
    return closing(socket.create_connection((host, made.address.port), timeout=PATIENCE))


def everything(line):
    """What the server sends until it closes the connection."""
    data = b""
    with suppress(ConnectionError):
        while part := line.recv(1 << 16):
            data += part
    return data


def answer(made, request):
    """Status, fields and body of the answer to some bytes, after which the connection is closed."""
    with connect(made) as line:
        line.sendall(request)
        line.shutdown(socket.SHUT_WR)
        head, _, body = everything(line).partition(b"\r\n\r\n")
    first, *fields = head.decode().split("\r\n")
    return int(first.split()[1]), {name.lower(): value for name, value in (f.split(": ", 1) for f in fields)}, body


# What is answered


@pytest.mark.parametrize(
    ("request_", "status", "words"),
    [
        (b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 200, "hello"),
        (b"\r\nGET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 200, "hello"),
        (b"GET / HTTP/1.0\r\n\r\n", 200, "hello"),
        (b"GET /?a=b HTTP/1.0\r\n\r\n", 200, "hello"),
        (b"HEAD / HTTP/1.0\r\n\r\n", 200, ""),
        (b"GET / HTTP/1.1\r\n\r\n", 400, "names no host"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, "two hosts"),
        (b"GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", 400, "no field"),
        (b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400, "no field"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n", 400, "no field"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX:" + 15_000 * b" " + b"\n\r\n\r\n", 400, "no field"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n", 400, "no field"),
        (b"GET / HTTP/1.1\r\nHost: \t a \t\r\nX:\r\nConnection:close\r\n\r\n", 200, "hello"),
        (b"GET /\r\n\r\n", 400, "HTTP/1"),
        (b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "HTTP/1"),
        (b"\x16\x03\x01\x02\x00\x01\r\n\r\n", 400, "HTTP/1"),
        (b"GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, "slash"),
        (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505, "HTTP/1"),
        (b"PRI * HTTP/2.0\r\n\r\n", 505, "HTTP/1"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", 405, "POST"),
        (b"DELETE / HTTP/1.1\r\nHost: a\r\n\r\n", 405, "DELETE"),
        (b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 405, "OPTIONS"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", 413, "body"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 413, "body"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + 20_000 * b"x" + b"\r\n\r\n", 431, "too large"),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + 200 * b"X: y\r\n" + b"\r\n", 400, "HTTP/1"),
    ],
)
def test_a_request_is_answered_or_refused_in_words_and_always_with_safe_fields(request_, status, words):
    with serving() as made:
        got, fields, body = answer(made, request_)
    assert (got, SAFE - fields.keys()) == (status, set())
    assert words in body.decode()
    assert fields["server"] == "netmon"
    assert fields["content-type"] == "text/plain; charset=utf-8"
    assert (fields.get("allow") == "GET, HEAD") == (status == 405)


def test_a_handler_gets_the_request_as_it_was_sent():
    seen = []
    with serving({"/": lambda asked: seen.append(asked) or Response()}) as made:
        answer(made, b"GET /a%20b?c=%3D&d HTTP/1.0\r\nX-Thing: 1\r\nx-thing:  2 \r\n\r\n")
    assert seen == [Request("GET", "/a%20b", "c=%3D&d", {"x-thing": "1, 2"}, (1, 0))]


def test_the_longest_path_counts_and_a_path_without_a_slash_stands_for_itself_alone():
    paths = ("/", "/a/", "/a/b", "/metrics")
    with serving({path: lambda _, path=path: Response.text(200, path) for path in paths}) as made:
        found = {path: answer(made, f"GET {path} HTTP/1.0\r\n\r\n".encode())[2].decode().strip() for path in
                 ("/", "/x", "/a/", "/a/c", "/a/b", "/a/b/c", "/a", "/metrics", "/metrics/")}  # fmt: skip
    assert found == {"/": "/", "/x": "/", "/a/": "/a/", "/a/c": "/a/", "/a/b": "/a/b", "/a/b/c": "/a/", "/a": "/",
                     "/metrics": "/metrics", "/metrics/": "/"}  # fmt: skip
    with serving({"/metrics": lambda _: Response()}) as made:
        assert answer(made, b"GET /other HTTP/1.0\r\n\r\n")[0] == 404


def test_a_handler_that_fails_is_an_error_of_that_request_alone():
    with serving({"/": lambda _: 1 / 0, "/well": lambda _: Response.text(200, "well")}) as made:
        status, _, body = answer(made, b"GET / HTTP/1.0\r\n\r\n")
        assert (status, b"ZeroDivision" in body) == (500, False)
        assert answer(made, b"GET /well HTTP/1.0\r\n\r\n")[0] == 200


def test_a_value_of_a_field_cannot_add_another_field():
    with serving({"/": lambda _: Response(headers=(("X", "a\r\nSet-Cookie: b"),))}) as made:
        _, fields, _ = answer(made, b"GET / HTTP/1.0\r\n\r\n")
    assert "set-cookie" not in fields


def test_a_connection_is_kept_for_more_requests_until_one_asks_to_close_it():
    with serving() as made, closing(http.client.HTTPConnection("127.0.0.1", made.address.port)) as line:
        for method in ("GET", "HEAD", "GET"):
            line.request(method, "/")
            got = line.getresponse()
            assert (got.status, got.read()) == (200, b"" if method == "HEAD" else b"hello\n")
            sock = line.sock
        line.request("GET", "/", headers={"Connection": "close"})
        assert line.getresponse().will_close
        assert sock is not None


def test_requests_that_are_sent_together_are_answered_in_order():
    with serving({"/": lambda asked: Response.text(200, asked.path)}) as made, connect(made) as line:
        line.sendall(b"".join(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % i for i in range(5)))
        line.shutdown(socket.SHUT_WR)
        assert re.findall(rb"\r\n\r\n/(\d)\n", everything(line)) == [b"0", b"1", b"2", b"3", b"4"]


@pytest.mark.parametrize(
    ("accepted", "is_packed"),
    [
        ("gzip", True),
        ("br, gzip;q=0.5", True),
        ("*", True),
        ("x, *;q=0.1", True),
        ("", False),
        ("br", False),
        ("gzip;q=0", False),
        ("*, gzip;q=0", False),
        ("identity", False),
        ("gzip;q=x", False),
    ],
)
def test_a_long_body_is_compressed_for_who_accepts_that(accepted, is_packed):
    with serving({"/": lambda _: Response(200, Body(LONG))}) as made:
        for method in ("HEAD", "GET"):
            got = answer(made, f"{method} / HTTP/1.0\r\nAccept-Encoding: {accepted}\r\n\r\n".encode())
            assert (got[0], got[1].get("content-encoding")) == (200, "gzip" if is_packed else None)
            assert got[1]["vary"] == "Accept-Encoding"
        _, fields, body = got
        assert int(fields["content-length"]) == len(body)
        assert (gzip.decompress(body) if is_packed else body) == LONG


def test_a_short_body_is_not_compressed():
    with serving() as made:
        assert "content-encoding" not in answer(made, b"GET / HTTP/1.0\r\nAccept-Encoding: gzip\r\n\r\n")[1]


@pytest.mark.parametrize("seed", range(20))
def test_whatever_the_bytes_a_head_is_a_request_or_refused(seed):
    dice, statuses = random.Random(seed), set()
    parts = [
        b"GET",
        b"HEAD",
        b" ",
        b"/",
        b"HTTP/1.1",
        b"\r\n",
        b"Host",
        b":",
        b"a",
        b"\0",
        b"\xff",
        b"?",
        b"\n",
        b"\t",
        b"%",
    ]
    for _ in range(500):
        head = b"".join(dice.choice(parts) for _ in range(dice.randint(0, 25))) + b"\r\n\r\n"
        head = dice.choice((b"", b"GET / HTTP/1.1\r\nHost: a\r\n", b"GET /")) + head
        try:
            asked = messages.request(head)
        except messages.Refusal as refusal:
            statuses.add(refusal.response.status)
        else:
            assert asked.method in {"GET", "HEAD"}
            assert asked.path.startswith("/")
            assert not re.search(r"\s", asked.path + asked.query)
    assert statuses <= {400, 405, 413, 505}


# Where it listens


def has_ipv6():
    """Whether this machine has an IPv6 address of loopback."""
    with suppress(OSError), socket.create_server(("::1", 0), family=socket.AF_INET6):
        return True
    return False


@pytest.mark.parametrize(
    ("address", "hosts"),
    [
        ("[::1]:0", ["::1"]),
        ("localhost:0", ["localhost"]),
        ("0.0.0.0:0", ["127.0.0.1"]),
        ("[::]:0", ["::1", "127.0.0.1"]),
    ],
)
def test_ipv4_and_ipv6_work(address, hosts):
    if "::" in address and not has_ipv6():
        pytest.skip("needs IPv6")
    with serving(address=address) as made:
        for host in hosts:
            with connect(made, host) as line:
                line.sendall(GET)
                assert line.recv(100).startswith(b"HTTP/1.1 200 OK\r\n")


def test_the_same_address_is_one_server_and_another_is_another():
    servers = Servers()
    try:
        first, other = PrometheusAddress.parse(0), PrometheusAddress.parse("localhost:0")
        assert servers.at(first, "--web") is servers.at(first, "--prometheus")
        assert servers.at(other, "--web") is not servers.at(first, "--web")
    finally:
        servers.close()


def test_an_address_that_is_spelt_in_two_ways_is_one_server():
    servers = Servers()
    try:
        server = servers.at(PrometheusAddress.parse("localhost:0"), "--web")
        same = PrometheusAddress.parse(f"{'[::1]' if ':' in server.bound.host else '127.0.0.1'}:{server.bound.port}")
        assert servers.at(same, "--prometheus") is server
    finally:
        servers.close()


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("{}", "Address already in use; for any free port: --web 127.0.0.1:0"),
        ("no-such-name.invalid:1", "Name or service not known|Temporary failure in name resolution"),
        ("192.0.2.77:80", "Cannot assign requested address'?: "),
    ],
)
def test_an_address_that_cannot_be_used_is_told_with_its_flag_and_what_to_do(address, words):
    with serving() as made, pytest.raises(OSError, match=words) as error:
        Servers().at(Address.parse(address.format(made.address)), "--web")
    assert error.value.filename == f"--web {address.format(made.address)}"


# Clients that cost


def test_a_head_that_does_not_come_in_time_is_refused(monkeypatch):
    monkeypatch.setattr(server, "REQUEST_TIME", 0.2)
    with serving() as made:
        with connect(made) as line:
            line.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n")
            assert everything(line).startswith(b"HTTP/1.1 408 ")
        with connect(made) as line:
            assert everything(line) == b"", "a client that says nothing is not answered"


def test_a_head_that_comes_byte_by_byte_for_ever_is_refused_as_well(monkeypatch):
    monkeypatch.setattr(server, "REQUEST_TIME", 0.3)
    with serving() as made, connect(made) as line:
        line.settimeout(0.01)
        sent, got, until = 0, b"", time.monotonic() + PATIENCE
        while not got and time.monotonic() < until:
            line.sendall(b"G")
            sent += 1
            with suppress(TimeoutError):
                got = line.recv(100)
        assert got.startswith(b"HTTP/1.1 408 ")
        assert sent > 3


def test_a_kept_connection_is_closed_when_it_is_not_used(monkeypatch):
    monkeypatch.setattr(server, "IDLE_TIME", 0.2)
    with serving() as made, connect(made) as line:
        line.sendall(GET)
        assert everything(line).endswith(b"hello\n")


def test_more_connections_than_the_limit_are_told_so_and_far_more_are_closed(monkeypatch):
    monkeypatch.setattr(server, "CONNECTIONS", 3)
    monkeypatch.setattr(server, "REFUSED", 2)
    with serving() as made, ExitStack() as lines:
        held = [lines.enter_context(connect(made)) for _ in range(3)]

        def get(line):
            line.sendall(GET)
            data = b""
            while not data.endswith(b"hello\n"):
                data += line.recv(1000)
            return data

        assert all(get(line).startswith(b"HTTP/1.1 200 ") for line in held)
        refused = [lines.enter_context(connect(made)) for _ in range(2)]
        eventually(lambda: len(made._clients) == 5)
        assert everything(lines.enter_context(connect(made))) == b""
        refused[0].sendall(GET)
        text = everything(refused[0])
        assert text.startswith(b"HTTP/1.1 503 ")
        assert b"try again later" in text
        assert b"Retry-After: 10\r\n" in text
        assert get(held[0]).startswith(b"HTTP/1.1 200 "), "those that are connected go on"


def test_a_client_that_does_not_read_is_dropped_and_delays_nobody(monkeypatch):
    monkeypatch.setattr(server, "WRITE_TIME", 0.3)
    big = Body(b"x" * (64 << 20))
    handlers = {"/": lambda _: Response.text(200, "quick"), "/big": lambda _: Response(200, big)}
    with serving(handlers) as made, connect(made) as slow:
        slow.sendall(b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n")
        assert answer(made, b"GET / HTTP/1.0\r\n\r\n")[2] == b"quick\n"
        eventually(lambda: not made._clients)
        assert len(everything(slow)) < len(big.raw)


def test_a_client_that_goes_away_is_forgotten():
    feed = Feed(most=5, beat=b"beat")
    with serving({"/": lambda _: Response(200, feed.join(0))}) as made:
        with connect(made) as line:
            line.sendall(GET)
            eventually(lambda: feed.readers == 1)
        eventually(lambda: feed.readers == 0)
        eventually(lambda: not made._clients)


def test_closing_takes_a_third_of_a_second_at_most_whatever_clients_do():
    feed, ready = Feed(most=9, beat=b"beat"), threading.Event()
    never = threading.Event()
    handlers = {
        "/": lambda _: Response.text(200, "hello"),
        "/stream": lambda _: Response(200, feed.join(0)),
        "/big": lambda _: ready.set() or Response(200, Body(b"x" * (64 << 20))),
        "/never": lambda _: never.wait() and Response(),
    }
    with ExitStack() as lines:
        made = Server(Address.parse("127.0.0.1:0"))
        for path, handler in handlers.items():
            made.handle(path, handler)
        for path in ("/", "/stream", "/big", "/never"):
            line = lines.enter_context(connect(made))
            line.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        lines.enter_context(connect(made)).sendall(b"GET / HT")
        eventually(lambda: feed.readers == 1 and ready.is_set())
        ours = [each for each in threading.enumerate() if each.name.startswith("netmon-")]
        assert ours
        assert all(each.daemon for each in ours)
        before = time.monotonic()
        made.close()
        taken = time.monotonic() - before
        made.close()  # again is allowed
        assert taken < server.CLOSING + server.JOIN + 0.2, "with some time for a busy machine"
        with pytest.raises(ConnectionError):
            socket.create_connection(("127.0.0.1", made.address.port))
        never.set()


# Streams


def stream(made, request=GET):
    """A connection that reads a stream, behind the head."""
    line = socket.create_connection(("127.0.0.1", made.address.port), timeout=PATIENCE)
    line.sendall(request)
    file = line.makefile("rb")
    line.close()
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += file.readline()
    return head, file


def chunks(file):
    """The chunks of a body in the chunked transfer coding."""
    while size := int(file.readline(), 16):
        yield file.read(size)
        assert file.readline() == b"\r\n"
    assert file.readline() == b"\r\n"


def fed(**how):
    return Feed(**({"most": 5, "beat": b"beat"} | how))


def test_a_stream_has_states_as_they_come_and_ends_with_its_last_part():
    feed = fed()
    with serving({"/": lambda _: Response(200, feed.join(0), "text/event-stream")}) as made:
        head, file = stream(made)
        assert b"\r\nX-Accel-Buffering: no\r\n" in head
        assert b"\r\nTransfer-Encoding: chunked\r\n" in head
        parts = chunks(file)
        for number in (1, 2):
            feed.publish(b"state %d" % number, number)
            assert next(parts) == b"state %d" % number
        feed.end(b"bye")
        assert list(parts) == [b"bye"]
        assert file.read() == b"", "the connection is closed"


def test_a_stream_over_http_1_0_is_what_comes_until_the_connection_ends():
    feed = fed()
    feed.publish(b"one", 1)
    feed.end(b"bye")
    with serving({"/": lambda _: Response(200, feed.join(0))}) as made:
        head, file = stream(made, b"GET / HTTP/1.0\r\n\r\n")
        assert b"Transfer-Encoding" not in head
        assert file.read() == b"onebye"


def test_a_compressed_stream_can_be_read_part_by_part_and_is_whole_at_the_end():
    feed = fed()
    states = [b"state %d " % n * 100 for n in range(1, 9)]
    with serving({"/": lambda _: Response(200, feed.join(0))}) as made:
        head, file = stream(made, b"GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n")
        assert b"\r\nContent-Encoding: gzip\r\n" in head
        parts, reader, raw = chunks(file), zlib.decompressobj(wbits=31), b""
        raw += next(parts)
        for number, state in enumerate(states, 1):
            feed.publish(state, number)
            part = next(parts)
            raw += part
            assert (reader.decompress(raw if number == 1 else part)) == state, "each part can be read when it comes"
        feed.end(b"bye")
        raw += b"".join(parts)
        assert gzip.decompress(raw) == b"".join(states) + b"bye", "with the checksum and the size of all"


def test_a_reader_who_has_a_state_gets_only_newer_ones():
    feed = fed()
    feed.publish(b"one", 1)
    assert feed.join(1).take() is None
    assert feed.join(0).take().raw == b"one"


def test_a_slow_reader_gets_the_newest_state_and_no_queue():
    feed = fed()
    slow, quick = feed.join(0), feed.join(0)
    taken = []
    for number in range(1, 6):
        feed.publish(b"state %d" % number, number)
        taken.append(quick.take().raw)
    assert taken == [b"state %d" % number for number in range(1, 6)]
    assert slow.take().raw == b"state 5"
    assert slow.take() is None
    feed.publish(b"state 6", 6)
    feed.end(b"bye")
    assert (slow.take().raw, slow.is_over) == (b"state 6", False)
    assert (slow.take().raw, slow.is_over) == (b"bye", True)


def test_all_readers_of_a_state_share_what_was_compressed_once():
    feed = fed(most=100)
    readers = [feed.join(0) for _ in range(100)]
    feed.publish(LONG, 1)
    parts = [reader.take() for reader in readers]
    assert len({id(part) for part in parts}) == 1
    assert parts[0].packed is parts[99].packed


def test_a_feed_has_room_for_so_many_readers():
    feed = fed(most=2)
    first, second = feed.join(0), feed.join(0)
    assert (feed.join(0), feed.is_full, feed.readers) == (None, True, 2)
    first.leave()
    first.leave()
    assert (feed.join(0) is not None, second is not None, feed.readers) == (True, True, 2)


def test_a_silent_stream_has_signs_of_life(monkeypatch):
    monkeypatch.setattr(server, "BEAT", 0.05)
    feed = fed()
    with serving({"/": lambda _: Response(200, feed.join(0))}) as made:
        parts = chunks(stream(made)[1])
        assert [next(parts) for _ in range(3)] == [b"beat"] * 3


def test_the_head_of_a_stream_has_no_reader():
    feed = fed()
    with serving({"/": lambda _: Response(200, feed.join(0))}) as made:
        assert answer(made, b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")[::2] == (200, b"")
        eventually(lambda: feed.readers == 0)


# Whom it trusts


def asked(**headers):
    return Request("GET", "/", "", {name.replace("_", "-").lower(): value for name, value in headers.items()})


@pytest.mark.parametrize(
    ("host", "bound", "is_ours"),
    [
        ("127.0.0.1:80", "127.0.0.1:80", True),
        ("127.0.0.1:9999", "127.0.0.1:80", True),  # through a tunnel
        ("localhost:80", "127.0.0.1:80", True),
        ("LOCALHOST.", "127.0.0.1:80", True),
        ("[::1]:80", "127.0.0.1:80", True),
        ("127.8.8.8", "127.0.0.1:80", True),
        ("evil.example", "127.0.0.1:80", False),
        ("localhost.evil.example", "127.0.0.1:80", False),
        ("127.0.0.1.evil.example", "127.0.0.1:80", False),
        ("evil.example#127.0.0.1", "127.0.0.1:80", False),
        ("evil.example@127.0.0.1", "127.0.0.1:80", False),
        ("127.0.0.1@evil.example", "127.0.0.1:80", False),
        ("127.0.0.1/evil", "127.0.0.1:80", False),
        ("192.0.2.1", "127.0.0.1:80", False),
        ("", "127.0.0.1:80", False),
        ("[::1", "127.0.0.1:80", False),
        ("monitor.example", "127.0.0.1:80", True),
        ("Monitor.Example:443", "127.0.0.1:80", True),
        ("box", "box:80", True),
        ("other", "box:80", False),
        ("192.0.2.1:80", "0.0.0.0:80", True),
        ("[2001:db8::1]", "[::]:80", True),
        ("localhost", "0.0.0.0:80", True),
        ("evil.example", "0.0.0.0:80", False),
    ],
)
def test_a_request_must_name_a_host_of_this_server(host, bound, is_ours):
    assert trust.is_for_us(asked(host=host), Address(bound), ["monitor.example"]) is is_ours


def test_without_a_host_no_browser_has_sent_the_request():
    assert trust.is_for_us(asked(), Address("127.0.0.1:80"))


@pytest.mark.parametrize(
    ("headers", "is_ours"),
    [
        ({}, True),
        ({"sec_fetch_site": "same-origin"}, True),
        ({"sec_fetch_site": "none"}, True),
        ({"sec_fetch_site": "same-site"}, False),
        ({"sec_fetch_site": "cross-site"}, False),
        ({"sec_fetch_site": "cross-site", "origin": "http://a:80"}, False),
        ({"origin": "http://a:80"}, True),
        ({"origin": "https://a:80"}, True),  # a proxy may add encryption
        ({"origin": "http://a:81"}, False),
        ({"origin": "http://evil.example"}, False),
        ({"origin": "null"}, False),
        ({"origin": ""}, False),
        ({"origin": "http://[::1"}, False),
        ({"origin": "https://monitor.example"}, True),
    ],
)
def test_a_request_must_come_from_a_page_of_this_server_or_from_none(headers, is_ours):
    assert trust.is_from_us(asked(host="a:80", **headers), ["monitor.example"]) is is_ours


@pytest.mark.parametrize(
    ("site", "mode", "dest", "is_opened"),
    [
        ("none", "navigate", "document", True),
        ("same-origin", "navigate", "document", True),
        ("cross-site", "navigate", "document", True),  # a link in a chat
        ("cross-site", "navigate", "iframe", False),
        ("same-origin", "navigate", "iframe", False),
        ("cross-site", "no-cors", "script", False),
        ("cross-site", "no-cors", "image", False),
        ("cross-site", "cors", "empty", False),
        ("same-origin", "cors", "empty", True),
    ],
)
def test_a_page_is_opened_by_a_person_and_never_embedded(site, mode, dest, is_opened):
    assert trust.is_opened(asked(sec_fetch_site=site, sec_fetch_mode=mode, sec_fetch_dest=dest)) is is_opened


def test_a_program_without_fields_of_a_browser_may_open_a_page():
    assert trust.is_opened(asked(host="a"))


def test_a_port_that_only_root_may_have_is_told_with_one_that_anybody_may(monkeypatch):
    def refuse(_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("netmon.serving.server.Server", refuse)
    with pytest.raises(PermissionError) as told:
        Servers().at(Address.parse("127.0.0.1:80"), "--web")
    assert "ports below 1024 are for root, whose rights netmon gives up: --web 127.0.0.1:8080, or" in str(told.value)
    with pytest.raises(PermissionError, match=r"for any free port: --web 127\.0\.0\.1:0"):
        Servers().at(Address.parse("127.0.0.1:8000"), "--web")
