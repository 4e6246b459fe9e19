"""Planted secrets: whatever the wire carries beside names of hosts, paths, methods and user agents is in no output.

Each exchange of one capture has a secret in another place. All that netmon publishes about the capture is searched: at
most detail, with alerts that fire for every section, and with evidence. The payload that ``-w`` and
``--evidence-payload`` ask for is the exception, and so are whole segments of a path, which are shown as such.
"""

import base64
import struct

import forge
import pytest
from forge import ACK, RST, SYN
from promises import Wire
from published import published, run
from test_promises_http import hello
from test_promises_ip import fragmented

pytest.importorskip("jinja2", reason="needs the extra [html]")
pytest.importorskip("arro3.io", reason="needs the extra [parquet]")

pytestmark = pytest.mark.timeout(300)  # all outputs take a while on a busy machine

NOON = 1_795_348_800.0
SECRET = "s3cr3tpassw0rd"
BASIC = base64.b64encode(f"{SECRET}:{SECRET}".encode()).decode()
SEARCHED = [
    SECRET.encode(),
    SECRET.upper().encode(),
    BASIC.encode(),
    SECRET.encode().hex().encode(),
    SECRET[:8].encode(),
]
SEARCHED += ["".join(f"%{byte:02x}" for byte in SECRET.encode()).encode(), SECRET.encode("utf-16-le")]

TARGETS = {
    "query": "/p?token=X",
    "query without a name": "/p?X",
    "second query": "/p?a=1?X#X",
    "fragment": "/p#X",
    "parameter of a segment": "/p;X",
    "absolute form": "http://user:X@h.example/p?X",
    "absolute form, no password": "http://X@h.example/p",
    "absolute form, many signs": "http://a:X@b:X@h.example/p",
    "absolute form, slash in a password": "http://u:X/X@h.example/p",
    "other scheme": "ftp://u:X@h.example/p",
    "scheme without slashes": "mailto:X@h.example",
    "no scheme": "//u:X@h.example/p",
    "authority in a path": "/redirect/http://u:X@h.example/p",
    "encoded authority": "/r/u%3aX%40h.example",
    "encoded query": "/p%3FX",
    "encoded twice": "/p%253FX",
    "space": "/p X",
    "tab": "/p\tX",
    "no slash": "?X",
    "backslash": "\\\\u:X@h.example\\p",
    "semicolon and question mark": "/p;v=1?X;X",
    "only a colon": ":X@h.example/p",
    "null": "/p\0?X",
    "line feed": "/p?X\n",
}
HOSTS = (
    "u:X@h.example",
    "X@h.example",
    "h.example/X",
    "h.example?X",
    "h.example#X",
    "h.example;X",
    "h.example X",
    "h.example,X",
    "u:X/X@h.example",
    "h.example\r\n X",
    "h.example\r\nHost: u:X@g.example",
    "h.example:X",
    "[::1]:X",
    "u:X@[::1]",
)
FIELDS = (
    "Authorization: Basic Z",
    "Authorization: Bearer X",
    "Authorization : X",
    "authorization:X",
    "Proxy-Authorization: Digest username=X",
    "Cookie: session=X; X=1",
    "Cookie2: X",
    "Cookie: a=1;\r\n b=X",
    "Set-Cookie: session=X; HttpOnly",
    "Set-Cookie2: X",
    "X-Api-Key: X",
    "X-X: 1",
    "X",
    ": X",
    "Referer: http://u:X@h.example/p?X",
    "Origin: http://u:X@h.example",
    "Location: /p?X",
    "X-Forwarded-For: X, 192.0.2.7",
    "X-Forwarded-For: for=X;by=X",
    "Forwarded: for=X",
    "User-Agent: curl/X (X)",
    "User-Agent: Mozilla/5.0 (X) Firefox/X",
    "User-Agent: u:X@h",
    "Content-Type: multipart/form-data; boundary=X",
    "Content-Disposition: attachment; filename=X",
    "Server: X",
    "WWW-Authenticate: X",
    "Upgrade: X",
    "Expect: X",
    "Connection: X",
    "Via: 1.1 X",
    "TE: X",
    "Trailer: X",
    "Sec-WebSocket-Key: X",
    "Range: bytes=X",
)
CHUNKED = "Transfer-Encoding: chunked"
BODY = "password=X&again=X"


def head(line, *fields):
    return "\r\n".join([line, *fields, "", ""])


def sized(text):
    return head("POST /p HTTP/1.1", "Host: h.example", f"Content-Length: {len(text.replace('X', SECRET))}") + text


def chunked(line, *fields, extension="", trailer=()):
    size = len(BODY.replace("X", SECRET))
    body = f"{size:x}{extension}\r\n{BODY}\r\n0\r\n"
    return head(line, *fields, CHUNKED) + body + "".join(f"{each}\r\n" for each in trailer) + "\r\n"


ASK = "POST /p HTTP/1.1", "Host: h.example"
GET = head("GET /p HTTP/1.1", "Host: h.example")
OK = head("HTTP/1.1 200 OK", "Content-Length: 2") + "ok"
TALKS = {
    "body of a request": (sized(BODY), OK),
    "multipart body": (sized(f"--b\r\nContent-Disposition: form-data; name=X\r\n\r\n{BODY}\r\n--b--"), OK),
    "body that looks like a head": (sized(head("GET /p?X HTTP/1.1", "Cookie: X")), OK),
    "chunked request": (chunked(*ASK), OK),
    "chunk extension": (chunked(*ASK, extension=";X=X"), OK),
    "trailer": (chunked(*ASK, trailer=("Authorization: X", "X: X")), OK),
    "broken chunk": (head(*ASK, CHUNKED) + "X\r\nX\r\n", OK),
    "negative length": (head(*ASK, "Content-Length: -X") + "X", OK),
    "body of a response": (GET, head("HTTP/1.1 200 OK", f"Content-Length: {len(SECRET)}") + "X"),
    "body until the end": (GET, head("HTTP/1.0 200 OK") + "X"),
    "chunked response": (GET, chunked("HTTP/1.1 200 X", extension=";X", trailer=("Set-Cookie: X",))),
    "reason": (GET, head("HTTP/1.1 500 X", "Content-Length: 0")),
    "reason of an interim response": (GET, head("HTTP/1.1 103 X", "Link: X") + OK),
    "version": (head("GET /p X/1.1", "Host: h.example"), OK),
    "more words": (head("GET /p?X X HTTP/1.1", "Host: h.example"), OK),
    "HTTP/0.9": ("GET /p?X\r\n", "X"),
    "bare line feeds": (GET.replace("/p", "/p?X").replace("\r\n", "\n"), OK),
    "pipelined": (GET + sized(BODY) + GET.replace("/p", "/p?X"), OK * 3),
    "tunnel": (
        head("CONNECT u:X@t.example:443 HTTP/1.1", "Host: t.example", "Proxy-Authorization: X"),
        head("HTTP/1.1 200 X"), "X", "X",
    ),
    "web socket": (
        head("GET /p?X HTTP/1.1", "Host: h.example", "Upgrade: websocket", "Connection: Upgrade"),
        head("HTTP/1.1 101 X", "Upgrade: websocket", "Connection: Upgrade"), "X", "X",
    ),
    "HTTP/2": ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nX", "X"),
    "PROXY": (f"PROXY TCP4 192.0.2.1 192.0.2.2 1 2 X\r\n{GET}", OK),
    "mail": ("EHLO X\r\nAUTH PLAIN X\r\n", "250 X\r\n"),
    "file transfer": ("USER X\r\nPASS X\r\n", "230 X\r\n"),
    "redis": ("*2\r\n$4\r\nAUTH\r\n$14\r\nX\r\n", "+OK\r\n"),
    "shell": ("SSH-2.0-X\r\n", "SSH-2.0-X\r\n"),
    "unknown": ("\1\2X", "\3X"),
    "login without an end": (head("GET /p HTTP/1.1", "Host: h.example", "Cookie: X").removesuffix("\r\n\r\n"),),
    "header without an end": ("GET /p HTTP/1.1\r\nHost: h.example\r\nX-" + "X" * 6000,),
}  # fmt: skip


def filled(text):
    return text.replace("Z", BASIC).replace("X", SECRET).encode("latin-1")


def talks():
    """A conversation for each place of a secret, as the texts of client and server in turn."""
    for target in TARGETS.values():
        yield head(f"GET {target} HTTP/1.1", "Host: h.example"), OK
        yield head(f"POST {target} HTTP/1.1", "Host: h.example", "Content-Length: 0"), OK
    for host in HOSTS:
        yield head("GET /p HTTP/1.1", f"Host: {host}"), OK
    for field in FIELDS:
        yield head("GET /p HTTP/1.1", "Host: h.example", field), head("HTTP/1.1 200 OK", field, "Content-Length: 0")
        yield head("GET /p HTTP/1.1", field, "Host: h.example"), head("HTTP/1.1 503 OK", "Content-Length: 0", field)
    yield from TALKS.values()


def packets():
    """All packets. Beside whole conversations: some with holes, with cut packets, and with secrets outside of HTTP."""
    for number, texts in enumerate(talks()):
        for size, port in ((1400, 10_000), (7, 20_000)):
            wire = Wire(port + number, now=NOON + number / 20)
            yield from wire.say(*map(filled, texts), size=size).close().packets
    yield from holes()
    yield from outside()


def holes():
    """A hole in a body, in a head and between two messages: what follows has secrets."""
    for number in range(40):
        wire = Wire(30_000 + number, now=NOON + 5 + number / 20)
        wire.say(filled(sized(BODY * 30)), filled(OK), filled(GET.replace("/p", "/p?X")), filled(OK), size=100)
        yield from wire.lose(3 + number % 20).packets
    for number in range(20):
        texts = map(filled, (sized(BODY), OK))
        wire = Wire(31_000 + number, now=NOON + 7 + number / 20).say(*texts, size=30 + number)
        again = Wire(31_000 + number, now=NOON + 7.01 + number / 20).say(filled(sized("Y" + BODY)), filled(OK), size=50)
        yield from sorted(wire.packets + again.packets, key=lambda packet: packet[0])


def outside():
    """Secrets in padding, in SYN and RST, in fragments, in UDP, in ICMP, and in TLS."""
    secret = SECRET.encode() * 3
    wire = Wire(40_000, now=NOON + 9).say(filled(GET), filled(OK)).close()
    yield from ((at, packet + secret) for at, packet in wire.packets)  # behind the length that IP tells
    wire = Wire(40_001, now=NOON + 9, handshake=False).send(0, secret, SYN, at=0).send(1, secret, SYN | ACK, at=0)
    yield from wire.send(0, b"").say(filled(GET), filled(OK)).send(1, secret, RST | ACK).packets
    for number in range(4):
        wire = Wire(40_010 + number, now=NOON + 9 + number / 10).say(filled(sized(BODY * 9)), filled(OK))
        for place, (at, packet) in enumerate(wire.packets):
            pieces = fragmented(packet, 500 + 50 * number + place, size=(24, 40, 64, 200)[number])
            yield from ((at + part * 1e-6, piece) for part, piece in enumerate(pieces))
    yield from Wire(40_020, now=NOON + 9).say(hello(), secret, secret).packets
    yield from Wire(40_021, now=NOON + 9).say(hello()[:60] + secret, secret).packets
    udp = struct.pack("!HHHH", 53, 5353, 8 + len(secret), 0) + secret
    other = forge.ip("10.0.0.1", "10.0.0.2", udp)
    yield NOON + 9, other[:9] + b"\x11" + other[10:]
    icmp = forge.ip("10.0.0.2", "10.0.0.1", b"\3\3\0\0\0\0\0\0" + forge.ip("10.0.0.1", "10.0.0.2", secret * 2))
    yield NOON + 9, icmp[:9] + b"\1" + icmp[10:]
    for number in range(10):  # tunnels: GRE with an inner connection
        wire = Wire(40_030 + number, now=NOON + 9.5 + number / 50).say(filled(sized(BODY)), filled(OK))
        for at, packet in wire.packets:
            outer = forge.ip("192.0.2.1", "192.0.2.2", b"\0\0\x08\0" + packet)
            yield at, outer[:9] + b"\x2f" + outer[10:]


class Packets:
    """What `forge` takes for a conversation."""

    def __init__(self, rows):
        self.packets = rows


@pytest.fixture(scope="module")
def capture(tmp_path_factory):
    """The capture, whose packets of one connection in ten are cut by the snapshot length."""
    path = tmp_path_factory.mktemp("capture") / "secrets.pcap"
    path.write_bytes(forge.pcap(Packets(sorted(packets(), key=lambda packet: packet[0]))))
    return path


def leaks(found):
    return {name: text for name, data in found.items() for text in SEARCHED if text in data}


@pytest.mark.parametrize("detail", ["most", "tunnels and cut packets"])
def test_no_output_has_a_planted_secret(capture, tmp_path, detail):
    more = [] if detail == "most" else ["--decode-tunnels", "--snaplen", "75", "--workers", "3"]
    words = ["--connections", "--user-agents", "--section-depth", "9", "-vv", "--client-from", "X-Forwarded-For", *more]
    found = published(tmp_path, capture, detail=words)
    assert leaks(found) == {}
    for name in ("all.ndjson", "page", "screen", "webhooks", "told", "log.json", "evidence", "diff.html"):
        assert found[name], name
    assert b"h.example" in found["all.ndjson"]
    assert b"h.example/p" in found["told"]


def test_the_search_finds_a_secret_that_is_published(capture, tmp_path):
    """Payload that is asked for has the secrets, which shows that they are in the capture and are searched for."""
    run(tmp_path, "-r", capture, "-w", "web.pcapng", "--json", code=0)
    assert leaks({"packets": (tmp_path / "web.pcapng").read_bytes()})


@pytest.mark.parametrize("where", ["host:", "host:h.example AND (path:/p", "status:", "nothing:s3cr3tpassw0rd"])
def test_a_mistake_in_a_filter_shows_the_filter_and_nothing_of_the_traffic(capture, tmp_path, where):
    done = run(tmp_path, "-r", capture, "--where", where, "--json")
    assert done.returncode == 2
    assert SECRET.encode() not in done.stdout + done.stderr.replace(where.encode(), b"").replace(
        SECRET.encode() + b"\n", b""
    )
