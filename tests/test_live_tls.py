"""TLS and HTTP/2 between real peers on a private network: with keys, counts are those of the server's access log."""

import json
import random
import shutil
import subprocess
from collections import Counter

import namespaces
import pytest
import secure
from netmon import Monitor, Snapshot
from patience import eventually
from secure import curl
from soaking import lossy
from watching import Watch, compare, requests

WHY_NOT = secure.why_not()
pytestmark = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT or "available")

MIX = ("/api/a", "/big", "/nope/b", "/fail/c", "/api/d?token=7")
LAST = "/up/last"

SUITES = {
    "1.3": ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"),
    "1.2": (
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "ECDHE-RSA-AES256-GCM-SHA384",
        "ECDHE-ECDSA-CHACHA20-POLY1305",
        "ECDHE-RSA-AES128-SHA",
        "ECDHE-ECDSA-AES256-SHA",
        "ECDHE-ECDSA-AES128-SHA256",
        "ECDHE-RSA-AES256-SHA384",
        "AES128-SHA",
        "AES256-GCM-SHA384",
    ),
}
"""Cipher suites by version of TLS, as OpenSSL names them."""


@pytest.fixture
def site(network, tmp_path):
    server = secure.Site(network[0], tmp_path)
    try:
        yield server
    finally:
        server.stop()


def sections(truth):
    """(host, section) -> number of requests in an access log."""
    counts = Counter()
    for (host, _, section, _), count in truth.items():
        counts[host, section] += count
    return counts


def suite_options(version, suite):
    if version == "1.3":
        return ("--tls13-ciphers", suite)
    return ("--tls-max", "1.2", "--ciphers", f"{suite}:@SECLEVEL=0")


def of_file(path, **settings):
    return Snapshot.merge(list(Monitor(read=path, **settings).snapshots()))


def recorded(network, path, site, ask, **settings):
    """What a live capture with the server's keys counts while `ask(client)` runs. The packets are in `path`."""
    server, client = network
    tcpdump = namespaces.Tcpdump(server, "s0", path)
    with Watch(server, "s0", keylog=site.keys, **settings) as watch:
        ask(client)
        watch.until(lambda snapshots: Snapshot.merge(snapshots).responses >= len(site.lines()) > 0)
        watch.until_quiet()
        total = watch.total()
    eventually(lambda: of_file(path, keylog=site.keys).responses >= total.responses)
    tcpdump.stop(b"")
    return total


@pytest.mark.parametrize(("version", "suite"), [(version, suite) for version in SUITES for suite in SUITES[version]])
def test_requests_of_every_cipher_suite_are_those_of_the_access_log(network, site, version, suite, tmp_path):
    def ask(client):
        curl(client, *suite_options(version, suite), port="http1", paths=MIX)
        curl(client, *suite_options(version, suite), "-T", tmp_path / "big", port="http1", paths=("/up/load",))

    total = recorded(network, tmp_path / "tls.pcap", site, ask)
    assert {(line[4], line[5]) for line in site.lines()} == {(f"TLSv{version}", suite)}
    compare(total, site.requests())
    assert total.capture.undecrypted == {}
    compare(of_file(tmp_path / "tls.pcap", keylog=site.keys), site.requests())


@pytest.mark.parametrize("port", ["http2", "clear"])
def test_many_streams_at_once_are_those_of_the_access_log(network, site, port, tmp_path):
    def ask(client):
        scheme = "http" if port == "clear" else "https"
        url = f"{scheme}://{namespaces.SERVER}:{secure.PORTS[port]}"
        for path, count in (("/api/x", 500), ("/nope/x", 300), ("/big", 30)):
            client.run("h2load", "-n", count, "-c", "5", "-m", "20", url + path)
        curl(client, port=port, paths=MIX)

    total = recorded(network, tmp_path / "h2.pcap", site, ask, exchanges=True)
    compare(total, site.requests())
    assert total.protocols == {"http2": total.requests}
    assert {exchange.protocol for exchange in total.exchanges} == {"http2"}
    assert {exchange.tls for exchange in total.exchanges} == {port != "clear"}
    again = of_file(tmp_path / "h2.pcap", keylog=site.keys, connections=True)
    assert {connection.tls for connection in again.connections} == {port != "clear"}
    assert sum(connection.streams for connection in again.connections) == again.requests
    assert {connection.open_streams for connection in again.connections} == {0}
    assert (again.requests, again.statuses, again.latency.count) == (
        total.requests,
        total.statuses,
        total.latency.count,
    )


def found(tree, wanted):
    """All objects in what tshark tells as JSON that have a key which `wanted` admits, the outer ones first."""
    if isinstance(tree, list):
        for each in tree:
            yield from found(each, wanted)
    elif isinstance(tree, dict):
        if any(wanted(key) for key in tree):
            yield tree
        for each in tree.values():
            yield from found(each, wanted)


def first(tree, key):
    """The value of a key anywhere in `tree`; `None` if there is none."""
    return next((each[key] for each in found(tree, lambda name: name == key)), None)


def of_tshark(path, keys):
    """(host, method, path, status) of each exchange that tshark finds with these keys, in the order of the requests."""
    words = ["tshark", "-r", path, "-o", f"tls.keylog_file:{keys}", "-Y", "http or http2", "-J", "tcp http http2"]
    words += ["-T", "json", "--no-duplicate-keys"]
    words += [word for port in secure.PORTS.values() if port != 80 for word in ("-d", f"tcp.port=={port},tls")]
    packets = json.loads(subprocess.run(words, capture_output=True, check=True, text=True).stdout)
    asked, statuses = {}, {}
    for packet in packets:
        layers = packet["_source"]["layers"]
        connection = first(layers, "tcp.stream")
        for stream in found(layers.get("http2", []), lambda key: key == "http2.streamid"):
            name = connection, stream["http2.streamid"]
            if path := first(stream, "http2.headers.path"):
                asked[name] = first(stream, "http2.headers.authority"), first(stream, "http2.headers.method"), path
            elif status := first(stream, "http2.headers.status"):
                statuses[name] = status
        for message in found(layers.get("http", []), lambda key: key in ("http.host", "http.response.line")):
            number = sum(of == connection for of, _ in (statuses if first(message, "http.response.code") else asked))
            if status := first(message, "http.response.code"):
                statuses[connection, number] = status
            else:
                target = first(message, "http.request.uri")
                asked[connection, number] = message["http.host"], first(message, "http.request.method"), target
    assert asked.keys() == statuses.keys()
    # netmon tells neither the query nor the usual port.
    return [
        (host.removesuffix(":443"), method, target.partition("?")[0], int(statuses[name]))
        for name, (host, method, target) in asked.items()
    ]


@pytest.mark.skipif(shutil.which("tshark") is None, reason="needs tshark")
@pytest.mark.parametrize("port", ["http1", "http2"])
@pytest.mark.parametrize("version", SUITES)
def test_tshark_with_the_same_keys_finds_the_same_exchanges(network, site, version, port, tmp_path, monkeypatch):
    keys = tmp_path / "client.keys"
    monkeypatch.setenv("SSLKEYLOGFILE", str(keys))

    def ask(client):
        for host in secure.NAMES:
            curl(client, *suite_options(version, SUITES[version][0]), port=port, host=host, paths=MIX)
            curl(client, "--tls-max", version, "-d", "body", port=port, host=host, paths=("/up/load",))
        url = f"https://{namespaces.SERVER}:{secure.PORTS[port]}"
        client.run("curl", "-sSk", "--parallel", "--tls-max", version, "-o", "/dev/null", f"{url}/api/[1-40]")

    total = recorded(network, tmp_path / "tls.pcap", site, ask, exchanges=True)
    again = of_file(tmp_path / "tls.pcap", keylog=keys, exchanges=True)
    truth = of_tshark(tmp_path / "tls.pcap", keys)
    assert len(truth) == len(site.lines()) == 52
    for counted in total, again:
        exchanges = sorted(counted.exchanges, key=lambda exchange: exchange.ts)
        told = [(one.host, one.method, one.path, one.status) for one in exchanges]
        assert Counter(told) == Counter(truth)
        # These come one after the other.
        assert told[:12] == truth[:12]


@pytest.mark.parametrize("version", ["tls1_2", "tls1_3"])
def test_resumed_sessions_and_early_data_are_read(network, site, version, tmp_path):
    request = "GET /api/early HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n"
    (tmp_path / "request").write_text(request)
    base = [
        "openssl",
        "s_client",
        "-quiet",
        f"-{version}",
        "-connect",
        f"{namespaces.SERVER}:444",
        "-servername",
        "shop.example",
    ]

    def ask(client):
        client.run(*base, "-sess_out", tmp_path / "session", input=request)
        client.run(*base, "-sess_in", tmp_path / "session", input=request)
        if version == "tls1_3":
            client.run(*base, "-sess_in", tmp_path / "session", "-early_data", tmp_path / "request", input="")

    total = recorded(network, tmp_path / "tls.pcap", site, ask)
    assert "r" in {line[6] for line in site.lines()}
    compare(total, site.requests())


def test_keys_that_come_after_the_packets_are_waited_for(network, site, tmp_path):
    server, client = network
    late = tmp_path / "late.keys"
    with Watch(server, "s0", keylog=late) as watch:
        curl(client, paths=MIX)
        watch.until_quiet()
        assert Snapshot.merge(watch.snapshots).requests == 0
        late.write_bytes(site.keys.read_bytes())
        watch.until(lambda snapshots: Snapshot.merge(snapshots).responses == len(MIX))
        total = watch.total()
    compare(total, site.requests())


def test_without_keys_the_server_and_the_reason_are_named(network, site, tmp_path):
    server, client = network
    with Watch(server, "s0") as watch:
        curl(client, paths=MIX)
        curl(client, paths=MIX, host="api.example")
        watch.until(lambda snapshots: sum(Snapshot.merge(snapshots).server_names.values()) == 2)
        watch.until_quiet()
        total = watch.total()
    assert (total.requests, total.server_names) == (0, {"shop.example": 1, "api.example": 1})
    assert total.capture.undecrypted == {"no_key": 2}


def test_an_unknown_cipher_suite_is_told_and_nothing_is_invented(network, site):
    server, client = network
    with Watch(server, "s0", keylog=site.keys) as watch:
        curl(client, *suite_options("1.2", "ECDHE-ECDSA-AES128-CCM"), port="http1", paths=MIX)
        watch.until(lambda snapshots: Snapshot.merge(snapshots).capture.undecrypted)
        total = watch.total()
    assert (total.capture.undecrypted, total.hits) == ({"unknown_cipher_suite": 1}, 0)
    assert total.server_names == {"shop.example": 1}


def test_loss_on_the_link_changes_no_count(network, site, tmp_path):
    server, client = network
    with lossy.link(server, "s1", client, "c1") as weather:
        for namespace, link, address in (server, "s1", secure.FAR), (client, "c1", "10.79.0.2"):
            namespace.ip("addr", "add", f"{address}/24", "dev", link)
            namespace.ip("link", "set", link, "up")
        with Watch(server, "s1", keylog=site.keys) as watch:
            for port in secure.PORTS:
                for _ in range(8):
                    curl(client, port=port, paths=MIX, to=secure.FAR)
            watch.until(lambda snapshots: Snapshot.merge(snapshots).responses >= len(site.lines()) > 0)
            watch.until_quiet()
            total = watch.total()
    assert weather.counts["lost"] > 0
    assert total.requests == sum(site.requests().values())
    assert total.responses == total.requests
    assert requests(total) == sections(site.requests())
    assert total.capture.parse_errors == 0


@pytest.mark.parametrize("port", ["http2", "http1", "clear"])
def test_of_a_capture_with_holes_nothing_is_invented(network, site, port, tmp_path):
    whole, holes = tmp_path / "whole.pcap", tmp_path / "holes.pcap"

    def ask(client):
        for host in secure.NAMES:
            for _ in range(10):
                curl(client, port=port, host=host, paths=MIX)

    recorded(network, whole, site, ask)
    truth = Counter()
    for (host, _, section, status), count in site.requests().items():
        truth[host.partition(":")[0], section, status] += count
    numbers = subprocess.run(["capinfos", "-Mrc", whole], capture_output=True, text=True, check=True).stdout
    packets = int(numbers.split()[-1])
    for seed in range(10):
        chosen = sorted(random.Random(seed).sample(range(1, packets + 1), max(3, packets // 200)))
        subprocess.run(["editcap", whole, holes, *map(str, chosen)], check=True)
        total = of_file(holes, keylog=site.keys)
        found = Counter()
        for host in total.hosts:
            for section in host.sections:
                if host.name != "~unknown" and section.path != "~unknown" and section.path != "~other":
                    name = host.name.partition(":")[0]
                    assert name in secure.NAMES
                    for status, count in section.statuses.items():
                        found[name, section.path, status] += count
        assert not found - truth, (seed, chosen)
        assert total.requests <= sum(truth.values())
        assert total.capture.gaps > 0 or total.requests == sum(truth.values())
