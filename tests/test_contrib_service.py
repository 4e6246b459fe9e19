"""Files that run netmon: the unit of systemd, the container, the DaemonSet and logrotate's, each with the real tool."""

import getpass
import grp
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import tomllib
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from namespaces import Namespace, why_not
from netmon import cli
from netmon.log_file import LogFile
from pages_of_docs import commands
from patience import PATIENCE, eventually

CONTRIB = Path(__file__).parents[1] / "contrib"
SYSTEMD = CONTRIB / "systemd"
UNIT = SYSTEMD / "netmon.service"
EXPOSURE = {"": 2.0, "network.conf": 2.0, "processes.conf": 2.5}
"""What is laid over the unit -> the exposure that ``systemd-analyze security`` may find, of 10."""

NOBODY = 65534

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")


def tool(*command):
    run = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout + run.stderr


def setting(name, text=None):
    """The values of a setting of the unit, in the order of the file."""
    return re.findall(rf"^{name}=(.*)$", UNIT.read_text() if text is None else text, re.MULTILINE)


def taken(words):
    """What netmon makes of a command line."""
    assert words[0].endswith("netmon")
    return cli.parser().parse_intermixed_args(words[1:])


def checked(path, capsys):
    assert cli.main(["--config", str(path), "--check-config"]) == 0, capsys.readouterr().err


# systemd


def laid_over(folder, name):
    """The unit with a drop-in, in a folder; its command is a program that is there."""
    path = folder / "netmon.service"
    path.write_text(UNIT.read_text().replace("/opt/netmon/bin/netmon", shutil.which("true")))
    if name:
        (folder / "netmon.service.d").mkdir()
        shutil.copy(SYSTEMD / name, folder / "netmon.service.d")
    return path


@needs_systemd
@pytest.mark.parametrize("name", EXPOSURE)
def test_systemd_takes_the_unit_without_a_word(name, tmp_path):
    assert tool("systemd-analyze", "verify", "--man=no", laid_over(tmp_path, name)) == ""


@needs_systemd
@pytest.mark.parametrize("name", EXPOSURE)
def test_the_unit_exposes_little(name, tmp_path):
    told = tool("systemd-analyze", "security", "--offline=yes", "--no-pager", laid_over(tmp_path, name))
    found = float(re.search(r"Overall exposure level for netmon\.service: ([\d.]+)", told)[1])
    assert 0 < found < EXPOSURE[name]


def test_the_unit_grants_one_right_and_to_no_root():
    assert setting("CapabilityBoundingSet") == setting("AmbientCapabilities") == ["CAP_NET_RAW"]
    assert setting("DynamicUser") == setting("NoNewPrivileges") == ["yes"]
    assert setting("User") == ["netmon"]
    assert setting("ProtectSystem") == ["strict"]


def test_the_command_of_the_unit_and_its_files_are_what_netmon_takes(tmp_path, capsys):
    (start,) = setting("ExecStart")
    assert taken(start.split()).config == "/etc/netmon/config.toml"
    checked(SYSTEMD / "rules.toml", capsys)
    given = tomllib.loads((SYSTEMD / "config.toml").read_text())
    assert given["alerts"], "without rules, a reload would end netmon"
    moved = (SYSTEMD / "config.toml").read_text().replace("/etc/netmon", str(tmp_path))
    (tmp_path / "config.toml").write_text(moved)
    shutil.copy(SYSTEMD / "rules.toml", tmp_path)
    checked(tmp_path / "config.toml", capsys)


def interpreter():
    """A Python that a user without rights can run netmon with, and where its modules are; None if there is none."""
    where = os.pathsep.join(filter(None, sys.path))
    trial = ("-c", "import netmon.session, netmon.sinks.prometheus, prompt_toolkit")
    for path in (sys.executable, shutil.which(f"python3.{sys.version_info[1]}", path="/usr/bin:/usr/local/bin")):
        command = [*as_nobody(), path or "false", *trial]
        if not subprocess.run(command, env={"PYTHONPATH": where}, capture_output=True, check=False).returncode:
            return path, where
    return None


def as_nobody(*rights):
    """A command that runs another as the unit does: its own user, and the rights that are named at most."""
    only = ",".join(("-all", *(f"+{right}" for right in rights)))
    user = (f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--no-new-privs")
    return ("setpriv", *user, f"--bounding-set={only}", f"--inh-caps={only}", f"--ambient-caps={only}")


@contextmanager
def capturing(*command):
    """Runs netmon with these words before it in a namespace, and yields the process once its capture works."""
    there = Namespace(f"netmon{os.getpid()}contrib")
    run = there.start(*command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        assert "metrics for Prometheus" in run.stderr.readline()
        healthy = ["ip", "netns", "exec", there.name, "curl", "-sf", "http://127.0.0.1:9464/healthz"]
        eventually(lambda: subprocess.run(healthy, capture_output=True, check=False).stdout.strip() == b"ok")
        yield run
        run.send_signal(signal.SIGTERM)
        assert run.wait(PATIENCE) == 0
    finally:
        run.kill()
        run.wait()
        run.stderr.close()
        there.delete()


live = pytest.mark.skipif(os.geteuid() != 0 or bool(why_not("setpriv")), reason="needs root and namespaces")


def rights_of(process):
    """The users and the capabilities in force of the main thread of a process."""
    status = dict(re.findall(r"^(\w+):\t(.*)$", Path(f"/proc/{process.pid}/status").read_text(), re.MULTILINE))
    return {*map(int, status["Uid"].split())}, int(status["CapEff"], 16)


@live
def test_the_command_runs_with_the_rights_of_the_unit_alone():
    """As systemd starts it: a user of its own with CAP_NET_RAW. It captures, reloads its rules, and ends on SIGTERM."""
    found = interpreter()
    if found is None:
        pytest.skip("no user but root can run this Python")
    path, where = found
    with tempfile.TemporaryDirectory() as folder:
        configuration = Path(folder) / "etc"
        configuration.mkdir()
        for name in ("config.toml", "rules.toml"):
            text = (SYSTEMD / name).read_text().replace("/etc/netmon", str(configuration))
            (configuration / name).write_text(re.sub(r"/var/(lib|log)/netmon", rf"{folder}/\1", text))
        for name in ("lib", "log"):
            (Path(folder) / name).mkdir()
            os.chown(Path(folder) / name, NOBODY, NOBODY)
        Path(folder).chmod(0o755)
        given = (path, "-m", "netmon", "--config", configuration / "config.toml", "--quiet")
        variables = ("env", f"PYTHONPATH={where}", f"XDG_STATE_HOME={folder}/lib")
        with capturing(*variables, *as_nobody("net_raw"), *given) as run:
            assert rights_of(run)[0] == {NOBODY}
            run.send_signal(signal.SIGHUP)
            assert "reloaded: 3 rules" in run.stderr.readline()
        (written,) = (Path(folder) / "log").iterdir()
        assert json.loads(written.read_bytes().splitlines()[0])["interfaces"][0]["name"] == "lo"
        assert written.stat().st_uid == NOBODY


# logrotate


@pytest.mark.skipif(shutil.which("logrotate", path="/usr/sbin:/usr/bin:/sbin") is None, reason="needs logrotate")
def test_no_line_is_lost_when_logrotate_moves_the_log(tmp_path):
    path = tmp_path / "netmon.log"
    text = (CONTRIB / "logrotate" / "netmon").read_text().replace("/var/log/netmon/netmon.log", str(path))
    text = text.replace("su netmon netmon", f"su {getpass.getuser()} {grp.getgrgid(os.getegid()).gr_name}")
    rules = tmp_path / "rules"
    rules.write_text(text)
    rules.chmod(0o644)
    log = LogFile(str(path), max_size=1 << 30, max_age=None, files=5)
    for number in range(3):
        log.write(b"2026-11-26T12:00:00.000Z info line=%d\n" % number, 0.0)
        tool(shutil.which("logrotate", path="/usr/sbin:/usr/bin:/sbin"), "-f", "-s", tmp_path / "state", rules)
        assert not path.exists(), "logrotate creates no file: netmon does"
    log.write(b"2026-11-26T12:00:00.000Z info line=3\n", 0.0)
    log.close()
    assert path.read_text().endswith("line=3\n")
    assert (tmp_path / "netmon.log.1").read_text().endswith("line=2\n")
    assert sorted(each.name for each in tmp_path.glob("netmon.log*")) == [
        "netmon.log",
        "netmon.log.1",
        "netmon.log.2.gz",
        "netmon.log.3.gz",
    ]
    assert path.stat().st_mode & 0o777 == 0o600


# Kubernetes


def manifests():
    yaml = pytest.importorskip("yaml")
    return list(yaml.safe_load_all((CONTRIB / "kubernetes" / "netmon.yaml").read_text()))


def test_kubernetes_takes_the_manifests():
    kubernetes_validate = pytest.importorskip("kubernetes_validate")
    made = manifests()
    assert [each["kind"] for each in made] == ["ConfigMap", "DaemonSet"]
    for each in made:
        kubernetes_validate.validate(each, kubernetes_validate.latest_version(), strict=True)


def test_the_pod_has_the_rights_that_it_needs_and_netmon_takes_its_command(tmp_path, capsys):
    configuration, daemon = manifests()
    pod = daemon["spec"]["template"]
    (container,) = pod["spec"]["containers"]
    rights = container["securityContext"]["capabilities"]
    assert (rights["drop"], rights["add"]) == (["ALL"], ["NET_RAW", "SETUID", "SETGID"])
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert not container["securityContext"]["allowPrivilegeEscalation"]
    assert pod["spec"]["hostNetwork"]
    *_, shell = container["command"]
    ((_, *words),) = commands(shell.replace("$NODE_IP", "10.0.0.7"))
    assert taken(words).prometheus == "10.0.0.7:9464"
    assert pod["metadata"]["annotations"]["prometheus.io/port"] == str(container["ports"][0]["containerPort"])
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert container[probe]["httpGet"] == {"path": "/healthz", "port": container["ports"][0]["name"]}
    for name, text in configuration["data"].items():
        (tmp_path / name).write_text(text.replace("/etc/netmon", str(tmp_path)))
    checked(tmp_path / "config.toml", capsys)


@live
def test_the_rights_of_the_pod_suffice_to_capture_and_to_become_nobody():
    *_, daemon = manifests()
    (container,) = daemon["spec"]["template"]["spec"]["containers"]
    only = ",".join(("-all", *(f"+{right.lower()}" for right in container["securityContext"]["capabilities"]["add"])))
    pod = ("setpriv", "--no-new-privs", f"--bounding-set={only}", "--inh-caps=-all")
    variables = ("env", "-u", "SUDO_UID", f"PYTHONPATH={os.pathsep.join(filter(None, sys.path))}")
    given = (sys.executable, "-m", "netmon", "--no-config", "--prometheus", "127.0.0.1:9464", "--quiet")
    with capturing(*variables, *pod, *given) as run:
        assert rights_of(run) == ({NOBODY}, 0)


# The container

CONTAINERFILE = CONTRIB / "container" / "Containerfile"


def test_hadolint_finds_nothing_in_the_containerfile():
    found = shutil.which("hadolint", path=f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}")
    if found is None:
        pytest.skip("needs hadolint")
    assert tool(found, CONTAINERFILE) == ""


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1), (None, 0)])
def test_the_container_is_unhealthy_only_if_netmon_says_so(status, code):
    program = json.loads(re.search(r"^  CMD (\[.*\])$", CONTAINERFILE.read_text(), re.MULTILINE)[1])[2]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status or 200 if self.path == "/healthz" else 404)
            self.end_headers()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        port = server.server_address[1]
        if status:
            threading.Thread(target=server.serve_forever, daemon=True).start()
        else:
            server.server_close()
        command = [sys.executable, "-c", program.replace("9464", str(port))]
        assert subprocess.run(command, capture_output=True, timeout=PATIENCE, check=False).returncode == code
        if status:
            server.shutdown()


def test_the_image_has_the_wheel_of_this_project():
    text = CONTAINERFILE.read_text()
    assert "COPY dist/netmon_http-*.whl" in text
    assert 'ENTRYPOINT ["netmon"]' in text
