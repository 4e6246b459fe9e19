"""The demo's traffic: its schedule, its server as a client sees it, and its end with the process that started it."""

import asyncio
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path

import pytest
from netmon import demo
from netmon.cli import DEMO
from netmon.demo import http1, http2, pages
from netmon.demo.__main__ import CERTIFICATE
from patience import PATIENCE


@pytest.mark.parametrize(
    ("seconds", "rate"),
    [
        (0, pages.CALM),
        (9.9, pages.CALM),
        (10, pages.STORM),
        (17.9, pages.STORM),
        (18, pages.CALM),
        (34.9, pages.CALM),
        (45, pages.STORM),
    ],
)
def test_calm_and_storm_alternate(seconds, rate):
    assert pages.rate_at(seconds) == rate


def test_the_storm_passes_the_demos_threshold_and_the_calm_does_not():
    span = DEMO["alert_span"]
    assert 2 * pages.CALM * span < DEMO["alert_threshold"] / 2
    assert DEMO["alert_threshold"] < 2 * pages.STORM * 5


def test_the_pages_have_every_method_and_status_of_the_demo():
    assert len({page.host for page in pages.PAGES}) >= 4
    assert {page.method for page in pages.PAGES} == {"GET", "POST", "PUT", "DELETE", "HEAD"}
    assert {page.status for page in pages.PAGES} == {200, 201, 204, 301, 304, 404, 500, 503} == set(pages.REASONS)


@pytest.fixture
def made():
    with demo.traffic() as made:
        yield made


@pytest.fixture
def port(made):
    return made.http1


def ask(connection, page):
    """Head and body of the answer to one request."""
    connection.sendall(http1.request(page))
    answer = connection.makefile("rb")
    head = b"".join(iter(answer.readline, b"\r\n")).decode()
    length = next((int(line.split(": ")[1]) for line in head.splitlines() if line.startswith("Content-Length")), 0)
    return head, answer.read(0 if page.method == "HEAD" else length)


def test_one_connection_is_kept_for_many_requests(port):
    quick = [page for page in pages.PAGES if page.delay < 10]
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        for page in quick:
            head, body = ask(connection, page)
            assert head.startswith(f"HTTP/1.1 {page.status} {pages.REASONS[page.status]}\r\n")
            assert len(body) == (0 if page.method == "HEAD" else page.size)


async def answers(port, calls, tls=None):
    """What the server sends for each of these calls, asked for at once: all fields, and the bytes of DATA."""
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, ssl=tls, server_hostname="accounts.example" if tls else None
    )
    writer.write(http2.PREFACE + http2.frame(http2.SETTINGS, 0, 0))
    for at, call in enumerate(calls):
        writer.write(http2.request(call, 2 * at + 1, "http"))
    fields, sizes, left = [{} for _ in calls], [0] * len(calls), len(calls)
    async for kind, flags, stream, payload in http2.frames(reader):
        if kind == http2.HEADERS:
            fields[stream // 2] |= http2.fields_of(payload)
        elif kind == http2.DATA:
            sizes[stream // 2] += len(payload)
        left -= stream > 0 and flags & http2.END_STREAM
        if not left:
            break
    writer.close()
    return fields, sizes


def statuses(calls, call):
    """The gRPC statuses that a call may have."""
    return {str(one.grpc) for one in calls if (one.host, one.path) == (call.host, call.path)}


def test_calls_on_one_connection_are_answered_with_messages_and_a_status(made):
    calls = [call for call in http2.CALLS if call.grpc is not None]
    for call, fields, size in zip(calls, *asyncio.run(answers(made.http2, calls)), strict=True):
        assert fields[":status"] == "200"
        assert fields["grpc-status"] in statuses(calls, call)
        kinds = {one.messages * (5 + one.size) for one in calls if str(one.grpc) == fields["grpc-status"]}
        assert size in kinds, call
    assert any(call.grpc for call in calls)


def test_what_is_asked_inside_tls_has_its_keys_in_a_file_for_one_user(made):
    tls = ssl.create_default_context(cafile=str(CERTIFICATE))
    tls.set_alpn_protocols(["h2"])
    fields, sizes = asyncio.run(answers(made.tls, http2.PRIVATE, tls))
    assert [each[":status"] for each in fields] == ["200"] * len(http2.PRIVATE)
    assert sizes == [call.size for call in http2.PRIVATE]
    keys = Path(made.keys)
    assert keys.stat().st_mode & 0o777 == 0o600


def test_a_request_of_a_stranger_ends_its_connection_alone(made):
    for port, request in (
        (made.http1, b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n"),
        (made.http2, b"GET / HTTP/1.1\r\n\r\n" * 9),
    ):
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            answer = b"".join(iter(lambda: connection.recv(999), b""))
        assert b"200 OK" not in answer
    assert asyncio.run(answers(made.http2, http2.CALLS[:1]))[0][0][":status"] == "200"


def test_the_demo_listens_on_loopback_only(made):
    sockets = [line.split()[1:4:2] for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    for port in made.http1, made.http2, made.tls:
        assert [f"0100007F:{port:04X}", "0A"] in sockets
        assert [f"00000000:{port:04X}", "0A"] not in sockets


def gone(port):
    """True as soon as nothing listens on the port; False if something still does after a long wait."""
    for _ in range(100 * PATIENCE):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return True
        time.sleep(0.01)
    return False


def test_the_demo_ends_with_its_context():
    with demo.traffic() as made:
        assert not socket.socket().connect_ex(("127.0.0.1", made.http1))
    assert gone(made.http1)
    assert not Path(made.keys).exists()


def test_the_demo_ends_when_its_parent_is_killed():
    code = "from netmon import demo\nwith demo.traffic() as made: print(made.http1, flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        port = int(parent.stdout.readline())
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait()
        assert gone(port)
