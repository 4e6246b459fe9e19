"""HTTP/2 of real peers on loopback: counts equal the server's log and tshark's, live and from the file.

nghttpd serves, h2load and curl ask. Where the right to capture or a program is missing, the tests are skipped and say
what is missing.
"""

import re
import shutil
import signal
import socket
import subprocess
from collections import Counter
from contextlib import contextmanager

import pytest
from netmon import Monitor, Snapshot
from patience import PATIENCE, eventually
from scraping import free_port
from test_live import may_capture

PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
PROGRAMS = {name: shutil.which(name, path=PATH) for name in ("nghttpd", "h2load", "curl", "tcpdump", "tshark")}


def why_not():
    if missing := [name for name, path in PROGRAMS.items() if path is None]:
        return f"needs {' '.join(missing)}"
    return "" if may_capture() else "needs CAP_NET_RAW"


pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not() or "available")


@contextmanager
def running(name, *arguments, **how):
    process = subprocess.Popen([PROGRAMS[name], *arguments], **how)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(PATIENCE)


def answers(port):
    with socket.socket() as there:
        return there.connect_ex(("127.0.0.1", port)) == 0


def asked(port):
    """Asks for pages that are there and for pages that are not, on one stream at a time and on many."""
    url = f"http://127.0.0.1:{port}"
    one = [PROGRAMS["curl"], "-sS", "-o", "/dev/null", "--http2-prior-knowledge"]
    for page in "index.html", "missing":
        subprocess.run([*one, f"{url}/{page}"], check=True, timeout=PATIENCE)
    subprocess.run([*one, "-d", "x" * 50_000, f"{url}/index.html"], check=True, timeout=PATIENCE)
    many = [PROGRAMS["h2load"], "-n", "600", "-c", "4", "-m", "10"]
    pages = [f"{url}/{page}" for page in ("index.html", "large", "none")]
    subprocess.run([*many, *pages], check=True, timeout=PATIENCE, stdout=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def talk(tmp_path_factory):
    """(what was counted live, the capture, what the server's log counts, the port of the server)"""
    folder = tmp_path_factory.mktemp("http2")
    (folder / "index.html").write_text("hello\n")
    (folder / "large").write_text("x" * 40_000)
    port, capture, log = free_port(), folder / "talk.pcap", folder / "log"
    into = ("-i", "lo", "-s", "0", "-B", "32768", "-U", "-w", str(capture), f"tcp port {port}")
    with log.open("w") as out, running("nghttpd", "--no-tls", "-v", "-d", str(folder), str(port), stdout=out):
        eventually(lambda: answers(port))
        with running("tcpdump", *into, stderr=subprocess.DEVNULL):
            eventually(capture.exists)
            with Monitor("lo", filter=f"tcp port {port}", interval=0.2) as monitor:
                asked(port)
                live = Snapshot()
                for snapshot in monitor.snapshots():
                    live = Snapshot.merge([live, snapshot])
                    if live.responses >= 603 and not snapshot.hits:
                        break
            eventually(lambda: Snapshot.merge(Monitor(read=capture).snapshots()).responses >= 603)
    text = re.sub(r"\x1b\[[0-9;]*m", "", log.read_text())
    statuses = Counter(int(status) for status in re.findall(r":status: (\d+)", text))
    return live, capture, (Counter(re.findall(r":method: (\w+)", text)), statuses), port


def of_file(capture):
    return Snapshot.merge(Monitor(read=capture, exchanges=True).snapshots())


def counted(snapshot):
    return snapshot.methods, snapshot.statuses


def test_counts_equal_the_log_of_the_server_live_and_from_the_file(talk):
    live, capture, log, _ = talk
    assert counted(Snapshot.merge(Monitor(read=capture).snapshots())) == log
    if live.capture.kernel_dropped == 0:
        assert counted(live) == log


def test_tshark_counts_the_same(talk):
    _, capture, log, port = talk
    for field, of_netmon in zip(("method", "status"), log, strict=True):
        command = [PROGRAMS["tshark"], "-r", capture, "-d", f"tcp.port=={port},http2", "-T", "fields"]
        command += ["-e", f"http2.headers.{field}"]
        told = subprocess.run(command, check=True, capture_output=True, text=True, timeout=PATIENCE).stdout
        assert Counter(re.findall(r"\w+", told)) == {str(key): count for key, count in of_netmon.items()}


def test_every_stream_has_its_host_and_nothing_is_lost(talk):
    _, capture, _, _ = talk
    total = Snapshot.merge(Monitor(read=capture).snapshots())
    assert total.capture.protocols == {"http2": 7}
    assert (total.capture.unanswered, total.capture.orphan_responses, total.capture.parse_errors) == (0, 0, 0)
    sections = {section.path: section.requests for host in total.hosts for section in host.sections}
    assert sections == {"/index.html": 202, "/large": 200, "/none": 200, "/missing": 1}


OPTIONS = ("", "--header-table-size=0", "--header-table-size=16", "--no-dep", "-w16 -W18", "--padding=64", "--no-push")
"""Options of nghttp, which sends PRIORITY, and settings of its own."""


@pytest.mark.skipif(shutil.which("nghttp", path=PATH) is None, reason="needs nghttp")
def test_what_is_pushed_counts_as_the_server_logs_it(tmp_path):
    for page in ("index.html", "style.css", "script.js"):
        (tmp_path / page).write_text(page * 1000)
    port, capture, log = free_port(), tmp_path / "push.pcap", tmp_path / "log"
    into = ("-i", "lo", "-s", "0", "-B", "32768", "-U", "-w", str(capture), f"tcp port {port}")
    push = ("--push=/index.html=/style.css,/script.js", "--header-table-size=512", "-d", str(tmp_path))
    with log.open("w") as out, running("nghttpd", "--no-tls", "-v", *push, str(port), stdout=out):
        eventually(lambda: answers(port))
        with running("tcpdump", *into, stderr=subprocess.DEVNULL):
            eventually(capture.exists)
            pages = [f"http://127.0.0.1:{port}/{page}" for page in ("index.html", "style.css", "none")]
            for options in OPTIONS:
                command = [shutil.which("nghttp", path=PATH), "-n", *options.split(), *pages]
                subprocess.run(command, check=True, timeout=PATIENCE, stdout=subprocess.DEVNULL)
            eventually(lambda: of_file(capture).responses >= 3 * len(OPTIONS) + 2 * (len(OPTIONS) - 1))
    text = re.sub(r"\x1b\[[0-9;]*m", "", log.read_text())
    total = of_file(capture)
    statuses = Counter(int(status) for status in re.findall(r":status: (\d+)", text))
    assert counted(total) == (Counter(re.findall(r":method: (\w+)", text)), statuses)
    assert set(re.findall(r":path: (\S+)", text)) == {row.path for row in total.hosts[0].sections}
    assert total.capture.parse_errors == total.capture.orphan_responses == total.capture.unanswered == 0


@pytest.mark.skipif(None in (shutil.which(name, path=PATH) for name in ("nghttp", "nghttpx")), reason="needs nghttpx")
def test_an_upgrade_to_http2_is_answered_there(tmp_path):
    for page in ("index.html", "large"):
        (tmp_path / page).write_text("hello\n" * 5000)
    behind, port, capture = free_port(), free_port(), tmp_path / "upgrade.pcap"
    into = ("-i", "lo", "-s", "0", "-B", "32768", "-U", "-w", str(capture), f"tcp port {port}")
    proxy = [shutil.which("nghttpx", path=PATH), f"-f127.0.0.1,{port};no-tls", f"-b127.0.0.1,{behind};;proto=h2"]
    proxy += ["--workers=1", "--conf=/dev/null", f"--pid-file={tmp_path / 'pid'}"]
    with running("nghttpd", "--no-tls", "-d", str(tmp_path), str(behind)):
        eventually(lambda: answers(behind))
        nghttpx = subprocess.Popen(proxy, stderr=subprocess.DEVNULL)
        try:
            eventually(lambda: answers(port))
            with running("tcpdump", *into, stderr=subprocess.DEVNULL):
                eventually(capture.exists)
                pages = [f"http://127.0.0.1:{port}/{page}" for page in ("index.html", "none", "large")]
                for _ in range(3):
                    command = [shutil.which("nghttp", path=PATH), "-n", "-u", *pages]
                    subprocess.run(command, check=True, timeout=PATIENCE, stdout=subprocess.DEVNULL)
                eventually(lambda: of_file(capture).responses >= 12)
        finally:
            nghttpx.terminate()
            nghttpx.wait(PATIENCE)
    total = of_file(capture)
    assert (total.requests, total.statuses) == (9, {101: 3, 200: 6, 404: 3})
    assert Counter(exchange.status for exchange in total.exchanges) == {200: 6, 404: 3}
    assert total.capture.parse_errors == total.capture.orphan_responses == total.capture.unanswered == 0
