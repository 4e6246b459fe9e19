"""The live page: who gets it, what a stream of it costs, how it ends; over real sockets and as a command."""

import gzip
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, closing, contextmanager

import forge
import pages
import pytest
from fakes import console, monitor, snapshot
from live import Live, served
from netmon import Snapshot, cli, extras, session
from netmon.address import WebAddress
from netmon.options import Settings
from netmon.outlet import Patience
from netmon.page.data import document
from netmon.serving import server
from netmon.sinks import Opened, services, viewers, web
from patience import PATIENCE, eventually
from test_live import may_capture
from test_terminal import ticking

render = pytest.importorskip("netmon.page.render", reason="needs the extra [html]")

SECONDS = [pages.step(i) for i in range(5)]


def get(live, path=None, method="GET", **headers):
    """The answer to a request: status, fields, body. `path` is by default that of the page, with its token."""
    with closing(http.client.HTTPConnection("127.0.0.1", live.port, timeout=PATIENCE)) as line:
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        line.request(method, f"/?token={live.token}" if path is None else path, headers=headers)
        got = line.getresponse()
        return got.status, {name.lower(): value for name, value in got.getheaders()}, got.read().decode()


class Viewer:
    """Reads the stream of a page."""

    def __init__(self, live, after=0, path="/events", **headers):
        self._line = http.client.HTTPConnection("127.0.0.1", live.port, timeout=PATIENCE)
        self._line.request("GET", f"{path}?token={live.token}&after={after}", headers=headers)
        self.response = self._line.getresponse()
        self.status = self.response.status

    def event(self):
        """The next event: its name, its number if it has one, and its data."""
        lines = []
        while line := self.response.readline().decode().rstrip("\n"):
            lines.append(line.split(": ", 1))
        found = dict(lines)
        return found.get("event", ""), int(found.get("id", 0)), json.loads(found.get("data", "null"))

    def state(self):
        """The number and the document of the next state."""
        name, number, data = self.event()
        assert name == "state"
        return number, data["document"]

    def close(self):
        self.response.close()
        self._line.close()


@contextmanager
def viewing(live, n=1, **how):
    """So many viewers, who have joined."""
    with ExitStack() as leaving:
        yield [leaving.enter_context(closing(Viewer(live, **how))) for _ in range(n)]


def requests(made):
    """The requests that a document counts."""
    return sum(row[made["points"]["names"].index("requests")] for row in made["points"]["rows"])


# The page


def test_the_page_is_that_of_a_report_with_a_stream():
    with served(*SECONDS) as live:
        status, fields, text = get(live)
    assert (status, fields["content-type"]) == (200, "text/html; charset=utf-8")
    report = render.page(document(pages.record(SECONDS)))
    for part in ("<h1 id", "<figure", "data-table"):
        assert text.count(part) == report.count(part) > 0
    assert ("EventSource" in text, "EventSource" in report) == (True, False)
    assert live.token not in text


def test_a_page_before_the_first_interval_says_so_and_is_updated():
    with served() as live:
        assert "Nothing was captured" in get(live)[2]
        with viewing(live) as [viewer]:
            live.push(SECONDS[0])
            number, made = viewer.state()
    assert (number, requests(made)) == (1, SECONDS[0].requests)


def test_only_a_live_page_may_connect_and_only_to_where_it_comes_from():
    with served(*SECONDS) as live:
        _, fields, text = get(live)
    policy = fields["content-security-policy"]
    meta = re.search(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)"', text)[1].replace("&#39;", "'")
    assert policy == f"{meta}; frame-ancestors 'none'"
    assert "connect-src 'self'" in policy
    assert "unsafe" not in policy
    scripts = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    assert len(scripts) == 3
    assert all(render._hashed(script) in policy for script in scripts)
    assert "connect-src" not in render.page(document(pages.record(SECONDS)))


def test_no_address_in_the_page_leads_elsewhere():
    with served(*SECONDS) as live:
        text = get(live)[2]
    targets = re.findall(r'(?:src|href|action)="([^"]*)"', text)
    assert targets
    assert all(target.startswith(("#", "data:")) for target in targets)
    assert not re.findall(r"(?:https?:)?//[a-z]", re.sub(r"http://www\.w3\.org/2000/svg|// ", "", text))


def test_a_reload_gives_the_newest_state(monkeypatch):
    monkeypatch.setattr(web, "PACE", 0.0)
    with served(SECONDS[0]) as live:
        live.web._pace = 0.0
        for i, each in enumerate(SECONDS[1:], 2):
            live.push(each)
            text = get(live)[2]
            assert f'data-number="{i}"' in text
            data = json.loads(re.search(r'id="data">(.*?)</script>', text)[1])
            assert requests(data) == sum(one.requests for one in SECONDS[:i])


# Who gets it


PAGE_AND_STREAM = ("/?token={}", "/events?token={}")


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/events",
        "/?token=",
        "/events?token=x",
        "/?token={}x",
        "/?Token={}",
        "/{}",
        "/{}/",
        "/?x={}",
        "/metrics",
        "/?token=%FF",
        "/?" + "&".join(["a=b"] * 50) + "&token={}",
        "/events?token=%C3%A9",
    ],
)
def test_without_the_token_nothing_is_told_but_what_to_do(path):
    with served(pages.step(0)) as live:
        status, _, text = get(live, path.format(live.token))
    assert (status, text) == (403, f"{viewers.NO_TOKEN}\n")


def test_with_the_token_other_paths_are_not_found():
    with served() as live:
        assert get(live, f"/favicon.ico?token={live.token}")[0] == 404


def test_each_start_has_another_token_of_128_bits():
    with served() as one, served() as other:
        assert one.token != other.token
        assert re.fullmatch(r"[\w-]{22}", one.token)


@pytest.mark.parametrize("path", PAGE_AND_STREAM)
@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "192.0.2.1", "localhost.x"]
)
def test_another_host_is_refused_even_with_the_token(path, host):
    with served() as live:
        status, _, text = get(live, path.format(live.token), Host=host)
    assert (status, text) == (403, f"{viewers.OTHER_NAME}\n")


@pytest.mark.parametrize("host", ["localhost:1", "127.0.0.1", "[::1]:8464", "Monitor.example"])
def test_names_of_this_machine_and_given_ones_are_answered(host):
    with served(hosts=("monitor.example",)) as live:
        assert get(live, Host=host)[0] == 200


@pytest.mark.parametrize("given", ["Monitor.Example.", "monitor.example:443", "https://monitor.example/netmon/"])
def test_a_further_name_may_be_given_with_its_port_or_as_a_url(given):
    with served(hosts=(given,)) as live:
        assert get(live, Host="monitor.example:8443")[0] == 200
        assert get(live, Host="other.example")[0] == 403


@pytest.mark.parametrize(
    ("headers", "page", "stream"),
    [
        ({"Origin": "http://evil.example"}, 403, 403),
        ({"Origin": "null"}, 403, 403),
        ({"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "cors", "Sec_Fetch_Dest": "empty"}, 403, 403),
        ({"Sec_Fetch_Site": "same-site", "Sec_Fetch_Mode": "cors", "Sec_Fetch_Dest": "empty"}, 403, 403),
        ({"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "iframe"}, 403, 403),
        ({"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "no-cors", "Sec_Fetch_Dest": "script"}, 403, 403),
        ({"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"}, 200, 403),
        ({"Sec_Fetch_Site": "none", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"}, 200, 200),
        ({"Sec_Fetch_Site": "same-origin", "Sec_Fetch_Mode": "cors", "Sec_Fetch_Dest": "empty"}, 200, 200),
    ],
)
def test_other_pages_read_neither_the_page_nor_its_stream(headers, page, stream):
    with served() as live:
        assert get(live, **headers)[0] == page
        assert get(live, f"/events?token={live.token}", "HEAD", **headers)[0] == stream


def test_no_answer_lets_another_origin_read_it():
    with served() as live:
        for path in ("/", f"/?token={live.token}", f"/events?token={live.token}"):
            fields = get(live, path, "HEAD", Origin="http://evil.example")[1]
            assert not [name for name in fields if name.startswith("access-control-")]
            assert fields["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("127.0.0.1:5", "127.0.0.1:5"),
        ("[::1]:5", r"\[::1\]:5"),
        ("localhost:5", "localhost:5"),
        ("0.0.0.0:5", r"[\d.]+:5"),
    ],
)
def test_the_address_that_is_told_can_be_opened(address, shown):
    assert re.fullmatch(rf"http://{shown}/\?token=t", viewers.url(WebAddress.parse(address), "t"))


def test_bound_to_all_addresses_it_is_reached_by_any_of_them_and_by_the_name_of_the_machine():
    with served(address="0.0.0.0:0") as live:
        for host in ("192.0.2.1", "127.0.0.1", socket.gethostname()):
            assert get(live, Host=host)[0] == 200
        assert get(live, Host="evil.example")[0] == 403


# The stream


def test_a_viewer_gets_each_state_as_it_is_made():
    with served(SECONDS[0]) as live, viewing(live) as [viewer]:
        live.web._pace = 0.01
        for i, each in enumerate(SECONDS, 1):
            if i > 1:
                live.push(each)
            number, made = viewer.state()
            assert (number, requests(made)) == (i, sum(one.requests for one in SECONDS[:i]))


def test_the_parts_of_a_state_are_those_of_its_page():
    with served(*SECONDS) as live, viewing(live) as [viewer]:
        _, _, data = viewer.event()
        page = get(live)[2]
        assert data["parts"].keys() == set(re.findall(r'data-part="(\w+)"', page))
        assert all(part in page for part in data["parts"].values())


def test_who_has_the_page_gets_only_what_is_newer():
    with served(*SECONDS) as live, viewing(live, after=5) as [viewer]:
        eventually(lambda: live.web.feed.readers == 1)
        live.push(pages.step(5))
        assert viewer.state()[0] == 6


def test_a_hundred_viewers_cost_one_rendering_and_one_more_is_told_to_come_later():
    with served(*SECONDS) as live, viewing(live, web.VIEWERS) as many:
        assert {viewer.status for viewer in many} == {200}
        numbers = {viewer.state()[0] for viewer in many}
        assert (numbers, live.web.made) == ({5}, 1)
        late = Viewer(live)
        assert late.status == 503
        assert late.response.getheader("Retry-After") == "10"
        assert late.response.read().decode() == f"{viewers.FULL}\n"
        assert get(live, f"/events?token={live.token}", "HEAD")[0] == 503
        live.push(pages.step(5))
        assert {viewer.state()[0] for viewer in many} == {6}
        assert live.web.made == 2
        for _viewer in many[:50]:
            assert get(live)[0] == 200
        assert live.web.made == 2, "pages are made of the same state"
        many[0].close()
        eventually(lambda: live.web.feed.readers == web.VIEWERS - 1)
        with viewing(live) as [next_]:
            assert next_.status == 200


def test_a_page_is_made_once_for_all_who_load_it_at_the_same_time(monkeypatch):
    made = []
    page = render.page
    monkeypatch.setattr(render, "page", lambda *given, **how: made.append(1) or page(*given, **how))
    with served(*SECONDS) as live:
        got = []
        loading = [threading.Thread(target=lambda: got.append(get(live)[2])) for _ in range(20)]
        for each in loading:
            each.start()
        for each in loading:
            each.join()
        assert (len(got), len(set(got)), len(made), live.web.made) == (20, 1, 1, 1)


def test_while_nobody_looks_nothing_is_made():
    with served(*SECONDS) as live:
        for i in range(5, 50):
            live.push(pages.step(i))
        assert live.web.made == 0
        with viewing(live) as [viewer]:
            assert viewer.state()[0] == 50
        eventually(lambda: live.web.feed.readers == 0)
        live.push(pages.step(50))
        assert live.web.made == 1


def test_states_are_no_closer_than_the_pace_and_the_last_one_is_sent_at_once(monkeypatch):
    monkeypatch.setattr(web, "LAST", PATIENCE)
    with served(*SECONDS) as live:
        live.web._pace = 3600.0
        with viewing(live) as [viewer]:
            assert viewer.state()[0] == 5
            for i in range(5, 20):
                live.push(pages.step(i))
            assert (get(live)[0], live.web.made) == (200, 1)
            live.end()
            assert viewer.state()[0] == 20
            assert viewer.event()[0] == "end"
            assert viewer.response.read() == b"", "the connection is closed"


def test_the_end_comes_in_a_third_of_a_second_though_a_viewer_does_not_read():
    live = Live()
    live.push(*SECONDS)
    with viewing(live, 3) as viewers_, closing(Viewer(live)):
        assert [viewer.state()[0] for viewer in viewers_] == [5] * 3
        before = time.monotonic()
        live.end()
        assert time.monotonic() - before < web.LAST + 0.3 + 0.3, "with some time for a busy machine"
        assert [viewer.event()[0] for viewer in viewers_] == ["end"] * 3


def test_a_viewer_who_does_not_read_delays_neither_frames_nor_others_and_gets_the_newest(monkeypatch):
    monkeypatch.setattr(server, "WRITE_TIME", PATIENCE)  # he is slow, not gone
    monkeypatch.setattr(web, "REST", 0)
    many = pages.many(2_000)
    whole = many.frame.total
    live = Live()
    try:
        live.web._pace = 0.01
        with closing(Viewer(live)) as slow, viewing(live) as [quick]:
            for i in range(1, 21):
                live.push(whole)
                assert quick.state()[0] == i
            numbers = []
            while not numbers or numbers[-1] < 20:
                numbers.append(slow.state()[0])
        assert numbers == sorted(numbers)
        assert len(numbers) < 20, "what lies in the buffers of the kernel, and then the newest"
    finally:
        live.end()


def test_a_stream_is_compressed_for_who_accepts_that():
    with served(*SECONDS) as live, viewing(live, **{"Accept-Encoding": "gzip"}) as [viewer]:
        assert viewer.response.getheader("Content-Encoding") == "gzip"
        eventually(lambda: live.web.feed.number)
        live.end()
        text = gzip.decompress(viewer.response.read()).decode()
    assert re.findall(r"^event: (\w+)", text, re.MULTILINE) == ["state", "end"]


def test_a_page_that_cannot_be_made_is_told_and_stops_nothing(monkeypatch):
    with served(*SECONDS) as live:
        monkeypatch.setattr(web, "document", lambda record: 1 / 0)
        assert get(live)[0] == 500
        with viewing(live):
            eventually(lambda: live.web._news)
        assert live.opened.outlet.news() == ["the live page could not be made: ZeroDivisionError('division by zero')"]
        assert live.opened.outlet.news() == []
        monkeypatch.undo()
        assert get(live)[0] == 200


def test_a_copy_of_a_record_stays_as_it_was():
    record = pages.record(SECONDS, pages.RULES)
    copy = record.copy()
    before = document(record)
    frames = pages.record([*SECONDS, *(pages.step(i) for i in range(5, 300))], pages.RULES)
    record.timeline.push(pages.step(7))
    assert document(copy) == before
    assert document(frames) != before


# As a command


@pytest.fixture
def capture(tmp_path):
    path = tmp_path / "capture.pcap"
    talk = forge.Conversation(1024, 1000.0)
    for i in range(20):
        talk.ask(1000.1 + i, "GET", "a.example", f"/{i}", 200)
    path.write_bytes(forge.pcap(talk))
    return path


@contextmanager
def command(*arguments, **how):
    """netmon with a page at a free port: the process, and the address that it tells."""
    words = [sys.executable, "-m", "netmon", "--no-config", *map(str, arguments)]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True, **{"stdout": subprocess.DEVNULL} | how) as process:
        try:
            line = process.stderr.readline()
            if "--user" in words:
                assert line.startswith("netmon: warning: netmon keeps all rights of root"), line
                line = process.stderr.readline()
            assert line.startswith("netmon: live page: http://127.0.0.1:"), line
            yield process, line.split()[-1]
        finally:
            process.kill()


def fetched(url):
    return subprocess.run(
        ["curl", "-sS", "--max-time", str(PATIENCE), url], capture_output=True, text=True, check=True
    ).stdout


def test_a_file_is_served_until_a_signal_and_other_outputs_are_written_before(capture, tmp_path):
    out = tmp_path / "out.json"
    stdout = (tmp_path / "stdout").open("w")
    with stdout, command("-r", capture, "--json", "-o", out, "--web", "0", stdout=stdout) as (process, url):
        assert "until Ctrl+C" in process.stderr.readline()
        assert json.loads(out.read_text())["hits"] == 40
        assert json.loads((tmp_path / "stdout").read_text())["hits"] == 40
        assert "20 requests" in fetched(url)
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0
        assert "20 requests" in process.stderr.read()


@pytest.mark.parametrize("more", [["-t", "1"], ["--once"]])
def test_a_timeout_and_once_end_a_file_that_is_served(capture, more):
    with command("-r", capture, "--plain", "--web", "0", *more) as (process, _):
        assert process.wait(PATIENCE) == 0


def test_quiet_tells_the_address_all_the_same(capture):
    with command("-r", capture, "-q", "--plain", "--web", "0") as (_process, url):
        assert "20 requests" in fetched(url)


def test_all_other_files_are_whole_while_a_page_of_a_file_is_served(capture, tmp_path):
    parquet, lines = tmp_path / "all.parquet", tmp_path / "all.ndjson"
    with command("-r", capture, "-q", "--plain", "--web", "0", "-o", parquet, "-o", lines) as (process, _url):
        eventually(lambda: parquet.read_bytes()[-4:] == b"PAR1" or process.poll() is not None)
        assert process.poll() is None
        assert Snapshot.merge(map(Snapshot.from_json, lines.read_bytes().splitlines())).requests == 20


def test_what_an_output_lacks_is_told_before_the_page_of_a_file_is_served_and_again_at_the_end(tmp_path):
    class Broken:
        def close(self):
            raise OSError(28, "No space left on device", "all.ndjson")

    class Idle:
        def close(self):
            patience.end()

    patience, told, broken, page, lines = Patience(), [], Broken(), Idle(), Idle()
    opened = [Opened("all.ndjson", broken, lines), Opened("the live page", Idle(), page, stays=True)]
    sinks, outlets = [lines, page], [each.outlet for each in opened]
    with pytest.raises(OSError, match="No space left"):
        services.stay(opened, sinks, outlets, patience, told.extend)
    assert (sinks, outlets) == ([page], [opened[1].outlet])
    assert told[0] == "netmon: error: all.ndjson: No space left on device\n"


def test_the_token_is_in_no_log(capture, tmp_path):
    log = tmp_path / "netmon.log"
    with command("-r", capture, "--plain", "--web", "0", "--log-file", log, "--log-level", "debug", "-t", "2") as (
        process,
        url,
    ):
        fetched(url)
        assert process.wait(PATIENCE) == 0
    assert log.read_text()
    assert url.partition("token=")[2] not in log.read_text()


def test_a_port_that_is_taken_ends_netmon_with_what_to_type(capture, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        words = [sys.executable, "-m", "netmon", "--no-config", "-r", capture, "--plain", "--web", address]
        words += ["-o", tmp_path / "all.ndjson"]
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert done.returncode == 1
    assert f"netmon: --web {address}: Address already in use; for any free port: --web 127.0.0.1:0" in done.stderr
    assert not (tmp_path / "all.ndjson").exists(), "the next start would not replace it"


def test_a_file_that_cannot_be_made_frees_the_port(tmp_path):
    settings = Settings(read=("x",), web=WebAddress.parse("127.0.0.1:0"), output=(str(tmp_path / "no" / "all.ndjson"),))
    before = set(threading.enumerate())
    with pytest.raises(FileNotFoundError):
        list(services.opened(settings, Patience()))
    eventually(lambda: all("http" not in each.name for each in set(threading.enumerate()) - before))


def test_without_its_package_the_command_to_install_it_is_told(monkeypatch, capsys):
    monkeypatch.setattr(extras, "EXTRAS", {"html": "no_such_module"})
    assert cli.main(["--no-config", "--web"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("netmon: --web: this needs the extra html (")
    assert said.endswith(" -m pip install 'netmon-http[html]'\n")


def test_exchanges_are_listed_for_the_page_and_kept_out_of_other_outputs():
    assert services.lists_slowest(Settings(web=WebAddress.parse("1")))
    assert services.lists_slowest(Settings(output=("a.html",)))
    assert not services.lists_slowest(Settings(web=WebAddress.parse("1"), requests=True))
    assert not services.lists_slowest(Settings(output=("a.json", "b.ndjson")))
    first = snapshot(1000.0, exchanges=[pages.exchange(0, "a.example", "/", 0.5)])
    watch, _ = monitor(first)
    world = console()
    session.run(Settings(web=WebAddress.parse("127.0.0.1:0"), format="ndjson"), monitor=watch, console=world)
    assert json.loads(world.stdout.text)["exchanges"] == []


def test_the_screen_shows_the_address_and_its_help_keeps_it():
    terminal = ticking("--web", "0", width=100)
    terminal.shows("live page: http://127.0.0.1:")
    url = re.search(r"http\S+", terminal.text)[0]
    terminal.type("?")
    terminal.shows(f"live page {url}")
    assert "a.example" in fetched(url)
    terminal.type("q")
    assert terminal.end()[1] == 0


def test_beside_the_screen_the_page_is_updated():
    terminal = ticking("--web", "0", width=100)
    terminal.shows("live page: http://127.0.0.1:")
    url = re.search(r"http\S+", terminal.text)[0]
    code = subprocess.Popen(
        ["curl", "-sN", url.replace("/?", "/events?")],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"TZ": "UTC"},
    )
    with code, closing(code.stdout):
        numbers = []
        while len(numbers) < 3:
            line = code.stdout.readline()
            numbers += [int(line[4:])] if line.startswith("id: ") else []
        assert numbers == sorted(set(numbers))
        terminal.type("q")
        terminal.end()
        assert code.stdout.read().endswith("event: end\ndata: 1\n\n")


def test_all_threads_of_a_page_are_daemons():
    with served(*SECONDS) as live:
        get(live)
        ours = [each for each in threading.enumerate() if each.name in ("netmon-web", "netmon-http")]
        assert len(ours) >= 2
        assert all(each.daemon for each in ours)


@pytest.mark.skipif(not may_capture(), reason="needs CAP_NET_RAW")
def test_netmon_that_watches_its_own_page_tells_its_token_to_no_output(tmp_path):
    files = [tmp_path / name for name in ("a.ndjson", "a.json", "a.csv", "a.html", "requests.csv")]
    outputs = [part for path in files for part in ("-o", path)]
    with (
        (tmp_path / "stdout").open("w") as stdout,
        command("-i", "lo", "--user", "root", "--requests", *outputs, "--web", "0", stdout=stdout) as (process, url),
        subprocess.Popen(["curl", "-sN", url.replace("/?", "/events?")], stdout=subprocess.PIPE, text=True) as reader,
    ):
        token, host = url.partition("token=")[2], url.split("/")[2]
        eventually(lambda: host in fetched(url).split("<main")[1])
        assert token not in fetched(url)
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0
        text = reader.stdout.read() + process.stderr.read()
    text += "".join(path.read_text() for path in (*files, tmp_path / "stdout"))
    assert host in text
    assert token not in text
