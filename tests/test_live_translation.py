"""A host that translates addresses, watched on both of its sides: published ports, masquerading, and a proxy.

nftables translates on a private network, and the counts are compared with nginx's access log. Where the right to make
namespaces or a tool is missing, the tests are skipped and say what is missing.
"""

import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import namespaces
import pytest
from namespaces import OUTSIDE, SERVER
from watching import Watch, compare

WHY_NOT = namespaces.why_not("nft")

pytestmark = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT or "available")

PUBLISHED, MASQUERADED, PROXIED = f"{OUTSIDE}:8080", f"{SERVER}:80", f"{OUTSIDE}:8081"
PROXY = """
daemon off; worker_processes 1; pid {folder}/proxy.pid; error_log {folder}/proxy.error.log; user root;
events {{}}
http {{
  access_log off;
  upstream behind {{ server {server}:80; keepalive 4; }}
  server {{
    listen 8081;
    location / {{
      proxy_pass http://behind; proxy_http_version 1.1;
      proxy_set_header Host $host; proxy_set_header Connection "";
    }}
  }}
}}
"""


@pytest.fixture(scope="module", params=["off", "on"], ids=["as on a wire", "offloaded"])
def network(request):
    """(server, router, client)"""
    with namespaces.routed(request.param) as three:
        yield three


def load(client, address):
    """Many requests in a connection, one in each of many connections, all at once; uploads and large responses."""
    each = ["curl", "-sS", "-o", os.devnull]
    kinds = [
        ["-H", "Host: keep.example", f"http://{address}/api/[1-150]"],
        ["-H", "Host: close.example", "-H", "Connection: close", f"http://{address}/api/[1-40]"],
        ["-H", "Host: post.example", "-d", "x" * 5000, f"http://{address}/api/[1-60]"],
        ["-H", "Host: txt.example", f"http://{address}/txt/long?[1-10]"],
        ["-H", "Host: nope.example", "-I", f"http://{address}/nope/[1-30]"],
    ]
    with ThreadPoolExecutor(5) as several:
        list(several.map(lambda kind: client.run(*each, *kind), kinds))
    client.run(*each, "-H", "Host: last.example", f"http://{address}/api/last")


def doubled(truth):
    return Counter({row: 2 * count for row, count in truth.items()})


def watched(network, folder, address, **settings):
    """(copies counted once, copies counted again, the access log) of a load."""
    server, router, client = network
    with (
        namespaces.nginx(server, folder) as nginx,
        Watch(router, **settings) as once,
        Watch(router, **settings, count_copies=True) as again,
    ):
        load(client, address)
        for watch in (once, again):
            watch.until_host("last.example")
        totals = once.total(), again.total()
        nginx.stop()
        return *totals, nginx.requests()


@pytest.mark.parametrize("interfaces", [None, ["out", "in"]], ids=["default", "both by name"])
@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("address", [PUBLISHED, MASQUERADED], ids=["published", "masqueraded"])
def test_a_translated_connection_counts_once(network, tmp_path, address, workers, interfaces):
    once, again, truth = watched(network, tmp_path, address, interfaces=interfaces, workers=workers)
    compare(once, truth)
    traffic = {interface.name: interface.packets for interface in once.interfaces if interface.packets}
    assert set(traffic) == {"out", "in"}
    assert 0.9 * min(traffic.values()) < once.capture.copies <= max(traffic.values())
    compare(again, doubled(truth))
    assert again.capture.copies == 0
    assert again.tcp.opened == 2 * once.tcp.opened


@pytest.mark.parametrize("workers", [1, 3])
def test_both_sides_of_a_proxy_count(network, tmp_path, workers):
    conf = tmp_path / "proxy.conf"
    conf.write_text(PROXY.format(folder=tmp_path, server=SERVER))
    proxy = namespaces.Daemon(network[1], conf, tmp_path / "proxy.pid", tmp_path / "proxy.stderr")
    try:
        folder = tmp_path / "served"
        folder.mkdir()
        once, again, truth = watched(network, folder, PROXIED, workers=workers)
    finally:
        proxy.stop()
    for total in (once, again):
        compare(total, doubled(truth))
        assert total.capture.copies == 0
