"""Live capture on loopback, through the real command and the API. Needs the right to capture; skipped without."""

import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from urllib.request import urlopen

import pytest
from netmon import Monitor, Snapshot
from patience import PATIENCE
from terminal import NETMON, Terminal


def may_capture():
    try:
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close()
    except PermissionError:
        return False
    return True


pytestmark = pytest.mark.skipif(not may_capture(), reason="needs CAP_NET_RAW")


@contextmanager
def server():
    """Starts a small HTTP server on loopback and returns its port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            self.send_response(404 if "missing" in self.path else 200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as made:
        threading.Thread(target=made.serve_forever, daemon=True).start()
        yield made.server_address[1]
        made.shutdown()


@pytest.fixture
def port():
    with server() as port:
        yield port


def quiet(port):
    """A monitor of a port that only the test uses."""
    return Monitor("lo", filter=f"tcp port {port}", interval=0.2)


def test_every_request_is_counted_once(port):
    with quiet(port) as monitor:
        for i in range(50):
            urlopen(f"http://127.0.0.1:{port}/items/{i}").close()
        total = Snapshot()
        for snapshot in monitor.snapshots():
            total = Snapshot.merge([total, snapshot])
            if total.responses >= 50 and not snapshot.hits:
                break
    assert (total.requests, total.responses) == (50, 50)
    assert total.statuses == {200: 50}
    assert [(section.path, section.hits) for section in total.hosts[0].sections] == [("/items", 100)]
    assert total.capture.kernel_dropped == 0


@pytest.mark.parametrize("workers", [1, 3])
def test_a_time_out_covers_the_time_asked_for_in_whole_and_partial_intervals(port, workers):
    settings = {"interval": 0.5, "timeout": 1.25, "workers": workers}
    spans = [(each.start, each.end) for each in Monitor("lo", filter=f"tcp port {port}", **settings)]
    assert spans[-1][1] - spans[0][0] == pytest.approx(1.25, abs=0.2)
    assert all(before[1] == after[0] for before, after in pairwise(spans))
    assert all((end / 0.5).is_integer() for _, end in spans[:-1]), "all but the last end at a multiple of the interval"


def test_a_packet_after_the_end_of_the_capture_is_not_counted(port):
    """The kernel's buffer is read once more at the end. Packets that came after the end belong to no interval."""
    monitor = Monitor("lo", filter=f"tcp port {port}", interval=0.2, exchanges=True)
    over = threading.Event()

    def ask():
        while not over.is_set():
            urlopen(f"http://127.0.0.1:{port}/").close()

    thread = threading.Thread(target=ask)
    with monitor:
        thread.start()
        time.sleep(0.5)
        monitor.close()
    over.set()
    thread.join()
    snapshots = list(monitor)
    assert snapshots[-1].requests or snapshots[-2].requests, "there was something to count"
    assert all(each.ts < snapshots[-1].end + 0.001 for snapshot in snapshots for each in snapshot.exchanges)


def test_one_window_is_as_long_as_was_asked_for(port):
    command = [*NETMON, "-i", "lo", "--once", "--window", "1.5s", "--ndjson", f"tcp port {port}"]
    done = subprocess.run(command, capture_output=True, check=True)
    total = Snapshot.merge(map(Snapshot.from_json, done.stdout.splitlines()))
    assert total.end - total.start == pytest.approx(1.5, abs=0.2)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["nosuch*"], "netmon: no interface like nosuch* is up (there are: "),
        (["nosuch0"], "netmon: no interface nosuch0 (there are: "),
        (["lo", "nosuch?", "nosuch1"], "netmon: no interface nosuch1 (there are: "),
    ],
)
def test_an_unknown_interface_is_answered_with_the_known_ones(names, message):
    flags = [word for name in names for word in ("-i", name)]
    done = subprocess.run([*NETMON, *flags, "-t", "1"], capture_output=True, text=True, check=False)
    assert done.returncode == 4
    assert done.stderr.startswith(message)
    assert "lo" in done.stderr


def test_a_silent_link_gives_its_snapshots_on_time(port):
    monitor = quiet(port)
    snapshots = []
    for snapshot in monitor.snapshots():
        snapshots.append(snapshot)
        if len(snapshots) == 5:
            break
    ends = [round(snapshot.end, 3) for snapshot in snapshots]
    assert [round(later - end, 3) for end, later in pairwise(ends)] == [0.2] * 4


def test_closing_a_silent_link_is_quick_and_may_be_done_twice(port):
    monitor = Monitor("lo", filter=f"tcp port {port}", interval=10 * PATIENCE)
    monitor.open()
    began = time.monotonic()
    monitor.close()
    monitor.close()
    assert time.monotonic() - began < PATIENCE
    assert all(snapshot.hits == 0 for snapshot in monitor.snapshots())


def test_a_timeout_ends_a_capture(port):
    began = time.monotonic()
    list(Monitor("lo", filter=f"tcp port {port}", timeout=1).snapshots())
    assert 0.8 < time.monotonic() - began < PATIENCE


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_command_at_once_on_a_silent_link(port, number):
    child = subprocess.Popen(
        [*NETMON, "-i", "lo", "--ndjson", "tcp", "port", str(port)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    child.stdout.readline()  # waits until it captures
    began = time.monotonic()
    child.send_signal(number)
    _, errors = child.communicate(timeout=PATIENCE)
    assert time.monotonic() - began < PATIENCE
    assert child.returncode == 0
    assert errors.startswith(b"netmon: ")


def test_ctrl_c_ends_a_loop_over_snapshots_at_once(port):
    how = f"filter='tcp port {port}', interval={10 * PATIENCE}"
    code = f"import netmon\nfor s in netmon.Monitor('lo', {how}).snapshots(): pass"
    child = subprocess.Popen([sys.executable, "-c", f"print(flush=True)\n{code}"], stdout=subprocess.PIPE, stderr=-1)
    child.stdout.readline()
    time.sleep(0.5)
    began = time.monotonic()
    child.send_signal(signal.SIGINT)
    _, errors = child.communicate(timeout=PATIENCE)
    assert time.monotonic() - began < PATIENCE
    assert b"KeyboardInterrupt" in errors


def test_without_the_right_it_exits_with_3_and_says_what_to_type(port):
    drop = ["setpriv", "--bounding-set=-net_raw", "--inh-caps=-net_raw"]
    done = subprocess.run([*drop, *NETMON, "-i", "lo"], capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 3
    cause, grant, read = done.stderr.splitlines()
    assert "not permitted" in cause
    assert "CAP_NET_RAW" in cause
    assert "sudo" not in done.stderr, "root needs no sudo"
    assert "docker run --cap-add=NET_RAW" in grant
    assert f"{sys.executable} -m netmon -r capture.pcap" in read


def test_once_prints_one_window(port):
    command = [*NETMON, "-i", "lo", "--once", "--window", "1s", "-q", "tcp", "port", str(port)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("netmon  refresh 1 s") == 1


def test_the_demo_alerts_recovers_and_ends_by_itself():
    began = time.monotonic()
    done = subprocess.run([*NETMON, "--demo"], capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0
    assert time.monotonic() - began < 60
    for words in (
        "ALERT      high traffic: hits = ",
        "RECOVERED  high traffic: after ",
        "shop.example",
        "api.example",
        "none lost",
    ):
        assert words in done.stdout
    assert "alerts: 1 fired, 1 recovered" in done.stderr


def test_the_demo_opens_the_screen_and_q_leaves_it():
    terminal = Terminal("--demo")
    terminal.shows("shop.example")
    terminal.shows("api.example")
    terminal.type("q")
    rest, code = terminal.end()
    assert "alerts: none" in rest
    assert code == 0
