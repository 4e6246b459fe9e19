"""The filter of what is counted and shown: on the command line, in Monitor, on the screen, and as an object."""

import json
import pickle

import forge
import netmon
import pytest
from drawing import busy, text, view_of
from netmon import Filter, FilterError, Monitor, Snapshot, WhereError, cli
from netmon.display import header
from netmon.display.help import footer
from netmon.display.layout import screen
from netmon.display.rows import rows_of
from netmon.display.view import Panel
from netmon.measures import measure
from netmon.sinks.where import in_words, with_where

AT = 1_700_000_000.0
EXAMPLE = "host:api.* section:/cart method:!GET status:5xx latency>200ms bytes>1MiB client:10.0.0.0/8"


BIG = 1 << 20


def talks():
    """Four connections: a shop, its API, a client from elsewhere, and a request without a response."""
    shop = forge.Conversation(1000, AT, client="10.0.0.1")
    shop.ask(AT + 0.1, "GET", "shop.example", "/cart/1", 200).ask(AT + 0.2, "GET", "shop.example", "/about", 404)
    api = forge.Conversation(1001, AT, client="10.0.0.7")
    api.send(AT + 0.1, 0, forge.ACK, b"POST /cart/items HTTP/1.1\r\nHost: api.example\r\nContent-Length: 0\r\n\r\n")
    api.send(AT + 0.6, 1, forge.ACK, b"HTTP/1.1 503 X\r\nContent-Length: %d\r\n\r\n" % BIG)
    for number in range(BIG >> 15):
        api.send(AT + 0.6 + number / 1000, 1, forge.ACK, b"x" * (1 << 15))
    api.ask(AT + 1.1, "GET", "api.example", "/cart/items", 200, body=b"ok")
    away = forge.Conversation(1002, AT, client="192.168.0.9", server="10.0.0.3")
    away.ask(AT + 0.3, "GET", "api.example", "/v2", 500, took=0.3)
    silent = forge.Conversation(1003, AT, client="10.0.0.8")
    silent.send(AT + 0.4, 0, forge.ACK, b"GET /slow HTTP/1.1\r\nHost: slow.example\r\nUser-Agent: curl/8\r\n\r\n")
    return [each.close(AT + 2) for each in (shop, api, away, silent)]


def read(where=None, **settings):
    return Snapshot.merge(Monitor(read=forge.pcap(*talks()), where=where, **settings).snapshots())


SELECTED = [
    ("", 6, 5),
    ("host:api.*", 3, 3),
    ("host:api", 3, 3),
    ("host=api", 0, 0),
    ("section:/cart", 3, 3),
    ("path:items", 2, 2),
    ("method:!GET", 1, 1),
    ("client:10.0.0.0/8", 5, 4),
    ("client=10.0.0.1", 2, 2),
    ("server:10.0.0.3", 1, 1),
    ("user_agent:curl", 1, 0),
    ("interface:eth0", 0, 0),
    ("shop or slow", 3, 2),
    ("not (shop or slow)", 3, 3),
    ("status:5xx", 2, 2),
    ("status:none", 1, 0),
    ("status<500", 3, 3),
    ("latency>200ms", 2, 2),
    ("bytes>1MiB", 1, 1),
    ("duration<100ms host:shop", 2, 2),
    ("path:items status:200", 1, 1),
    ("user_agent:curl status:none", 1, 0),
    ("host:slow or status:404", 2, 1),
    ("404", 1, 1),
    (EXAMPLE, 1, 1),
    ("host:zebra", 0, 0),
]
"""A filter, and how many requests and responses of `talks` it admits."""


@pytest.mark.parametrize(("where", "requests", "responses"), SELECTED)
def test_only_exchanges_that_match_are_counted_in_every_table(where, requests, responses):
    snapshot = read(where, exchanges=True, workers=2)
    assert (snapshot.requests, snapshot.responses) == (requests, responses)
    assert len(snapshot.exchanges) == requests
    for rows in (snapshot.hosts, snapshot.clients, [section for host in snapshot.hosts for section in host.sections]):
        for name in ("requests", "responses", "errors", "request_bytes", "response_bytes", "hits"):
            assert sum(getattr(row, name) for row in rows) == getattr(snapshot, name), name
        assert sum(row.latency.count for row in rows) == snapshot.latency.count == responses
    assert all(host.hits for host in snapshot.hosts)
    assert snapshot.request_bytes == sum(each.request_bytes for each in snapshot.exchanges)
    assert snapshot.response_bytes == sum(each.response_bytes for each in snapshot.exchanges)
    assert snapshot.capture.unanswered == sum(each.status is None for each in snapshot.exchanges)


@pytest.mark.parametrize(("where", "requests", "responses"), SELECTED)
def test_the_exchanges_counted_are_those_that_the_filter_admits(where, requests, responses):
    every = read(exchanges=True, user_agents=True).exchanges
    counted = read(where, exchanges=True, user_agents=True).exchanges
    admitted = Filter(where)
    assert list(map(repr, counted)) == [repr(each) for each in every if admitted.admits_exchange(each)]


@pytest.mark.parametrize("where", ["method:GET or method:!GET", "status<600 or status:none", "bytes>=0"])
def test_a_filter_that_admits_all_counts_what_no_filter_counts(where):
    """But for the health of a host before its first exchange counts."""
    every, admitted = (json.loads(snapshot.to_json()) for snapshot in (read(), read(where)))
    for document in (every, admitted):
        for host in document["hosts"]:
            del host["tcp"]
    assert admitted == every


def test_packets_interfaces_and_health_are_counted_whole():
    every = read()
    for where in ("host:shop", "status:404"):
        some = read(where)
        assert some.capture.received == every.capture.received
        assert [(row.packets, row.bytes) for row in some.interfaces] == [
            (row.packets, row.bytes) for row in every.interfaces
        ]
        assert json.loads(some.to_json())["tcp"] == json.loads(every.to_json())["tcp"]
        assert [host.name for host in some.hosts] == ["shop.example"]


def test_a_response_without_a_request_is_judged_by_its_head():
    orphan = forge.Conversation(1000, AT, client="10.0.0.7")
    orphan.send(AT + 0.01, 1, forge.ACK, b"HTTP/1.1 503 X\r\nContent-Length: 2\r\n\r\nhi")
    for where, responses in (("status:5xx", 1), ("status:4xx", 0), ("client:10.0.0.7", 1), ("host:shop", 0)):
        snapshot = Snapshot.merge(Monitor(read=forge.pcap(orphan), where=where).snapshots())
        assert (snapshot.requests, snapshot.responses) == (0, responses), where
        assert snapshot.response_bytes == 39 * responses, where
        assert snapshot.capture.orphan_responses == 1


def test_a_client_named_by_a_proxy_is_the_client_of_the_filter():
    talk = forge.Conversation(1000, AT)
    talk.send(AT + 0.1, 0, forge.ACK, b"GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 203.0.113.5\r\n\r\n")
    talk.send(AT + 0.2, 1, forge.ACK, b"HTTP/1.1 200 X\r\nContent-Length: 0\r\n\r\n")
    for where in ("client:203.0.113.0/24", "client=203.0.113.5 status:200"):
        monitor = Monitor(read=forge.pcap(talk), where=where, client_from="X-Forwarded-For", exchanges=True)
        snapshot = Snapshot.merge(monitor.snapshots())
        assert [each.client for each in snapshot.exchanges] == ["203.0.113.5"]
    monitor = Monitor(read=forge.pcap(talk), where="client:10.0.0.0/8", client_from="X-Forwarded-For")
    assert Snapshot.merge(monitor.snapshots()).requests == 0


def test_what_the_filter_looks_at_is_listed_only_if_it_is_asked_for():
    [exchange] = read("user_agent:curl status:none", exchanges=True).exchanges
    assert (exchange.path, exchange.user_agent) == ("/slow", "")
    [exchange] = read("user_agent:curl path:slow status:none", exchanges=True, redact="all").exchanges
    assert (exchange.path, exchange.user_agent) == ("", "")


@pytest.fixture
def capture(tmp_path):
    path = tmp_path / "talks.pcap"
    path.write_bytes(forge.pcap(*talks()))
    return str(path)


def test_the_command_counts_and_says_what_the_filter_admits(capture, capsys):
    assert cli.main(["--no-config", "-r", capture, "--where", "host:api.* status:5xx", "--json"]) == 0
    out, err = capsys.readouterr()
    document = json.loads(out)
    assert (document["where"], document["requests"]) == ("host:api.* status:5xx", 2)
    assert Snapshot.from_json(out).requests == 2
    assert "  where host:api.* status:5xx\n" in err
    assert cli.main(["--no-config", "-r", capture, "--where", "host:api.*", "--plain"]) == 0
    assert "  where host:api.*  updated" in capsys.readouterr().out
    assert cli.main(["--no-config", "-r", capture, "--where", "status:none", "--requests", "-q"]) == 0
    [line] = capsys.readouterr().out.splitlines()
    assert "slow.example/slow" in line
    assert cli.main(["--no-config", "-r", capture, "--json", "-q"]) == 0
    assert "where" not in json.loads(capsys.readouterr().out)


def test_the_setting_comes_from_the_environment_and_from_the_file(capture, capsys, tmp_path, monkeypatch):
    path = tmp_path / "config.toml"
    path.write_text('where = "method:POST"\n')
    assert cli.main(["--config", str(path), "-r", capture, "--ndjson", "-q"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {line["where"] for line in lines} == {"method:POST"}
    assert sum(line["requests"] for line in lines) == 1
    monkeypatch.setenv("NETMON_WHERE", "host:shop")
    assert cli.main(["--no-config", "-r", capture, "--requests", "-q"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_a_mistake_is_pointed_at(capture, capsys):
    assert cli.main(["--no-config", "-r", capture, "--where", "host:a hots:b"]) == 2
    assert capsys.readouterr().err == (
        "netmon: where: no field is called hots; did you mean host? (at character 8)\n  host:a hots:b\n         ^\n"
    )
    with pytest.raises(WhereError, match="at character 9") as raised:
        Monitor(read=capture, where="latency>200")
    assert raised.value.position == 8
    assert issubclass(WhereError, ValueError)


def test_a_mistake_in_the_filter_of_packets_is_pointed_at(capture, capsys):
    assert cli.main(["--no-config", "-r", capture, "-f", "tcp prot 80"]) == 2
    assert capsys.readouterr().err.endswith("\n  tcp prot 80\n      ^\n")
    with pytest.raises(FilterError) as raised, Monitor(read=capture, filter="tcp port") as monitor:
        next(monitor.snapshots())
    assert raised.value.position == len("tcp port")


def test_a_filter_tells_what_it_looks_at():
    admitted = Filter("host:api (section:/cart or shop) !host:b latency>1s")
    assert (admitted.fields, admitted.needs_response) == (("host", "section", "text", "latency"), True)
    assert not Filter("host:api shop").needs_response
    assert pickle.loads(pickle.dumps(admitted)) == admitted
    assert (admitted.text, hash(admitted)) == (
        "host:api (section:/cart or shop) !host:b latency>1s",
        hash(Filter(admitted.text)),
    )
    assert repr(Filter("a\x1b")) == "<Filter a\\x1b>"


def test_a_filter_is_evaluated_for_rows_by_what_is_known_of_them():
    snapshot = read()
    admitted = Filter("host:api section:/cart")
    rows = [(section.host, section.path) for host in snapshot.hosts for section in host.sections]
    assert [row for row in rows if admitted.admits(host=row[0], section=row[1])] == [("api.example", "/cart")]
    assert admitted.admits(host="api.example") is None
    assert admitted.admits(host="shop.example") is False
    clients = [row.address for row in snapshot.clients if Filter("client:10.0.0.0/8").admits(client=row.address)]
    assert clients == ["10.0.0.1", "10.0.0.7", "10.0.0.8"]
    assert Filter("interface:eth*").admits(interface="eth0") is True
    assert Filter("server:10.0.0.0/8 user_agent:curl path:/a method:GET").admits(
        server="10.0.0.2:80", user_agent="curl", path="/a", method="GET"
    )


def test_the_screen_shows_the_filter_beside_that_of_packets():
    view = view_of(busy(15), where="host:api.*\x1b status:5xx", capture_filter="tcp port 80")
    line = text([header.title_line(view, 200)])[0]
    assert "filter tcp port 80" in line
    assert "where host:api.*\\x1b status:5xx" in line
    assert "where host:" in "\n".join(text(screen(view_of(busy(15), where="host:api.*"), 80, 24)))


def found(page, panel, typed):
    view = view_of(busy(28), [page, "/", *typed])
    there = rows_of(view, panel)
    return [there.key(row) for row in there.page(0, there.total)]


@pytest.mark.parametrize(
    ("typed", "is_meant"),
    [
        ("host:api.* or host:shop.*", lambda each: each.host.startswith(("api.", "shop."))),
        ("not (method:get or status:4xx)", lambda each: each.method != "GET" and (each.status or 0) // 100 != 4),
        ("latency>100ms", lambda each: each.latency is not None and each.latency > 0.1),
        ("duration > 50ms", lambda each: each.duration is not None and each.duration > 0.05),
        ("client:10.0.0.0/29", lambda each: each.client.split(":")[0] in {f"10.0.0.{n}" for n in range(8)}),
        ("method:!GET", lambda each: each.method != "GET"),
        ("status>=500", lambda each: each.status is not None and each.status >= 500),
    ],
)
def test_the_screen_finds_requests_by_the_same_language(typed, is_meant):
    every = found("5", Panel.REQUESTS, "")
    wanted = [each for each in every if is_meant(each)]
    assert found("5", Panel.REQUESTS, typed) == wanted
    assert 0 < len(wanted) < len(every)


def test_hosts_and_sections_are_found_by_times_of_their_exchanges():
    slow = {(each.host, each.section) for each in found("5", Panel.REQUESTS, "latency>100ms")}
    assert {host for host, _ in slow} <= set(found("1", Panel.HOSTS, "latency>100ms"))
    assert slow == set(found("2", Panel.ALL_SECTIONS, "latency>100ms"))


@pytest.mark.parametrize(
    ("typed", "same", "said"),
    [
        ("(host:", "", "host: needs a value behind it"),
        ("(host:api", "host:api", "the parenthesis is not closed"),
        ("host:api or", "host:api", "or needs a term behind it"),
        ("host:api latency>2", "host:api", "2 is not a duration"),
    ],
)
def test_an_unfinished_filter_shows_as_much_as_is_understood_with_a_note(typed, same, said):
    assert found("1", Panel.HOSTS, typed) == found("1", Panel.HOSTS, same)
    assert said in text([footer(view_of(busy(3), ["/", *typed]), 200)])[0]
    assert "status:5xx" in text([footer(view_of(busy(3), ["/", *"host:api"]), 120)])[0]


def test_measures_of_a_snapshot_with_a_filter_are_those_of_what_matches():
    assert measure("requests").value(read("host:shop")) == 2
    assert netmon.Filter is Filter


@pytest.mark.parametrize("where", [None, "", "  ", "\t"])
def test_a_filter_of_blanks_is_in_no_output(where):
    assert with_where(b'{"schema":1}', where) == b'{"schema":1}'
    assert in_words(where) == ""
    assert in_words(" host:a  method:GET ") == "where host:a method:GET"
