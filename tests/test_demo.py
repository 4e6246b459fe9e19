"""The demo's traffic: its schedule, its server as a client sees it, and its end with the process that started it."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from netmon import demo
from netmon.cli import DEMO
from patience import PATIENCE


@pytest.mark.parametrize(
    ("seconds", "rate"),
    [
        (0, demo.CALM),
        (9.9, demo.CALM),
        (10, demo.STORM),
        (17.9, demo.STORM),
        (18, demo.CALM),
        (34.9, demo.CALM),
        (45, demo.STORM),
    ],
)
def test_calm_and_storm_alternate(seconds, rate):
    assert demo.rate_at(seconds) == rate


def test_the_storm_passes_the_demos_threshold_and_the_calm_does_not():
    span = DEMO["alert_span"]
    assert 2 * demo.CALM * span < DEMO["alert_threshold"] / 2
    assert DEMO["alert_threshold"] < 2 * demo.STORM * 5


def test_the_pages_have_every_method_and_status_of_the_demo():
    assert len({page.host for page in demo.PAGES}) >= 4
    assert {page.method for page in demo.PAGES} == {"GET", "POST", "PUT", "DELETE", "HEAD"}
    assert {page.status for page in demo.PAGES} == {200, 201, 204, 301, 304, 404, 500, 503} == set(demo.REASONS)


@pytest.fixture
def port():
    with demo.traffic() as port:
        yield port


def ask(connection, page):
    """Head and body of the answer to one request."""
    connection.sendall(demo._request(page))
    answer = connection.makefile("rb")
    head = b"".join(iter(answer.readline, b"\r\n")).decode()
    length = next((int(line.split(": ")[1]) for line in head.splitlines() if line.startswith("Content-Length")), 0)
    return head, answer.read(0 if page.method == "HEAD" else length)


def test_one_connection_is_kept_for_many_requests(port):
    pages = [page for page in demo.PAGES if page.delay < 10]
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        for page in pages:
            head, body = ask(connection, page)
            assert head.startswith(f"HTTP/1.1 {page.status} {demo.REASONS[page.status]}\r\n")
            assert len(body) == (0 if page.method == "HEAD" else page.size)


def test_the_demo_listens_on_loopback_only(port):
    sockets = [line.split()[1:4:2] for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
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
    with demo.traffic() as port:
        assert not socket.socket().connect_ex(("127.0.0.1", port))
    assert gone(port)


def test_the_demo_ends_when_its_parent_is_killed():
    code = "from netmon import demo\nwith demo.traffic() as port: print(port, flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        port = int(parent.stdout.readline())
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait()
        assert gone(port)
