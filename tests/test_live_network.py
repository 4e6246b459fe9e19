"""Live capture on a private network, compared with nginx's access log; and how a capture begins and ends.

Needs the right to make network namespaces (root), and real servers and clients. Where these are missing, the tests are
skipped and say what is missing.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from itertools import pairwise

import forge
import namespaces
import pytest
from namespaces import SERVER, SERVER6
from netmon import FilterError, Monitor, Snapshot, SourceError
from patience import PATIENCE
from watching import Watch, compare

NETMON = [sys.executable, "-m", "netmon", "--no-config"]
WHY_NOT = namespaces.why_not()

pytestmark = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT or "available")


@pytest.fixture(scope="module")
def served(network, tmp_path_factory):
    """`network` with nginx running on the server."""
    with namespaces.nginx(network[0], tmp_path_factory.mktemp("nginx")):
        yield network


def curl(client, host, path="/api/x", *options, address=SERVER):
    address = f"[{address}]" if ":" in address else address
    client.run("curl", "-sS", "-o", os.devnull, "-H", f"Host: {host}", *options, f"http://{address}{path}")


def every_kind_of_message(client, folder):
    """Sends what wrk does not: HEAD, chunked both ways, uploads with and without 100-continue, many on a connection."""
    upload = folder / "upload"
    upload.write_bytes(os.urandom(2_000_000))
    for host in ("up.example.test", "UP.example.test"):
        curl(client, host, "/up/continue", "-T", upload, "-H", "Expect: 100-continue")
        curl(client, host, "/up/length", "-T", upload, "-H", "Expect:")
        curl(client, host, "/up/chunked", "-T", upload, "-H", "Transfer-Encoding: chunked", "-H", "Expect:")
    for _ in range(3):
        curl(client, "txt.example.test", "/txt/long", "--compressed")
        curl(client, "txt.example.test", "/txt/long")
        curl(client, "txt.example.test", "/txt/long", "-I")
        curl(client, "txt.example.test", "/txt/none", "--http1.0")
    many = [f"http://{SERVER}/api/{i}" for i in range(50)]
    client.run("curl", "-sS", "-H", "Host: keep.example.test", *many)
    curl(client, "last.example.test")


@pytest.fixture(params=["off", "on"])
def offload(network, request):
    server, client = network
    server.offload("s0", request.param)
    client.offload("c0", request.param)
    yield request.param
    server.offload("s0", "off")
    client.offload("c0", "off")


@pytest.mark.parametrize("workers", [1, 2])
def test_live_counts_are_the_access_logs_and_a_recording_gives_the_same(network, offload, workers, tmp_path):
    server, client = network
    recording = tmp_path / "traffic.pcap"
    with namespaces.nginx(server, tmp_path) as nginx, Watch(server, "s0", interval=0.5, workers=workers) as watch:
        tcpdump = namespaces.Tcpdump(server, "s0", recording)
        nginx.wrk(client, seconds=3 if offload == "off" else 2)
        every_kind_of_message(client, tmp_path)
        dropped = tcpdump.stop(b"last.example.test")
        watch.until_host("last.example.test")
        live = watch.total()
        nginx.stop()
        truth = nginx.requests()
    print(f"{live.requests} requests, {live.capture.received} packets")
    assert live.requests > 1000
    compare(live, truth)
    assert dropped == 0
    read = Snapshot.merge(Monitor(read=recording, workers=workers).snapshots())
    compare(read, truth)
    assert (read.request_bytes, read.response_bytes) == (live.request_bytes, live.response_bytes)
    assert read.statuses == live.statuses


def test_a_silent_link_gives_its_snapshots_on_time_and_closes_at_once(network):
    with Watch(network[0], "s0", interval=0.5) as watch:
        watch.until(lambda snapshots: len(snapshots) == 6)
        began = time.monotonic()
        watch.monitor.close()
        assert time.monotonic() - began < PATIENCE
        snapshots, arrivals = watch.snapshots[:6], watch.arrivals[:6]
    assert all(snapshot.hits == 0 for snapshot in snapshots)
    assert all(snapshot.end % 0.5 == 0 for snapshot in snapshots), "aligned"
    assert all(later.start == one.end for one, later in pairwise(snapshots)), "contiguous"
    late = [arrival - snapshot.end for snapshot, arrival in zip(snapshots, arrivals, strict=True)]
    assert min(late) >= 0
    assert min(late) < 0.5, "no snapshot waits for the next one"


def test_close_from_another_thread_ends_the_reader_that_waits(network):
    with network[0].inside():
        monitor = Monitor("s0", interval=10 * PATIENCE)
        monitor.open()
    closer = threading.Timer(0.2, monitor.close)
    began = time.monotonic()
    closer.start()
    snapshots = list(monitor.snapshots())
    assert time.monotonic() - began < PATIENCE
    assert all(snapshot.hits == 0 for snapshot in snapshots)


def test_close_is_quick_while_a_reader_holds_on_to_a_snapshot_under_load(served):
    server, client = served
    with Watch(server, "s0") as watch:
        load = threading.Thread(target=lambda: [curl(client, "load.example") for _ in range(20)])
        load.start()
        watch.until_host("load.example")
        began = time.monotonic()
        watch.monitor.close()
        took = time.monotonic() - began
        load.join()
    assert took < PATIENCE


def test_a_timeout_ends_a_capture(network):
    began = time.monotonic()
    with network[0].inside():
        snapshots = list(Monitor("s0", interval=0.2, timeout=1).snapshots())
    assert 1 <= time.monotonic() - began < PATIENCE
    assert len(snapshots) >= 4


LOOP = """
import netmon
for s in netmon.Monitor(interval=0.2).snapshots():
    print(s.hits, [host.name for host in s.top(3)], flush=True)
"""


def test_ctrl_c_ends_the_loop_of_the_readme_at_once(network):
    child = network[0].start(sys.executable, "-c", LOOP, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    child.stdout.readline()
    began = time.monotonic()
    child.send_signal(signal.SIGINT)
    _, errors = child.communicate(timeout=PATIENCE)
    assert time.monotonic() - began < PATIENCE
    assert errors.rstrip().endswith(b"KeyboardInterrupt")
    assert child.returncode == -signal.SIGINT


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_command_with_all_it_counted(served, number):
    server, client = served
    command = [*NETMON, "-i", "s0", "--interval", "0.2", "--ndjson"]
    child = server.start(*command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    lines = [child.stdout.readline()]
    curl(client, "signal.example")
    lines.append(child.stdout.readline())
    began = time.monotonic()
    child.send_signal(number)
    out, errors = child.communicate(timeout=PATIENCE)
    assert time.monotonic() - began < PATIENCE
    total = Snapshot.merge(Snapshot.from_json(line) for line in lines + out.splitlines())
    assert total.host("signal.example").hits == 2
    assert child.returncode == 0
    assert b"Traceback" not in errors


def state(snapshots, name):
    return [interface.state for interface in snapshots[-1].interfaces if interface.name == name] if snapshots else []


@pytest.fixture
def second_link(served):
    """Makes one more veth from server to client, `s1` to `c1`; removes it after the test."""
    server, client = served

    def make():
        server.ip("link", "add", "s1", "type", "veth", "peer", "name", "c1", "netns", client.name)
        server.ip("addr", "add", "10.78.0.1/24", "dev", "s1")
        client.ip("addr", "add", "10.78.0.2/24", "dev", "c1")
        server.ip("link", "set", "s1", "up")
        client.ip("link", "set", "c1", "up")

    yield make
    server.run("sh", "-c", "ip link del s1 2>/dev/null || true")


def test_an_interface_that_comes_up_later_is_captured_and_one_that_goes_is_down(served, second_link):
    server, client = served
    with Watch(server) as watch:
        watch.until(lambda snapshots: state(snapshots, "s0") == ["up"])
        second_link()
        watch.until(lambda snapshots: state(snapshots, "s1") == ["new"])
        assert sorted(watch.monitor.interfaces) == ["lo", "s0", "s1"]
        curl(client, "later.example", address="10.78.0.1")
        watch.until_host("later.example")
        server.ip("link", "del", "s1")
        watch.until(lambda snapshots: state(snapshots, "s1") == ["down"])
        curl(client, "still.example")
        watch.until_host("still.example")
        assert sorted(watch.monitor.interfaces) == ["lo", "s0"]


def test_an_interface_that_is_down_at_the_start_is_named_with_what_to_do(served, second_link):
    server, _ = served
    second_link()
    server.ip("link", "set", "s1", "down")
    with server.inside():
        done = subprocess.run([*NETMON, "-i", "s0", "-i", "s1", "-t", "1"], capture_output=True, text=True, check=False)
    message = "netmon: interface s1 is down: bring it up with 'ip link set s1 up'\n"
    assert (done.returncode, done.stderr) == (4, message)
    with server.inside(), pytest.raises(SourceError, match=r"like s1\* is up \(there are: .*s1 \(down\)"):
        Monitor("s1*").open()


def test_an_interface_named_but_set_down_and_up_again_is_captured_again(served, second_link):
    server, client = served
    second_link()
    with Watch(server, "s1") as watch:
        curl(client, "first.example", address="10.78.0.1")
        watch.until_host("first.example")
        server.ip("link", "set", "s1", "down")
        watch.until(lambda snapshots: state(snapshots, "s1") == ["down"])
        server.ip("link", "set", "s1", "up")
        watch.until(lambda snapshots: state(snapshots, "s1") in (["up"], ["new"]))
        curl(client, "again.example", address="10.78.0.1")
        watch.until_host("again.example")


@pytest.mark.parametrize(
    ("interfaces", "exclude", "captured"),
    [
        (None, (), ["lo", "s0"]),
        (None, ("l*",), ["s0"]),
        (["s*"], (), ["s0"]),
        (["*"], ("s?",), ["lo"]),
        ("any", (), ["any"]),
    ],
)
def test_interfaces_are_chosen_by_name_and_glob(network, interfaces, exclude, captured):
    with Watch(network[0], interfaces, exclude_interfaces=exclude) as watch:
        assert sorted(watch.monitor.interfaces) == captured


def test_a_filter_keeps_other_packets_out(served):
    server, client = served
    with Watch(server, "s0", filter="tcp port 8080") as watch:
        curl(client, "eighty.example")
        client.run("curl", "-sS", "-o", os.devnull, "-H", "Host: other.example", f"http://{SERVER}:8080/")
        watch.until_host("other.example")
        total = watch.total()
    assert [host.name for host in total.hosts] == ["other.example"]


def test_ipv6_is_seen(served):
    server, client = served
    with Watch(server, "s0") as watch:
        curl(client, "six.example", address=SERVER6)
        watch.until_host("six.example")
        host = watch.total().host("six.example")
    assert (host.requests, host.responses, host.addresses) == (1, 1, [SERVER6])


def test_connections_are_listed_with_what_is_known_of_them(served):
    server, client = served

    def is_over(snapshots):
        states = {one.state for snapshot in snapshots for one in snapshot.connections if one.host == "list.example"}
        return "closed" in states

    with Watch(server, "s0", connections=True, workers=2) as watch:
        curl(client, "list.example")
        watch.until(is_over)
        (one,) = [one for one in watch.total().connections if one.host == "list.example"]
    assert (one.state, one.protocol, one.interface, one.requests) == ("closed", "http1", "s0", 1)
    assert one.server == f"{SERVER}:80"
    assert one.opened == one.first_seen <= one.last_seen
    assert one.age == pytest.approx(one.last_seen - one.first_seen, abs=1e-5)
    assert one.bytes_to_server > 50
    assert one.bytes_to_client > 50
    assert one.rtt < PATIENCE


def test_a_request_without_a_host_header_is_named_by_its_server(served):
    server, client = served
    with Watch(server, "s0") as watch:
        client.run("curl", "-sS", "-0", "-o", os.devnull, "-H", "Host:", f"http://[{SERVER6}]/")
        watch.until_host(f"[{SERVER6}]:80")


@pytest.mark.parametrize("interface", ["any", ["s0", "lo"]])
def test_any_and_several_interfaces_count_once(served, interface):
    server, client = served
    with Watch(server, interface) as watch:
        for _ in range(3):
            curl(client, "any.example")
        server.run("curl", "-sS", "-o", os.devnull, "-H", "Host: local.example", "http://127.0.0.1/")
        watch.until_host("local.example")
        total = watch.total()
    counts = {host.name: (host.requests, host.responses) for host in total.hosts}
    assert counts == {"any.example": (3, 3), "local.example": (1, 1)}


@pytest.mark.parametrize("link", ["ethernet", "vlan", "qinq"])
@pytest.mark.parametrize("server", ["10.0.0.2", "fd00::2"])
def test_tagged_frames_are_seen(network, link, server):
    """The kernel takes the tag out of a frame, and libpcap puts it back before netmon gets the frame."""
    talk = forge.Conversation(4000, 0, server=server).ask(0, "GET", "tagged.example", "/a", 200).close(0)
    with Watch(network[0], "s0") as watch:
        network[1].play("c0", [frame for _, frame in forge.frames(talk, link=link)])
        watch.until_host("tagged.example")
        total = watch.total()
    assert (total.requests, total.responses) == (1, 1)
    assert total.tcp.segments == len(talk.packets)


def test_an_unknown_interface_is_an_error_that_names_those_there_are(network):
    with network[0].inside(), pytest.raises(SourceError, match=r"nosuch0.*s0"):
        Monitor("nosuch0").open()


def test_a_filter_that_does_not_compile_is_an_error(network):
    with network[0].inside(), pytest.raises(FilterError, match="syntax error"):
        Monitor("s0", filter="tcp prot 80").open()


ASK = """
import netmon
try:
    netmon.Monitor("s0").open()
except PermissionError as error:
    print(error)
"""


def test_without_the_right_to_capture_it_says_what_is_missing(network):
    plain = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all", "--inh-caps=-all"]
    if subprocess.run([*plain, sys.executable, "-c", "import netmon"], capture_output=True, check=False).returncode:
        # The user nobody may not read this Python.
        plain = ["setpriv", "--bounding-set=-net_raw", "--inh-caps=-net_raw"]
    said = network[0].run(*plain, sys.executable, "-c", ASK)
    assert "not permitted to capture on s0" in said
    assert "CAP_NET_RAW" in said
