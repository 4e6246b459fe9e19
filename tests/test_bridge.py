"""A connection that crosses several captured interfaces counts once, and in the traffic of each interface.

The live tests capture on a bridge between a server and a client, each in its own namespace. Kernels without bridges run
only the tests whose bridge is a thread with two packet sockets. Live tests need root and what `namespaces` needs.
The other tests read captures of several interfaces.
"""

import random
import select
import socket
import threading
import time
from contextlib import ExitStack, contextmanager

import forge
import namespaces
import pytest
from namespaces import CLIENT, SERVER
from netmon import Monitor, Snapshot
from test_live_network import curl
from watching import Watch

WHY_NOT = namespaces.why_not()
live = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT or "available")
ASKED = 20
OUTGOING = 4
"""The type that the kernel gives to a frame which this machine sent (PACKET_OUTGOING)."""


@contextmanager
def three():
    """(server, client, middle): `s0` of the server is joined to `b0` in the middle, `c0` of the client to `b1`."""
    with ExitStack() as stack:
        made = []
        for side in "scb":
            made.append(namespaces.Namespace(f"nb{id(stack) % 10**8}{side}"))
            stack.callback(made[-1].delete)
        server, client, middle = made
        for namespace in made:  # IPv6 sends packets on its own, which would be counted
            namespace.run("sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6")
            namespace.run("sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6")
        for namespace, link, port, address in ((server, "s0", "b0", SERVER), (client, "c0", "b1", CLIENT)):
            namespace.ip("link", "add", link, "type", "veth", "peer", "name", port, "netns", middle.name)
            namespace.ip("addr", "add", f"{address}/24", "dev", link)
            # Frames that `forwarder` sends on must have their checksums already.
            namespace.run("ethtool", "-K", link, "tx", "off")
            for owner, end in ((namespace, link), (middle, port)):
                owner.offload(end, "off")
                owner.ip("link", "set", end, "up")
        yield server, client, middle


@contextmanager
def kernel_bridge(middle):
    """A bridge of the kernel. Returns the interfaces to capture on: both ports and the bridge."""
    try:
        middle.ip("link", "add", "br0", "type", "bridge")
    except AssertionError as error:
        pytest.skip(f"needs a bridge: {error}")
    for port in ("b0", "b1"):
        middle.ip("link", "set", port, "master", "br0")
    middle.ip("link", "set", "br0", "up")
    yield ["b0", "b1", "br0"]


@contextmanager
def forwarder(middle):
    """A thread that sends each frame from one port to the other. Returns the interfaces to capture on: both ports."""
    with middle.inside():
        ends = [socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) for _ in range(2)]
        for number, end in enumerate(ends):
            end.bind((f"b{number}", 3))
    over = threading.Event()

    def forward():
        while not over.is_set():
            for end in select.select(ends, [], [], 0.1)[0]:
                frame, address = end.recvfrom(65536)
                if address[2] != OUTGOING:
                    ends[end is ends[0]].send(frame)

    thread = threading.Thread(target=forward)
    thread.start()
    try:
        yield ["b0", "b1"]
    finally:
        over.set()
        thread.join()
        for end in ends:
            end.close()


@pytest.fixture(scope="module", params=[kernel_bridge, forwarder])
def crossed(request, tmp_path_factory):
    """(merge of all snapshots, names of the interfaces, number of requests that the server logged)."""
    folder = tmp_path_factory.mktemp("nginx")
    with three() as (server, client, middle), request.param(middle) as names, namespaces.nginx(server, folder) as nginx:
        # A bridge that has not learned an address yet sends its frames to all ports. The last of these may come late.
        curl(client, "before.example")
        time.sleep(0.5)
        with Watch(middle, names) as watch:
            for _ in range(ASKED):
                curl(client, "bridge.example")
            watch.until(lambda snapshots: Snapshot.merge(snapshots).responses == ASKED)
            watch.until_quiet()
            total = watch.total()
        nginx.stop()
        logged = sum(count for (host, *_), count in nginx.requests().items() if host == "bridge.example")
    return total, names, logged


@live
def test_a_connection_over_a_bridge_counts_once_and_on_each_of_its_interfaces(crossed):
    total, names, logged = crossed
    assert [(host.name, host.requests, host.responses) for host in total.hosts] == [("bridge.example", ASKED, ASKED)]
    assert (total.requests, total.responses, logged) == (ASKED, ASKED, ASKED)
    assert (total.capture.orphan_responses, total.capture.unanswered, total.capture.gaps) == (0, 0, 0)
    assert total.capture.protocols == {"http1": ASKED}
    assert [interface.name for interface in total.interfaces] == names
    assert [interface.packets for interface in total.interfaces] == [total.tcp.segments] * len(names)
    assert all(interface.http_packets >= 4 * ASKED for interface in total.interfaces)


@live
def test_a_connection_over_a_bridge_is_as_healthy_as_on_one_link(crossed):
    tcp = crossed[0].tcp
    assert (tcp.opened, tcp.closed, tcp.reset) == (ASKED, ASKED, 0)
    assert (tcp.retransmitted, tcp.duplicates, tcp.out_of_order) == (0, 0, 0)
    host = crossed[0].hosts[0].tcp
    assert (host.opened, host.closed, host.segments) == (ASKED, ASKED, tcp.segments)
    assert (host.client_handshake_rtt.count, host.server_handshake_rtt.count) == (ASKED, ASKED)


def capture(tmp_path, *interfaces):
    """Everything counted in a pcapng file: (name, frames) of each interface."""
    path = tmp_path / "several.pcapng"
    path.write_bytes(forge.pcapng_of([(frames, 1, {"name": name}) for name, frames in interfaces]))
    return Snapshot.merge(Monitor(read=path, interval=60).snapshots())


def talk(count=10):
    conversation = forge.Conversation(4000, 0)
    for number in range(count):
        conversation.ask(1 + number, "GET", "split.example", f"/{number}", 200, body=b"x" * 500)
    return conversation.close(20)


def sides(conversation):
    """(frames that the client sent, frames that the server sent)."""
    frames = forge.frames(conversation)
    asked = [frame for frame in frames if frame[1][26:30] == socket.inet_aton("10.0.0.1")]
    return asked, [frame for frame in frames if frame not in asked]


def test_requests_on_one_interface_meet_their_responses_on_another(tmp_path):
    asked, answered = sides(talk())
    total = capture(tmp_path, ("in", asked), ("out", answered))
    assert (total.requests, total.responses) == (10, 10)
    assert (total.host("split.example").responses, total.host("split.example").latency.count) == (10, 10)
    assert (total.capture.orphan_responses, total.capture.unanswered, total.capture.gaps) == (0, 0, 0)
    assert (total.tcp.opened, total.tcp.closed, total.tcp.segments) == (1, 1, len(asked) + len(answered))
    assert {interface.name: interface.packets for interface in total.interfaces} == {
        "in": len(asked),
        "out": len(answered),
    }
    assert all(interface.http_packets > 0 for interface in total.interfaces)


@pytest.mark.parametrize("late", [1e-5, 1e-3, 0.5])
@pytest.mark.parametrize("copies", [2, 3])
def test_copies_on_other_interfaces_count_in_their_traffic_only(tmp_path, late, copies):
    frames = forge.frames(talk())
    once = capture(tmp_path, ("one", frames))
    delayed = [(f"port{n}", [(at + n * late, frame) for at, frame in frames]) for n in range(copies)]
    total = capture(tmp_path, *delayed)
    assert (total.requests, total.responses) == (once.requests, once.responses) == (10, 10)
    assert (total.request_bytes, total.response_bytes) == (once.request_bytes, once.response_bytes)
    assert total.to_dict()["tcp"] == once.to_dict()["tcp"]
    assert [interface.packets for interface in total.interfaces] == [len(frames)] * copies


@pytest.mark.parametrize("seed", range(5))
def test_which_copy_comes_first_changes_no_figure(tmp_path, seed):
    """Interfaces are read in turns, so a later copy may be read first."""
    frames = [(place / 100, frame) for place, (_, frame) in enumerate(forge.frames(talk()))]
    once = capture(tmp_path, ("one", frames))
    delay = random.Random(seed).random
    total = capture(tmp_path, *((f"port{n}", [(at + delay() / 1000, frame) for at, frame in frames]) for n in range(2)))
    assert (total.requests, total.responses) == (10, 10)
    figures = ("opened", "closed", "segments", "retransmitted", "duplicates", "out_of_order", "duplicate_acks")
    assert {name: getattr(total.tcp, name) for name in figures} == {name: getattr(once.tcp, name) for name in figures}


@pytest.mark.parametrize("copy", [0, 1])
def test_one_interface_that_sees_half_of_what_another_sees_changes_no_count(tmp_path, copy):
    conversation = talk()
    half = [(at + 1e-4, frame) for at, frame in sides(conversation)[copy]]
    total = capture(tmp_path, ("whole", forge.frames(conversation)), ("half", half))
    assert (total.requests, total.responses) == (10, 10)
    assert (total.capture.orphan_responses, total.capture.unanswered) == (0, 0)
    assert {interface.name: interface.packets for interface in total.interfaces}["half"] == len(half)
