"""Interfaces that come, go, are many or have odd names, on a private network.

Needs the right to make network namespaces (root) and the tools of `namespaces`. Where these are missing, the tests are
skipped and say what is missing.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
from itertools import pairwise

import forge
import namespaces
import pytest
from netmon import Monitor, Snapshot
from netmon._core import BUFFER_BUDGET
from netmon.events import Events
from patience import PATIENCE
from test_live_network import state
from watching import Watch

NETMON = [sys.executable, "-m", "netmon", "--no-config"]
WHY_NOT = namespaces.why_not()

pytestmark = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT or "available")


def batch(namespace, *lines):
    """Several commands of ip at once."""
    namespace.run("ip", "-batch", "-", input="\n".join(lines) + "\n")


@pytest.fixture
def links(network):
    """Makes veth pairs from server to client, all up; removes them after the test."""
    server, client = network
    made = []

    def make(*names):
        made.extend(names)
        there = [f"link add {name} type veth peer name {name}p netns {client.name}" for name in names]
        batch(server, *there, *(f"link set {name} up" for name in names))
        batch(client, *(f"link set {name}p up" for name in names))

    yield make
    for name in made:
        server.run("sh", "-c", f"ip link del {name} 2>/dev/null || true")


def buffers(pid):
    """Bytes of each kernel buffer that a process has mapped."""
    with open(f"/proc/{pid}/maps") as maps:
        ranges = [line.split()[0].split("-") for line in maps if "socket:[" in line]
    return [int(end, 16) - int(start, 16) for start, end in ranges]


def requests(count, port=4000):
    """The frames of `count` connections with a request and a response each."""
    talks = [forge.Conversation(port + n, 0).ask(0, "GET", "x.example", "/a", 200).close(0) for n in range(count)]
    return [frame for talk in talks for _, frame in forge.frames(talk)]


@pytest.fixture
def odd_name(network):
    """An interface whose name is not UTF-8."""
    name = b"odd\xff\x1b"
    prefix = ["ip", "-n", network[0].name, "link"]
    subprocess.run([*prefix, "add", name, "type", "veth", "peer", "name", "even"], check=True, capture_output=True)
    subprocess.run([*prefix, "set", name, "up"], check=True, capture_output=True)
    yield name
    subprocess.run([*prefix, "del", name], check=True, capture_output=True)


@pytest.mark.parametrize("interfaces", [None, "s0"])
def test_an_interface_whose_name_is_no_utf8_keeps_no_other_from_being_captured(network, odd_name, interfaces):
    assert odd_name
    with Watch(network[0], interfaces) as watch:
        network[1].play("c0", requests(3))
        watch.until_host("x.example")
        log = watch.monitor.log()
        assert "s0" in watch.monitor.interfaces
    told = ["not capturing on odd\\xff\\x1b: its name is not UTF-8"]
    assert [message for level, message in log if level == "warning"] == ([] if interfaces else told)


def test_an_interface_whose_name_is_no_utf8_is_listed_by_its_bytes(network, odd_name):
    assert odd_name
    listed = network[0].run(*NETMON, "-D")
    assert any(line.startswith("odd\\xff\\x1b ") for line in listed.splitlines())


@pytest.mark.parametrize("workers", [1, 2])
def test_the_last_packets_of_an_interface_that_goes_are_counted(network, links, workers):
    server, client = network
    for how in (("del", "s1"), ("set", "s1", "down")):
        links("s1")
        with Watch(server, workers=workers, interval=1) as watch:
            watch.until(lambda snapshots: state(snapshots, "s1") == ["up"])
            client.play("s1p", requests(200))
            server.ip("link", *how)
            watch.until(lambda snapshots: any(state([one], "s1") == ["down"] for one in snapshots))
            total = watch.total()
        assert (total.requests, total.responses) == (200, 200), how
        server.run("sh", "-c", "ip link del s1 2>/dev/null || true")


def test_an_interface_that_comes_up_later_tells_since_when_it_is_watched(network, links):
    server, client = network
    with Watch(server) as watch:
        watch.until(lambda snapshots: state(snapshots, "s0") == ["up"])
        assert all(interface.since is None for interface in watch.snapshots[-1].interfaces)
        before = time.time()
        links("s2")
        watch.until(lambda snapshots: state(snapshots, "s2") != [])
        since = dict(watch.snapshots[-1].late)["s2"]
        assert before < since < time.time()
        client.play("s2p", requests(1))
        watch.until_host("x.example")
        total = watch.total()
    assert dict(Snapshot.from_json(total.to_json()).late) == {"s2": pytest.approx(since, abs=1e-6)}


def test_none_lost_is_said_only_of_the_time_an_interface_was_watched(network, links):
    child = network[0].start(*NETMON, "--interval", "0.2", "--ndjson", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    child.stdout.readline()
    links("s3")
    for line in child.stdout:
        if any(interface["name"] == "s3" for interface in json.loads(line)["interfaces"]):
            break
    child.send_signal(signal.SIGINT)
    _, said = child.communicate(timeout=PATIENCE)
    assert re.search(r"none lost while watched \(s3 since \d\d:\d\d:\d\d\)$", said.decode(), re.M)


def test_many_interfaces_share_a_budget_of_buffers_and_are_captured_from_and_left(network, links):
    server, client = network
    names = [f"m{number}" for number in range(60)]
    links(*names)
    command = [*NETMON, "--interval", "0.1", "--ndjson"]
    child = server.start(*command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    first = json.loads(child.stdout.readline())
    assert first["start"]
    for line in child.stdout:
        if len(json.loads(line)["interfaces"]) == 62:
            break
    sizes = buffers(child.pid)
    assert len(sizes) == 62
    assert sum(sizes) <= BUFFER_BUDGET
    assert min(sizes) >= 512 << 10
    client.play("m7p", requests(5))
    child.send_signal(signal.SIGTERM)
    # `communicate` would miss what `stdout` has read ahead into its buffer.
    rest = child.stdout.read().splitlines()
    child.communicate(timeout=PATIENCE)
    assert Snapshot.merge(map(Snapshot.from_json, rest)).requests == 5


def test_a_buffer_size_that_is_asked_for_is_that_of_each_interface(network, links):
    links("b1", "b2")
    child = network[0].start(*NETMON, "-B", "4MiB", "--ndjson", stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    child.stdout.readline()
    assert buffers(child.pid) == [4 << 20] * 4
    child.send_signal(signal.SIGTERM)
    child.communicate(timeout=PATIENCE)


def test_a_busy_interface_is_given_a_larger_buffer_and_each_packet_counts_once(network, links):
    server, client = network
    links(*(f"t{number}" for number in range(40)))
    with Watch(server, interval=0.5, filter="tcp") as watch:
        watch.until(lambda snapshots: snapshots)
        large = lambda: sum(size > 30 << 20 for size in buffers(os.getpid()))  # noqa: E731
        before = large()
        frames, sent = requests(1000), 0
        deadline = time.monotonic() + PATIENCE
        while large() == before:
            assert time.monotonic() < deadline, "the buffer stays as it is"
            client.play("t5p", frames)
            sent += len(frames)
        client.play("t5p", frames)
        sent += len(frames)
        time.sleep(0.3)
        assert sum(buffers(os.getpid())) <= BUFFER_BUDGET
        total = watch.total()
    packets = {interface.name: interface.packets for interface in total.interfaces}
    assert (packets["t5"], total.capture.kernel_dropped) == (sent, 0)


def test_snapshots_go_on_coming_while_interfaces_come_and_go(network, links):
    server, _ = network
    with Watch(server, "s*", interval=0.2) as watch:
        watch.until(lambda snapshots: len(snapshots) > 2)
        for number in range(10):
            links(f"sx{number}")
            made = time.time()
            watch.until(lambda snapshots, made=made: snapshots[-1].end > made)
        watch.until(lambda snapshots: state(snapshots, "sx9") == ["up"])
        snapshots = list(watch.snapshots)
    assert all(later.start == one.end for one, later in pairwise(snapshots)), "no interval is left out or told twice"


def test_a_capture_can_be_interrupted_while_it_opens(tmp_path):
    """Pipes that nobody writes to are each waited for, one after the other."""
    pipes = [tmp_path / f"{number}.pcap" for number in range(20)]
    for path in pipes:
        os.mkfifo(path)
    code = f"import netmon\nprint(1, flush=True)\nnetmon.Monitor(read={[str(path) for path in pipes]}).open()"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        child.stdout.readline()
        time.sleep(0.5)
        child.send_signal(signal.SIGINT)
        assert b"KeyboardInterrupt" in child.communicate(timeout=PATIENCE)[1]
    assert list(Monitor(read=pipes, timeout=0.3).snapshots()) == []


def test_the_log_tells_when_an_interface_is_opened_lost_and_regained(network, links):
    server, _ = network
    events = Events()
    links("s3")
    with Watch(server) as watch:
        watch.until(lambda snapshots: state(snapshots, "s3") == ["up"])
        server.ip("link", "set", "s3", "down")
        watch.until(lambda snapshots: any(state([one], "s3") == ["down"] for one in snapshots))
        gone = len(watch.snapshots)
        server.ip("link", "set", "s3", "up")
        watch.until(lambda snapshots: any(state([one], "s3") in (["new"], ["up"]) for one in snapshots[gone:]))
        told = [(event.name, event.fields.get("interface")) for one in watch.snapshots for event in events.update(one)]
    assert [name for name, interface in told if interface == "s3"] == [
        "interface.opened",
        "interface.lost",
        "interface.regained",
    ]
