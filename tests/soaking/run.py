"""Puts a soak together: the site, netmon, all traffic and all watchers; then the comparison of their counts."""

import json
import shutil
import tempfile
import time
from collections import Counter
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import namespaces

from soaking import clients, hostile, verdict
from soaking.churn import HOST as CHURN
from soaking.churn import Churn
from soaking.site import built
from soaking.subject import EVIDENCE_FILES, FILES, OURS, RULE, Subject
from soaking.watchers import Receiver, Scraper, Viewer, Visitors

MOST_HOSTS = 10_001
"""Rows of hosts in a snapshot at the most, with that of the hosts that are folded."""


class Load(NamedTuple):
    """How much there is to do. The rates leave half of two slow processors free."""

    near: int = 150
    """Requests per second without loss."""
    far: int = 40
    """Requests per second over the link that loses packets."""
    forged: int = 600
    """Forged frames per second."""
    curl: float = 5.0
    """Seconds between two rounds of curl."""
    pulses: float = 30.0
    """Seconds between two bursts. A rule that fires more often is told once a minute."""
    sample: float = 2.0
    """Seconds between two samples of memory."""


class Limits(NamedTuple):
    """What memory may do: `warm_up` is in seconds."""

    warm_up: float
    growth: float | None
    """MiB per hour after the warm-up, as `verdict.growth` finds them; None in a short run."""
    private: float
    """MiB of anonymous memory at the most."""


@contextmanager
def folder():
    """A folder where netmon may write as whatever user it runs as; it is removed at the end."""
    made = Path(tempfile.mkdtemp(prefix="netmon-soak-"))
    made.chmod(0o1777)
    try:
        yield made
    finally:
        shutil.rmtree(made)


class Traffic:
    """All that sends."""

    def __init__(self, site, subject, folder, load, seconds, closing):
        self.wrks = [clients.near(site, folder, load.near, seconds), clients.far(site, folder, load.far, seconds)]
        self.curl, self.pulses = clients.Curl(site, folder, load.curl), clients.Pulses(site, load.pulses)
        self.forger, self.misbehaving = hostile.Forger(site, load.forged), hostile.Misbehaving(site)
        self.churn = Churn(site, subject)
        self._threads = [self.curl, self.pulses, self.churn, self.forger, self.misbehaving]
        for each in (*self.wrks, *self._threads):
            closing.callback(each.stop)
        *ordinary, forger, misbehaving = self._threads
        for each in ordinary:
            each.start()
        # Metrics have series for the first hosts that come. The enemy invents more than there are.
        subject.until(lambda: clients.HOSTS | {CHURN} <= {host for host, _ in subject.sums.requests})
        for each in (forger, misbehaving):
            each.start()

    def finish(self):
        """Ends everything, the enemy last. `responses` and `refused` are what wrk counted."""
        told = [wrk.finish() for wrk in self.wrks]
        self.responses, self.refused = (sum(column) for column in zip(*told, strict=True))
        for each in self._threads:
            each.finish()


class Access:
    """What nginx logged of ordinary hosts, and what was forged on interfaces that came and went."""

    def __init__(self, log, churned):
        self.requests, self.statuses, self.refused, self.wrk = Counter(), Counter(), 0, 0
        with log.open(errors="replace") as lines:
            for line in lines:
                host, *rest = line.split()
                if host.endswith(OURS):
                    self._add(host, *rest)
        self.requests[CHURN, "/churn"] = self.statuses[CHURN, 200] = churned

    def _add(self, host, _method, uri, status):
        section = "/" + uri.split("?")[0].split("/")[1]
        self.requests[host, section] += 1
        self.statuses[host, int(status)] += 1
        if host.startswith(("host", "lossy")):
            self.wrk += 1
            self.refused += int(status) >= 400


def soak(minutes, limits, load=None, *, tell=print):
    """Runs a soak. Returns its checks and the samples of what netmon took; `tell` gets a line each minute."""
    load = load or Load()
    with ExitStack() as closing:
        site, here = closing.enter_context(built()), closing.enter_context(folder())
        www = here / "www"
        www.mkdir()
        nginx = closing.enter_context(namespaces.nginx(site.server, www))
        nginx.page("txt/some", "some text\n" * 1000)
        receiver = Receiver(site)
        closing.callback(receiver.stop)
        subject = Subject(site, here)
        closing.callback(subject.stop)
        scraper, token = Scraper(site), subject.token()
        watchers = [scraper, Viewer(site, token), Visitors(site, token)]
        for each in watchers:
            closing.callback(each.stop)
            each.start()
        traffic = Traffic(site, subject, here, load, round(60 * minutes), closing)
        samples = observe(subject, 60 * minutes, load.sample, tell)
        traffic.finish()
        subject.until_quiet()
        settled(scraper, traffic.pulses.bursts, receiver)
        cpu, metrics = subject.cpu(), scraper.requests()
        for each in watchers:
            each.finish()
        code = subject.finish()
        nginx.stop()
        access = Access(www / "access.log", traffic.churn.sent)
        warm = [sample for sample in samples if sample.at >= limits.warm_up] or samples[-1:]
        tell(f"processor: {cpu / (60 * minutes):.0%} of one; link: {dict(site.weather.counts)}")
        checks = [
            *counts(subject, access, traffic, metrics),
            *alerts(traffic, receiver, scraper),
            *watched(watchers, receiver),
            *outputs(subject, code, here),
            *verdict.growth(warm, limits.growth),
            verdict.at_most("most anonymous memory", max(each.private for each in samples), limits.private, " MiB"),
            verdict.not_grown("descriptors", warm, "descriptors"),
            verdict.not_grown("threads", warm, "threads"),
        ]
    return checks, samples


def observe(subject, seconds, every, tell):
    """Samples what netmon takes for as long as the traffic lasts."""
    samples, began, told = [], time.monotonic(), 0
    while (passed := time.monotonic() - began) < seconds:
        samples.append(subject.sample())
        if passed >= 60 * told:
            told += 1
            now, done = samples[-1], sum(subject.sums.requests.values())
            tell(
                f"{passed / 60:3.0f} min  {now.private:6.1f} MiB, {now.resident:6.1f} resident  "
                f"{now.descriptors} descriptors  {now.threads} threads  {done:,} requests"
            )
        time.sleep(min(every, seconds - passed))
    return samples


def settled(scraper, bursts, receiver):
    """Waits until the last alert is over everywhere, and a second scrape has begun after that."""
    deadline = time.monotonic() + 60
    wanted = {(path, state): bursts for path in ("/hook", "/exec") for state in ("fired", "recovered")}
    while time.monotonic() < deadline and (
        scraper.alerts(RULE) != (bursts, bursts) or any(receiver.told[key] < n for key, n in wanted.items())
    ):
        time.sleep(0.2)
    scrapes = scraper.scrapes
    while time.monotonic() < deadline and scraper.scrapes < scrapes + 2:
        time.sleep(0.1)


def counts(subject, access, traffic, metrics):
    found, answered = subject.sums, Counter()
    for (host, status), number in found.statuses.items():
        if status >= 200:
            answered[host, status] = number
    curl = Counter({key: number for key, number in access.statuses.items() if key[0].startswith(("up.", "txt."))})
    hosts = Counter()
    for (host, _), number in access.requests.items():
        hosts[host] += number
    ours = Counter({host: number for host, number in metrics.items() if host and host.endswith(OURS)})
    return [
        verdict.same_counts("requests by host and section", found.requests, access.requests),
        verdict.same_counts("responses by host and status", answered, access.statuses),
        verdict.equal("responses that wrk counted", traffic.responses, access.wrk),
        verdict.equal("of these neither 2xx nor 3xx", traffic.refused, access.refused),
        verdict.same_counts("responses that curl counted", traffic.curl.counts, curl),
        verdict.same_counts("requests in the last scrape", ours, hosts),
        verdict.at_least("interfaces that came and went", traffic.churn.came, 1),
        verdict.at_least("forged frames", traffic.forger.sent, 1),
        verdict.at_least("connections that misbehaved", traffic.misbehaving.made, 1),
        verdict.at_most("hosts of an interval", found.most_hosts, MOST_HOSTS),
        verdict.equal("packets that the kernel dropped", found.dropped, 0),
    ]


def alerts(traffic, receiver, scraper):
    bursts = traffic.pulses.bursts
    yield verdict.equal("alerts that fired and recovered", scraper.alerts(RULE), (bursts, bursts))
    for path, what in (("/hook", "webhooks"), ("/exec", "commands")):
        told = tuple(receiver.told[path, state] for state in ("fired", "recovered"))
        yield verdict.equal(f"{what} of these alerts", told, (bursts, bursts))


def watched(watchers, receiver):
    scraper, viewer, visitors = watchers
    yield verdict.at_least("scrapes", scraper.scrapes, 1)
    yield verdict.equal("counters that fell", sorted(scraper.fallen)[:1], [])
    yield verdict.at_least("states that the viewer got", viewer.states, 1)
    yield verdict.at_least("pages that visitors got", visitors.pages, 1)
    yield verdict.at_least("exports of OpenTelemetry", receiver.exports, 1)


def outputs(subject, code, here):
    said = subject.said()
    # The enemy fills the memory of packets that wait for their connection to be known, and netmon says so.
    wanted = 1 if "packets.pcapng: was not written whole" in said else 0
    why = "" if code == wanted else f" {said.splitlines()[-1:]}"
    yield verdict.Check("exit code", f"{code}{why}", str(wanted), code == wanted)
    yield verdict.equal("tracebacks", said.count("Traceback"), 0)
    newest = json.loads((here / "all.ndjson").read_text().splitlines()[-1])
    yield verdict.equal("last line of the file", newest["end"], subject.sums.latest)
    for pattern, most in (("all*.ndjson", FILES), ("packets*", FILES), ("log*", FILES), ("evidence/*", EVIDENCE_FILES)):
        yield verdict.at_most(f"files {pattern}", len(list(here.glob(pattern))), most)
