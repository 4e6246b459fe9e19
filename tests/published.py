"""All that netmon publishes about a capture: every output of real commands, as bytes by name.

What holds of every output, such as that it has no secret, is said once in a test and looked for everywhere.
"""

import gzip
import json
import os
import pickle
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from netmon import Monitor, Snapshot
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from patience import PATIENCE
from receiver import answer, receiving
from terminal import Terminal

COMMAND = [sys.executable, "-m", "netmon"]
NETMON = [*COMMAND, "--no-config"]

MOST_DETAIL = ["--connections", "--user-agents", "--section-depth", "9", "-vv", "--client-from", "X-Forwarded-For"]
SAYS = "import json, os, sys; json.dump([dict(os.environ), sys.stdin.read()], open(os.environ['HOME'] + '/told', 'a'))"

RULES = """
[[alert]]
name = {name}
metric = "hits"
above = 1
span = "1s"
per = "section"
exec = [{python}, "-c", {says}]
webhook = {url}

[[alert]]
name = "new hosts"
new = "host"
learn = "1s"

[[alert]]
name = "clients"
metric = "hits"
per = "client"
above = 1
span = "1s"
"""
TOLD = ("live page", "metrics for Prometheus")
BRIEF = ("--plain", "--json", "--csv", "--plain --requests", "--ndjson --requests", "--csv --requests")
KEYS = ("1", "2", "3", "4", "5", "6", "\r", "?", "\x1b", "1", "\r", "\r", "e")
"""Keys that lead to each page of the screen, into rows, to the help, and to the export of a table."""


def run(folder, *words, code=None, command=NETMON, **how):
    done = subprocess.run(
        [*command, *map(str, words)], cwd=folder, capture_output=True, check=False, **{"timeout": PATIENCE} | how
    )
    assert code is None or done.returncode == code, done.stderr.decode()[-2000:]
    return done


def published(folder, capture, *, rule="requests", detail=MOST_DETAIL):
    """Name of an output -> its bytes. `rule` is the name of an alert rule, which fires for each section."""
    with ThreadPoolExecutor(4) as pool:
        parts = [
            pool.submit(_files_and_services, folder, capture, rule, detail),
            pool.submit(_screen, folder, capture, detail),
            pool.submit(_objects, capture),
            *(pool.submit(_brief, folder, capture, flags, detail) for flags in BRIEF),
        ]
        found = {name: data for part in parts for name, data in part.result().items()}
    return found | _compared(folder)


def _brief(folder, capture, flags, detail):
    name = flags.replace(" ", "").lstrip("-")
    more = ["-o", f"{name}.csv", "-o", f"{name}.parquet"] if "--requests" in flags else []
    done = run(folder, "-r", capture, *detail, *flags.split(), *more, code=0)
    files = {each: (folder / each).read_bytes() for each in more[1::2]}
    return {f"{flags}, printed": done.stdout, f"{flags}, told": done.stderr} | files


def _files_and_services(folder, capture, rule, detail):
    """One run that writes every kind of file, serves every service, logs, and carries out actions."""
    names = ("all.ndjson", "all.json", "all.csv", "all.parquet", "report.html")
    log = ["--log-file", "log.json", "--log-format", "json", "--log-level", "debug"]
    more = ["--evidence", "evidence", "--state", "state.json", "--web", "0", "--prometheus", "0", "--ndjson"]
    files = [word for name in names for word in ("-o", name)]
    with receiving(answer(200)) as collector, receiving(answer(200)) as hook:
        url = collector.url.removesuffix("/hook")
        words = (json.dumps(each) for each in (rule, sys.executable, SAYS, hook.url))
        (folder / "rules.toml").write_text(
            RULES.format(**dict(zip(("name", "python", "says", "url"), words, strict=True)))
        )
        command = [*NETMON, "-r", "-", *detail, *files, *log, *more, "--otlp", url, "--alerts", "rules.toml"]
        with (
            (folder / "printed").open("wb") as printed,
            capture.open("rb") as feed,  # rules act on what comes through a pipe, and not on a file that is named
            subprocess.Popen(
                list(map(str, command)),
                cwd=folder,
                stdin=feed,
                stdout=printed,
                stderr=subprocess.PIPE,
                env=os.environ | {"HOME": str(folder)},
            ) as process,
        ):
            told = b""
            for line in process.stderr:
                told += line
                if line.startswith(b"netmon: the file is read"):
                    break
            found = _served(told.decode()) if process.poll() is None else {}
            process.send_signal(signal.SIGINT)
            told += process.stderr.read()
        assert process.returncode == 0, told.decode()
        posted = b"\n".join(each.body for each in hook.requests)
        exports = [ExportMetricsServiceRequest.FromString(_unpacked(each.body)) for each in collector.requests]
    found |= {"standard output": (folder / "printed").read_bytes(), "standard error": told, "webhooks": posted}
    found["metrics for OpenTelemetry"] = "\n".join(map(str, exports)).encode()
    found |= {name: (folder / name).read_bytes() for name in (*names, "log.json", "state.json", "told")}
    evidence = sorted((folder / "evidence").iterdir())
    assert evidence
    found["names of evidence"] = "\n".join(each.name for each in evidence).encode()
    found["evidence"] = b"".join(each.read_bytes() for each in evidence)
    text = run(folder, "-r", capture, "--log-file", "log.text", "--log-level", "debug", "--alerts", "rules.toml", "-q")
    return found | {"log.text": (folder / "log.text").read_bytes(), "standard error, quiet": text.stderr}


def _unpacked(body):
    return gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body


def _served(told):
    """What the servers answer: the page, the first state of its stream, and metrics in each format."""
    page, metrics = (
        next(line.split(": ", 2)[2] for line in told.splitlines() if f": {what}: " in line) for what in TOLD
    )
    found = {"page": _got(page)}
    stream = page.replace("/?", "/events?")
    with suppress(HTTPError), closing(urlopen(Request(stream, headers={"Origin": page.split("/?")[0]}))) as events:
        found["stream of the page"] = events.readline() + events.readline() + events.readline() + events.readline()
    for name in ("text/plain", "application/openmetrics-text; version=1.0.0"):
        found[f"metrics: {name}"] = _got(metrics, Accept=name)
    proto = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
    return found | {
        "metrics: protobuf": _got(metrics, Accept=proto),
        "health": _got(metrics.replace("/metrics", "/healthz")),
    }


def _got(url, **fields):
    with closing(urlopen(Request(url, headers=fields), timeout=PATIENCE)) as answered:
        return answered.read()


def _screen(folder, capture, detail):
    """All that a terminal is sent while each page is looked at, and the tables that are exported."""
    here = folder / "screen"
    here.mkdir()
    terminal = Terminal("-r", capture, *(each for each in detail if each != "-vv"), width=200, height=60, cwd=str(here))
    terminal.shows("netmon")
    for key in KEYS:
        terminal.type(key)
        terminal.look(0.4)
    terminal.type("\x03")
    rest, _ = terminal.end()
    exported = b"".join(path.read_bytes() for path in sorted(here.glob("*.csv")))
    return {"screen": terminal.seen + rest.encode("utf-8", "surrogateescape"), "exported table": exported}


def _objects(capture):
    """The snapshot as what a program prints, pickles and keeps."""
    monitor = Monitor(read=capture, exchanges=True, connections=True, user_agents=True, section_depth=9)
    snapshots = list(monitor.snapshots())
    total = Snapshot.merge(snapshots)
    parts = [
        total,
        *total.hosts,
        *total.exchanges,
        *total.clients,
        *total.interfaces,
        *total.connections,
        total.capture,
    ]
    parts += [section for host in total.hosts for section in host.sections]
    shown = "\n".join(f"{each!r}\n{each}\n{getattr(each, '_repr_html_', str)()}" for each in parts)
    return {
        "objects": shown.encode("utf-8", "surrogatepass"),
        "dict": str(total.to_dict()).encode(),
        "json": total.to_json(),
        "pickle": pickle.dumps(snapshots),
        "monitor": f"{monitor!r}{monitor.log()}".encode(),
    }


def _compared(folder):
    """What `netmon diff` and `netmon merge` make of these files."""
    made = {}
    for flags in ("--all", "--all --json", "--all -o diff.html"):
        done = run(folder, "diff", "all.ndjson", "all.parquet", *flags.split(), code=0, command=COMMAND)
        made[f"diff {flags}"] = done.stdout + done.stderr
    made["diff.html"] = (folder / "diff.html").read_bytes()
    names = ("merged.ndjson", "merged.html", "merged.csv")
    outputs = [word for name in names for word in ("-o", name)]
    done = run(folder, "merge", "all.ndjson", "printed", *outputs, code=0, command=COMMAND)
    files = {name: (folder / name).read_bytes() for name in names}
    return made | files | {"merge": done.stdout + done.stderr}
