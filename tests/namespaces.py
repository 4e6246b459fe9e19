"""A private network for a test: namespaces joined by veth pairs, nginx in one, clients in another.

No traffic leaves the namespaces. They and all processes in them are removed when the block ends, even by an error.
"""

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import time
from collections import Counter
from contextlib import contextmanager
from itertools import count
from pathlib import Path

PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
TOOLS = ("ip", "ethtool", "nginx", "wrk", "curl", "tcpdump")
SERVER, SERVER6, CLIENT, CLIENT6 = "10.77.0.1", "fd77::1", "10.77.0.2", "fd77::2"
INSIDE, OUTSIDE, VISITOR = "10.77.0.9", "10.78.0.9", "10.78.0.2"
"""With a router: its address on the server's side, its address on the client's side, and the client's address."""
TRANSLATION = f"""
table ip translation {{
  chain before {{
    type nat hook prerouting priority dstnat;
    ip daddr {OUTSIDE} tcp dport 8080 dnat to {SERVER}:80
  }}
  chain behind {{
    type nat hook postrouting priority srcnat;
    oifname "in" ct original ip daddr {SERVER} masquerade
  }}
}}
"""

_libc = ctypes.CDLL(None, use_errno=True)
_numbers = count()


def why_not(*more):
    """Why namespaces or tools are not available on this machine; empty if they are."""
    if missing := [tool for tool in (*TOOLS, *more) if shutil.which(tool, path=PATH) is None]:
        return f"needs {' '.join(missing)}"
    try:
        Namespace(f"netmon{os.getpid()}").delete()
    except AssertionError as error:
        return f"needs to make network namespaces: {error}"
    return ""


class Namespace:
    def __init__(self, name):
        self.name = name
        ip("netns", "add", name)
        try:
            self.ip("link", "set", "lo", "up")
        except AssertionError:
            self.delete()
            raise

    def ip(self, *arguments):
        ip("-n", self.name, *arguments)

    def run(self, *command, **how):
        return run("ip", "netns", "exec", self.name, *command, **how)

    def start(self, *command, **how):
        command = ["ip", "netns", "exec", self.name, *map(str, command)]
        return subprocess.Popen(command, env=os.environ | {"PATH": PATH}, **how)

    @contextmanager
    def inside(self):
        """In the block, this thread and the threads it starts run in the namespace."""
        with open("/proc/thread-self/ns/net") as before, open(f"/var/run/netns/{self.name}") as there:
            _enter(there)
            try:
                yield
            finally:
                _enter(before)

    def offload(self, link, state):
        """Sets offloading of a link to "on" (frames of up to 64 KiB, as network cards do) or "off" (up to the MTU)."""
        self.run("ethtool", "-K", link, *(word for what in ("tso", "gso", "gro") for word in (what, state)))

    def play(self, link, frames):
        """Sends frames unchanged, including VLAN tags."""
        with self.inside(), socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
            raw.bind((link, 0))
            for frame in frames:
                raw.send(frame)

    def delete(self):
        ip("netns", "del", self.name)


def _enter(namespace):
    clone_newnet = 0x40000000
    if _libc.setns(namespace.fileno(), clone_newnet):
        raise OSError(ctypes.get_errno(), "setns")


@contextmanager
def _made(sides):
    """Makes a namespace for each letter of `sides`; deletes them when the block ends."""
    prefix = f"nm{os.getpid()}n{next(_numbers)}"
    made = []
    try:
        for side in sides:
            made.append(Namespace(prefix + side))
        yield made
    finally:
        for namespace in made:
            namespace.delete()


def _join(one, link, other, other_link):
    ip("link", "add", link, "netns", one.name, "type", "veth", "peer", "name", other_link, "netns", other.name)


def _set_up(namespace, link, *addresses, offload="off"):
    for address in addresses:
        namespace.ip("addr", "add", address, "dev", link, *(("nodad",) if ":" in address else ()))
    namespace.ip("link", "set", link, "up")
    namespace.offload(link, offload)


@contextmanager
def pair():
    """(server, client): `s0` of the server is joined to `c0` of the client. Frames are as on a wire, not offloaded."""
    with _made("sc") as (server, client):
        _join(server, "s0", client, "c0")
        _set_up(server, "s0", f"{SERVER}/24", f"{SERVER6}/64")
        _set_up(client, "c0", f"{CLIENT}/24", f"{CLIENT6}/64")
        yield server, client


@contextmanager
def routed(offload):
    """(server, router, client): the router's `out` is joined to the client's `c0`, its `in` to the server's `s0`.

    The router translates addresses as a host with containers does: it forwards its port 8080 to port 80 of the server.
    If a client connects to the address of the server itself, the router replaces the source address by its own. The
    router is the default gateway of both sides.
    """
    with _made("src") as (server, router, client):
        _join(router, "out", client, "c0")
        _join(router, "in", server, "s0")
        _set_up(router, "out", f"{OUTSIDE}/24", offload=offload)
        _set_up(router, "in", f"{INSIDE}/24", offload=offload)
        _set_up(client, "c0", f"{VISITOR}/24", offload=offload)
        _set_up(server, "s0", f"{SERVER}/24", offload=offload)
        server.ip("route", "add", "default", "via", INSIDE)
        client.ip("route", "add", "default", "via", OUTSIDE)
        router.run("sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")
        router.run("nft", "-f", "-", input=TRANSLATION)
        yield server, router, client


def ip(*arguments):
    run("ip", *arguments)


def run(*command, **how):
    """Runs a command and returns its standard output; if it fails, the error has its standard error."""
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, check=False, timeout=60,
        env=os.environ | {"PATH": PATH}, **how,
    )  # fmt: skip
    if done.returncode:
        raise AssertionError(f"{' '.join(map(str, command))}: exit code {done.returncode}: {done.stderr}")
    return done.stdout


NGINX = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log; user root;
events {{ worker_connections 4096; }}
http {{
  log_format netmon '$http_host $request_method $request_uri $status';
  access_log {folder}/access.log netmon buffer=1m flush=1s;
  client_max_body_size 100m; client_body_temp_path {folder}/body; default_type text/plain; keepalive_requests 1000;
  gzip_types text/plain;
  server {{
    listen 80 backlog=1024; listen [::]:80; listen 8080; listen 8082 http2 backlog=1024; root {folder};
    location /api/  {{ return 200 '{{"ok":true,"items":[1,2,3,4,5,6,7,8,9,10]}}\n'; }}
    location /old/  {{ return 301 /api/moved; }}
    location /nope/ {{ return 404 'not found\n'; }}
    location /fail/ {{ return 500 'failed\n'; }}
    location /txt/  {{ gzip on; }}
    location /up/   {{ return 200 'stored\n'; }}
  }}
}}
"""

WRK = """
-- Paces itself: after `seconds` it asks no more, so that nothing is left unanswered when wrk ends.
local hosts, over = {}, nil
local paths = {"/api/users/1?q=2", "/api/orders", "/old/page", "/nope/x", "/fail/y", "/", "/api/users/2"}
local methods = {"GET", "GET", "GET", "POST", "DELETE"}
local i = 0
init = function(args)
  over = os.time() + tonumber(args[1])
  for k = 0, 49 do hosts[k] = string.format("host%02d.example.test", k) end
end
request = function()
  i = i + 1
  local method, path = methods[i % 5 + 1], paths[i % 7 + 1]
  if method ~= "GET" then path = "/api/things" end
  return wrk.format(method, path, {Host = hosts[i * 7 % 50]}, method == "POST" and '{"name":"netmon"}' or nil)
end
delay = function() return os.time() >= over and 3600000 or 0 end
"""


class Daemon:
    """An nginx with the configuration `conf`. It is ready once it has written its process id to `pid`."""

    def __init__(self, namespace, conf, pid, stderr):
        self._stderr = stderr
        self._errors = stderr.open("w")
        command = ["nginx", "-e", conf.with_suffix(".error.log"), "-c", conf]
        self._process = namespace.start(*command, stderr=self._errors)
        self._await(pid)

    def _await(self, path):
        until = time.monotonic() + 10
        while not path.exists():
            assert self._process.poll() is None, self._stderr.read_text()
            assert time.monotonic() < until, "nginx does not start"
            time.sleep(0.02)

    def stop(self):
        """Ends nginx after all responses are sent and logged."""
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait(10)
        self._errors.close()


class Nginx(Daemon):
    """A real server with an access log, against which the tests check the counts."""

    def __init__(self, namespace, folder):
        self._folder = Path(folder)
        (self._folder / "txt").mkdir()
        self.page("txt/long", "".join(f"line {i} of many\n" for i in range(20_000)))
        self.page("index.html", "hello\n")
        self.page("wrk.lua", WRK)
        conf = self._folder / "nginx.conf"
        conf.write_text(NGINX.format(folder=folder))
        super().__init__(namespace, conf, self._folder / "nginx.pid", self._folder / "stderr")

    def page(self, path, text):
        """Creates a page at `path`."""
        (self._folder / path).write_text(text)

    def requests(self):
        """(host, method, section, status) -> number of requests in the access log."""
        total = Counter()
        for line in (self._folder / "access.log").read_text().splitlines():
            host, method, uri, status = line.split()
            total[host, method, "/" + uri.split("?")[0].split("/")[1], int(status)] += 1
        return total

    def wrk(self, client, seconds, connections=32, to=f"{SERVER}:80"):
        """Runs wrk on the client: requests at full speed for `seconds`, all of which have responses at the end."""
        script = self._folder / "wrk.lua"
        load = ["-t1", f"-c{connections}", f"-d{seconds + 1}s", "-s", script, f"http://{to}/", "--", seconds]
        return client.run("wrk", *load)

    def h2load(self, client, requests, version):
        """Sends requests from 64 connections of the client, one at a time on each: in HTTP/1 or HTTP/2."""
        paths = ("api/users/1?q=2", "api/orders", "old/page", "nope/x", "fail/y", "index.html", "api/users/2")
        how, port = {1: (["--h1"], 80), 2: ([], 8082)}[version]
        urls = [f"http://{SERVER}:{port}/{path}" for path in paths]
        return client.run("h2load", *how, f"-n{requests}", "-c64", "-m1", *urls)


@contextmanager
def nginx(namespace, folder):
    server = Nginx(namespace, folder)
    try:
        yield server
    finally:
        server.stop()


class Tcpdump:
    """Records TCP on an interface into a file, from construction until `stop`.

    Each packet is written as soon as it is read (`-U`). A signal that asks for what is not yet written (`SIGUSR2`) can
    damage the file: its handler flushes the buffer that tcpdump may just be filling.
    """

    def __init__(self, namespace, interface, path):
        self._path = path
        command = ["tcpdump", "-Z", "root", "-n", "-i", interface, "-s", "0", "-B", "131072", "-U", "-w", path, "tcp"]
        self._process = namespace.start(*command, stderr=subprocess.PIPE, text=True)
        for line in self._process.stderr:
            if "listening on" in line:
                break

    def stop(self, last):
        """Ends tcpdump once the bytes `last` are recorded. Returns how many packets the kernel dropped."""
        until = time.monotonic() + 10
        while last not in self._end():
            assert time.monotonic() < until, f"tcpdump does not record {last}"
            time.sleep(0.02)
        self._process.send_signal(signal.SIGINT)
        _, said = self._process.communicate(timeout=10)
        return int(next(line for line in said.splitlines() if "dropped by kernel" in line).split()[0])

    def _end(self):
        with self._path.open("rb") as file:
            file.seek(-min(100_000, file.seek(0, os.SEEK_END)), os.SEEK_END)
            return file.read()
