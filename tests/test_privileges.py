"""Whom netmon becomes, what its threads may do then, and what it says: decided on values, and seen on processes."""

import json
import os
import pwd
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import forge
import namespaces
import pytest
from netmon import advice
from netmon.config import ConfigError
from netmon.options import Settings
from netmon.privileges import (
    NET_RAW,
    READER,
    STANDARD_PATH,
    Plan,
    User,
    account,
    environment_of,
    nobody,
    planned,
    remaining,
    unwanted,
)
from netmon.reach import existing, reach
from patience import PATIENCE, eventually
from receiver import receiving
from test_live import may_capture

NETMON = [sys.executable, "-m", "netmon", "--no-config"]
THIS = f"{shlex.quote(sys.executable)} -m netmon"
DAEMON = pwd.getpwnam("daemon")
NOBODY = nobody()

live = pytest.mark.skipif(os.geteuid() != 0 or not may_capture(), reason="needs root")
needs_namespaces = pytest.mark.skipif(bool(namespaces.why_not()), reason=namespaces.why_not() or "available")


# Whom netmon becomes


def sudo(uid):
    return {"SUDO_UID": str(uid), "SUDO_USER": "somebody"}


@pytest.mark.parametrize(
    ("settings", "environment", "effective", "acts", "user", "rights"),
    [
        ({}, {}, 0, False, NOBODY.uid, 0),
        ({}, sudo(DAEMON.pw_uid), 0, False, DAEMON.pw_uid, 0),
        ({}, sudo(0), 0, False, NOBODY.uid, 0),
        ({}, sudo(DAEMON.pw_uid), 1000, False, None, 0),
        ({"user": "daemon"}, {}, 0, False, DAEMON.pw_uid, 0),
        ({"user": "daemon"}, {}, DAEMON.pw_uid, False, None, 0),
        ({"user": "daemon"}, {}, 1000, False, DAEMON.pw_uid, 0),
        ({"user": "root"}, sudo(DAEMON.pw_uid), 0, False, None, None),
        ({"read": ("a.pcap",)}, {}, 0, False, None, READER),
        ({"read": ("a.pcap",)}, {}, 1000, False, None, 0),
        ({"read": ("a.pcap",), "user": "daemon"}, {}, 0, False, DAEMON.pw_uid, 0),
        ({"read": ("-",)}, sudo(DAEMON.pw_uid), 0, True, None, None),
        ({"read": ("-",), "user": "root"}, {}, 0, True, None, None),
    ],
)
def test_the_user_follows_from_the_flag_the_one_who_called_sudo_and_what_is_read(
    settings, environment, effective, acts, user, rights
):
    plan = planned(Settings(**settings), environment, effective, acts=acts)
    assert (plan.user and plan.user.uid, plan.rights) == (user, rights)
    assert plan.reads_files == ("read" in settings)


def test_an_unknown_user_is_wrong_usage_and_a_number_needs_no_account():
    with pytest.raises(ConfigError, match="--user nosuch: this machine has no such user"):
        account("nosuch")
    with pytest.raises(ConfigError, match="no such user"):
        account("99999999999999999999")
    assert account(str(DAEMON.pw_uid)).name == "daemon"
    assert account("1234567") == User(1234567, 65534, "1234567", "/")


def test_the_environment_is_that_of_the_user_and_tells_no_more_of_sudo():
    before = {**sudo(1), "HOME": "/root", "USER": "root", "TERM": "xterm", "XDG_RUNTIME_DIR": "/run/user/0"}
    before["PATH"] = "/root/bin:/usr/bin"
    after = environment_of(User(7, 7, "me", "/home/me"), before)
    home = {"HOME": "/home/me", "USER": "me", "LOGNAME": "me"}
    assert after == {"TERM": "xterm", "XDG_RUNTIME_DIR": "/run/user/7", "PATH": STANDARD_PATH, **home}


GONE = """Name:\tpython
Uid:\t7\t7\t7\t7
Gid:\t8\t8\t8\t8
Groups:\t
CapInh:\t0000000000000000
CapPrm:\t0000000000000000
CapEff:\t0000000000000000
CapAmb:\t0000000000000000
NoNewPrivs:\t1
"""


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        (("python", "netmon-watcher"), ""),
        (("Uid:\t7\t7\t7\t7", "Uid:\t7\t7\t0\t7"), "has the users 7 7 0 7, not 7"),
        (("Gid:\t8\t8\t8\t8", "Gid:\t8\t8\t8\t0"), "has the groups 8 8 8 0, not 8"),
        (("Groups:\t", "Groups:\t4 27"), "has the supplementary groups 4 27"),
        (("NoNewPrivs:\t1", "NoNewPrivs:\t0"), "may gain rights"),
        (("CapPrm:\t0000000000000000", "CapPrm:\t0000000000002000"), "has capabilities: CapPrm 0000000000002000"),
        (("CapAmb:\t0000000000000000", "CapAmb:\t0000000000002000"), "has capabilities: CapAmb 0000000000002000"),
    ],
)
def test_each_right_that_a_thread_has_left_is_found(change, wrong):
    plan = Plan(User(7, 8, "me", "/"), 0, reads_files=False)
    found = remaining(plan, [GONE, GONE.replace(*change), GONE], effective=0)
    assert found == (wrong and f"the thread python {wrong}")


def test_only_the_thread_that_opens_interfaces_may_capture():
    plan = Plan(User(7, 8, "me", "/"), 0, reads_files=False)
    able = GONE.replace("CapEff:\t0000000000000000", f"CapEff:\t{NET_RAW:016x}")
    assert remaining(plan, [able.replace("python", "netmon-watcher")], effective=0) == ""
    assert "python has capabilities" in remaining(plan, [able], effective=0)
    more = able.replace("python", "netmon-watcher").replace("2000", "2001")
    assert "netmon-watcher has capabilities" in remaining(plan, [more], effective=0)


def test_a_way_back_is_found():
    def fails():
        raise PermissionError

    assert not unwanted([fails, fails])
    assert unwanted([fails, lambda: None])


# Which files a session needs


def test_outputs_are_reached_by_their_folder_or_the_nearest_that_exists(tmp_path):
    settings = Settings(
        output=(f"{tmp_path}/a.json", f"{tmp_path}/new/all.parquet/"),
        write="-",
        log_file="-",
        evidence=f"{tmp_path}/evidence/here",
        read=("-", f"{tmp_path}/a.pcap"),
    )
    (tmp_path / "evidence").mkdir()
    found = reach(settings, {}, more=[f"{tmp_path}/config/a.toml"], state=f"{tmp_path}/state/s.json")
    assert found.writes == [*([str(tmp_path)] * 3), str(tmp_path / "evidence")]
    assert {f"{tmp_path}/a.pcap", f"{tmp_path}/config"} <= set(found.reads)
    assert "-" not in found.reads
    assert existing("/no/such/folder") == "/"


def test_the_current_folder_is_written_only_where_a_screen_can_export_tables(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert reach(Settings(), {}).writes == []
    assert reach(Settings(), {}, exports=True).writes == [str(tmp_path)]
    monkeypatch.chdir("/")
    assert reach(Settings(), {}, exports=True).writes == []


def test_a_folder_that_cannot_be_written_is_not_reached_and_neither_is_root_above_a_home_that_is_missing(monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, _mode: path != "/")
    assert reach(Settings(), {}, state="/nonexistent/.local/state/netmon/state.json").writes == []


def test_what_stands_in_the_current_folder_is_not_read_because_python_was_started_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    assert str(tmp_path) not in reach(Settings(), {}).reads


def test_the_advice_for_an_output_names_the_user_and_a_command_with_the_arguments(monkeypatch):
    monkeypatch.setenv("LOGNAME", "somebody")
    lines = advice.not_writable("/root/a.json: Permission denied", ["-o", "/root/a.json"], by_sudo=True).splitlines()
    assert lines[0] == "netmon: /root/a.json: Permission denied"
    assert "has become the user somebody" in lines[1]
    assert "sudo install -d -m 700 -o somebody /var/lib/netmon" in lines[2]
    assert lines[3].endswith("--user root -o /root/a.json")


# Processes


@live
def test_a_mistake_in_the_filter_is_pointed_at_though_the_configuration_is_out_of_reach_by_then(tmp_path):
    (tmp_path / "netmon.toml").write_text('filter = "tcp prot 80"\n')
    command = [*NETMON[:-1], "--config", tmp_path / "netmon.toml", "-i", "lo"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "the filter does not compile" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[1] == "  tcp prot 80"


@pytest.fixture
def folder():
    """A folder of nobody's that everybody may enter; the folders of pytest are those of the user who runs it."""
    path = Path(tempfile.mkdtemp(prefix="netmon-privileges-"))
    os.chown(path, NOBODY.uid, NOBODY.gid)
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@contextmanager
def netmon(*arguments, before=(), environment=None, namespace=None, **how):
    """Runs netmon, from its first line of output to its end."""
    command = [*map(str, before), *NETMON, "--interval", "0.2", "--ndjson", *map(str, arguments)]
    if namespace is not None:
        command = ["ip", "netns", "exec", namespace.name, *command]
    how = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | how
    with subprocess.Popen(command, env=os.environ | (environment or {}), **how) as process:
        try:
            yield process
        finally:
            process.kill()


def ended(process):
    """Ends netmon by a signal; returns what it has said on standard error. It must have gone well."""
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, errors
    return errors


def threads(pid):
    """The status of each thread of a process, as fields."""
    found = []
    for path in Path(f"/proc/{pid}/task").glob("*/status"):
        lines = (line.partition(":") for line in path.read_text().splitlines())
        found.append({name: " ".join(value.split()) for name, _, value in lines})
    return found


def capabilities(thread):
    return {name: int(thread[name], 16) for name in ("CapPrm", "CapEff", "CapInh", "CapAmb", "CapBnd")}


NONE = dict.fromkeys(("CapPrm", "CapEff", "CapInh", "CapAmb"), 0)


def assert_confined(pid, uid, gid, *, bounding=NET_RAW):
    """Every thread has this user and no capability, but for the one that opens interfaces."""
    all_threads = threads(pid)
    openers = [thread for thread in all_threads if thread["Name"] == "netmon-watcher"]
    assert len(openers) == 1
    for thread in all_threads:
        assert thread["Uid"].split() == [str(uid)] * 4
        assert thread["Gid"].split() == [str(gid)] * 4
        assert thread["Groups"] == ""
        assert (thread["NoNewPrivs"], thread["Seccomp"]) == ("1", "2")
        may_open = NET_RAW if thread in openers else 0
        bound = {} if bounding is None else {"CapBnd": bounding}
        assert capabilities(thread) | bound == NONE | {"CapBnd": capabilities(thread)["CapBnd"]} | bound | {
            "CapPrm": may_open,
            "CapEff": may_open,
        }


@live
@needs_namespaces
def test_no_thread_has_rights_left_but_the_one_that_opens_interfaces(network, folder):
    outputs = ["-o", folder / "a.csv", "-w", folder / "a.pcapng", "--log-file", folder / "log"]
    with netmon("--web", "0", "--workers", "3", *outputs, namespace=network[0]) as process:
        process.stdout.readline()
        assert_confined(process.pid, NOBODY.uid, NOBODY.gid)
        ended(process)
    for name in ("a.csv", "a.pcapng", "log"):
        status = (folder / name).stat()
        assert (status.st_uid, status.st_gid) == (NOBODY.uid, NOBODY.gid)
    assert " user=nobody" in (folder / "log").read_text().splitlines()[0]


@live
@needs_namespaces
def test_it_becomes_the_user_who_called_sudo_or_the_one_that_is_named(network):
    for flags, environment in ([], sudo(DAEMON.pw_uid)), (["--user", "daemon"], sudo(1000)):
        with netmon(*flags, namespace=network[0], environment=environment) as process:
            process.stdout.readline()
            assert_confined(process.pid, DAEMON.pw_uid, DAEMON.pw_gid)
            ended(process)


@live
@needs_namespaces
def test_interfaces_that_come_up_after_the_rights_are_gone_are_captured(network):
    server = network[0]
    with netmon(namespace=server) as process:
        process.stdout.readline()
        assert_confined(process.pid, NOBODY.uid, NOBODY.gid)
        server.ip("link", "add", "late0", "type", "veth", "peer", "name", "late1")
        server.ip("link", "set", "late0", "up")
        try:
            names = set()
            while "late0" not in names:
                names = {interface["name"] for interface in json.loads(process.stdout.readline())["interfaces"]}
        finally:
            server.ip("link", "del", "late0")
        assert_confined(process.pid, NOBODY.uid, NOBODY.gid)
        assert "not permitted" not in ended(process)


@live
def test_root_that_stays_root_is_warned_and_keeps_its_rights_and_little_else(tmp_path):
    with netmon("-i", "lo", "--user", "root", "-o", tmp_path / "a.csv") as process:
        process.stdout.readline()
        for thread in threads(process.pid):
            assert thread["Uid"].split() == ["0"] * 4
            assert capabilities(thread)["CapEff"] & NET_RAW
            assert (thread["NoNewPrivs"], thread["Seccomp"]) == ("1", "2")
        assert "netmon: warning: netmon keeps all rights of root" in ended(process)
    assert (tmp_path / "a.csv").stat().st_uid == 0


@live
def test_what_goes_wrong_is_told_before_anything_is_written(folder):
    for flags, code, said in (
        (["--user", "nosuch"], 2, "netmon: --user nosuch: this machine has no such user\n"),
        (["-o", "/root/netmon-test.json"], 1, "/root/netmon-test.json: Permission denied\n"),
    ):
        done = subprocess.run([*NETMON, "-i", "lo", *flags], capture_output=True, text=True, check=False)
        assert done.returncode == code
        assert said in done.stderr
        assert "Traceback" not in done.stderr
    assert done.stderr.endswith("--user root --no-config -i lo -o /root/netmon-test.json\n")


SHOWN = """
set -e
mount --rbind "$2" "$1"
mount -t tmpfs -o mode=755 tmpfs "$3"
mkdir -p "$2"
mount --rbind "$1" "$2"
shift 3
exec "$@"
"""
"""Runs a command that sees a folder, though the folder above it is closed to all but root."""


@pytest.fixture
def reachable(tmp_path):
    """What comes before a command so that any user can read this Python: nothing, where that is so already."""
    closed = [path for path in Path(sys.base_prefix).parents if not path.stat().st_mode & 1]
    if not closed:
        return []
    return ["unshare", "--mount", "sh", "-c", SHOWN, "sh", tmp_path, sys.base_prefix, closed[-1]]


AMBIENT = [
    *("setpriv", f"--reuid={DAEMON.pw_uid}", f"--regid={DAEMON.pw_gid}", "--clear-groups"),
    *("--inh-caps=+net_raw", "--ambient-caps=+net_raw"),
]
"""A user who is not root and has the right to capture, as the advice and systemd give it."""


@live
@needs_namespaces
def test_a_user_with_an_ambient_capability_keeps_it_in_one_thread(network, reachable):
    with netmon(namespace=network[0], before=[*reachable, *AMBIENT]) as process:
        process.stdout.readline()
        assert_confined(process.pid, DAEMON.pw_uid, DAEMON.pw_gid, bounding=None)
        ended(process)


@live
def test_a_user_who_may_not_become_another_is_told_so(reachable):
    command = [*reachable, *AMBIENT, *NETMON, "-i", "lo", "--user", "nobody"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    cause, stay, gain = done.stderr.splitlines()
    assert cause == "netmon: cannot become the user nobody: Operation not permitted"
    assert stay == f"  stay who you are:   {THIS} --no-config -i lo"
    assert gain == f"  or have the right:  sudo {THIS} --user NAME --no-config -i lo"


@live
@pytest.mark.parametrize(
    ("where", "reason"),
    [
        (["unshare", "--user", "--map-root-user", "--net"], "this user namespace lets nobody switch"),
        (["setpriv", "--bounding-set=-setuid,-setgid"], "root lacks CAP_SETUID or CAP_SETGID here"),
    ],
)
def test_root_that_cannot_become_another_user_ends_and_writes_nothing(where, reason, folder):
    command = [*where, *NETMON, "-i", "any", "-o", folder / "a.json", "-w", folder / "a.pcapng"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert done.returncode == 3
    assert done.stderr.startswith("netmon: cannot become the user nobody: ")
    assert reason in done.stderr
    assert f"{THIS} --user root --no-config -i any -o" in done.stderr
    assert list(folder.iterdir()) == []


@live
@pytest.mark.parametrize("more", [[], ["--user", "root"]])
def test_in_a_user_namespace_that_has_the_network_of_the_machine_the_right_to_capture_is_what_it_lacks(more):
    """The right to capture comes first, for without it another user helps nobody."""
    command = ["unshare", "--user", "--map-root-user", *NETMON, "-i", "lo", *more]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert done.returncode == 3
    cause, why, outside, _read = done.stderr.splitlines()
    assert cause.endswith(("Operation not permitted", "CAP_NET_RAW may be required"))
    assert "user namespace" in why
    assert outside == " ".join(["  run it outside:     sudo netmon --no-config -i lo", *more])


@live
def test_what_keeps_root_in_a_user_namespace_works_there():
    inside = f"ip link set lo up; {THIS} --user root --no-config -i lo -t 0.2 --plain"
    command = ["unshare", "--user", "--map-root-user", "--net", "sh", "-c", inside]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert (done.returncode, "keeps all rights of root" in done.stderr) == (0, True)


SHIM = "int setgroups() { return 0; } int setresgid() { return 0; } int setresuid() { return 0; }"
"""A C library whose functions say that they have switched the user, and have not."""


@live
@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
def test_a_switch_that_did_not_happen_ends_netmon(folder):
    shim = folder / "shim.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-w", "-x", "c", "-", "-o", shim], input=SHIM, text=True, check=True)
    command = [*NETMON, "-i", "lo", "-o", folder / "a.json"]
    environment = os.environ | {"LD_PRELOAD": str(shim)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=PATIENCE)
    assert done.returncode == 3
    assert re.fullmatch(
        rf"netmon: rights were not given up: the thread \S+ has the users 0 0 0 0, not {NOBODY.uid}\n", done.stderr
    )
    assert not (folder / "a.json").exists()


LOAD = """
import os, sys
from importlib.resources import files
from netmon.modules import Folders
sys.path.insert(0, sys.argv[1])
import hidden
folders = Folders()
os.setresuid(65534, 65534, 65534)
try:
    import hidden.late
except ImportError:
    folders.use()
    import hidden.late, lonely
    print(hidden.late.NAME, lonely.NAME, (files("hidden") / "data").read_text())
"""
"""Loads modules as nobody from a folder that only root can reach."""


@live
def test_modules_and_data_in_a_folder_that_the_user_cannot_reach_are_loaded_all_the_same(tmp_path):
    package = tmp_path / "site" / "hidden"
    package.mkdir(parents=True)
    for path, text in (
        ("__init__.py", ""),
        ("late.py", "NAME = 'late'"),
        ("data", "data"),
        ("../lonely.py", "NAME = 1"),
    ):
        (package / path).write_text(text)
    tmp_path.chmod(0o700)
    command = [sys.executable, "-c", LOAD, str(tmp_path / "site")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("late 1 data\n", "")


STREAM = """
import fcntl, os, sys
from netmon import outlet
outlet.hand_over(1, 65534)
os.setresuid(65534, 65534, 65534)
stream = outlet.of_stream(1, "standard output", outlet.Patience())
print(os.get_blocking(1), os.get_blocking(stream._fd), file=sys.stderr)
stream.write(b"written")
stream.close()
"""
"""Writes as nobody to a standard output that root has opened."""


@live
def test_a_pipe_of_root_is_written_to_without_blocking_and_without_a_change_for_others(tmp_path):
    command = [sys.executable, "-c", STREAM]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("written", "True False\n")
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    with open(tmp_path / "pipe", "wb") as pipe:
        done = subprocess.run(command, stdout=pipe, stderr=subprocess.PIPE, text=True, check=False)
    assert (os.read(reader, 100), done.stderr) == (b"written", "True False\n")
    assert (tmp_path / "pipe").stat().st_uid == 0, "a named pipe stays whose it is"
    os.close(reader)


# The sandbox


TRY = """
import errno, os, sys, threading
from netmon.guard import Guard
from netmon.options import Settings
capture, output, secret, other = sys.argv[1:]
guard = Guard(Settings(read=(capture,), output=(output,)), ())
guard.prepare()
assert guard.limits_calls
print(guard.limits_files)

def attempt(what, *arguments):
    try:
        return what(*arguments)
    except OSError as error:
        return errno.errorcode[error.errno]

def look(path, mode):
    return attempt(lambda: bool(open(path, mode)))

def tell():
    print(look(capture, "rb"), look(output, "wb"), look(output + ".1", "xb"), attempt(os.rename, output, output + ".2"))
    print(look(secret, "rb"), look(other, "wb"), attempt(os.unlink, secret), attempt(os.rename, output + ".1", other))
    print(attempt(os.execv, "/bin/true", ["true"]), attempt(os.chroot, "/"))

tell()
thread = threading.Thread(target=lambda: print(look(secret, "rb")))
thread.start(); thread.join()
import importlib, csv, sqlite3, zoneinfo, ssl
print(len(open("/etc/hosts").read()) > 0, zoneinfo.ZoneInfo("Europe/Paris").key)
"""
"""Gives up rights as a session does that reads a file; then tries what it may do and what it may not."""


@live
def test_a_session_reaches_its_own_files_and_no_others(tmp_path):
    for name in ("in", "out", "secret", "other"):
        (tmp_path / name).mkdir()
    capture, secret = tmp_path / "in" / "a.pcap", tmp_path / "secret" / "key"
    capture.write_bytes(forge.pcap())
    secret.write_text("secret")
    os.chown(capture, DAEMON.pw_uid, DAEMON.pw_gid)
    capture.chmod(0o600)
    paths = [capture, tmp_path / "out" / "all.json", secret, tmp_path / "other" / "file"]
    done = subprocess.run(
        [sys.executable, "-c", TRY, *map(str, paths)], capture_output=True, text=True, check=False, cwd="/"
    )
    assert done.returncode == 0, done.stderr
    limits, may, may_not, calls, thread, system = done.stdout.splitlines()
    if limits == "False":
        pytest.skip("this kernel has no Landlock")
    assert may == "True True True None"
    assert set(may_not.split()) <= {"EACCES", "EXDEV"}
    assert calls == "EACCES EPERM"
    assert thread == "EACCES"
    assert system == "True Europe/Paris"


@live
def test_root_that_reads_files_keeps_what_reaching_files_takes_and_no_more(tmp_path):
    with netmon("-r", "-", "-o", tmp_path / "a.csv", stdin=subprocess.PIPE, text=False) as process:
        process.stdin.write(forge.pcap())
        process.stdin.flush()
        eventually((tmp_path / "a.csv").exists)
        for thread in threads(process.pid):
            assert thread["Uid"].split() == ["0"] * 4
            assert capabilities(thread)["CapEff"] == READER
            assert (thread["NoNewPrivs"], thread["Seccomp"]) == ("1", "2")
        process.stdin.close()
        assert process.wait(PATIENCE) == 0


@live
def test_root_that_reads_a_file_as_another_user_may_not_read_its_own(tmp_path):
    capture = tmp_path / "a.pcap"
    capture.write_bytes(forge.pcap())
    command = [*NETMON, "-r", capture, "-q", "--json"]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    done = subprocess.run([*command, "--user", "nobody"], capture_output=True, text=True, check=False)
    assert done.returncode == 4
    assert "a.pcap: not permitted to read it" in done.stderr


def fetched(url):
    with urlopen(url, timeout=PATIENCE) as response:
        return response.read().decode()


@live
@needs_namespaces
def test_every_output_works_for_the_other_user(network, folder):
    files = ("a.ndjson", "a.json", "a.csv", "a.html", "a.parquet", "new/")
    outputs = [part for name in files[:5] for part in ("-o", folder / name)]
    more = [
        "-w",
        folder / "a.pcapng",
        "-G",
        "1s",
        "--evidence",
        folder / "new" / "evidence",
        "--state",
        folder / "state",
    ]
    log = ["--log-file", folder / "log", "--output-max-size", "4"]
    with network[0].inside(), receiving() as collector:
        served = [
            "--web",
            "0",
            "--prometheus",
            "0",
            "--otlp",
            collector.url.removesuffix("/hook"),
            "--otlp-interval",
            "1s",
        ]
        with netmon(*outputs, *more, *log, *served, namespace=network[0]) as process:
            process.stdout.readline()
            page, metrics = (process.stderr.readline().split(": ", 2)[-1].strip() for _ in range(2))
            assert "<main" in fetched(page)
            assert "netmon_" in fetched(metrics)
            collector.wait(1)
            assert_confined(process.pid, NOBODY.uid, NOBODY.gid)
            errors = ended(process)
    assert "netmon: error" not in errors
    made = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    assert {*files[:5], "log", "state", "a.1.ndjson"} <= set(made)
    assert {path.stat().st_uid for path in made.values()} == {NOBODY.uid}
    assert (folder / "new" / "evidence").is_dir()


RULE = """
[[alert]]
name = "quiet"
metric = "hits"
below = 1
span = "0.2s"
"""


@live
@needs_namespaces
def test_a_reload_works_for_the_other_user_and_refuses_commands_that_could_not_run(network, folder):
    config = folder / "netmon.toml"
    config.write_text(RULE)
    config.chmod(0o644)
    command = [sys.executable, "-m", "netmon", "--config", config, "--ndjson", "--interval", "0.2"]
    with subprocess.Popen(
        ["ip", "netns", "exec", network[0].name, *map(str, command)], stdout=subprocess.PIPE, stderr=-1, text=True
    ) as process:
        try:
            process.stdout.readline()
            config.write_text(RULE + RULE.replace("quiet", "more"))
            process.send_signal(signal.SIGHUP)
            assert "netmon: reloaded: 2 rules" in process.stderr.readline()
            config.write_text(RULE + 'exec = ["/bin/true"]\n')
            process.send_signal(signal.SIGHUP)
            said = process.stderr.readline()
            assert "not reloaded, nothing has changed: the rule quiet has `exec`: programs cannot be run" in said
            (folder / "netmon.toml").chmod(0o600)
            process.send_signal(signal.SIGHUP)
            assert "Permission denied" in process.stderr.readline()
            ended(process)
        finally:
            process.kill()


@live
@needs_namespaces
def test_commands_of_alerts_run_as_the_user_and_without_rights(network, folder):
    told = folder / "told"
    rules = folder / "rules.toml"
    script = (
        "id -u; id -g; id -G; grep -E 'CapPrm|CapEff|CapAmb|NoNewPrivs|Seccomp:' /proc/self/status; echo $HOME $USER"
    )
    rules.write_text(RULE + f'exec = ["/bin/sh", "-c", "({script}) > {told}.new && mv {told}.new {told}"]\n')
    flags = ["--alerts", rules, "--log-file", folder / "log"]
    with netmon(*flags, namespace=network[0], environment=sudo(NOBODY.uid), stdout=subprocess.DEVNULL) as process:
        eventually(told.exists)
        assert_confined(process.pid, NOBODY.uid, NOBODY.gid)
        ended(process)
    *numbers, prm, eff, amb, nnp, seccomp, home = told.read_text().splitlines()
    assert numbers == [str(NOBODY.uid), str(NOBODY.gid), str(NOBODY.gid)]
    assert {line.split()[1] for line in (prm, eff, amb)} == {"0" * 16}
    assert (nnp.split()[1], seccomp.split()[1]) == ("1", "2")
    assert home == f"{NOBODY.home} nobody"


@live
def test_the_demo_shows_its_traffic_to_the_other_user():
    command = [*NETMON, "--demo", "--plain", "--once", "--window", "3s"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    assert "shop.example" in done.stdout
