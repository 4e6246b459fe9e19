"""Processes at the ends of connections: real servers and clients on loopback. Needs root on Linux; skipped without."""

import json
import os
import pickle
import re
import select
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

import forge
import pytest
from netmon import AlertPolicy, Monitor, Rule, Snapshot
from patience import PATIENCE, eventually
from terminal import NETMON

IS_ROOT = sys.platform == "linux" and os.geteuid() == 0
pytestmark = pytest.mark.skipif(not IS_ROOT, reason="needs root on Linux")

SERVER = r"""
import contextlib, socket, sys
name, port, inherited = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
open("/proc/self/comm", "w").write(name)
if inherited >= 0:
    listener = socket.socket(fileno=inherited)
else:
    listener = socket.create_server(("127.0.0.1", port))
print(listener.getsockname()[1], flush=True)
while True:
    connection, _ = listener.accept()
    with contextlib.suppress(ConnectionError), connection:
        while connection.recv(65536):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
"""
"""A server with a name, which listens on a port or on a socket that it inherits."""


@contextmanager
def server(name, port=0, inherited=-1):
    """Starts a server of that name. Its process and its port."""
    fds = (inherited,) if inherited >= 0 else ()
    command = [sys.executable, "-c", SERVER, name, str(port), str(inherited)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, pass_fds=fds)
    try:
        yield process, int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def ask(port, path="/"):
    """One request on a connection of its own."""
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    connection.request("GET", path)
    assert connection.getresponse().read() == b"ok"
    connection.close()


def watching(port, **more):
    return Monitor("lo", filter=f"tcp port {port}", interval=0.2, **{"exchanges": True, **more})


def exchanges(monitor, count):
    """The first exchanges of a capture, by path."""
    found, deadline = {}, time.monotonic() + PATIENCE
    for snapshot in monitor.snapshots():
        found |= {exchange.path: exchange for exchange in snapshot.exchanges}
        if len(found) >= count:
            return found
        assert time.monotonic() < deadline
    return found


def test_the_server_of_a_connection_is_named_however_short_the_connection_was():
    with server("teapot") as (process, port), watching(port, connections=True) as monitor:
        for number in range(20):
            ask(port, f"/{number}")
        for exchange in exchanges(monitor, 20).values():
            told = exchange.process
            assert (told.name, told.pid, told.side, str(told)) == ("teapot", process.pid, "server", "teapot")
            assert exchange.client_process is None or exchange.client_process.pid == os.getpid()


def test_a_client_whose_connection_lasts_is_named_beside_the_server():
    with server("teapot") as (process, port), watching(port, connections=True) as monitor:
        connection = socket.create_connection(("127.0.0.1", port))
        found = None
        for snapshot in monitor.snapshots():
            connection.sendall(b"GET /x HTTP/1.1\r\nHost: h\r\n\r\n")
            assert connection.recv(1000).endswith(b"ok")
            found = next((one for one in snapshot.connections if one.client_process and one.kernel_rtt), None)
            if found:
                break
        connection.close()
        assert (found.local, found.process.pid, found.client_process.pid) == ("both", process.pid, os.getpid())
        assert (found.process.side, found.client_process.side) == ("server", "client")
        assert 0 < found.kernel_rtt < 60
        assert found.kernel_cwnd >= 1
        assert found.kernel_retransmits == 0


def test_columns_of_exchanges_have_the_parts_of_their_process():
    polars = pytest.importorskip("polars")
    with server("teapot") as (process, port):
        monitor = watching(port)
        monitor.open()
        ask(port)
        found = next(snapshot for snapshot in monitor.snapshots() if snapshot.exchanges)
        monitor.close()
    [row] = polars.DataFrame(found.exchanges).to_dicts()
    assert (row["process"], row["pid"], row["container"], row["pod"]) == ("teapot", process.pid, "", "")
    [restored] = pickle.loads(pickle.dumps(found)).exchanges
    assert (restored.process.name, restored.process.pid, restored.process.side) == ("teapot", process.pid, "server")


def test_without_processes_nothing_is_named():
    with server("teapot") as (_, port), watching(port, processes=False, connections=True) as monitor:
        ask(port)
        assert exchanges(monitor, 1)["/"].process is None


@pytest.mark.skipif(not Path("/usr/sbin/nginx").exists(), reason="needs nginx")
def test_nginx_is_named_with_the_id_of_its_master(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    config = tmp_path / "nginx.conf"
    config.write_text(
        f"daemon off; worker_processes 3; pid {tmp_path}/pid; error_log stderr crit;\n"
        f"events {{}}\nhttp {{ access_log off; client_body_temp_path {tmp_path}; proxy_temp_path {tmp_path};\n"
        f"fastcgi_temp_path {tmp_path}; uwsgi_temp_path {tmp_path}; scgi_temp_path {tmp_path};\n"
        f"server {{ listen 127.0.0.1:{port}; location / {{ return 200 ok; }} }} }}\n"
    )
    master = subprocess.Popen(["/usr/sbin/nginx", "-c", str(config), "-p", str(tmp_path)], stderr=subprocess.DEVNULL)
    try:
        eventually(lambda: _answers(port))
        with watching(port) as monitor:
            for number in range(5):
                ask(port, f"/{number}")
            told = {(one.process.name, one.process.pid) for one in exchanges(monitor, 5).values()}
        assert told == {("nginx", master.pid)}
    finally:
        master.send_signal(signal.SIGTERM)
        master.wait(PATIENCE)


def _answers(port):
    try:
        ask(port, "/ready")
    except OSError:
        return False
    return True


@pytest.mark.parametrize(("names", "told"), [(("teapot", "teapot"), "teapot"), (("teapot", "kettle"), None)])
def test_processes_that_share_a_socket_are_named_if_all_have_one_name(names, told):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        inherited = os.dup(listener.fileno())
    try:
        first, second = (server(name, inherited=inherited) for name in names)
        with first as (oldest, port), second:
            os.close(inherited)
            inherited = -1
            with watching(port) as monitor:
                ask(port)
                process = exchanges(monitor, 1)["/"].process
            assert (process and process.name) == told
            assert told is None or process.pid == oldest.pid
    finally:
        if inherited >= 0:
            os.close(inherited)


def test_a_port_that_another_process_takes_over_is_that_of_the_other_process():
    with server("teapot") as (_, port):
        with watching(port) as monitor:
            ask(port, "/before")
            assert exchanges(monitor, 1)["/before"].process.name == "teapot"
        ended = port
    with server("kettle", port=ended) as (process, port), watching(port) as monitor:
        assert port == ended
        ask(port, "/after")
        told = exchanges(monitor, 1)["/after"].process
        assert (told.name, told.pid) == ("kettle", process.pid)


def test_a_running_capture_sees_that_another_process_has_taken_the_port():
    with server("teapot") as (_, port):
        monitor = watching(port)
        monitor.open()
        ended = port
    with server("kettle", port=ended) as (process, port), monitor:
        names = []
        for snapshot in monitor.snapshots():
            names += [one.process and one.process.name for one in snapshot.exchanges]
            if "kettle" in names:
                break
            ask(port)
        assert set(names) <= {"kettle", None}, "a process that ended is never named"
        assert process.poll() is None


GROUPS = Path("/sys/fs/cgroup/unified")
ID = "0123456789abcdef" * 4
UID = "8f6d0c5e-1b2a-4c3d-9e8f-7a6b5c4d3e2f"


@contextmanager
def group(*path):
    """Makes a cgroup, and removes it with those above that were made for it."""
    made = []
    for depth in range(1, len(path) + 1):
        made.append(GROUPS.joinpath(*path[:depth]))
        made[-1].mkdir()
    try:
        yield made[-1]
    finally:
        for folder in reversed(made):
            eventually(lambda folder=folder: not (folder / "cgroup.procs").read_text())
            folder.rmdir()


@pytest.mark.skipif(not (GROUPS / "cgroup.procs").exists(), reason="needs cgroup v2 at /sys/fs/cgroup/unified")
@pytest.mark.parametrize(
    "path",
    [
        (f"docker-{ID}.scope",),
        (f"netmon-test-{os.getpid()}", f"kubepods-pod{UID.replace('-', '_')}.slice", f"crio-{ID}.scope"),
    ],
)
def test_the_container_of_a_process_is_read_from_its_cgroup(path):
    with group(*path) as folder, server("teapot") as (process, port):
        (folder / "cgroup.procs").write_text(str(process.pid))
        with watching(port, where=f"container:{ID[:12]}") as monitor:
            ask(port)
            told = exchanges(monitor, 1)["/"].process
        assert (told.container, told.pod, told.namespace) == (ID, "", "")


def test_a_filter_counts_only_what_a_process_takes_part_in():
    with server("teapot") as (_, port), server("kettle") as (_, other):
        ports = f"tcp port {port} or tcp port {other}"
        with Monitor("lo", filter=ports, interval=0.2, where="process:teapot", exchanges=True) as monitor:
            ask(other, "/no")
            ask(port, "/yes")
            assert list(exchanges(monitor, 1)) == ["/yes"]


def test_a_rule_per_process_fires_for_the_process_that_is_busy():
    busy = Rule(name="busy", metric="requests", above=10, span=60, per="process")
    policy = AlertPolicy([busy, Rule(name="it", metric="requests", above=5, span=60, where="process:teapot")])
    with server("teapot") as (_, port), server("kettle") as (_, other):
        monitor = Monitor("lo", filter=f"tcp port {port} or tcp port {other}", interval=0.2, policy=policy)
        with monitor:
            ask(other)
            for number in range(12):
                ask(port, f"/{number}")
            fired, deadline = {}, time.monotonic() + PATIENCE
            for _ in monitor.snapshots():
                fired |= {alert.rule.name: alert.key for alert in monitor.alerts if alert.state == "fired"}
                if len(fired) == 2 or time.monotonic() > deadline:
                    break
    assert fired == {"busy": "teapot", "it": ""}


def test_rows_by_process_are_those_of_the_list():
    with server("teapot") as (_, port):
        monitor = watching(port)
        monitor.set_subsets([("", "process")])
        monitor.open()
        found, total = 0, Snapshot()
        for number in range(8):
            ask(port, f"/{number}")
        for snapshot in monitor.snapshots():
            total = Snapshot.merge([total, snapshot]) if found else snapshot
            found += len(snapshot.exchanges)
            if found >= 8:
                break
        monitor.close()
        [subset] = [one for one in json.loads(total.to_json())["subsets"] if one["per"] == "process"]
        assert [(row["name"], row["requests"]) for row in subset["rows"]] == [("teapot", 8)]


def test_ten_thousand_connections_take_a_bounded_share_of_a_core_to_look_for():
    with server("teapot") as (_, port), watching(port, exchanges=False):
        began = time.monotonic()
        for _ in range(10_000):
            with socket.create_connection(("127.0.0.1", port)) as client:
                # Reset at once, so that the ports are free again.
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        took = time.monotonic() - began
        [used] = [seconds for name, seconds in _threads() if name == "netmon-processe"]
    assert used <= 0.2 * took + 0.5


def _threads():
    """Names of the threads of this process and the seconds that each has used."""
    tick = os.sysconf("SC_CLK_TCK")
    for task in Path("/proc/self/task").iterdir():
        name, fields = re.fullmatch(r"\d+ \((.*)\) (.*)", (task / "stat").read_text().strip(), re.DOTALL).groups()
        yield name, sum(map(int, fields.split()[11:13])) / tick


def test_the_command_starts_a_child_that_keeps_two_rights_and_one_socket_and_ends_with_it():
    with server("teapot") as (process, port):
        command = [*NETMON, "-i", "lo", "-f", f"tcp port {port}", "--requests", "--ndjson", "--interval", "0.2"]
        netmon = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            eventually(lambda: _children(netmon.pid))
            [child] = _children(netmon.pid)
            eventually(lambda: "NoNewPrivs:\t1" in Path(f"/proc/{child}/status").read_text())
            eventually(lambda: f"CapEff:\t{1 << 2 | 1 << 19:016x}" in Path(f"/proc/{child}/status").read_text())
            status = dict(line.split(":\t", 1) for line in Path(f"/proc/{child}/status").read_text().splitlines())
            assert status["Uid"].split() == status["Gid"].split() == ["65534"] * 4
            assert status["Groups"].split() == []
            assert status["CapPrm"] == status["CapEff"]
            assert status["CapInh"] == status["CapAmb"] == "0" * 16
            files = [os.readlink(file) for file in Path(f"/proc/{child}/fd").iterdir()]
            assert len([file for file in files if file.startswith("socket:")]) == 1
            assert all(file.startswith(("socket:", "/proc")) for file in files)
            eventually(lambda: _is_counted(netmon, port))
            told = json.loads(netmon.stdout.readline())
            assert (told["process"]["name"], told["process"]["pid"]) == ("teapot", process.pid)
        finally:
            netmon.send_signal(signal.SIGTERM)
            netmon.communicate(timeout=PATIENCE)
        eventually(lambda: not Path(f"/proc/{child}").exists())


def _children(pid):
    """The processes that look for processes for this one."""
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [child for child in text.split() if Path(f"/proc/{child}/comm").read_text() == "netmon-lookup\n"]


def _is_counted(netmon, port):
    """Asks until netmon has written a line."""
    ask(port)
    return bool(select.select([netmon.stdout], [], [], 0.2)[0])


def test_a_file_has_no_process(read):
    snapshot = read(
        forge.Conversation(5000, 1.0).ask(2.0, "GET", "h", "/", 200).close(3.0), exchanges=True, connections=True
    )
    assert all(one.process is None for one in (*snapshot.exchanges, *snapshot.connections))
    assert b'"process"' not in snapshot.to_json()
