"""Any number of workers counts the same: every figure of a file, and live the figures of the server's access log."""

import gzip
import os
import threading
import time
from pathlib import Path

import forge
import namespaces
import pytest
import slices
from namespaces import SERVER
from netmon import FilterError, Monitor, Snapshot
from patience import PATIENCE
from promises import CHUNKED, GET, OK, Wire, ok
from test_bridge import kernel_bridge, three
from test_live_network import curl
from test_promises_ip import TUNNELS, in_fragments
from watching import Watch, compare

HERE = Path(__file__).parent
CORPUS = HERE.parents[1] / "shared" / "corpus"
CAPTURES = sorted(path for folder in (HERE / "captures", CORPUS) for path in folder.rglob("*.pcap*"))
WHY_NOT = namespaces.why_not()
live = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT or "available")


def counted(path, **settings):
    """The snapshots of a capture file, or what is wrong with it. One worker reads it unless told otherwise."""
    try:
        return [snapshot.to_json() for snapshot in Monitor(read=path, **{"workers": 1} | settings).snapshots()]
    except (OSError, FilterError) as error:
        return str(error)


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: "/".join(path.parts[-2:]))
@pytest.mark.parametrize(
    "settings",
    [
        {"connections": True},
        {"decode_tunnels": True, "where": "status:200"},
        {"interval": 0.01, "exchanges": True},
        {"interval": 0.05, "slowest": 3},
        {"filter": "tcp port 80", "where": "latency>1ms"},
    ],
)
def test_two_workers_and_three_count_what_one_does(path, settings):
    one = counted(path, **settings)
    assert counted(path, workers=2, **settings) == one
    assert counted(path, workers=3, **settings) == one
    assert counted(path, workers="auto", **settings) == one


@pytest.mark.parametrize(
    "settings", [{"where": "status:5xx", "exchanges": True}, {"where": "latency>30ms"}, {"slowest": 2}]
)
def test_what_a_response_decides_does_not_depend_on_how_connections_are_divided(settings, tmp_path):
    """Each host has many connections, and of most none has an exchange that is wanted."""
    path = tmp_path / "talks.pcap"
    path.write_bytes(slices.captures(1200, 1000.0)[0])
    one = counted(path, **settings)
    found = Snapshot.merge(map(Snapshot.from_json, one))
    assert found.requests > 0
    assert all(host.tcp.segments > 0 for host in found.hosts)
    assert [counted(path, workers=workers, **settings) for workers in (2, 3, "auto")] == [one] * 3


def test_files_whose_times_jump_count_the_same_in_any_order(tmp_path):
    """Each file is an hour or two from the next, and the connections of one go on in another."""
    talks = [Wire(port, now=0.001 * port).say(GET, OK, GET) for port in range(4000, 4100)]
    paths = []
    for number, (start, shift) in enumerate([(0, 0), (5, 3600), (7, -7200)]):
        path = tmp_path / f"{number}.pcap"
        for talk in talks:
            talk.say(b"", OK, GET)
        part = forge.Conversation(1, 0)
        part.packets = [(1e6 + shift + now, packet) for talk in talks for now, packet in talk.packets[start:]]
        path.write_bytes(forge.pcap(part))
        paths.append(path)
    one = counted(paths)
    starts = [Snapshot.from_json(snapshot).start - 1e6 for snapshot in one]
    assert starts == [-7196, 4, 3604], "by time, whatever the order"
    assert [counted(paths, workers=workers) for workers in (2, 3, 8, "auto")] == [one] * 4
    assert [counted(given) for given in (paths[::-1], paths[1:] + paths[:1])] == [one] * 2


@pytest.fixture(scope="module")
def many_blocks():
    """A capture of some megabytes, a third of it in fragments; packets of all sizes lie across the ends of blocks."""
    talks = [Wire(port, now=0.007 * port) for port in range(4000, 4060)]
    for at, talk in enumerate(talks):
        talk.say(
            GET, ok(bytes(900 * at)), GET, CHUNKED + b"ff\r\n" + bytes(255) + b"\r\n0\r\n\r\n", size=300 + 217 * at
        )
        if at % 3 == 0:
            in_fragments(talk, lambda number, base=1000 * at: base + number)
    return forge.pcap(*talks)


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_files_of_many_blocks_count_the_same(pack, many_blocks, tmp_path):
    path = tmp_path / "many.pcap"
    path.write_bytes(pack(many_blocks))
    one = counted(path, interval=0.05)
    assert len(many_blocks) > 5 * 2**18
    assert Snapshot.merge(map(Snapshot.from_json, one)).responses == 120
    assert [counted(path, interval=0.05, workers=workers) for workers in (2, 3, 8, "auto")] == [one] * 4


def test_when_all_is_for_one_worker_the_others_wait_for_it(tmp_path):
    """One connection fills more blocks than there are, so the worker that reads waits until blocks are free again."""
    path = tmp_path / "one.pcap"
    path.write_bytes(forge.pcap(Wire().say(*(GET, ok(bytes(60_000))) * 120, size=60_000)))
    assert path.stat().st_size > 24 * 2**18
    one = counted(path)
    assert Snapshot.merge(map(Snapshot.from_json, one)).responses == 120
    assert [counted(path, workers=workers) for workers in (2, 3, 8, "auto")] == [one] * 4


CROWD = 110_000


@pytest.fixture(scope="module")
def crowd():
    return forge.crowd(CROWD)


def test_a_hundred_thousand_connections_at_once_count_the_same(crowd, tmp_path):
    """With so many connections a worker looks packets up together, several at a time.

    One worker begins to do so in the middle of a block and of an interval. Several have fewer connections each and do
    not.
    """
    path = tmp_path / "crowd.pcap"
    path.write_bytes(forge.pcap(crowd))
    one = counted(path, interval=0.3)
    total = Snapshot.merge(map(Snapshot.from_json, one))
    assert (len(one), total.requests, total.responses) == (15, CROWD, CROWD)
    assert total.capture.unanswered == 0
    assert [counted(path, interval=0.3, workers=workers) for workers in (2, 3, "auto")] == [one] * 3


@pytest.mark.parametrize("size", [1000, 70_000])
def test_a_pipe_counts_the_same(size, many_blocks, tmp_path):
    def through_pipe(workers):
        with forge.through_pipe(tmp_path / "pipe", many_blocks, size) as path:
            return counted(path, workers=workers)

    one = through_pipe(1)
    assert Snapshot.merge(map(Snapshot.from_json, one)).responses == 120
    assert [through_pipe(workers) for workers in (2, 3, "auto")] == [one] * 3


@pytest.mark.parametrize("workers", [1, 2])
def test_packets_of_a_slow_pipe_are_counted_as_they_come(workers, tmp_path):
    """A packet that is a second later than the one before closes an interval at once, without waiting for more."""
    data = forge.pcap(Wire(now=10).say(GET, OK), Wire(4001, now=12).say(GET))
    path = tmp_path / "pipe"
    os.mkfifo(path)
    held = os.open(path, os.O_RDWR)
    os.write(held, data)
    with Monitor(read=path, workers=workers) as monitor:
        began = time.monotonic()
        assert next(iter(monitor.snapshots())).responses == 1
    assert time.monotonic() - began < PATIENCE
    os.close(held)


def test_a_reader_that_stops_early_stops_all_workers(tmp_path):
    path = tmp_path / "many.pcap"
    path.write_bytes(forge.pcap(*[Wire(port, now=port).say(GET, OK) for port in range(4000, 4500)]))
    monitor = Monitor(read=path, workers=3, interval=0.5)
    next(iter(monitor.snapshots()))
    began = time.monotonic()
    monitor.close()
    assert time.monotonic() - began < PATIENCE


def test_a_file_that_is_damaged_says_so_with_any_number_of_workers(tmp_path):
    path = tmp_path / "cut.pcap"
    path.write_bytes(forge.pcap(Wire().say(GET, OK, GET))[:-5])
    monitor = Monitor(read=path, workers=2)
    total = Snapshot.merge(monitor.snapshots())
    assert (total.requests, total.responses) == (1, 1)
    assert [level for level, _ in monitor.log()] == ["warning"]


@pytest.mark.parametrize("workers", [0, 65])
def test_a_number_of_workers_out_of_range_is_refused(workers):
    with pytest.raises(ValueError, match="workers must be 1 to 64"):
        Monitor(workers=workers)


@pytest.fixture(scope="module")
def network():
    """(server, client), nothing but the tests' frames between them."""
    with namespaces.pair() as both:
        yield both


def processor_times():
    """Name of a thread of a capture -> ticks of processor time that it has used."""
    times = {}
    for task in Path("/proc/self/task").iterdir():
        name = (task / "comm").read_text().strip()
        if name.startswith(("netmon-capture", "netmon-worker")):  # not the thread that frees snapshots
            fields = (task / "stat").read_text().rsplit(")", 1)[1].split()
            times[name] = int(fields[11]) + int(fields[12])
    return times


@live
def test_every_worker_has_something_to_do(network, tmp_path):
    server, client = network
    with namespaces.nginx(server, tmp_path) as nginx, Watch(server, ["s0", "lo"], workers=2) as watch:
        nginx.wrk(client, seconds=3)
        times = processor_times()
        curl(client, "last.example")
        watch.until_host("last.example")
        total = watch.total()
        nginx.stop()
        compare(total, nginx.requests())
    assert {*times} == {"netmon-capture", "netmon-worker-1"}
    assert all(time > sum(times.values()) / 5 for time in times.values()), times


@live
def test_a_hundred_thousand_connections_on_the_wire_count_as_in_a_file(crowd, network, tmp_path):
    """With so many connections packets are put off and looked up together. None is left when the link falls silent."""
    path = tmp_path / "crowd.pcap"
    path.write_bytes(forge.pcap(crowd))
    server, client = network
    with Watch(server, "s0") as watch:
        client.play("c0", (frame for _, frame in forge.frames(crowd)))
        watch.until(lambda snapshots: Snapshot.merge(snapshots).responses == CROWD)
        total = watch.total()
    in_file = Snapshot.merge(Monitor(read=path).snapshots())
    on_wire, read = ([(s.path, s.requests, s.responses) for s in each.host("a").sections] for each in (total, in_file))
    assert on_wire == read
    assert len(read) == 7
    assert total.capture.kernel_dropped == 0
    assert (total.capture.unanswered, total.capture.orphan_responses, total.capture.gaps) == (0, 0, 0)


@live
@pytest.mark.parametrize("workers", [2, 3])
def test_a_connection_on_all_interfaces_of_a_bridge_has_one_worker(workers, tmp_path):
    asked = 40
    with (
        three() as (server, client, middle),
        kernel_bridge(middle) as names,
        namespaces.nginx(server, tmp_path),
    ):
        curl(client, "before.example")
        time.sleep(0.5)
        with Watch(middle, names, workers=workers) as watch:
            for _ in range(asked):
                curl(client, "bridge.example")
            watch.until(lambda snapshots: Snapshot.merge(snapshots).responses == asked)
            watch.until_quiet()
            total = watch.total()
    assert [(host.name, host.requests, host.responses) for host in total.hosts] == [("bridge.example", asked, asked)]
    assert (total.capture.orphan_responses, total.capture.unanswered, total.capture.gaps) == (0, 0, 0)
    assert (total.capture.protocols, total.tcp.opened) == ({"http1": asked}, asked)
    assert [interface.packets for interface in total.interfaces] == [total.tcp.segments] * len(names)
    assert [(interface.name, interface.state) for interface in total.interfaces] == [(name, "up") for name in names]


MANY = range(4000, 4040)


def wires(form):
    server = TUNNELS[form][0] if form in TUNNELS else "fd00::2" if form.endswith("6") else "10.0.0.2"
    return [Wire(port, server=server, now=0.1 * port).say(GET, OK).close() for port in MANY]


@live
@pytest.mark.parametrize("form", ["plain", "plain 6", "fragments", "fragments 6", "vlan", "qinq", *TUNNELS])
def test_a_connection_has_one_worker_however_it_is_wrapped(network, form):
    """If the kernel cannot tell the connection of a packet, the worker that gets the packet sends it on."""
    server, client = network
    talks = wires(form)
    if form.startswith("fragments"):
        talks = [in_fragments(talk, lambda number, base=100 * at: base + number) for at, talk in enumerate(talks)]
    if form in TUNNELS:
        talks = [talk.wrapped(TUNNELS[form][1]) for talk in talks]
    frames = forge.frames(*talks, link=form if form in forge.LINKS else "ethernet")
    quiet = "not ether multicast"  # without the neighbour discovery of IPv6
    with Watch(server, "s0", workers=3, decode_tunnels=form in TUNNELS, filter=quiet) as watch:
        client.play("c0", [frame for _, frame in frames])
        watch.until(lambda snapshots: Snapshot.merge(snapshots).capture.received >= len(frames))
        total = watch.total()
    assert (total.requests, total.responses) == (len(MANY), len(MANY))
    assert (total.tcp.opened, total.tcp.closed) == (len(MANY), len(MANY))
    assert (total.capture.orphan_responses, total.capture.unanswered, total.capture.undecodable) == (0, 0, 0)
    assert total.interfaces[0].packets == len(frames)


@live
def test_packets_that_pass_while_interfaces_are_opened_count_once(network):
    """A capture begins amid traffic: it may miss what came before, and no packet counts for two workers."""
    server, client = network
    over = threading.Event()
    wire = Wire(handshake=False).send(0, b"x", at=0)
    frame = forge.frames(wire)[0][1]

    def play():
        number = 0
        while not over.is_set():
            number += 50
            client.play("c0", [frame[:38] + (number + i).to_bytes(4, "big") + frame[42:] for i in range(50)])

    thread = threading.Thread(target=play)
    thread.start()
    try:
        for _ in range(5):
            with Watch(server, "s0", workers=3) as watch:
                watch.until(lambda snapshots: Snapshot.merge(snapshots).capture.received > 1000)
                total = watch.total()
            assert total.tcp.duplicates == 0
            assert total.capture.received == total.tcp.segments
    finally:
        over.set()
        thread.join()


@live
def test_a_silent_link_gives_one_snapshot_per_interval_and_closes_at_once(network):
    with Watch(network[0], "s0", interval=0.5, workers=4) as watch:
        watch.until(lambda snapshots: len(snapshots) == 5)
        began = time.monotonic()
        watch.monitor.close()
        assert time.monotonic() - began < PATIENCE
        starts = [snapshot.start for snapshot in watch.snapshots[:5]]
        late = [at - snapshot.end for snapshot, at in zip(watch.snapshots[:5], watch.arrivals[:5], strict=True)]
    assert [start - starts[1] for start in starts[1:]] == [0, 0.5, 1, 1.5]
    assert 0 < starts[1] - starts[0] <= 0.5, "the first interval begins with the capture"
    assert min(late) >= 0
    assert min(late) < 0.5, "no snapshot waits for the next one"


@live
def test_an_interface_that_comes_and_goes_does_so_for_every_worker(network, tmp_path):
    server, client = network
    try:
        with namespaces.nginx(server, tmp_path), Watch(server, workers=3) as watch:
            server.ip("link", "add", "s1", "type", "veth", "peer", "name", "c1", "netns", client.name)
            server.ip("addr", "add", "10.78.0.1/24", "dev", "s1")
            client.ip("addr", "add", "10.78.0.2/24", "dev", "c1")
            server.ip("link", "set", "s1", "up")
            client.ip("link", "set", "c1", "up")
            watch.until(lambda snapshots: "s1" in watch.monitor.interfaces)
            for _ in range(12):
                curl(client, "later.example", address="10.78.0.1")
            watch.until(lambda snapshots: Snapshot.merge(snapshots).responses == 12)
            server.ip("link", "del", "s1")
            watch.until(lambda snapshots: any(i.state == "down" for i in snapshots[-1].interfaces))
            for _ in range(12):
                curl(client, "still.example", address=SERVER)
            watch.until(lambda snapshots: Snapshot.merge(snapshots).responses == 24)
            watch.until(lambda snapshots: [i.name for i in snapshots[-1].interfaces] == ["lo", "s0"])
            states = {(i.name, i.state) for snapshot in watch.snapshots for i in snapshot.interfaces}
            told = [message for _, message in watch.monitor.log()]
    finally:
        server.run("sh", "-c", "ip link del s1 2>/dev/null || true")
    assert states == {("lo", "up"), ("s0", "up"), ("s1", "new"), ("s1", "up"), ("s1", "down")}
    assert len([message for message in told if "s1" in message]) == 2
