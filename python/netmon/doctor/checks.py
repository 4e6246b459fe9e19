"""Judges what was seen (pure): facts in, findings out, each with the command to type if something can be done."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from netmon.doctor.facts import ADVICE, OK, PROBLEM, UNKNOWN, Finding
from netmon.format import plural

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netmon.doctor import facts

OLDEST_LIBPCAP = (1, 9, 1)
"""Earlier versions have holes that a crafted capture file can use (CVE-2019-15165 and others)."""
SMALLEST = (80, 24)
"""Columns and rows of a terminal below which parts of the screen are left out."""
STEP = 0.1
"""Seconds that the clock may jump while the doctor looks, without a word."""
SPARE = 2
"""Free memory, in capture buffers."""
KINDS = {
    1: "Ethernet", 772: "loopback", 65534: "IP (tun)", 512: "PPP", 768: "IP tunnel", 776: "IPv6 tunnel", 778: "GRE",
    801: "802.11", 803: "802.11 radiotap", 32: "InfiniBand", 280: "CAN", 824: "netlink", 769: "IPv6 tunnel",
}  # fmt: skip
"""Link layers by the kernel's number."""
MANY, ALL = 8, 24
"""Bits of one of 256 colours, and of all colours."""


def versions(seen: facts.Versions) -> Iterator[Finding]:
    yield Finding("versions", OK, f"netmon {seen.netmon}, {seen.python}, {seen.system}")


def library(seen: facts.Library) -> Iterator[Finding]:
    found = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", seen.version)
    how = "part of netmon" if seen.path is None else f"shared, {seen.path}" if seen.path else "shared"
    number = found[0] if found else seen.version
    if found and tuple(int(part or 0) for part in found.groups()) < OLDEST_LIBPCAP:
        text = f"{number} ({how}) has known security holes: install 1.9.1 or later"
        yield Finding("libpcap", ADVICE, text, ("sudo apt install --only-upgrade libpcap0.8",))
    else:
        yield Finding("libpcap", OK, f"{number} ({how})")


def process(seen: facts.Process) -> Iterator[Finding]:
    behind = f", called by {seen.sudo_user} with sudo" if seen.sudo_user else ""
    if seen.capabilities is None:
        text = f"{seen.user}{behind}: the system does not tell whether this user may capture"
        yield Finding("rights", UNKNOWN, text)
        return
    held = ", ".join(sorted(seen.capabilities)) or "no capability"
    if seen.in_namespace and "CAP_NET_RAW" in seen.capabilities:
        text = f"{seen.user} of a user namespace may capture from networks that were made in it, and from no other"
        yield Finding("rights", ADVICE, text, ("sudo netmon",))
    elif "CAP_NET_RAW" in seen.capabilities:
        yield Finding("rights", OK, f"{seen.user}{behind} may capture: {held}")
    elif seen.is_root:
        text = f"{seen.user} may not capture, for this container or service lacks CAP_NET_RAW"
        yield Finding("rights", PROBLEM, text, ("docker run --cap-add=NET_RAW ...",))
    else:
        text = f"{seen.user} may not capture live ({held}), but may read files"
        yield Finding("rights", PROBLEM, text, (f"sudo {seen.command}", f"{seen.command} -r capture.pcap"))


def dropped(seen: facts.Dropped) -> Iterator[Finding]:
    if seen.why_not:
        ways = ("netmon --user root",) if seen.in_namespace else ("sudo netmon --user NAME", "sudo netmon --user root")
        yield Finding("user", PROBLEM, seen.why_not, ways)
    elif seen.user is None:
        yield Finding("user", OK, "a live capture goes on as the user who started it")
    elif seen.user == "root":
        text = "a live capture goes on as root, with all its rights"
        yield Finding("user", ADVICE, text, ("sudo netmon --user nobody",))
    else:
        yield Finding("user", OK, f"once its devices are open, a live capture goes on as {seen.user}")


def sandbox(seen: facts.Sandbox) -> Iterator[Finding]:
    landlock = f"Landlock {seen.landlock}" if seen.landlock else "no Landlock"
    seccomp = "seccomp" if seen.seccomp else "no seccomp"
    text = f"the kernel offers {landlock} and {seccomp}"
    if not seen.landlock:
        text += ": netmon is not kept from files that it does not need (Linux 5.13 or later can)"
    yield Finding("sandbox", OK if seen.landlock else ADVICE, text)


def links(seen: facts.Links) -> Iterator[Finding]:
    for link in seen.links:
        yield _link(link)
    if seen.more:
        yield Finding("interface", OK, f"{seen.more} more are not looked at")
    if seen.forbidden:
        yield Finding("interface", UNKNOWN, "whether they can be captured from was not tried: see rights")
    if not any(link.is_up for link in seen.links):
        yield Finding("interface", PROBLEM, "no interface is up", ("sudo ip link set lo up",))


def _link(link: facts.Link) -> Finding:
    kind = "unknown link" if link.kind is None else KINDS.get(link.kind, f"link type {link.kind}")
    families = " and ".join(link.families) or "no address"
    joined = f", {' '.join(link.offloads)} on" if link.offloads else ""
    text = f"{link.name}: {'up' if link.is_up else 'down'}, {kind}, {families}{joined}"
    if not link.refused:
        return Finding("interface", OK, text)
    leave_out = f"netmon --exclude-interface {shlex.quote(link.name)}"
    return Finding("interface", ADVICE, f"{text}; it cannot be captured from: {link.refused}", (leave_out,))


def namespaces(seen: facts.Namespaces) -> Iterator[Finding]:
    hidden = f" ({plural(seen.hidden, 'program')} not asked)" if seen.hidden else ""
    if not seen.others:
        yield Finding("namespaces", OK, f"no other network namespace is in sight{hidden}")
        return
    within = ", or inside with --netns" if seen.can_capture else ""
    text = (
        f"{seen.others} beside this one, as containers have{hidden}: their traffic is seen where it passes here{within}"
    )
    yield Finding("namespaces", OK, text)


def memory(seen: facts.Memory) -> Iterator[Finding]:
    known = [each for each in (seen.available, seen.limit) if each is not None]
    room = f", {_mib(min(known))} of memory at hand" if known else ""
    text = f"capture buffers take {_mib(seen.buffers)} together{room}"
    if known and min(known) < SPARE * seen.buffers:
        yield Finding("buffers", ADVICE, f"{text}: give each interface a smaller one", ("netmon -B 4MiB",))
    else:
        yield Finding("buffers", OK, text)
    needed = 64 + 2 * seen.links
    if seen.descriptors < needed:
        text = f"{seen.descriptors} files may be open, and {seen.links} interfaces need {needed}"
        yield Finding("buffers", PROBLEM, text, (f"ulimit -n {needed}",))


def _mib(number: int) -> str:
    return f"{number >> 20:,} MiB"


def terminal(seen: facts.Terminal) -> Iterator[Finding]:
    if not seen.is_terminal:
        yield Finding("terminal", OK, "standard output is no terminal: reports are plain text")
    elif not seen.can_draw:
        text = f"TERM is {seen.term or 'not set'}, so no screen is drawn"
        yield Finding("terminal", PROBLEM, text, ("TERM=xterm-256color netmon",))
    else:
        is_known = seen.columns > 0 and seen.rows > 0
        few = is_known and (seen.columns < SMALLEST[0] or seen.rows < SMALLEST[1])
        text = f"{seen.term}, {f'{seen.columns}x{seen.rows}' if is_known else 'of unknown size'}"
        text += {True: ", alternate screen", False: ", no alternate screen", None: ""}[seen.alternate]
        text += f": parts of the screen are left out below {SMALLEST[0]}x{SMALLEST[1]}" if few else ""
        yield Finding("terminal", ADVICE if few else OK, text)
        yield _colours(seen)
    yield _encoding(seen)


def _colours(seen: facts.Terminal) -> Finding:
    if seen.bits >= ALL:
        return Finding("colours", OK, "all (COLORTERM)")
    if seen.bits >= MANY:
        text = "256; if the terminal has all of them, it should say so"
        return Finding("colours", OK, text, ("export COLORTERM=truecolor",))
    return Finding("colours", OK, "16, from the terminal's palette" if seen.bits > 1 else "none")


def _encoding(seen: facts.Terminal) -> Finding:
    if "utf" in seen.encoding.lower():
        return Finding("encoding", OK, seen.encoding)
    text = f"{seen.encoding or 'unknown'}: the screen and reports use ASCII"
    return Finding("encoding", ADVICE, text, ("export LANG=C.UTF-8",))


def clock(seen: facts.Clock) -> Iterator[Finding]:
    source = f"source {seen.source}, " if seen.source else ""
    if abs(seen.step) > STEP:
        text = f"{source}was set by {seen.step:+.1f} s just now: times of a capture are wrong by that"
        yield Finding("clock", ADVICE, text)
    elif seen.synchronised is None:
        yield Finding("clock", UNKNOWN, f"{source}the kernel does not tell whether a time service keeps it")
    elif seen.synchronised:
        yield Finding("clock", OK, f"{source}kept by a time service, within {seen.error:.3f} s")
    else:
        text = f"{source}no time service keeps it: captures of several machines do not fit together"
        yield Finding("clock", ADVICE, text, ("sudo timedatectl set-ntp true",))


def optional(seen: tuple[facts.Extra, ...]) -> Iterator[Finding]:
    for extra in seen:
        state = "not installed" if extra.install else "installed"
        commands = (extra.install,) if extra.install else ()
        yield Finding("extras", OK, f"{extra.name}: {state} ({extra.gives})", commands)


def configuration(seen: facts.Configuration) -> Iterator[Finding]:
    path = seen.path or "no configuration file"
    if seen.wrong:
        for each in seen.wrong:
            yield Finding("settings", PROBLEM, each, ("netmon --check-config",))
    else:
        yield Finding("settings", OK, f"{path}, {plural(seen.rules, 'alert rule')}")


def trial(seen: facts.Trial, expected: facts.Trial) -> Iterator[Finding]:
    if seen == expected:
        text = "a conversation made in memory is counted right: requests, statuses, latencies, an alert"
        yield Finding("self-test", OK, text)
    else:
        wrong = [
            f"{name} {found}, not {right}"
            for name, found, right in zip(seen._fields, seen, expected, strict=True)
            if found != right
        ]
        text = f"a conversation made in memory is counted wrong: {'; '.join(wrong)}. Please report this page"
        yield Finding("self-test", PROBLEM, text)
