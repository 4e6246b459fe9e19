"""Capture in other network namespaces, named by their name, by a process or by a path.

Needs the right to make network namespaces (root) and the tools of `namespaces`. Where these are missing, the tests are
skipped and say what is missing.
"""

import json
import os
import subprocess

import namespaces
import pytest
from netmon import Filter, Monitor, SourceError
from patience import PATIENCE, eventually
from test_live_changes import NETMON, ask, is_down, is_up, row, warnings
from watching import Watch

WHY_NOT = namespaces.why_not()

pytestmark = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT or "available")


class Here:
    """The namespace of the tests, for `Watch`."""

    def inside(self):
        return open(os.devnull)  # entering it changes nothing


@pytest.fixture
def sleeper(network):
    """A process in the namespace of the server."""
    with network[0].start("sleep", "600") as process:
        # ip-netns replaces itself by the command.
        eventually(lambda: os.stat(f"/proc/{process.pid}/ns/net").st_ino == os.stat(path(network[0])).st_ino)
        yield process
        process.kill()


def path(namespace):
    return f"/var/run/netns/{namespace.name}"


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("how", ["name", "path", "process", "path of a process"])
def test_a_namespace_is_captured_in_whatever_names_it(network, sleeper, how, workers):
    server, client = network
    pid = sleeper.pid
    netns = {
        "name": server.name, "path": path(server), "process": str(pid), "path of a process": f"/proc/{pid}/ns/net",
    }[how]  # fmt: skip
    label = str(pid) if "process" in how else server.name
    with Watch(Here(), "s*", netns=netns, workers=workers) as watch:
        assert watch.monitor.interfaces == [f"{label}:s0"]
        ask(client, "c0", "inside.example", count=3)
        watch.until_host("inside.example")
        total = watch.total()
    assert total.host("inside.example").requests == 3
    assert [one.name for one in total.interfaces] == [f"{label}:s0"]


def test_both_ends_of_a_link_in_two_namespaces_count_once(network):
    server, client = network
    # Packets of neighbour discovery may come between the beginnings of both captures, so they are left out.
    with Watch(Here(), ["s0", "c0"], netns=[server.name, client.name], filter="tcp") as watch:
        assert sorted(watch.monitor.interfaces) == sorted([f"{server.name}:s0", f"{client.name}:c0"])
        ask(client, "c0", "twice.example", count=4)
        watch.until_host("twice.example")
        watch.until_quiet()
        total = watch.total()
    assert (total.requests, total.responses) == (4, 4)
    assert total.capture.copies > 20
    assert [one.packets for one in total.interfaces] == [32, 32], "eight segments of each connection"


def test_interfaces_of_one_name_in_several_namespaces_are_several(network):
    server, client = network
    with Watch(server, "lo", netns=["self", server.name, client.name]) as watch:
        assert sorted(watch.monitor.interfaces) == ["lo", f"{client.name}:lo"], "the own namespace counts once"


def test_an_interface_of_one_namespace_is_asked_for_by_its_whole_name(network):
    server, client = network
    with Watch(Here(), f"{server.name}:*", netns=[server.name, client.name]) as watch:
        assert sorted(watch.monitor.interfaces) == [f"{server.name}:lo", f"{server.name}:s0"]
    assert Filter("interface:web:eth0")


def test_interfaces_that_come_later_in_a_namespace_are_joined(network):
    server, client = network
    with Watch(Here(), netns=server.name) as watch:
        watch.until(is_up(f"{server.name}:s0"))
        server.ip("link", "add", "q1", "type", "veth", "peer", "name", "q1p", "netns", client.name)
        server.ip("link", "set", "q1", "up")
        client.ip("link", "set", "q1p", "up")
        watch.until(is_up(f"{server.name}:q1"))
        ask(client, "q1p", "later.example")
        watch.until_host("later.example")
        server.ip("link", "del", "q1")
        watch.until(is_down(f"{server.name}:q1"))
        assert warnings(watch) == []


def test_a_namespace_that_ends_is_left_and_joined_when_it_is_there_again(network):
    server, client = network
    name = f"nm{os.getpid()}gone"

    def make():
        space = namespaces.Namespace(name)
        space.ip("link", "add", "g0", "type", "veth", "peer", "name", "g0p", "netns", client.name)
        space.ip("link", "set", "g0", "up")
        client.ip("link", "set", "g0p", "up")
        return space

    space = make()
    with Watch(Here(), ["g*", "s*"], netns=[name, server.name]) as watch:
        watch.until(is_up(f"{name}:g0"))
        space.delete()
        watch.until(is_down(f"{name}:g0"))
        # The kernel removes the namespace with its interfaces once nobody is in it.
        eventually(lambda: "g0p" not in client.run("ip", "-brief", "link"))
        watch.until(lambda snapshots: row(snapshots[-1], f"{name}:g0") is None)
        assert dict(watch.snapshots[-1].problems) == {f"{name}:*": "the network namespace has ended"}
        assert warnings(watch) == []
        ask(client, "c0", "other.example")
        watch.until_host("other.example")
        again = make()
        watch.until(lambda snapshots: is_up(f"{name}:g0")(snapshots) and not snapshots[-1].problems)
        ask(client, "g0p", "again.example")
        watch.until_host("again.example")
        again.delete()
        eventually(lambda: "g0p" not in client.run("ip", "-brief", "link"))


def test_a_process_that_ends_takes_its_namespace_along(network, sleeper):
    server, _ = network
    with Watch(Here(), netns=[str(sleeper.pid), network[1].name]) as watch:
        watch.until(is_up(f"{sleeper.pid}:s0"))
        sleeper.kill()
        watch.until(is_down(f"{sleeper.pid}:s0"))
        assert all(one.removed for one in watch.snapshots[-1].interfaces if one.name == f"{sleeper.pid}:s0")
        watch.until(lambda snapshots: dict(snapshots[-1].problems) == {f"{sleeper.pid}:*": "the process has ended"})
        assert [words for words in warnings(watch) if words.startswith(f"the process {sleeper.pid} has ended: ")]
    assert "s0" in server.run("ip", "-brief", "link")


def test_a_capture_ends_with_the_last_process_that_names_its_namespaces(network, sleeper):
    with Monitor(netns=[str(sleeper.pid)], interval=0.2) as monitor:
        sleeper.kill()
        with pytest.raises(SourceError, match="each process that --netns names has ended"):
            list(monitor.snapshots())


@pytest.mark.parametrize(
    ("netns", "why"),
    [
        ("nosuchspace", r"no network namespace nosuchspace \(there are: .*\)"),
        ("2147483647", r"no process 2147483647, and no network namespace of that name"),
        ("/nosuch/path", r"no network namespace /nosuch/path"),
        (os.devnull, r"/dev/null is no network namespace"),
    ],
)
def test_a_namespace_that_cannot_be_entered_is_named_with_the_reason(network, netns, why):
    assert network
    with pytest.raises(SourceError, match=why):
        Monitor(netns=netns).open()


def test_an_interface_that_is_down_in_a_namespace_is_told_with_the_command_to_type(network):
    server, client = network
    server.ip("link", "add", "down0", "type", "veth", "peer", "name", "down0p", "netns", client.name)
    try:
        with pytest.raises(SourceError) as told:
            Monitor("down0", netns=server.name).open()
    finally:
        server.ip("link", "del", "down0")
    named = f"{server.name}:down0"
    assert str(told.value) == (f"interface {named} is down: bring it up with 'ip -n {server.name} link set down0 up'")


def test_without_the_right_to_enter_a_namespace_the_command_says_what_is_missing(network):
    plain = ["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin"]
    done = subprocess.run(
        [*plain, *NETMON, "--netns", network[0].name, "-t", "1"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 3
    assert f"not permitted to enter the network namespace {network[0].name} (needs CAP_SYS_ADMIN)" in done.stderr
    assert "SYS_ADMIN" in done.stderr.partition("\n")[2]


def test_the_command_names_interfaces_with_their_namespace(network):
    server, client = network
    command = [*NETMON, "--netns", server.name, "-i", "s0", "--interval", "0.2", "--ndjson", "-t", "3"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        child.stdout.readline()
        ask(client, "c0", "shown.example")
        out, _ = child.communicate(timeout=PATIENCE)
    names = {interface["name"] for line in out.splitlines() for interface in json.loads(line)["interfaces"]}
    assert names == {f"{server.name}:s0"}
