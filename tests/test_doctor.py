"""The page of ``netmon --doctor``: what is made of facts, how it is written, and the real command on real machines."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import namespaces
import pytest
from netmon import cli
from netmon.config import ConfigError, Configured
from netmon.doctor import checks, command, facts, machine, network, page, rights, trial
from netmon.doctor.facts import ADVICE, OK, PROBLEM, UNKNOWN, Finding
from netmon.options import Settings
from test_live import may_capture

NETMON = [sys.executable, "-m", "netmon", "--no-config"]
WHY_NOT = namespaces.why_not()
WITHOUT_RIGHTS = ["setpriv", "--bounding-set=-net_raw", "--inh-caps=-net_raw"]
needs_rights = pytest.mark.skipif(not may_capture(), reason="needs CAP_NET_RAW")
MIB = 1 << 20

PROCESS = facts.Process("ann", False, None, frozenset(), "/opt/netmon")
LINK = facts.Link("eth0", True, 1, ("IPv4", "IPv6"), ("GSO", "GRO"))
MEMORY = facts.Memory(256 * MIB, 8192 * MIB, None, 1024, 3)
TERMINAL = facts.Terminal(True, 120, 40, "xterm-256color", True, 8, "utf-8", True)
CLOCK = facts.Clock("tsc", True, 0.012, 0.0)

JUDGED = [
    (checks.library, facts.Library("libpcap version 1.10.6", None), [OK], "1.10.6 (part of netmon)"),
    (checks.library, facts.Library("libpcap version 1.10.3 (with TPACKET_V3)", "/l/libpcap.so"), [OK], "shared, /l/"),
    (checks.library, facts.Library("libpcap version 1.8.1", "/l"), [ADVICE], "known security holes"),
    (checks.library, facts.Library("another", ""), [OK], "another (shared)"),
    (checks.process, PROCESS, [PROBLEM], "ann may not capture live (no capability)"),
    (checks.process, PROCESS._replace(capabilities=frozenset({"CAP_NET_RAW"})), [OK], "ann may capture: CAP_NET_RAW"),
    (
        checks.process,
        PROCESS._replace(user="root", is_root=True, capabilities=frozenset({"CAP_NET_RAW"}), in_namespace=True),
        [ADVICE],
        "root of a user namespace may capture from networks that were made in it",
    ),
    (checks.process, PROCESS._replace(capabilities=None), [UNKNOWN], "does not tell whether this user may capture"),
    (checks.process, PROCESS._replace(user="root", is_root=True), [PROBLEM], "container or service lacks CAP_NET_RAW"),
    (checks.dropped, facts.Dropped(None), [OK], "as the user who started it"),
    (checks.dropped, facts.Dropped("nobody"), [OK], "goes on as nobody"),
    (checks.dropped, facts.Dropped("root"), [ADVICE], "goes on as root"),
    (checks.dropped, facts.Dropped(None, "there is no user nobody"), [PROBLEM], "no user nobody"),
    (checks.sandbox, facts.Sandbox(7, True), [OK], "Landlock 7 and seccomp"),
    (checks.sandbox, facts.Sandbox(0, False), [ADVICE], "no Landlock and no seccomp"),
    (checks.links, facts.Links((LINK,), 0, False), [OK], "eth0: up, Ethernet, IPv4 and IPv6, GSO GRO on"),
    (checks.links, facts.Links((LINK._replace(kind=999, families=()),), 0, False), [OK], "link type 999, no address"),
    (checks.links, facts.Links((LINK._replace(kind=None),), 0, False), [OK], "unknown link"),
    (checks.links, facts.Links((LINK._replace(refused="odd"),), 0, False), [ADVICE], "cannot be captured from: odd"),
    (checks.links, facts.Links((LINK,), 9, False), [OK, OK], "9 more are not looked at"),
    (checks.links, facts.Links((LINK,), 0, True), [OK, UNKNOWN], "was not tried: see rights"),
    (checks.links, facts.Links((LINK._replace(is_up=False),), 0, False), [OK, PROBLEM], "no interface is up"),
    (checks.links, facts.Links((), 0, False), [PROBLEM], "no interface is up"),
    (checks.namespaces, facts.Namespaces(0, 2, False), [OK], "no other network namespace is in sight (2 programs"),
    (checks.namespaces, facts.Namespaces(3, 0, True), [OK], "inside with --netns"),
    (checks.memory, MEMORY, [OK], "256 MiB together, 8,192 MiB of memory at hand"),
    (checks.memory, MEMORY._replace(available=None), [OK], "256 MiB together"),
    (checks.memory, MEMORY._replace(limit=300 * MIB), [ADVICE], "give each interface a smaller one"),
    (checks.memory, MEMORY._replace(links=1000), [OK, PROBLEM], "1000 interfaces need 2064"),
    (checks.terminal, TERMINAL, [OK, OK, OK], "xterm-256color, 120x40, alternate screen"),
    (checks.terminal, TERMINAL._replace(bits=24), [OK, OK, OK], "all (COLORTERM)"),
    (checks.terminal, TERMINAL._replace(bits=4), [OK, OK, OK], "16, from the terminal's palette"),
    (checks.terminal, TERMINAL._replace(bits=1), [OK, OK, OK], "none"),
    (checks.terminal, TERMINAL._replace(columns=79), [ADVICE, OK, OK], "79x40"),
    (checks.terminal, TERMINAL._replace(columns=0, rows=0), [OK, OK, OK], "of unknown size"),
    (checks.terminal, TERMINAL._replace(encoding="ascii"), [OK, OK, ADVICE], "ascii: the screen and reports use ASCII"),
    (checks.terminal, TERMINAL._replace(encoding=""), [OK, OK, ADVICE], "unknown"),
    (checks.terminal, TERMINAL._replace(can_draw=False, term=""), [PROBLEM, OK], "TERM is not set"),
    (checks.terminal, TERMINAL._replace(is_terminal=False), [OK, OK], "no terminal"),
    (checks.clock, CLOCK, [OK], "source tsc, kept by a time service, within 0.012 s"),
    (checks.clock, CLOCK._replace(synchronised=False), [ADVICE], "no time service keeps it"),
    (checks.clock, CLOCK._replace(synchronised=None, source=""), [UNKNOWN], "does not tell"),
    (checks.clock, CLOCK._replace(step=-2.0), [ADVICE], "was set by -2.0 s just now"),
    (checks.optional, (facts.Extra("html", "--web", ""),), [OK], "html: installed (--web)"),
    (checks.optional, (facts.Extra("html", "--web", "pip install x"),), [OK], "html: not installed (--web)"),
    (checks.configuration, facts.Configuration("", 1, ()), [OK], "no configuration file, 1 alert rule"),
    (checks.configuration, facts.Configuration("~/c.toml", 3, ()), [OK], "~/c.toml, 3 alert rules"),
    (checks.configuration, facts.Configuration("", 0, ("a", "b")), [PROBLEM, PROBLEM], "b"),
]


@pytest.mark.parametrize(("judge", "seen", "states", "text"), JUDGED)
def test_facts_are_judged(judge, seen, states, text):
    found = list(judge(seen))
    assert [each.state for each in found] == states
    assert any(text in each.text for each in found), found


@pytest.mark.parametrize(("judge", "seen"), [(judge, seen) for judge, seen, states, _ in JUDGED if PROBLEM in states])
def test_each_problem_comes_with_a_command_to_type(judge, seen):
    assert all(each.commands for each in judge(seen) if each.state == PROBLEM)


def test_the_command_for_an_odd_interface_quotes_its_name():
    (found,) = checks.links(facts.Links((LINK._replace(name="a b", refused="x"),), 0, False))
    assert found.commands == ("netmon --exclude-interface 'a b'",)


def test_the_self_test_says_what_differs():
    (good,) = checks.trial(trial.EXPECTED, trial.EXPECTED)
    (bad,) = checks.trial(trial.EXPECTED._replace(requests=1), trial.EXPECTED)
    assert (good.state, bad.state) == (OK, PROBLEM)
    assert "requests 1, not 2" in bad.text


def test_the_core_counts_the_conversation_of_the_self_test_as_its_author_did():
    assert trial.trial() == trial.EXPECTED


@pytest.mark.parametrize("part", ["look", "judge"])
def test_a_check_that_fails_is_told_and_hides_no_other(part):
    def broken(*_):
        raise RuntimeError("no such \x1b thing")

    fine = command.Check("fine", lambda: facts.Sandbox(7, True), checks.sandbox)
    ill = fine._replace(about="ill", **{part: broken})
    found = list(command.examine((ill, fine)))
    assert [(each.about, each.state) for each in found] == [("ill", UNKNOWN), ("sandbox", OK)]
    assert "could not be looked at: RuntimeError" in found[0].text
    assert "\x1b" not in "".join(page.lines(found, "1", 80, colour=False)) + page.document(found, "1")


FINDINGS = [
    Finding("one", OK, "fine"),
    Finding("two", PROBLEM, "word " * 30, ("sudo a-command " + "x" * 90,)),
    Finding("two", ADVICE, "more"),
    Finding("three", UNKNOWN, ""),
]


@pytest.mark.parametrize("columns", [1, 40, 80, 200])
def test_the_page_is_as_wide_as_the_terminal_and_breaks_no_command(columns):
    made = list(page.lines(FINDINGS, "1.0", columns, colour=False))
    assert made[0] == "netmon 1.0: 1 problem, 1 with advice, 1 unknown"
    assert sum("sudo a-command " + "x" * 90 in line for line in made) == 1
    texts = [line for line in made[1:] if "$" not in line]
    assert max(map(len, texts)) <= max(columns, page.MARK + page.ABOUT + page.NARROWEST)


def test_each_finding_has_a_word_and_colours_only_repeat_it():
    plain = list(page.lines(FINDINGS, "1.0", 80, colour=False))
    coloured = list(page.lines(FINDINGS, "1.0", 80, colour=True))
    assert [re.sub("\x1b\\[[0-9;]*m", "", line) for line in coloured] == plain
    assert coloured != plain
    words = {line.split()[0] for line in plain[2:] if line and line[0] != " "}
    assert words == {"ok", "PROBLEM", "advice", "unknown"}


def test_a_page_without_findings_to_act_on_says_so():
    assert page.summary(FINDINGS[:1]) == "all is well"


def test_the_document_has_all_that_the_page_has():
    made = json.loads(page.document(FINDINGS, "1.0"))
    assert (made["schema"], made["netmon"]) == (page.SCHEMA, "1.0")
    assert [(each["check"], each["state"]) for each in made["findings"]] == [
        (each.about, each.state) for each in FINDINGS
    ]
    assert made["findings"][1]["commands"] == list(FINDINGS[1].commands)


def test_a_configuration_that_is_wrong_is_told_with_all_that_is_wrong():
    def reads():
        raise ConfigError.of([ConfigError("first"), ConfigError("second")])

    assert command.configuration(reads).wrong == ("first", "second")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/home/ann/.config/netmon/config.toml:3: bad", "~/.config/netmon/config.toml:3: bad"),
        ("sudo /home/ann/venv/bin/netmon", "sudo ~/venv/bin/netmon"),
        ("sudo '/home/ann/my venv/bin/netmon'", "sudo '/home/ann/my venv/bin/netmon'"),
        ("/home/anna/x /mnt/home/ann/x", "/home/anna/x /mnt/home/ann/x"),
    ],
)
def test_the_home_of_the_user_is_not_named_where_a_shell_knows_it(text, shown):
    made = command.without_home(Finding("x", OK, text, (text,)), "/home/ann")
    assert (made.text, made.commands) == (shown, (shown,))


@pytest.mark.parametrize(
    "look", [machine.versions, machine.library, machine.process, machine.sandbox, machine.memory, machine.clock]
)
def test_each_look_at_this_machine_gives_plain_values(look):
    assert isinstance(look(), tuple)


@pytest.mark.skipif(sys.platform != "linux", reason="capabilities are those of Linux")
def test_rights_are_read_without_proc_and_are_those_that_proc_tells(monkeypatch):
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    with monkeypatch.context() as without:
        without.setattr(Path, "exists", lambda _: False)
        assert machine.effective() == int(status["CapEff"], 16)
        assert machine.sandbox().seccomp == ("Seccomp" in status)


@pytest.mark.parametrize("settings", [{}, {"TERM": ""}, {"TERM": "dumb"}, {"TERM": "no-such", "LANG": "C"}])
def test_without_a_terminal_and_with_any_term_there_is_a_page(settings):
    environment = {name: value for name, value in os.environ.items() if name not in {"TERM", "LANG"}} | settings
    how = {"stdin": subprocess.DEVNULL, "capture_output": True, "text": True}
    done = subprocess.run([*NETMON, "--doctor"], check=False, env=environment, **how)
    assert done.returncode in {0, 1}
    assert done.stderr == ""
    assert "self-test   a conversation made in memory is counted right" in done.stdout
    assert "could not be looked at" not in done.stdout


def test_a_broken_configuration_is_a_problem_with_its_place(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text("interval = 'often'\n")
    done = subprocess.run([*NETMON[:3], "--config", path, "--doctor"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert re.search(r"PROBLEM  settings .*config\.toml", done.stdout)
    assert "netmon --check-config" in done.stdout


@pytest.mark.parametrize("way", ["ndjson", "csv"])
def test_a_format_that_the_page_does_not_have_is_refused(way, capsys):
    assert cli.main(["--doctor", f"--{way}"]) == 2
    assert "give --json, or nothing" in capsys.readouterr().err


@needs_rights
def test_without_the_right_to_capture_the_page_says_so_and_the_exit_code_is_1():
    done = subprocess.run([*WITHOUT_RIGHTS, *NETMON, "--doctor", "--json"], capture_output=True, text=True, check=False)
    found = {each["check"]: each for each in json.loads(done.stdout)["findings"]}
    assert done.returncode == 1
    assert found["rights"]["state"] == PROBLEM
    assert "was not tried" in found["interface"]["text"]


@pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT or "available")
def test_interfaces_are_told_with_state_link_and_offloads_and_without_addresses(network):
    server, _ = network
    server.offload("s0", "on")
    server.ip("link", "add", "odd0", "type", "veth", "peer", "name", "odd1")
    server.ip("tuntap", "add", "t0", "mode", "tun")
    done = server.start(*NETMON, "--doctor", stdout=subprocess.PIPE, text=True)
    said, _ = done.communicate(timeout=60)
    lines = re.sub(r"\n {21}(?! *\$)", " ", said)
    assert re.search(r"s0: up, Ethernet, IPv4 and IPv6, TSO GSO GRO on$", lines, re.MULTILINE)
    assert re.search(r"odd0: down, Ethernet, no address", lines)
    assert re.search(r"t0: down, IP \(tun\), no address", lines)
    assert not re.search(r"10\.77\.|fd77", said), "a page to paste has no addresses"
    assert os.uname().nodename not in said


AS_NOBODY = """
import os, sys
from netmon.config import Configured
from netmon.doctor import command
from netmon.options import Settings
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
sys.exit(command.run({"format": "json"}, lambda: Configured(Settings())))
"""
"""As nobody who cannot reach further modules: Python may be in the home of root."""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_a_user_without_rights_gets_a_whole_page_and_the_command_to_type():
    done = subprocess.run([sys.executable, "-c", AS_NOBODY], capture_output=True, text=True, check=False)
    found = json.loads(done.stdout)["findings"]
    assert done.returncode == 1
    (rights,) = (each for each in found if each["check"] == "rights")
    assert (rights["state"], rights["commands"][0][:5]) == (PROBLEM, "sudo ")
    assert [each["text"] for each in found if "could not be looked at" in each["text"]] == []
    assert {"versions", "self-test", "user", "clock", "encoding"} <= {each["check"] for each in found}


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
@pytest.mark.parametrize(
    ("settings", "sudo", "seen"),
    [
        (Settings(), None, facts.Dropped("nobody")),
        (Settings(user="root"), None, facts.Dropped("root")),
        (Settings(user="daemon"), None, facts.Dropped("daemon")),
        (Settings(read=("x",)), None, facts.Dropped("nobody")),
        (Settings(user="no-such"), None, facts.Dropped(None, "--user no-such: this machine has no such user")),
        (Settings(), "1", facts.Dropped("daemon")),
    ],
)
def test_the_user_is_the_one_that_a_live_capture_becomes(monkeypatch, settings, sudo, seen):
    monkeypatch.delenv("SUDO_UID", raising=False)
    if sudo:
        monkeypatch.setenv("SUDO_UID", sudo)
    assert rights.dropped(lambda: Configured(settings)) == seen
    assert os.geteuid() == 0, "this process stays who it is"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_root_that_may_not_become_another_user_is_told():
    lame = ["setpriv", "--bounding-set=-setuid,-setgid", "--inh-caps=-setuid,-setgid"]
    done = subprocess.run([*lame, *NETMON, "--doctor"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "PROBLEM  user        netmon cannot become nobody: Operation not permitted" in done.stdout


def test_more_interfaces_than_are_looked_at_are_counted(monkeypatch):
    there = [type("Info", (), {"name": f"n{n}", "up": False, "addresses": []}) for n in range(network.MOST + 5)]
    monkeypatch.setattr(network, "list_interfaces", lambda: there)
    seen = network.links()
    assert (len(seen.links), seen.more) == (network.MOST, 5)
