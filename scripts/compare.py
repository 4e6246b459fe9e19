#!/usr/bin/env python3
"""Runs netmon and other tools on the same traffic, one after the other, and prints tables in Markdown.

    compare.py FOLDER [--runs 5] [--filters | --live | --outputs] [--seconds 10] [--rates 20000 100000 300000 0]

FOLDER contains the captures that captures.py makes. Without --live, the tools take turns reading them. The tables show
the medians of the runs beside those of a loop over libpcap that looks at the headers and does nothing
(`cargo build --release --example floor`). With --live, which needs root, tcpreplay sends FOLDER/api.pcap over a veth
pair at each rate, in packets/s (0: as fast as it can), and each tool captures at the other end. The tools take turns,
and the table shows the medians of the runs. What a tool uses until it captures is not counted. Then each tool captures
traffic between wrk and nginx, except tshark, which needs an hour for the large bodies. Tools that are not installed are
left out. The netmon that is measured is the one installed beside this Python.

With --outputs, which needs root as well, netmon captures the same traffic without any output, with each output and
with all of them. A viewer has the page open, text and protobuf are scraped every second, and a collector answers.

The last table of the files shows what `--where` costs on FOLDER/api.pcap, beside netmon without a filter. With
--filters, it is the only one.
"""
# ruff: noqa: S603  tools are run by name

import argparse
import functools
import itertools
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))  # the networks of the live tests
import namespaces  # noqa: E402
from captures import make_traffic  # noqa: E402

NETMON = [str(Path(sys.executable).with_name("netmon")), "--no-config", "-q", "--json"]
WRITER = "nobody"
"""The user that netmon becomes before it opens outputs."""
FLOOR = ROOT / "target/release/examples/floor"
TCPDUMP = "tcpdump -w /dev/null"
MESSAGES = r"^(GET|POST|PUT|DELETE|HEAD|OPTIONS) |^HTTP/1"

# {file} is the capture, {scratch} an empty folder.
READERS = {
    "cat": ["cat", "{file}"],
    "libpcap loop": [str(FLOOR), "{file}"],
    TCPDUMP: ["tcpdump", "-Z", "root", "-r", "{file}", "-w", "/dev/null"],
    "netmon": [*NETMON, "-r", "{file}"],
    "netmon --workers 1": [*NETMON, "--workers", "1", "-r", "{file}"],
    "netmon --workers 2": [*NETMON, "--workers", "2", "-r", "{file}"],
    "httpry": ["httpry", "-r", "{file}", "-o", "/dev/null", "tcp"],
    "ngrep": ["ngrep", "-q", "-I", "{file}", "-W", "single", MESSAGES, "tcp"],
    "tcpflow": ["tcpflow", "-r", "{file}", "-o", "{scratch}"],
    "tshark -z http,tree": ["tshark", "-n", "-q", "-r", "{file}", "-z", "http,tree"],
}
LISTENERS = {
    "netmon": [*NETMON, "-i", "s0"],
    TCPDUMP: ["tcpdump", "-Z", "root", "-n", "-i", "s0", "-w", "/dev/null", "tcp"],
    "httpry": ["httpry", "-i", "s0", "-o", "/dev/null", "tcp"],
    "tshark -z http,tree": ["tshark", "-n", "-q", "-i", "s0", "-f", "tcp", "-z", "http,tree"],
}
FILTERS = (
    "method:GET",
    "host:*.example.test",
    "host:host07",
    "path:/*",
    "path:/nope",
    "client:10.0.0.0/8",
    "client:10.77",
    "user_agent:wrk",
    "status<600",
    "latency<10s",
    "status:2xx or status:3xx or status:4xx or status:5xx",
    "example",
    "host:api.* section:/cart method:!GET status:5xx latency>200ms bytes>1MiB interface:eth0 client:10.0.0.0/8",
    "host:host* section:/* method:!PUT status:!1xx latency<10s bytes<1GiB interface:*.pcap client:10.0.0.0/8",
)
"""Filters, most of which admit most exchanges of `api`: those cost more than filters that admit few."""
LONG = 20
"""Seconds of a run after which a tool is not run on the same capture again."""

OUTPUTS = {
    "NDJSON": ["-o", "{scratch}/out.ndjson"],
    "JSON": ["-o", "{scratch}/out.json"],
    "CSV": ["-o", "{scratch}/out.csv"],
    "Parquet": ["-o", "{scratch}/out.parquet"],
    "report": ["-o", "{scratch}/out.html"],
    "page": ["--web", "127.0.0.1:9470"],
    "Prometheus": ["--prometheus", "127.0.0.1:9464"],
    "OpenTelemetry": ["--otlp", "http://127.0.0.1:4318", "--otlp-interval", "10"],
}
COLLECTOR = """
from http.server import BaseHTTPRequestHandler, HTTPServer
class Collector(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()
    def log_message(self, *_): pass
HTTPServer(("127.0.0.1", 4318), Collector).serve_forever()
"""
READER = """
import time
from urllib.request import Request, urlopen
binary = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
while True:
    time.sleep(1)
    for accept in ("text/plain", binary):
        try:
            urlopen(Request("http://127.0.0.1:9464/metrics", headers={"Accept": accept})).read()
        except OSError:
            pass
"""


@dataclass
class Run:
    """What a process used: seconds, CPU seconds and peak memory in bytes; and what it printed."""

    elapsed: float
    cpu: float
    memory: int
    said: str = ""

    @property
    def peak(self):
        """Megabytes. A process inherits the peak of the process that started it, so a lower one cannot be measured."""
        ours = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        return f"{'≤ ' if self.memory <= ours else ''}{self.memory / 1e6:.0f}"


def environment():
    # Unless TZ is set, httpry makes the C library look up the time zone for each line.
    return os.environ | {"PATH": namespaces.PATH, "TZ": "UTC"}


def usage(process, since):
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return Run(time.monotonic() - since, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024)


def used_by(pid):
    """CPU seconds that a process has used until now, with those of its children that have ended: proc_pid_stat(5)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def is_there(command):
    return shutil.which(command[0], path=namespaces.PATH) is not None


def read_once(command, path):
    with tempfile.TemporaryDirectory() as scratch:
        words = [word.format(file=path, scratch=scratch) if "{" in word else word for word in command]
        started = time.monotonic()
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment())
        run = usage(process, started)
    if process.returncode:
        raise SystemExit(f"{' '.join(words)}: exit code {process.returncode}")
    return run


def read(tools, path, runs):
    """The medians of several runs of each tool. They take turns, so other load on the machine affects them all."""
    done = {name: [] for name in tools}
    for _ in range(runs):
        for name, command in tools.items():
            if not (done[name] and done[name][-1].elapsed > LONG):
                done[name].append(read_once(command, path))
    fields = ("elapsed", "cpu", "memory")
    return {
        name: Run(*(median(getattr(run, field) for run in took) for field in fields)) for name, took in done.items()
    }


def packets_in(path):
    said = subprocess.run([FLOOR, path], capture_output=True, text=True, check=True).stdout
    return int(said.split()[0])


def table(title, columns, rows):
    print(f"\n### {title}\n")
    for row in (columns, ["---"] * len(columns), *rows):
        print("| " + " | ".join(map(str, row)) + " |", flush=True)


def compare_files(folder, runs):
    for path in sorted(folder.glob("*.pcap")):
        packets = packets_in(path)
        read_once(READERS["cat"], path)  # into the page cache
        results = read({name: command for name, command in READERS.items() if is_there(command)}, path, runs)
        floor = results["libpcap loop"]
        title = f"{path.stem}: {packets:,} packets, {path.stat().st_size / 1e6:,.0f} MB"
        columns = ["tool", "seconds", "of the loop's", "CPU seconds", "of the loop's", "thousand packets/s", "peak MB"]
        table(title, columns, [
            [name, f"{run.elapsed:.2f}", f"{run.elapsed / floor.elapsed:.2f}", f"{run.cpu:.2f}",
             f"{run.cpu / floor.cpu:.2f}", f"{packets / run.elapsed / 1e3:,.0f}", run.peak]
            for name, run in results.items()
        ])  # fmt: skip


def compare_filters(path, runs):
    commands = {where: [*NETMON, *(["--where", where] if where else []), "-r", "{file}"] for where in ("", *FILTERS)}
    read_once(READERS["cat"], path)  # into the page cache
    results = read(commands, path, runs)
    plain = results[""]
    columns = ["filter", "seconds", "of no filter's", "CPU seconds", "of no filter's"]
    table(f"{path.stem} with a filter", columns, [
        [f"`{where}`" if where else "none", f"{run.elapsed:.3f}", f"{run.elapsed / plain.elapsed:.3f}",
         f"{run.cpu:.3f}", f"{run.cpu / plain.cpu:.3f}"]
        for where, run in results.items()
    ])  # fmt: skip


def seen(name, said):
    """(packets seen, packets dropped), read from the output of each tool."""
    if name == "netmon":
        capture = json.loads(said[said.index("{") :])["capture"]
        return capture["received"], capture["kernel_dropped"] + capture["interface_dropped"]
    patterns = {
        "httpry": (r"(\d+) packets received", r"(\d+) packets dropped"),
        TCPDUMP: (r"(\d+) packets? captured", r"(\d+) packets? dropped by kernel"),
        "tshark -z http,tree": (r"(\d+) packets? captured", r"(\d+) packets? dropped"),
    }
    got, dropped = (int(found[1]) if (found := re.search(pattern, said)) else 0 for pattern in patterns[name])
    # httpry prints libpcap's number of received packets, which includes the dropped ones.
    return (got - dropped if name == "httpry" else got), dropped


def listen(command, server, make_traffic, look=None):
    """Runs a command while `make_traffic` runs; returns its `Run`, and the result of `make_traffic`.

    What the command uses before the traffic begins is left out of its CPU seconds. `look` gets what the command has
    said when it is capturing, and returns a process that ends with it.
    """
    with tempfile.TemporaryFile("w+") as said:
        started = time.monotonic()
        process = server.start(*command, stdout=said, stderr=said)
        time.sleep(2)  # by then every tool is capturing
        said.seek(0)
        if process.poll() is not None:
            raise SystemExit(f"{' '.join(command)} has ended: {said.read()}")
        viewer = look(said.read()) if look else None
        start = used_by(process.pid)
        try:
            made = make_traffic()
        except BaseException:
            process.kill()
            raise
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        run = usage(process, started)
        if viewer:
            viewer.kill()
            viewer.wait()
        said.seek(0)
        run.said = said.read()
    run.cpu -= start
    return run, made


def replay(client, path, rate, seconds):
    """Replays the capture; returns (packets sent, seconds)."""
    limit = [f"--pps={rate}", f"--limit={rate * seconds}"] if rate else ["--topspeed"]
    # Other addresses in each loop: the same connections again would count only as retransmissions.
    loops = ["--preload-pcap", "--loop=1000", "--unique-ip", f"--duration={seconds}"]
    sent = client.run("tcpreplay", "-q", *loops, "-i", "c0", *limit, path)
    offered, took = re.search(r"Actual: (\d+) packets .* in ([\d.]+) seconds", sent).groups()
    return int(offered), float(took)


def compare_live(path, rates, seconds, runs):
    rows = []
    tools = [name for name, command in LISTENERS.items() if is_there(command)]
    with namespaces.pair() as (server, client):
        for rate in rates:
            done = {name: [] for name in tools}
            for _, name in itertools.product(range(runs), tools):
                run, (offered, took) = listen(
                    LISTENERS[name], server, functools.partial(replay, client, path, rate, seconds)
                )
                got, dropped = seen(name, run.said)
                done[name].append((
                    offered / took, offered, offered - got, dropped, 1e6 * run.cpu / offered, run.memory / 1e6,
                ))  # fmt: skip
            middle = {name: [median(column) for column in zip(*took, strict=True)] for name, took in done.items()}
            for name, (speed, offered, missed, dropped, cost, memory) in middle.items():
                ratio = f"{cost / middle[TCPDUMP][4]:.2f}" if TCPDUMP in middle else ""
                most = max(missed for _, _, missed, *_ in done[name])
                rows.append([
                    f"{speed:,.0f}", name, f"{offered:,.0f}", f"{missed:,.0f}", f"{most:,.0f}", f"{dropped:,.0f}",
                    f"{cost:.3f}", ratio, f"{memory:.0f}",
                ])  # fmt: skip
    columns = [
        "packets/s", "tool", "offered", "missed", "at most", "dropped", "CPU µs a packet", "of tcpdump's", "peak MB",
    ]  # fmt: skip
    table(f"live: {path.stem} over a veth pair for {seconds} s, medians of {runs} runs", columns, rows)


def view(server, said):
    """Has the live page open, if there is one: reads the stream of its states."""
    found = re.search(r"(http://\S+/)(\?token=\S+)", said)
    words = ["curl", "-sN", "--compressed", "-o", "/dev/null", "".join((found[1], "events", found[2]))] if found else []
    return server.start(*words) if words else None


def compare_outputs(path, rates, seconds):
    rows = []
    with namespaces.pair() as (server, client), tempfile.TemporaryDirectory() as scratch:
        shutil.chown(scratch, WRITER)
        around = [server.start(sys.executable, "-c", code, stdout=subprocess.DEVNULL) for code in (COLLECTOR, READER)]
        for rate in rates:
            plain = None
            for name, words in {"none": [], **OUTPUTS, "all": list(itertools.chain(*OUTPUTS.values()))}.items():
                output = [word.format(scratch=scratch) for word in words]
                command = [*NETMON, "-i", "s0", "--user", WRITER, "--force", *output]
                traffic = functools.partial(replay, client, path, rate, seconds)
                run, (offered, took) = listen(command, server, traffic, functools.partial(view, server))
                got, dropped = seen("netmon", run.said)
                plain = plain or run.cpu / offered
                rows.append([
                    f"{offered / took:,.0f}", name, f"{offered:,}", f"{got:,}", f"{dropped:,}", f"{run.cpu:.2f}",
                    f"{run.cpu / offered * 1e6:.2f}", f"{run.cpu / offered / plain:.2f}", run.peak,
                ])  # fmt: skip
        for process in around:
            process.kill()
            process.wait()
    columns = [
        "packets/s", "output", "offered", "seen", "dropped", "CPU seconds", "CPU µs a packet", "of none", "peak MB",
    ]  # fmt: skip
    table(f"live: outputs, {path.stem} over a veth pair for {seconds} s", columns, rows)


def compare_with_wrk(seconds):
    rows = []
    tools = [name for name, command in LISTENERS.items() if is_there(command) and command[0] != "tshark"]
    for traffic, name in itertools.product(("api", "churn", "bulk"), tools):
        with namespaces.pair() as (server, client), tempfile.TemporaryDirectory() as folder:
            with namespaces.nginx(server, folder) as web:
                run, _ = listen(LISTENERS[name], server, functools.partial(make_traffic, web, client, traffic, seconds))
            asked = web.requests().total()
        got, dropped = seen(name, run.said)
        counted = f"{json.loads(run.said[run.said.index('{') :])['requests']:,}" if name == "netmon" else ""
        rows.append([
            traffic, name, f"{asked:,}", counted, f"{got:,}", f"{dropped:,}",
            f"{run.cpu:.2f}", f"{run.cpu / (got + dropped) * 1e6:.2f}", run.peak,
        ])  # fmt: skip
    columns = ["traffic", "tool", "requests", "counted", "seen", "dropped", "CPU seconds", "CPU µs a packet", "peak MB"]
    table(f"live: nginx and wrk over a veth pair for {seconds} s", columns, rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--live", action="store_true")
    parser.add_argument("--filters", action="store_true")
    parser.add_argument("--outputs", action="store_true")
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--rates", type=int, nargs="+", default=[20_000, 100_000, 300_000, 0])
    arguments = parser.parse_args()
    if arguments.live:
        compare_live(arguments.folder / "api.pcap", arguments.rates, arguments.seconds, arguments.runs)
        compare_with_wrk(arguments.seconds)
        return
    if arguments.outputs:
        compare_outputs(arguments.folder / "api.pcap", arguments.rates, arguments.seconds)
        return
    if not arguments.filters:
        compare_files(arguments.folder, arguments.runs)
    compare_filters(arguments.folder / "api.pcap", arguments.runs)


if __name__ == "__main__":
    main()
