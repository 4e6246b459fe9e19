"""What a user does on a machine with only Python, in a network namespace of its own: inside.py WHEELS CAPTURE

It installs netmon offline, reads a capture file, and captures requests on loopback.
It prints one JSON object: the versions, and the requests that were counted. It uses the standard library alone.
"""

import http.server
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

ASKED = 20
PATIENCE = 60.0
"""Seconds after which a live capture that counts too little has failed."""


def nothing_else():
    """Fails if the machine has a compiler or a libpcap, which would hide that the wheel needs them."""
    assert not any(map(shutil.which, ("cc", "gcc", "clang", "cargo", "tcpdump")))
    assert not [path for folder in ("/usr", "/opt") for path in Path(folder).rglob("libpcap*")]


def install(wheels, folder):
    """Installs netmon in a new environment and returns the path of its command."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    pip = [folder / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "-q"]
    subprocess.run([*pip, "install", "--no-index", "--find-links", wheels, "netmon-http"], check=True)
    return folder / "bin" / "netmon"


class Quiet(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, format, *arguments):  # noqa: A002 - the name of the overridden parameter
        pass


def live(command):
    """The requests that a capture on loopback counts, of ``ASKED`` that are sent once it has begun."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    options = ["--no-config", "-i", "lo", "--interval", "1", "--ndjson"]
    netmon = subprocess.Popen([command, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    watchdog = threading.Timer(PATIENCE, netmon.kill)
    watchdog.start()
    netmon.stdout.readline()  # the first interval is over, so the capture has begun
    for number in range(ASKED):
        urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/pages/{number}").read()
    counted = 0
    for line in netmon.stdout:
        counted += json.loads(line)["requests"]
        if counted >= ASKED:
            netmon.send_signal(signal.SIGINT)
            break
    _, errors = netmon.communicate()
    watchdog.cancel()
    server.shutdown()
    return {"live": counted, "errors": errors, "code": netmon.returncode}


def main(wheels, capture):
    nothing_else()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # a capture that began as root goes on as a user, who reads the modules
        command = install(wheels, Path(folder) / "venv")
        version = subprocess.run([command, "-V"], capture_output=True, text=True, check=True).stdout
        begun = time.monotonic()
        subprocess.run([command, "-V"], capture_output=True, check=True)
        start = time.monotonic() - begun
        options = ["--no-config", "-r", capture, "--json"]
        done = subprocess.run([command, *options], capture_output=True, text=True, check=True)
        found = {
            "python": sys.version.split()[0],
            "system": Path("/etc/debian_version").read_text().strip(),
            "libc": os.confstr("CS_GNU_LIBC_VERSION"),
            "netmon": version.strip(),
            "start": round(start, 3),
            "read": json.loads(done.stdout)["requests"],
            **live(command),
        }
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
