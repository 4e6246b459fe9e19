"""The live page behind nginx, at a path of the proxy's own, with the settings that nginx has by default."""

import shutil
import socket
import subprocess
from contextlib import contextmanager

import pages
import pytest
from browser import CHROMIUM, Browser
from live import served
from netmon.sinks import viewers
from patience import eventually
from scraping import free_port
from test_web import Viewer, get
from test_web_browser import push, shows

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/sbin:/bin")
pytestmark = pytest.mark.skipif(NGINX is None, reason="needs nginx (Debian's package nginx-light)")

CONFIGURATION = """
daemon off; master_process off; error_log {folder}/error.log; pid {folder}/pid;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port};
    location /tools/netmon/ {{ proxy_pass http://127.0.0.1:{to}/; {more} }}
  }}
}}
"""


@contextmanager
def proxied(live, folder, more=""):
    """nginx before a page; afterwards, `live` is reached through it."""
    port = free_port()
    path = folder / "nginx.conf"
    path.write_text(CONFIGURATION.format(folder=folder, port=port, to=live.port, more=more))
    process = subprocess.Popen([NGINX, "-p", folder, "-c", path], stderr=subprocess.DEVNULL)
    try:
        eventually(lambda: not socket.socket().connect_ex(("127.0.0.1", port)))
        yield port, f"http://127.0.0.1:{port}/tools/netmon/?token={live.token}"
    finally:
        process.terminate()
        process.wait()


def test_the_stream_comes_through_as_it_is_made(tmp_path):
    with served(pages.step(0)) as live, proxied(live, tmp_path) as (port, _):
        live.port = port
        viewer = Viewer(live, path="/tools/netmon/events")
        for i in range(1, 4):
            number, _ = viewer.state()
            assert number == i
            live.push(pages.step(i))
        viewer.close()
        eventually(lambda: live.web.feed.readers == 0)


@pytest.mark.parametrize(
    ("more", "host", "names", "status"),
    [
        ("", "monitor.example", (), 200),  # nginx names the host of proxy_pass
        ("proxy_set_header Host $host;", "monitor.example", (), 403),
        ("proxy_set_header Host $host;", "monitor.example", ("monitor.example",), 200),
        ("proxy_set_header Host $host;", "evil.example", ("monitor.example",), 403),
    ],
)
def test_a_name_that_the_proxy_passes_on_must_be_one_that_was_given(tmp_path, more, host, names, status):
    with served(pages.step(0), hosts=names) as live, proxied(live, tmp_path, more) as (port, _):
        live.port = port
        got, _, text = get(live, f"/tools/netmon/?token={live.token}", Host=host)
    assert got == status
    assert status == 200 or text == f"{viewers.OTHER_NAME}\n"


@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium (Debian's package chromium)")
def test_a_browser_shows_the_page_at_a_path_of_the_proxy_and_keeps_it_up_to_date(tmp_path):
    browser = Browser(tmp_path / "chromium")
    try:
        with served(pages.step(0)) as live, proxied(live, tmp_path) as (_, url):
            page = browser.page(url)
            for i in range(1, 4):
                push(live, page, i)
            assert page.complaints == []
            assert page.requests == [url, f"{url.replace('/?', '/events?')}&after=1"]
            live.end()
            shows(page, "#trouble", "netmon has ended")
    finally:
        browser.close()
