"""Commands of alerts, run for real: what they get, what is kept of them, how they are ended, what they cannot do."""

import json
import os
import pwd
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from alarms import HOSTILE, Events, fired, recovered, rule
from netmon.actions import command
from netmon.actions.runner import Actions
from netmon.actions.spec import Limits
from netmon.privileges import STANDARD_PATH
from patience import PATIENCE, eventually

PLAIN = {"PATH": "/usr/bin:/bin"}
"""The environment of commands in these tests."""


def run(*arguments, data=b"", timeout=PATIENCE, **more):
    return command.run(arguments, PLAIN, data, timeout=timeout, **more)


def shell(script, **more):
    return run("sh", "-c", script, **more)


def python(script, *arguments):
    return (sys.executable, "-c", script, *map(str, arguments))


def is_alive(pid):
    """Whether a process runs: a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def act(rules, alerts, events=None, patience=PATIENCE, **more):
    """Runs the actions of alerts to the end. Returns the closed actions."""
    actions = Actions(rules, on_event=events or Events(), **more)
    actions.take(alerts)
    actions.close(patience)
    return actions


def test_a_command_gets_the_facts_as_variables_and_as_json(tmp_path):
    path = tmp_path / "told"
    script = "import json,os,sys; json.dump([dict(os.environ), json.load(sys.stdin)], open(sys.argv[1], 'w'))"
    of = rule(exec=python(script, path))
    actions = act([of], [fired(of, key=HOSTILE)], environment={"PATH": PLAIN["PATH"], "SECRET": "s", "LD_PRELOAD": ""})
    variables, told = json.loads(path.read_text())
    assert actions.counts.done == 1
    assert told["name"] == variables["NETMON_ALERT_NAME"] == "checkout is slow"
    assert told["key"].startswith("-rf\\x1b]0;x\\x07\\u202e`id`$(id);\\x0a")
    assert variables["NETMON_ALERT_KEY"].startswith("%2Drf%1B]0%3Bx%07%E2%80%AE%60id%60%24%28id%29%3B%0A")
    inherited = {name for name in variables if not name.startswith("NETMON_ALERT_")}
    assert inherited <= {"PATH", "LC_CTYPE"}, "Python itself may set LC_CTYPE"


def test_arguments_are_given_as_they_are_and_no_shell_sees_them(tmp_path):
    path = tmp_path / "told"
    odd = ["$(touch /tmp/no)", "a b", "*", ";", "`id`", "", "$NETMON_ALERT_NAME", "\u00fc"]
    script = "import json,sys; json.dump(sys.argv[2:], open(sys.argv[1], 'w'))"
    assert run(*python(script, path), *odd).verdict == "done"
    assert json.loads(path.read_text()) == odd


def test_a_command_has_a_session_of_its_own_and_no_descriptor_of_netmon():
    with open(__file__) as _open:
        os.set_inheritable(_open.fileno(), True)
        done = run(*python("import os; print(os.getcwd(), os.getsid(0) == os.getpid(), os.listdir('/proc/self/fd'))"))
    assert done.output == "/ True ['0', '1', '2', '3']", "descriptor 3 is that of the listing itself"


def test_nothing_that_a_command_writes_reaches_the_terminal(capfd):
    of = rule(exec=("sh", "-c", "echo out; echo err >&2; exit 1"))
    act([of], [fired(of)])
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("netmon-no-such-program",), "is not in PATH"),
        (("/no/such/program",), "does not exist, or its interpreter does not"),
        (("/etc/passwd",), "cannot be started: Permission denied"),
        (("/etc",), "cannot be started: Permission denied"),
        (("sh", "-c", "exit 3"), "exits with 3"),
        (("sh", "-c", "echo one; echo two words >&2; exit 4"), "exits with 4: two words"),
        (("sh", "-c", "kill -SEGV $$"), "is killed by SIGSEGV"),
        (("sh", "-c", "kill -KILL $$"), "is killed by SIGKILL"),
        (("sh", "-c", "kill -40 $$"), "is killed by signal 40"),
        (("sh", "-c", "printf '\\033[2J\\r\\001'; exit 1"), "exits with 1: \\x1b[2J \\x01"),
        (("sh", "-c", "printf '\\377\\n\\n'; exit 1"), "exits with 1: \ufffd"),
        (("a\0b",), "cannot be started: embedded null byte"),
    ],
)
def test_a_failure_is_one_line(arguments, reason):
    outcome = run(*arguments)
    assert (outcome.verdict, outcome.reason) == ("failed", reason)


def test_a_script_without_an_interpreter_fails(tmp_path):
    script = tmp_path / "script"
    script.write_text("#!/no/such/interpreter\n")
    script.chmod(0o755)
    assert run(str(script)).reason == "does not exist, or its interpreter does not"
    script.write_text("no magic line\n")
    assert run(str(script)).reason == "cannot be started: Exec format error"


def test_of_a_long_output_the_last_is_kept():
    outcome = shell("yes | head -c 10000000; echo; echo the end; exit 2")
    assert outcome.reason == "exits with 2: the end"
    assert len(outcome.output) <= command.KEPT * 3
    assert outcome.output.endswith("y | the end")


def test_a_command_need_not_read_its_standard_input():
    assert shell("exit 0", data=b"x" * 10_000_000).verdict == "done"
    assert shell("exec <&-; exit 0", data=b"x" * 10_000_000).verdict == "done"


def test_a_command_gets_all_of_its_standard_input():
    assert shell("wc -c", data=b"x" * 3_000_000).output == "3000000"


def test_a_process_in_the_background_is_not_waited_for(tmp_path):
    pid = tmp_path / "pid"
    outcome = shell(f"sleep {PATIENCE * 2} & echo $! > {pid}; echo started")
    assert (outcome.verdict, outcome.output) == ("done", "started")
    os.kill(int(pid.read_text()), signal.SIGKILL)


def test_after_its_timeout_the_whole_group_is_ended(tmp_path):
    """The command ignores SIGTERM, and so does its child, which would hold the pipe open."""
    pids = tmp_path / "pids"
    stays = f"trap '' TERM; echo $$ >> {pids}; while :; do sleep 1; done"
    outcome = run("sh", "-c", 'sh -c "$0" & eval "$0"', stays, timeout=1, grace=0.1)
    assert outcome == ("failed", "takes longer than 1 s and is ended", 0.0, "")
    first, second = map(int, pids.read_text().split())
    eventually(lambda: not is_alive(first) and not is_alive(second))


def test_a_command_may_obey_the_first_signal(tmp_path):
    outcome = shell("trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.05; done", timeout=1)
    assert outcome.reason == "takes longer than 1 s and is ended: bye"


def test_a_program_that_only_writes_is_ended_too():
    outcome = run("yes", timeout=0.3)
    assert outcome.reason == "takes longer than 0.3 s and is ended: y"


def test_only_one_run_of_a_rule_is_under_way_at_a_time(tmp_path):
    """Each run makes a folder and removes it again; two at a time would meet."""
    folder = tmp_path / "running"
    of = rule(exec=("sh", "-c", f"mkdir {folder} && sleep 0.02 && rmdir {folder}"))
    events = Events()
    actions = act([of], [fired(of, key=str(number)) for number in range(20)], events)
    assert (actions.counts.done, actions.failures) == (20, 0)
    assert [event.key for event in events.of("done")] == [str(number) for number in range(20)], "in their order"


def test_commands_of_different_rules_run_at_the_same_time(tmp_path):
    """Each waits until the other has come."""
    meet = "touch {0}; while [ ! -e {1} ]; do sleep 0.01; done"
    one, two = tmp_path / "one", tmp_path / "two"
    rules = [
        rule("one", exec=("sh", "-c", meet.format(one, two))),
        rule("two", exec=("sh", "-c", meet.format(two, one))),
    ]
    assert act(rules, map(fired, rules)).counts.done == 2


def test_a_command_that_hangs_does_not_hold_up_whoever_gives_alerts():
    of = rule(exec=("sleep", str(PATIENCE * 2)))
    events = Events()
    actions = Actions([of], on_event=events, limits=Limits(queue=10))
    for number in range(1000):
        actions.take([fired(of, key=str(number))])
    dropped = events.of("dropped")
    assert sum(event.dropped for event in dropped) in {989, 990}, "the first may have left the queue already"
    assert dropped[-1].message == "alert checkout is slow: sleep cannot keep up: 1 older alert dropped"
    assert (dropped[-1].level, actions.counts.dropped) == ("warning", len(dropped))
    assert actions.close() in {10, 11}
    assert actions.counts.taken == 1000 == actions.counts.failures
    (unsent,) = events.of("unsent")
    assert unsent.message == f"alert checkout is slow: exec: {unsent.unsent} alerts not delivered before the end"
    assert unsent.level == "error"


def test_what_runs_at_the_end_is_waited_for_and_then_ended(tmp_path):
    pid = tmp_path / "pid"
    of = rule(exec=("sh", "-c", f"echo $$ > {pid}.new; mv {pid}.new {pid}; sleep {PATIENCE * 2}"))
    actions = Actions([of])
    actions.take([fired(of)])
    eventually(pid.exists)
    assert actions.close(0.1) == 1
    assert not is_alive(int(pid.read_text()))
    assert actions.close(0.1) == 0, "the second time there is nothing left"
    actions.take([fired(of)])
    assert actions.counts.taken == 1, "what comes later is not taken"


def test_an_event_tells_who_ran_what_and_how_it_ended():
    of = rule("disk \x1b full", exec=("sh", "-c", "echo no display >&2; exit 7"))
    events = Events()
    actions = act([of], [fired(of), recovered(of)], events)
    first, second = events.of("failed")
    assert first.message == "alert disk \\x1b full: sh exits with 7: no display"
    assert (first.name, first.level, first.rule, first.kind) == ("action", "error", "disk \\x1b full", "exec")
    assert (first.state, second.state, first.key, first.output) == ("fired", "recovered", "shop.example", "no display")
    assert actions.trouble(of.name) == "exec exits with 7: no display"
    assert actions.failures == 2


def test_whoever_takes_events_may_fail():
    def fails(*_, **__):
        raise RuntimeError

    of = rule(exec=("true",))
    assert act([of], [fired(of), recovered(of)], fails).counts.done == 2


def test_a_rule_without_actions_needs_no_thread():
    actions = act([rule()], [fired(rule())])
    assert actions.counts.taken == 0
    assert actions.trouble("checkout is slow") == ""


def test_a_rule_of_a_policy_that_knows_no_actions_is_passed_over():
    class Bare:
        name = "bare"

    assert act([], [fired(Bare())]).counts.taken == 0


def test_settings_that_are_not_allowed_are_refused_before_anything_runs():
    with pytest.raises(ValueError, match="exec must name a program"):
        Actions([rule(exec=("./x",))])


def test_commands_get_few_variables_and_a_path_without_relative_folders():
    given = {
        "PATH": ".::bin:/opt/x:/usr/bin",
        "HOME": "/home/me",
        "LC_ALL": "C",
        "DISPLAY": ":0",
        "LD_PRELOAD": "x.so",
        "PYTHONPATH": "x",
        "NETMON_SECRET": "x",
        "BASH_ENV": "x",
        "SUDO_COMMAND": "x",
    }
    kept = {"HOME": "/home/me", "LC_ALL": "C", "DISPLAY": ":0"}
    assert command.surroundings(given, 1000, None) == {**kept, "PATH": "/opt/x:/usr/bin"}
    assert command.surroundings(given, 0, None) == {**kept, "PATH": STANDARD_PATH}
    assert command.surroundings({"PATH": "."}, 1000, None) == {"PATH": STANDARD_PATH}


def test_under_sudo_commands_belong_to_the_user_who_called_it():
    nobody = pwd.getpwnam("nobody")
    who = command.identity({"SUDO_UID": str(nobody.pw_uid)}, 0)
    assert (who.uid, who.gid, who.name) == (nobody.pw_uid, nobody.pw_gid, "nobody")
    own = command.surroundings({"HOME": "/root", "USER": "root"}, 0, who)
    assert (own["HOME"], own["USER"], own["PATH"]) == (nobody.pw_dir, "nobody", STANDARD_PATH)
    assert command.identity({"SUDO_UID": "0"}, 0) is None
    assert command.identity({}, 0) is None
    assert command.identity({"SUDO_UID": "1000"}, 1000) is None, "netmon has not the right to change the user"
    unknown = command.identity({"SUDO_UID": "123456789"}, 0)
    assert (unknown.uid, unknown.gid, unknown.groups) == (123456789, 65534, ())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may change the user")
def test_under_sudo_a_command_has_no_right_of_root():
    who = command.identity({"SUDO_UID": str(pwd.getpwnam("nobody").pw_uid)}, 0)
    done = shell("id -u; id -g; id -G; cat /etc/shadow; grep -E 'Cap(Eff|Prm)' /proc/self/status", who=who)
    uid, gid, groups, refused, *rights = done.output.split(" | ")
    assert (int(uid), int(gid), groups) == (who.uid, who.gid, " ".join(map(str, who.groups)))
    assert refused.endswith("Permission denied")
    assert {right.split(":")[1].strip() for right in rights} == {"0" * 16}


def test_actions_load_what_they_need_once_an_alert_fires():
    code = "import sys, netmon.actions.runner as r; r.Actions(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    late = {"http.client", "ssl", "subprocess", "selectors", "json", "hmac", "email", "socket", "random", "dataclasses"}
    assert late & set(done.stdout.split()) == set()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give capabilities away")
def test_a_command_does_not_inherit_the_right_to_capture():
    """The README gives CAP_NET_RAW to netmon as an ambient capability. Its other threads keep it."""
    script = """if True:
        import re, threading
        from netmon.actions import command

        def run():
            arguments = ("grep", "-E", "Cap(Prm|Eff|Amb)", "/proc/self/status")
            done = command.run(arguments, {"PATH": "/usr/bin:/bin"}, b"", timeout=60)
            print(*re.findall("[0-9a-f]{16}", done.output))

        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        print(*re.findall("CapAmb:\\t(.*)", open("/proc/self/status").read()))
    """
    rights = ("--securebits=+noroot", "--inh-caps=+net_raw", "--ambient-caps=+net_raw")
    command = ["setpriv", *rights, sys.executable, "-c", script]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, capture_output=True, env=environment, text=True, check=True)
    assert done.stdout.split() == ["0" * 16] * 3 + [f"{1 << 13:016x}"]
