"""A server with TLS and HTTP/2 for live tests: nginx, whose keys a small library writes to a file.

`Site` is started in a namespace. Its access log has what it answered; `requests()` counts that for `watching.compare`.
"""

import os
import subprocess
from collections import Counter
from pathlib import Path

import namespaces

LIBRARY = Path(__file__).parents[1] / "contrib" / "keylog" / "keylog.c"
NAMES = ("shop.example", "api.example")
FAR = "10.79.0.1"
"""The server's address on a link that loses packets."""
PORTS = {"http2": 443, "http1": 444, "clear": 80}
"""Where the server speaks HTTP/2 or HTTP/1 inside TLS, HTTP/1 alone inside TLS, and HTTP/2 in clear text."""

CONF = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log; user root;
events {{ worker_connections 4096; }}
http {{
  log_format netmon '$http_host $request_method $request_uri $status '
    '$ssl_protocol $ssl_cipher $ssl_session_reused $server_protocol';
  access_log {folder}/access.log netmon;
  client_max_body_size 100m; client_body_temp_path {folder}/body; default_type text/plain; keepalive_requests 100000;
  ssl_certificate {folder}/cert.pem; ssl_certificate_key {folder}/key.pem;
  ssl_certificate {folder}/rsa-cert.pem; ssl_certificate_key {folder}/rsa-key.pem;
  ssl_protocols TLSv1.2 TLSv1.3; ssl_ciphers ALL:@SECLEVEL=0; ssl_early_data on; ssl_session_cache shared:tls:1m;
  server {{
    listen 443 ssl http2 backlog=1024; listen 444 ssl; listen 80 http2; root {folder};
    location /api/  {{ return 200 '{{"ok":true}}\\n'; }}
    location /nope/ {{ return 404 'not found\\n'; }}
    location /fail/ {{ return 500 'failed\\n'; }}
    location /up/   {{ return 200 'stored\\n'; }}
  }}
}}
"""


def why_not():
    """Why such a server cannot run on this machine; empty if it can."""
    return namespaces.why_not("openssl", "cc", "h2load")


def library(folder):
    """Builds the library of `contrib` and returns its path."""
    built = folder / "keylog.so"
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", built, LIBRARY, "-ldl"], check=True)
    return built


class Site(namespaces.Daemon):
    """The server in its namespace. `keys` is the file with its keys."""

    def __init__(self, namespace, folder):
        self._folder = folder
        self.keys = folder / "server.keys"
        subject = ["-subj", f"/CN={NAMES[0]}", "-addext", f"subjectAltName={','.join(f'DNS:{name}' for name in NAMES)}"]
        for kind, algorithm in ("", ["ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]), ("rsa-", ["rsa:2048"]):
            files = ["-keyout", folder / f"{kind}key.pem", "-out", folder / f"{kind}cert.pem"]
            make = ["openssl", "req", "-x509", "-nodes", "-days", "30", "-newkey", *algorithm, *subject, *files]
            subprocess.run(make, check=True, capture_output=True)
        conf = folder / "nginx.conf"
        both = CONF.replace(
            "ssl_protocols",
            f"ssl_certificate {folder}/rsa-cert.pem; ssl_certificate_key {folder}/rsa-key.pem; ssl_protocols",
        )
        conf.write_text(both.format(folder=folder))
        (folder / "big").write_bytes(os.urandom(300_000))
        before = dict(os.environ)
        os.environ |= {"SSLKEYLOGFILE": str(self.keys), "LD_PRELOAD": str(library(folder))}
        try:
            super().__init__(namespace, conf, folder / "nginx.pid", folder / "stderr")
        finally:
            os.environ.clear()
            os.environ.update(before)

    def lines(self):
        """The access log as lists of words: host, method, target, status, TLS, suite, resumed or not, HTTP version."""
        return [line.split() for line in (self._folder / "access.log").read_text().splitlines()]

    def requests(self):
        """(host, method, section, status) -> number of requests."""
        total = Counter()
        for host, method, target, status, *_ in self.lines():
            total[host, method, "/" + target.split("?")[0].split("/")[1], int(status)] += 1
        return total


def curl(client, *options, port="http2", host=NAMES[0], paths=("/api/x",), to=namespaces.SERVER):
    """Asks for `paths` on one connection; in clear text on one for each, since curl 7.88 uses none of these again."""
    at = PORTS[port]
    words = ["curl", "-sSk", *options, "--resolve", f"{host}:{at}:{to}"]
    if port == "clear":
        for path in paths:
            client.run(*words, "--http2-prior-knowledge", "-o", os.devnull, f"http://{host}:{at}{path}")
        return
    for path in paths:
        words += ["-o", os.devnull, f"https://{host}:{at}{path}"]
    client.run(*words)
