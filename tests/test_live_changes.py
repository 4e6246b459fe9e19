"""Interfaces that come, go, go down and up and get other names while netmon captures, on a private network.

Needs the right to make network namespaces (root) and the tools of `namespaces`. Where these are missing, the tests are
skipped and say what is missing.
"""

import itertools
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import forge
import namespaces
import pytest
from netmon import Monitor, SourceError
from netmon.events import Events
from patience import PATIENCE, eventually
from watching import Watch

NETMON = [sys.executable, "-m", "netmon", "--no-config"]
WHY_NOT = namespaces.why_not()
PORTS = itertools.count(4000)
"""Of the clients: what is sent twice with the same ports counts once."""

JOINS = 2.0
"""Seconds after which packets of an interface that came up are counted: the promise."""

pytestmark = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT or "available")


def batch(namespace, *lines):
    """Several commands of ip at once."""
    namespace.run("ip", "-batch", "-", input="\n".join(lines) + "\n")


@pytest.fixture
def link(network):
    """Makes veth pairs, `NAME` of the server and `NAMEp` of the client, both up; removes them after the test."""
    server, client = network

    def make(*names):
        made = [f"link add {name} type veth peer name {name}p netns {client.name}" for name in names]
        batch(server, *made, *(f"link set {name} up" for name in names))
        batch(client, *(f"link set {name}p up" for name in names))

    yield make
    left = json.loads(client.run("ip", "-json", "link"))
    for each in left:
        if each["ifname"] not in {"lo", "c0"}:
            client.ip("link", "del", each["ifname"])


def ask(client, device, host, count=1):
    """Sends `count` requests for a host, each on a connection of its own, and their responses."""
    for _ in range(count):
        talk = forge.Conversation(next(PORTS), 0).ask(0, "GET", host, "/a", 200).close(0)
        client.play(device, [frame for _, frame in forge.frames(talk)])


def row(snapshot, name):
    return next((interface for interface in snapshot.interfaces if interface.name == name), None)


def is_up(name):
    return lambda snapshots: snapshots and (found := row(snapshots[-1], name)) and found.state != "down"


def is_down(name):
    return lambda snapshots: any((found := row(one, name)) and found.state == "down" for one in snapshots)


def has_problem(name, problem):
    return lambda snapshots: snapshots and dict(snapshots[-1].problems).get(name) == problem


def warnings(watch):
    return [message for level, message in watch.monitor.log() if level == "warning"]


def test_what_is_sent_two_seconds_after_interfaces_came_up_is_counted(network, link):
    server, client = network
    names = [f"j{number}" for number in range(5)]
    with Watch(server) as watch:
        link(*names)
        time.sleep(JOINS)  # this is the promise
        for name in names:
            ask(client, f"{name}p", f"{name}.example", count=3)
        for name in names:
            watch.until_host(f"{name}.example")
        total = watch.total()
    assert {host.name: host.requests for host in total.hosts} == {f"{name}.example": 3 for name in names}


def test_an_interface_that_is_removed_leaves_without_noise(network, link):
    server, _ = network
    events = Events()
    link("v1", "v2")
    with Watch(server) as watch:
        watch.until(is_up("v1"))
        server.ip("link", "del", "v1")
        watch.until(is_down("v1"))
        gone = len(watch.snapshots)
        watch.until(lambda snapshots: len(snapshots) > gone + 1)
        told = [event for one in watch.snapshots for event in events.update(one)]
        assert [row(one, "v1") for one in watch.snapshots[gone + 1 :]] == [None]
        assert [one.removed for each in watch.snapshots if (one := row(each, "v1")) and one.state == "down"] == [True]
        assert warnings(watch) == []
    lost = [event for event in told if event.name == "interface.lost"]
    assert [(event.level, event.fields["interface"]) for event in lost] == [("info", "v1")]


def test_an_interface_asked_for_by_name_is_a_problem_until_it_is_back(network, link):
    server, client = network
    link("n1")
    with Watch(server, ["n1", "s0"]) as watch:
        watch.until(is_up("n1"))
        server.ip("link", "del", "n1")
        watch.until(has_problem("n1", "it was removed"))
        since = len(watch.snapshots)
        watch.until(lambda snapshots: len(snapshots) > since + 12)
        assert all(dict(one.problems) == {"n1": "it was removed"} for one in watch.snapshots[since:]), (
            "in each interval"
        )
        assert warnings(watch) == ["n1: was removed"], "told once"
        link("n1")
        watch.until(lambda snapshots: is_up("n1")(snapshots) and not snapshots[-1].problems)
        assert ("info", "capturing on n1") in watch.monitor.log()
        ask(client, "n1p", "back.example")
        watch.until_host("back.example")


@pytest.mark.parametrize("interfaces", [None, "r*", "r1"])
@pytest.mark.parametrize("is_live", [True, False])
def test_a_renamed_interface_is_followed(network, link, interfaces, is_live):
    server, client = network
    link("r1")
    with Watch(server, interfaces) as watch:
        watch.until(is_up("r1"))
        ask(client, "r1p", "before.example", count=2)
        watch.until_host("before.example")
        rename = ["link set r1 name wan1"]
        batch(server, *(rename if is_live else ["link set r1 down", *rename, "link set wan1 up"]))
        # It may be lost for a moment between its rename and the end of its being down.
        watch.until(lambda snapshots: is_up("wan1")(snapshots) and "wan1" in watch.monitor.interfaces)
        assert "r1" not in watch.monitor.interfaces
        if not is_live:
            time.sleep(JOINS)  # it was down
        ask(client, "r1p", "after.example", count=2)
        watch.until_host("after.example")
        told = [(level, message) for level, message in watch.monitor.log() if "is called" in message]
        watch.until(lambda snapshots: row(snapshots[-1], "r1") is None)
        total = watch.total()
    level = "warning" if interfaces == "r1" else "info"
    assert told == [(level, "r1 is called wan1 now, and is followed")]
    assert {host.name: host.requests for host in total.hosts} == {"before.example": 2, "after.example": 2}
    packets = {one.name: one.packets for one in total.interfaces}
    assert packets["r1"] > 10, "of the requests before"
    assert packets["wan1"] > 10


def test_another_interface_that_takes_the_name_at_once_is_captured_from(network, link):
    server, client = network
    link("t1")
    with Watch(server, "t1") as watch:
        watch.until(is_up("t1"))
        index = server.run("cat", "/sys/class/net/t1/ifindex")
        batch(
            server,
            "link del t1",
            f"link add t1 type veth peer name t1q netns {client.name}",
            "link set t1 up",
        )
        client.ip("link", "set", "t1q", "up")
        assert server.run("cat", "/sys/class/net/t1/ifindex") != index
        time.sleep(JOINS)
        ask(client, "t1q", "other.example")
        watch.until_host("other.example")


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("interfaces", [None, "d1", "any"])
def test_down_and_up_within_an_instant_ends_nothing(network, link, interfaces, workers):
    server, client = network
    link("d1")
    with Watch(server, interfaces, workers=workers) as watch:
        watch.until(is_up("any" if interfaces == "any" else "d1"))
        ask(client, "d1p", "first.example", count=5)
        watch.until_host("first.example")
        batch(server, *["link set d1 down", "link set d1 up"] * 3)
        time.sleep(JOINS)
        ask(client, "d1p", "second.example", count=5)
        watch.until_host("second.example")
        total = watch.total()
    assert {host.name: host.requests for host in total.hosts} == {"first.example": 5, "second.example": 5}


def test_any_has_interfaces_that_come_go_and_come_back(network, link):
    server, client = network
    with Watch(server, "any") as watch:
        watch.until(is_up("any"))
        for turn in range(3):
            link("a1")
            ask(client, "a1p", f"turn{turn}.example")
            watch.until_host(f"turn{turn}.example")
            server.ip("link", "del", "a1")
        assert warnings(watch) == []
        assert watch.monitor.interfaces == ["any"]


def test_excluding_interfaces_from_any_is_told_to_have_no_effect(network):
    with Watch(network[0], "any", exclude_interfaces="lo") as watch:
        (told,) = warnings(watch)
    assert "any has the packets of all interfaces" in told


def test_a_capture_whose_last_interface_is_gone_waits_and_says_so(network, link):
    server, client = network
    link("w1")
    with Watch(server, "w*") as watch:
        watch.until(is_up("w1"))
        ask(client, "w1p", "first.example")
        watch.until_host("first.example")
        server.ip("link", "del", "w1")
        watch.until(has_problem("w1", "it was removed, as were all others"))
        assert "no interface is left to capture from; waiting for one" in warnings(watch)
        link("w2")
        watch.until(lambda snapshots: is_up("w2")(snapshots) and not snapshots[-1].problems)
        ask(client, "w2p", "second.example")
        watch.until_host("second.example")
        assert watch.total().requests == 2


def test_an_interface_that_cannot_be_opened_is_a_problem_until_it_is_gone(network):
    server, _ = network
    with Watch(server, filter="ether host 02:00:00:00:00:01") as watch:
        watch.until(is_up("s0"))
        server.ip("tuntap", "add", "dev", "tun7", "mode", "tun")
        server.ip("link", "set", "tun7", "up")
        watch.until(lambda snapshots: "tun7" in dict(snapshots[-1].problems))
        since = len(watch.snapshots)
        watch.until(lambda snapshots: len(snapshots) > since + 12)
        assert all("tun7" in dict(one.problems) for one in watch.snapshots[since:])
        (told,) = warnings(watch)
        assert told.startswith("not capturing on tun7: ")
        server.ip("link", "del", "tun7")
        watch.until(lambda snapshots: not snapshots[-1].problems)


@pytest.mark.parametrize("how", [("del", "x1"), ("set", "x1", "down")])
@pytest.mark.parametrize("interfaces", ["x1", "x*"])
def test_exit_on_down_ends_the_capture_with_all_it_counted(network, link, interfaces, how):
    server, client = network
    link("x1")
    command = [*NETMON, "-i", interfaces, "--exit-on-down", "--interval", "0.2", "--ndjson"]
    child = server.start(*command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    child.stdout.readline()
    ask(client, "x1p", "last.example")
    server.ip("link", *how)
    out, said = child.communicate(timeout=PATIENCE)
    assert child.returncode == 4
    reason = "it is down" if "down" in how else "it was removed"
    assert f"netmon: x1: {reason}" in said.decode().splitlines()[-1]
    assert any(json.loads(line)["hits"] == 2 for line in out.splitlines())


def test_exit_on_down_does_not_end_for_an_interface_of_a_glob_while_others_are_up(network, link):
    server, _ = network
    link("y1")
    with Watch(server, exit_on_down=True) as watch:
        watch.until(is_up("y1"))
        server.ip("link", "del", "y1")
        watch.until(is_down("y1"))
        gone = len(watch.snapshots)
        watch.until(lambda snapshots: len(snapshots) > gone + 5)
        assert not watch.ended


def test_a_monitor_that_exits_on_down_raises_a_source_error(network, link):
    server, _ = network
    link("z1")
    with server.inside():
        monitor = Monitor("z1", interval=0.2, exit_on_down=True)
        monitor.open()
    server.ip("link", "del", "z1")
    with pytest.raises(SourceError, match="z1: it was removed"):
        list(monitor.snapshots())


def resources():
    """Descriptors, threads and mapped packet buffers of this process."""
    maps = Path("/proc/self/maps").read_text()
    return len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task")), maps.count("socket:[")


CHURN = int(os.environ.get("NETMON_CHURN", "250"))
"""Interfaces that are added and deleted; `make churn` asks for 1000."""


def test_interfaces_that_come_and_go_by_the_hundred_leak_nothing(network):
    server, client = network

    def churn(first, count):
        for number in range(first, first + count, 25):
            names = [f"k{n}" for n in range(number, number + 25)]
            made = [f"link add {name} type veth peer name {name}p netns {client.name}" for name in names]
            batch(server, *made, *(f"link set {name} up" for name in names))
            batch(client, *(f"link set {name}p up" for name in names))
            watch.until(lambda snapshots, name=names[-1]: is_up(name)(snapshots))
            batch(server, *(f"link del {name}" for name in names))

    def is_calm():
        return sorted(watch.monitor.interfaces) == ["lo", "s0"] and resources() == before

    with Watch(server) as watch:
        watch.until(is_up("s0"))
        eventually(lambda: len(watch.monitor.interfaces) == 2)
        before = resources()
        churn(0, 50)
        eventually(is_calm)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        churn(50, CHURN)
        eventually(is_calm)
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory
        last = len(watch.snapshots)
        watch.until(lambda snapshots: len(snapshots) > last + 1)
        assert [one.name for one in watch.snapshots[-1].interfaces] == ["lo", "s0"]
        assert len(watch.snapshots[-1].interfaces) == 2
        assert warnings(watch) == []
    assert grown < 32 << 10, "KiB: buffers of packets are freed, and the names of interfaces are small"
