"""Exchanges have the path and the user agent of their request, without secrets, and neither if they are redacted.

The tests look at everything that leaves netmon: objects, outputs, each page of the screen, its CSV files, the log.
"""

import io
import json
import os
import pickle
import subprocess
import sys
from itertools import product

import forge
import pytest
from drawing import pressed, text, view_of
from netmon import Monitor, Snapshot
from netmon.display.export import document
from netmon.display.layout import screen
from netmon.display.view import PANELS, Panel, Place
from netmon.frames import Frames
from netmon.sinks.requests import Requests
from promises import OK, Wire, promise

SECRET = "s3cr3t"
NOON = 1_700_000_000.0


def head(line, *fields):
    host = () if any(field.startswith("Host") for field in fields) else ("Host: a.example",)
    return "\r\n".join([line, *host, *fields, "", ""]).encode("latin-1")


def talk(*asked, now=NOON):
    """Each request (start line, fields) on its own connection. Each but the last has a response."""
    wires = []
    for number, (line, *fields) in enumerate(asked):
        wire = Wire(4000 + number, now=now + number / 10)
        wires.append(wire.say(head(line, *fields), *([OK] if number < len(asked) - 1 else [])))
    return wires


def told(snapshot):
    return [(each.path, each.user_agent) for each in snapshot.exchanges]


def screens(frame):
    """Everything the screen shows, and every file that `e` writes of it."""
    view = view_of([frame])
    for page in ("1", "2", "3", "4", "5", "6", ["5", "enter"], ["1", "enter"], ["1", "enter", "enter"]):
        there = pressed(view, page)
        for width, height in ((200, 60), (120, 30), (80, 24), (40, 10)):
            yield "\n".join(text(screen(there, width, height)))
    for page, panels in PANELS.items():
        for panel in panels:
            yield document(view.at(Place.of(page)), panel)


def everything(path, **settings):
    """Name of an output -> all that netmon writes there for a capture."""
    monitor = Monitor(read=path, exchanges=True, user_agents=True, **settings)
    snapshots = list(monitor.snapshots())
    total = Snapshot.merge(snapshots)
    frames = Frames(10.0, keeps_exchanges=True)
    frame = [frames.push(snapshot) for snapshot in snapshots][-1]
    whole = Frames(10.0).push(total)
    out = {"log": str(monitor.log()), "json": total.to_json().decode(), "dict": str(total.to_dict())}
    out["objects"] = "".join(repr(each) + each._repr_html_() for each in (total, *total.hosts, *total.exchanges))
    out["pickle"] = pickle.dumps(total).decode("latin-1")
    out["screen"] = "\n".join(screens(frame))
    for as_json in (False, True):
        stream = io.StringIO()
        Requests(stream, as_json=as_json).update(whole)
        out["requests as json" if as_json else "requests"] = stream.getvalue()
    return out


def command(path, *flags):
    """What the command writes to both streams, with the log."""
    arguments = [sys.executable, "-m", "netmon", "--no-config", "-r", path, "-vv", *flags]
    done = subprocess.run(arguments, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout
    return (done.stdout + done.stderr).decode()


FLAGS = (
    ["--json"],
    ["--ndjson"],
    ["--plain"],
    ["--ndjson", "--requests"],
    ["--plain", "--requests"],
    ["--csv"],
    ["--csv", "--requests"],
)


@pytest.fixture
def capture(tmp_path):
    def write(*wires):
        path = tmp_path / "capture.pcap"
        path.write_bytes(forge.pcap(*wires))
        return path

    return write


@promise(24)
@pytest.mark.parametrize(
    ("line", "path"),
    [
        ("GET / HTTP/1.1", "/"),
        ("GET /a/b/c HTTP/1.1", "/a/b/c"),
        ("GET /a/b/?X HTTP/1.1", "/a/b/"),
        ("GET /a/b;X/c#X HTTP/1.1", "/a/b/c"),
        ("GET http://a.example/x/y?X HTTP/1.1", "/x/y"),
        ("CONNECT auth.example:443 HTTP/1.1", "*"),
        ("OPTIONS * HTTP/1.1", "*"),
        ("GET u:X@h/p HTTP/1.1", "/"),
        ("GET //u:X@h/p HTTP/1.1", "/"),
        ("GET /r/u:X/X@h/p HTTP/1.1", "/r/h/p"),
        ("GET /a X HTTP/1.1", "/a"),
        ("GET ?X HTTP/1.1", "/"),
        ("GET /\x1b[2J\xff HTTP/1.1", "/\\x1b[2J\\xff"),
    ],
)
def test_an_exchange_tells_the_path_of_its_target_and_no_secret(read, line, path):
    total = read(*talk((line.replace("X", SECRET),)), exchanges=True)
    assert told(total) == [(path, "")]
    assert SECRET.encode() not in total.to_json()


@promise(24)
def test_a_long_path_is_cut_and_says_so(read):
    total = read(*talk((f"GET /{'x' * 5000} HTTP/1.1",), (f"GET /{'x' * 5001} HTTP/1.1",)), exchanges=True)
    one, two = (exchange.path for exchange in total.exchanges)
    assert len(one) == len(two) == 256
    assert "..#" in one
    assert one != two


@promise(24)
def test_a_path_cut_by_the_snapshot_length_keeps_its_whole_segments(read):
    total = read(*talk(("GET /one/two/three HTTP/1.1",)), exchanges=True, snaplen=54 + len("GET /one/two/thr"))
    assert told(total) == [("/one/two/..", "")]


@promise(24)
def test_a_user_agent_is_told_by_its_product_when_it_is_asked_for(read):
    asked = [("GET /a HTTP/1.1", f"User-Agent: {agent}") for agent in ("curl/8.5", "Mozilla/5.0 (X11) Firefox/122.0")]
    wires = talk(*asked, ("GET /a HTTP/1.1",))
    assert [agent for _, agent in told(read(*wires, exchanges=True, user_agents=True))] == ["curl", "Firefox", ""]
    assert [agent for _, agent in told(read(*wires, exchanges=True))] == ["", "", ""]


@promise(24)
def test_pipelined_requests_keep_what_each_said(read):
    asked = b"".join(head(f"GET /a/{n} HTTP/1.1", f"User-Agent: agent{n}/1") for n in range(20))
    total = read(Wire(now=NOON).say(asked, OK * 15, size=100), exchanges=True, user_agents=True)
    assert sorted(told(total)) == sorted((f"/a/{n}", f"agent{n}") for n in range(20))


TARGETS = (
    "/a;X",
    "/a?X",
    "/r/u:X/X@h",
    "/r/u%3aX%40h",
    "/a/b%253fX",
    "u:X@h/p",
    "//u:X@h/p",
    "http://u:X/X@h/p",
    "/a X",
)
AGENTS = ("curl/X", "Mozilla/5.0 (X) Firefox/X", "u:X@h", "(X)")


@promise(24)
def test_no_output_of_any_kind_has_a_secret_of_a_path_or_a_user_agent(capture):
    asked = [
        (f"GET {target} HTTP/1.1", "Host: h", f"User-Agent: {agent}") for target, agent in product(TARGETS, AGENTS)
    ]
    path = capture(*talk(*([part.replace("X", SECRET) for part in each] for each in asked)))
    assert {where for where, shown in everything(path).items() if SECRET in shown} == set()
    for flags in FLAGS:
        assert SECRET not in command(path, "--user-agents", *flags), flags


SHOWN = ("hidden-path", "hidden-agent")


@promise(24)
@pytest.mark.parametrize("workers", [1, 3])
def test_redacted_no_output_of_any_kind_has_a_path_or_a_user_agent(capture, workers):
    path, agent = SHOWN
    ask = (f"GET /section/{path} HTTP/1.1", "Host: h", f"User-Agent: {agent}/1.0")
    file = capture(*talk(*[ask] * 8))
    open_ = everything(file, workers=workers)
    assert {where for where, shown in open_.items() if path not in shown} == {"log"}
    assert {where for where, shown in open_.items() if agent not in shown} <= {"log", "objects"}
    redacted = everything(file, workers=workers, redact="all")
    assert {where for where, shown in redacted.items() if path in shown or agent in shown} == set()
    assert all("section" in shown for where, shown in redacted.items() if where != "log")
    assert json.loads(redacted["requests as json"].splitlines()[0])["path"] == ""


@promise(24)
def test_redacted_no_output_of_the_command_has_a_path_or_a_user_agent(capture, monkeypatch):
    path, agent = SHOWN
    file = capture(*talk(*[(f"GET /section/{path} HTTP/1.1", "Host: h", f"User-Agent: {agent}/1.0")] * 3))
    requests = ["--ndjson", "--requests", "--user-agents"]
    assert all(word in command(file, *requests) for word in SHOWN)
    for flags in FLAGS:
        shown = command(file, "--user-agents", "--redact", "all", *flags)
        assert "section" in shown, flags
        assert not [word for word in SHOWN if word in shown], flags
    monkeypatch.setenv("NETMON_REDACT", "all")
    assert not [word for word in SHOWN if word in command(file, *requests)]


def test_several_workers_tell_the_same(capture):
    asked = [(f"GET /a/{n} HTTP/1.1", "Host: h", f"User-Agent: agent{n % 7}/2") for n in range(200)]
    path = capture(*talk(*asked))
    settings = {"read": path, "exchanges": True, "user_agents": True}
    totals = [Snapshot.merge(Monitor(**settings, workers=workers).snapshots()) for workers in (1, 4)]
    assert told(totals[0]) == told(totals[1]) == [(f"/a/{n}", f"agent{n % 7}") for n in range(200)]


def test_a_document_without_paths_and_user_agents_can_be_read_and_one_with_them_keeps_them(read):
    total = read(*talk(("GET /a/b HTTP/1.1", "User-Agent: curl/8")), exchanges=True, user_agents=True)
    assert told(Snapshot.from_json(total.to_json())) == told(pickle.loads(pickle.dumps(total))) == [("/a/b", "curl")]
    document = json.loads(total.to_json())
    for exchange in document["exchanges"]:
        del exchange["path"], exchange["user_agent"]
    before = Snapshot.from_json(json.dumps(document))
    assert told(before) == [("", "")]
    assert "a.example/a unanswered" in repr(before.exchanges[0])


def test_what_is_read_from_a_document_is_made_safe(read):
    document = json.loads(read(*talk(("GET /a HTTP/1.1",)), exchanges=True).to_json())
    document["exchanges"][0] |= {"path": "/\x1b[2J\u202e", "user_agent": "\r\ncurl"}
    assert told(Snapshot.from_json(json.dumps(document))) == [("/\\x1b[2J\\xe2\\x80\\xae", "\\x0d\\x0acurl")]


@pytest.mark.parametrize("value", ["", "ALL", "query"])
def test_redact_is_none_or_all(tmp_path, value):
    with pytest.raises(ValueError, match="redact must be 'none' or 'all'"):
        Monitor(read=tmp_path, redact=value)
    arguments = [sys.executable, "-m", "netmon", "--no-config", "--redact", value, "-r", os.devnull]
    done = subprocess.run(arguments, capture_output=True, timeout=60, check=False)
    assert done.returncode == 2
    assert b"redact" in done.stderr


def test_rows_of_requests_are_called_by_their_path_and_tell_their_user_agent(read):
    total = read(
        *talk(*((f"GET /a/{n} HTTP/1.1", "User-Agent: curl/8") for n in range(3))), exchanges=True, user_agents=True
    )
    view = view_of([Frames(10.0, keeps_exchanges=True).push(total)], "5")
    shown = "\n".join(text(screen(view, 200, 60)))
    assert all(f"a.example/a/{n}" in shown for n in range(3)), shown
    assert "curl" in shown
    assert "path" in document(view, Panel.REQUESTS).splitlines()[0].split(",")
