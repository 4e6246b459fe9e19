"""Alerts in Debian's prometheus-alertmanager: active while they go on, resolved after their recovery.

Alertmanager posts to a receiver in turn, so what netmon posts to webhooks is compared with the original.
"""

import json
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager
from urllib.parse import quote
from urllib.request import urlopen

import pytest
from alarms import HOSTILE, Events, fired, recovered, rule
from netmon.actions import messages
from netmon.actions.facts import iso
from netmon.actions.runner import Actions
from netmon.actions.spec import Limits
from patience import PATIENCE, eventually
from receiver import receiving

PROGRAM = shutil.which("prometheus-alertmanager")
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="needs prometheus-alertmanager")

CONFIGURATION = """
route: {{receiver: netmon, group_by: [alertname], group_wait: 0s, group_interval: 1s, repeat_interval: 1h}}
receivers: [{{name: netmon, webhook_configs: [{{url: "{url}"}}]}}]
"""


class Manager:
    """An Alertmanager that listens at `url`."""

    def __init__(self, url):
        self.url = url

    def get(self, path):
        with urlopen(f"{self.url}{path}", timeout=PATIENCE) as response:
            return json.load(response)

    def alerts(self, name, *, active=True):
        """The alerts of a name that are active, or none if there are none."""
        query = f"filter={quote(f'alertname={json.dumps(name)}')}&active={str(active).lower()}"
        return self.get(f"/api/v2/alerts?{query}")

    def is_ready(self):
        try:
            with urlopen(f"{self.url}/-/ready", timeout=PATIENCE) as response:
                return response.status == 200
        except OSError:
            return False


@contextmanager
def running(folder, hook, prefix=""):
    """Runs an Alertmanager on a free port that posts to the receiver `hook`."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (folder / "manager.yml").write_text(CONFIGURATION.format(url=hook.url))
    command = [PROGRAM, f"--config.file={folder / 'manager.yml'}", f"--storage.path={folder / 'data'}"]
    command += [f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address=", f"--web.route-prefix={prefix}/"]
    with (
        open(folder / "log", "wb") as log,
        subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL) as process,
    ):
        try:
            manager = Manager(f"http://127.0.0.1:{port}{prefix}")
            eventually(lambda: manager.is_ready() or process.poll() is not None)
            assert process.poll() is None, (folder / "log").read_text()
            yield manager
        finally:
            process.kill()


@pytest.fixture(scope="module")
def hook():
    with receiving() as hook:
        yield hook


@pytest.fixture(scope="module")
def manager(tmp_path_factory, hook):
    with running(tmp_path_factory.mktemp("alertmanager"), hook) as manager:
        yield manager


@pytest.mark.parametrize("end", ["/api", "/api/v2", "/api/v2/alerts", "/api/"])
def test_an_alert_is_active_and_after_its_recovery_resolved(manager, hook, end):
    name = f"slow {end}"
    of, now = rule(name, webhook=manager.url + end), time.time()
    actions = Actions([of], instance="edge-1")
    actions.take([fired(of, at=now - 5)])
    eventually(lambda: manager.alerts(name))
    (told,) = manager.alerts(name)
    assert told["status"]["state"] == "active"
    assert told["labels"] == messages.labels(fired(of), "edge-1")
    assert told["fingerprint"] == messages.fingerprint(told["labels"])
    assert told["startsAt"] == iso(now - 5)
    assert told["annotations"]["summary"] == f"{name}: latency.p95 is 812 ms, above 500 ms, host shop.example"
    actions.take([recovered(of, at=now, since=now - 5)])
    assert actions.close(PATIENCE) == 0
    assert (actions.counts.done, actions.failures) == (2, 0)
    eventually(lambda: manager.alerts(name) == [])
    eventually(lambda: ("resolved", name) in posted(hook))


def posted(hook):
    """What Alertmanager has told its receiver: status and name of each message."""
    told = (json.loads(request.body) for request in hook.requests)
    return {(message["status"], message["groupLabels"]["alertname"]) for message in told}


def test_an_alert_under_a_prefix_arrives_too(tmp_path, hook):
    with running(tmp_path, hook, prefix="/am") as manager:
        of = rule(webhook=f"{manager.url}/api")
        actions = Actions([of])
        actions.take([fired(of)])
        assert actions.close(PATIENCE) == 0
        assert len(manager.alerts(of.name)) == 1


def test_a_hostile_host_and_rule_arrive_as_text(manager):
    name = 'a "quoted"\n\x1b[2J name\\'
    of = rule(name, webhook=f"{manager.url}/api", severity="")
    actions = Actions([of])
    actions.take([fired(of, key=HOSTILE)])
    assert actions.close(PATIENCE) == 0
    assert actions.counts.done == 1
    (told,) = [each for each in manager.get("/api/v2/alerts") if each["labels"]["alertname"].startswith("a ")]
    assert told["labels"]["alertname"] == 'a "quoted"\\x0a\\x1b[2J name\\'
    assert told["labels"]["host"].startswith("-rf\\x1b]0;x\\x07\\u202e`id`$(id);\\x0a")
    assert told["fingerprint"] == messages.fingerprint(told["labels"])


def test_an_alert_of_a_played_file_is_active_and_resolved_too(manager):
    """Its times are those of the file, long ago."""
    of = rule("long ago", webhook=f"{manager.url}/api", per="")
    actions = Actions([of])
    actions.take([fired(of, key="")])
    eventually(lambda: len(manager.alerts("long ago")) == 1)
    actions.take([recovered(of, key="")])
    assert actions.close(PATIENCE) == 0
    eventually(lambda: manager.alerts("long ago") == [])


def test_an_alert_that_nobody_repeats_is_resolved_and_one_that_is_repeated_stays(manager):
    limits = Limits(remind=0.25)
    kept, left = rule("kept", webhook=f"{manager.url}/api"), rule("left", webhook=f"{manager.url}/api")
    keeper, leaver = Actions([kept], limits=limits), Actions([left], limits=limits)
    keeper.take([fired(kept)])
    leaver.take([fired(left)])
    assert leaver.close(PATIENCE) == 0
    eventually(lambda: manager.alerts("left") == [])
    eventually(lambda: manager.alerts("kept"))
    keeper.close(PATIENCE)


def test_five_hundred_hosts_arrive_in_few_messages(manager):
    of = rule("outage", webhook=f"{manager.url}/api")
    events = Events()
    actions = Actions([of], on_event=events, limits=Limits(queue=500))
    actions.take([fired(of, key=f"{number}.example") for number in range(500)])
    assert actions.close(PATIENCE) == 0
    assert len(manager.alerts("outage")) == 500
    assert len(events.of("done")) <= 12


def test_a_message_to_a_webhook_has_the_fields_of_alertmanagers_own(manager, hook):
    of = rule("original", webhook=f"{manager.url}/api")
    actions = Actions([of], instance="edge-1")
    actions.take([fired(of, at=time.time())])
    assert actions.close(PATIENCE) == 0
    eventually(lambda: ("firing", "original") in posted(hook))
    (theirs,) = [
        message
        for request in hook.requests
        if (message := json.loads(request.body))["groupLabels"] == {"alertname": "original"}
    ]
    ours = json.loads(messages.webhook([fired(of)], instance="edge-1"))
    assert shape(ours) == shape(theirs)
    for same in ("version", "status", "receiver", "groupKey", "groupLabels", "commonLabels", "truncatedAlerts"):
        assert ours[same] == theirs[same], same
    for same in ("status", "labels", "fingerprint", "endsAt"):
        assert ours["alerts"][0][same] == theirs["alerts"][0][same], same


def shape(message):
    """The names and types of all fields, but for those of annotations, which are ours."""
    return {
        name: shape(value)
        if isinstance(value, dict)
        else [shape(each) for each in value]
        if name == "alerts"
        else type(value)
        for name, value in message.items()
        if "nnotations" not in name
    }
