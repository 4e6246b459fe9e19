"""Webhooks against a real HTTP receiver on loopback that refuses, resets, hangs, drips, floods and redirects."""

import hashlib
import hmac
import json
import socket
import ssl
import subprocess
import time
from pathlib import Path

import pytest
import receiver
from alarms import HOSTILE, Events, fired, recovered, rule
from netmon.actions import address, webhook
from netmon.actions.runner import Actions
from netmon.actions.spec import Limits
from patience import PATIENCE
from receiver import answer, receiving

DOCS = Path(__file__).parents[1] / "docs" / "alerts.md"

QUICK = Limits(attempts=4, first_wait=0.001, longest_wait=0.002)
"""Retries without waits worth mentioning."""

SHORT = 0.5
"""Seconds of an attempt that must run out of time."""


def post(url, *, timeout=PATIENCE, **more):
    return webhook.post(address.parse(url), b"{}", {"X": "y"}, timeout=timeout, **more)


def act(rules, alerts, *, events=None, patience=PATIENCE, limits=QUICK, **more):
    actions = Actions(rules, on_event=events or Events(), limits=limits, instance="edge-1", **more)
    actions.take(alerts)
    actions.close(patience)
    return actions


def unused_port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


def test_an_alert_is_posted_in_the_format_of_alertmanager():
    with receiving() as hook:
        of = rule(webhook=hook.url)
        assert act([of], [fired(of, key=HOSTILE)]).counts.done == 1
        (request,) = hook.requests
    assert (request.method, request.target) == ("POST", "/hook")
    assert request.fields["content-type"] == "application/json"
    assert request.fields["host"] == f"127.0.0.1:{hook.port}"
    assert request.fields["user-agent"].startswith("netmon/")
    assert "x-netmon-signature" not in request.fields
    told = json.loads(request.body)
    assert (told["version"], told["status"], len(told["alerts"])) == ("4", "firing", 1)
    assert told["alerts"][0]["labels"]["instance"] == "edge-1"
    assert told["alerts"][0]["labels"]["host"].startswith("-rf\\x1b]0;x\\x07\\u202e`id`$(id);\\x0a'")


def test_a_firing_and_a_recovery_come_in_order_in_messages_of_their_own():
    with receiving() as hook:
        of = rule(webhook=hook.url)
        act([of], [fired(of), recovered(of)])
        told = [json.loads(request.body) for request in hook.requests]
    assert [message["status"] for message in told] == ["firing", "resolved"]
    assert told[0]["alerts"][0]["fingerprint"] == told[1]["alerts"][0]["fingerprint"]


def test_plain_messages_are_one_alert_each():
    with receiving() as hook:
        of = rule(webhook=hook.url, format="plain")
        act([of], [fired(of, key=key) for key in ("a", "b", HOSTILE)])
        told = [json.loads(request.body) for request in hook.requests]
    assert [message["key"] for message in told[:2]] == ["a", "b"]
    assert {message["schema"] for message in told} == {1}


def test_alerts_that_wait_are_one_message():
    with receiving() as hook:
        of = rule(webhook=hook.url)
        act([of], [fired(of, key=str(number)) for number in range(120)], limits=QUICK._replace(queue=200))
        sizes = [len(json.loads(request.body)["alerts"]) for request in hook.requests]
    assert sum(sizes) == 120
    assert max(sizes) == QUICK.batch


def test_a_signature_is_verified_by_other_code():
    with receiving() as hook:
        of = rule(webhook=hook.url, secret="gr\u00fcn")
        act([of], [fired(of)])
        (request,) = hook.requests
    at, _, digest = request.fields["x-netmon-signature"].partition(",v1=")
    number = at.removeprefix("t=")
    key = "gr\u00fcn".encode().hex()
    command = ["openssl", "dgst", "-sha256", "-mac", "HMAC", "-macopt", f"hexkey:{key}", "-r"]
    done = subprocess.run(command, input=number.encode() + b"." + request.body, capture_output=True, check=True)
    assert done.stdout.split()[0].decode() == digest
    assert abs(time.time() - int(number)) < PATIENCE


def test_the_verifier_of_the_documentation_accepts_what_is_genuine_and_nothing_else():
    code = DOCS.read_text().partition("    import hashlib, hmac, time\n")[2]
    source = "\n".join(line[4:] for line in code.splitlines() if not line or line.startswith("    "))
    names = {"hashlib": hashlib, "hmac": hmac}
    exec(source, names)
    is_genuine = names["is_genuine"]
    with receiving() as hook:
        of = rule(webhook=hook.url, secret="s")
        act([of], [fired(of)])
        (request,) = hook.requests
    field, body = request.fields["x-netmon-signature"], request.body
    assert is_genuine(b"s", field, body, time.time())
    assert not is_genuine(b"t", field, body, time.time())
    assert not is_genuine(b"s", field, body + b" ", time.time())
    assert not is_genuine(b"s", field.replace("t=1", "t=2"), body, time.time())
    assert not is_genuine(b"s", field, body, time.time() + 400)


def test_user_and_password_are_sent_and_never_shown():
    with receiving(answer(500)) as hook:
        of = rule(webhook=hook.url.replace("//", "//me:hunter2@") + "?token=sesame")
        events = Events()
        actions = act([of], [fired(of)], events=events)
        assert hook.requests[0].fields["authorization"] == "Basic bWU6aHVudGVyMg=="
        assert hook.requests[0].target == "/hook?token=sesame"
    shown = repr([vars(event) for event in events.of("retry", "failed")]) + actions.trouble(of.name)
    assert f"http://127.0.0.1:{hook.port} answers 500 Reason" in shown
    assert "hunter2" not in shown
    assert "sesame" not in shown
    assert "bWU6" not in shown
    assert "/hook" not in shown


@pytest.mark.parametrize(
    "fault", [receiver.resets, receiver.closes, receiver.no_http, answer(500), answer(503), answer(408), answer(429)]
)
def test_a_message_is_tried_again_after(fault):
    with receiving(fault, fault, answer(202)) as hook:
        of = rule(webhook=hook.url, secret="s")
        events = Events()
        actions = act([of], [fired(of)], events=events)
        bodies = {request.body for request in hook.requests}
        deliveries = {request.fields["x-netmon-delivery"] for request in hook.requests}
    assert (len(hook.requests), len(bodies), len(deliveries)) == (3, 1, 1), "the same message, under the same name"
    assert (actions.counts.done, actions.counts.retried, actions.failures) == (1, 2, 0)
    assert [event.attempt for event in events.of("retry")] == [1, 2]
    assert actions.trouble(of.name) == ""


def test_a_message_is_given_up_after_all_attempts_and_the_next_is_sent():
    with receiving(*[answer(500)] * 4, answer()) as hook:
        of = rule(webhook=hook.url)
        events = Events()
        actions = act([of], [fired(of), recovered(of)], events=events)
    (failure,) = events.of("failed")
    assert failure.message == (
        f"alert checkout is slow: http://127.0.0.1:{hook.port} answers 500 Reason, after 4 attempts"
    )
    assert (failure.level, failure.state) == ("error", "fired")
    assert (actions.counts.done, actions.counts.failed) == (1, 1)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 413, 422, 301, 302, 303])
def test_no_second_attempt_follows(status):
    with receiving(answer(status, b'{"error":\n "no \x1b[2J such hook"}', Location="/other")) as hook:
        of = rule(webhook=hook.url)
        events = Events()
        actions = act([of], [fired(of)], events=events)
        assert len(hook.requests) == 1
    (failure,) = events.of("failed")
    assert failure.attempt == 1
    assert failure.reason.startswith(f"answers {status} Reason")
    assert failure.output == '{"error": "no \\x1b[2J such hook"}'
    assert actions.counts.failed == 1


def test_a_receiver_that_asks_for_time_gets_it():
    """The limit of what a receiver may ask for is short here, so that the test need not wait."""
    with receiving(answer(429, Retry_After="3600"), answer()) as hook:
        of = rule(webhook=hook.url)
        started = time.monotonic()
        actions = Actions([of], limits=QUICK._replace(longest_asked=0.3))
        actions.take([fired(of)])
        hook.wait(2)
        assert time.monotonic() - started >= 0.3
        actions.close(PATIENCE)
    assert actions.counts.done == 1


def test_a_receiver_that_is_not_there_refuses():
    outcome = post(f"http://127.0.0.1:{unused_port()}/")
    assert (outcome.verdict, outcome.reason) == ("retry", "refuses the connection")


def test_a_host_that_does_not_exist_cannot_be_reached():
    outcome = post("http://no-such-host.invalid/")
    assert outcome.verdict == "retry"
    assert outcome.reason.startswith("cannot be reached: ")


@pytest.mark.parametrize("fault", [receiver.hangs, receiver.drips, receiver.huge_body])
def test_no_receiver_holds_an_attempt_for_longer_than_its_limit(fault):
    with receiving(fault) as hook:
        started = time.monotonic()
        outcome = post(hook.url, timeout=SHORT)
        assert time.monotonic() - started < PATIENCE
    expected = "answers 400 Bad Request" if fault is receiver.huge_body else f"does not answer within {SHORT:g} s"
    assert outcome.reason == expected


def test_a_receiver_that_drips_is_given_up_though_each_byte_comes_in_time():
    """Between two bytes lies a fraction of the limit, and the head has bytes for half an hour."""
    assert receiver.SLOW < SHORT / 10
    with receiving(receiver.drips) as hook:
        assert post(hook.url, timeout=SHORT).verdict == "retry"


def test_a_head_that_never_ends_is_no_response():
    with receiving(receiver.huge_head) as hook:
        assert post(hook.url).reason == "gives no valid response (LineTooLong)"


def test_a_receiver_that_never_reads_is_given_up():
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}/"
        outcome = webhook.post(address.parse(url), b"x" * 50_000_000, {}, timeout=SHORT)
    assert outcome.reason == f"does not answer within {SHORT:g} s"


def test_a_name_that_takes_long_to_resolve_is_given_up(monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: time.sleep(SHORT * 4))
    assert post("http://slow.example/", timeout=0.05).reason == "does not answer within 0.05 s"


def test_the_next_address_of_a_host_is_tried(monkeypatch):
    with receiving() as hook:
        family, kind = socket.AF_INET, socket.SOCK_STREAM
        both = [(family, kind, 6, "", ("127.0.0.1", unused_port())), (family, kind, 6, "", ("127.0.0.1", hook.port))]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: both)
        assert post("http://two.example/").verdict == "done"


@pytest.mark.parametrize("status", [307, 308])
def test_a_redirect_keeps_the_post_with_its_body(status):
    with receiving() as target, receiving(answer(status, Location=target.url)) as hook:
        of = rule(webhook=hook.url.replace("//", "//me:hunter2@"), secret="s")
        assert act([of], [fired(of)]).counts.done == 1
    (first,), (second,) = hook.requests, target.requests
    assert (second.method, second.body) == ("POST", first.body)
    assert "authorization" in first.fields
    assert "authorization" not in second.fields, "another port is another origin"


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("file:///etc/passwd", "leads to a URL that must begin with http:// or https://"),
        ("ftp://127.0.0.1/", "leads to a URL that must begin with http:// or https://"),
        ("https://127.0.0.1/", "leads from http to https, and is not followed"),
        ("", "has no Location"),
    ],
)
def test_a_redirect_to_another_scheme_is_a_failure_at_once(location, reason):
    with receiving(answer(307, Location=location)) as hook:
        of = rule(webhook=hook.url)
        events = Events()
        act([of], [fired(of)], events=events)
        assert len(hook.requests) == 1
    assert events.of("failed")[0].reason == f"answers with a redirect that {reason}"


def test_redirects_in_a_circle_end():
    with receiving(answer(307, Location="/hook")) as hook:
        assert post(hook.url) == ("failed", "answers 307 Reason too often", 0.0, "")
        assert len(hook.requests) == webhook.REDIRECTS + 1


@pytest.fixture
def certificate(tmp_path):
    """A key and a certificate for 127.0.0.1 that no authority has signed."""
    key, own = tmp_path / "key.pem", tmp_path / "own.pem"
    command = f"openssl req -x509 -newkey rsa:2048 -nodes -keyout {key} -out {own} -days 2 -subj /CN=test"
    subprocess.run([*command.split(), "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own, key)
    return context, own


def test_https_is_verified(certificate):
    context, own = certificate
    with receiving(context=context) as hook:
        refused = post(hook.url)
        assert refused.verdict == "failed"
        assert refused.reason.startswith("has a certificate that is not trusted: self")
        assert hook.requests == []
        assert post(hook.url, context=lambda: ssl.create_default_context(cafile=own)).verdict == "done"


def test_https_to_another_name_than_that_of_the_certificate_is_refused(certificate):
    context, own = certificate
    with receiving(context=context) as hook:
        url = f"https://localhost:{hook.port}/"
        refused = post(url, context=lambda: ssl.create_default_context(cafile=own))
    assert refused.verdict == "failed"
    assert "certificate is not valid for 'localhost'" in refused.reason


def test_a_rule_trusts_the_certificates_of_its_file_and_no_others(certificate, tmp_path):
    context, own = certificate
    with receiving(context=context) as hook:
        assert act([trusting := rule(webhook=hook.url, ca_file=str(own))], [fired(trusting)]).counts.done == 1
        assert act([other := rule(webhook=hook.url)], [fired(other)]).counts.failed == 1
        events = Events()
        gone = rule(webhook=hook.url, ca_file=str(tmp_path / "gone.pem"))
        act([gone], [fired(gone)], events=events)
        assert len(hook.requests) == 1
    assert events.of("failed")[0].reason == f"is sent nothing: {gone.ca_file} cannot be read: No such file or directory"


def test_the_certificate_of_the_server_itself_can_be_trusted_without_that_of_its_authority(tmp_path):
    ca, ca_key, own, key, asked = (tmp_path / name for name in ("ca", "ca_key", "own", "key", "asked"))
    extension = tmp_path / "extension"
    extension.write_text("subjectAltName=IP:127.0.0.1\n")
    new = "-newkey rsa:2048 -nodes"
    for command in (
        f"req -x509 {new} -keyout {ca_key} -out {ca} -days 2 -subj /CN=authority",
        f"req {new} -keyout {key} -out {asked} -subj /CN=test",
        f"x509 -req -in {asked} -CA {ca} -CAkey {ca_key} -set_serial 7 -days 2 -extfile {extension} -out {own}",
    ):
        subprocess.run(["openssl", *command.split()], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own, key)
    for trusted in (own, ca):
        with receiving(context=context) as hook:
            of = rule(webhook=hook.url, ca_file=str(trusted))
            assert act([of], [fired(of)]).counts.done == 1


def test_a_rule_signs_with_the_key_of_its_file_or_sends_nothing(tmp_path):
    (tmp_path / "key").write_text("top secret\n")
    of = rule(webhook="http://127.0.0.1:1/", secret_file=str(tmp_path / "key"))
    with receiving() as hook:
        of.webhook = hook.url
        act([of], [fired(of)])
        (request,) = hook.requests
        (tmp_path / "key").unlink()
        events = Events()
        act([of], [fired(of)], events=events)
        assert len(hook.requests) == 1, "no message goes out without its signature"
    stamp, _, found = request.fields["x-netmon-signature"].removeprefix("t=").partition(",v1=")
    assert found == signed_with(b"top secret", f"{stamp}.".encode() + request.body)
    assert "key cannot be read: No such file" in events.of("failed")[0].reason


def signed_with(key, text):
    return hmac.new(key, text, hashlib.sha256).hexdigest()


def test_no_redirect_leads_from_https_to_http(certificate):
    context, own = certificate
    with receiving() as target, receiving(answer(308, Location=target.url), context=context) as hook:
        outcome = post(hook.url, context=lambda: ssl.create_default_context(cafile=own))
        assert target.requests == []
    assert outcome.reason == "answers with a redirect that leads from https to http, and is not followed"


def test_a_receiver_that_hangs_holds_up_no_other_rule_and_not_the_caller():
    with receiving(receiver.hangs) as slow, receiving() as hook:
        bad, good = rule("bad", webhook=slow.url, timeout=PATIENCE), rule("good", webhook=hook.url)
        events = Events()
        actions = Actions([bad, good], on_event=events, limits=QUICK)
        actions.take([fired(bad), fired(good)])
        assert events.wait("done")[0].rule == "good"
        assert actions.close() == 1
    (unsent,) = events.of("unsent")
    assert unsent.message == "alert bad: webhook: 1 alert not delivered before the end"


def test_a_full_queue_drops_and_the_next_message_says_how_many():
    with receiving(receiver.hangs, answer()) as hook:
        of = rule(webhook=hook.url, timeout=SHORT)
        actions = Actions([of], limits=QUICK._replace(queue=2, attempts=1))
        actions.take([fired(of, key="first")])
        hook.wait(1)
        actions.take([fired(of, key=str(number)) for number in range(10)])
        actions.close(PATIENCE)
        told = json.loads(hook.requests[1].body)
    assert told["truncatedAlerts"] == 8
    assert [alert["labels"]["host"] for alert in told["alerts"]] == ["8", "9"]
    assert (actions.counts.dropped, actions.counts.failed, actions.counts.done) == (8, 1, 2)


def test_the_end_makes_a_waiting_attempt_at_once():
    with receiving(answer(500), answer()) as hook:
        of = rule(webhook=hook.url)
        events = Events()
        actions = Actions([of], on_event=events, limits=Limits(first_wait=3600, longest_wait=3600))
        actions.take([fired(of)])
        events.wait("retry")
        assert actions.close(PATIENCE) == 0
    assert actions.counts.done == 1


def test_the_end_does_not_wait_for_an_attempt_that_comes_later():
    with receiving(answer(500)) as hook:
        of = rule(webhook=hook.url)
        started = time.monotonic()
        actions = act([of], [fired(of)], patience=1800, limits=Limits(first_wait=3600, longest_wait=3600))
        assert time.monotonic() - started < PATIENCE
    assert (actions.counts.unsent, actions.counts.failures) == (1, 1)


def alertmanager(hook):
    """The URL by which a receiver is taken for Alertmanager."""
    return hook.url.replace("/hook", "/api")


def test_alertmanager_is_told_again_of_what_goes_on():
    with receiving() as hook:
        of = rule(webhook=alertmanager(hook))
        actions = Actions([of], limits=QUICK._replace(remind=0.05))
        actions.take([fired(of, key="a"), fired(of, key="b")])
        hook.wait(3)
        actions.take([recovered(of, key="a"), recovered(of, key="b")])
        assert actions.close(PATIENCE) == 0
        told = [json.loads(request.body) for request in hook.requests]
    assert {request.target for request in hook.requests} == {"/api/v2/alerts"}
    assert all("startsAt" in alert for message in told for alert in message), "each message is a list of alerts"
    assert told[1] != told[0], "the end moves on"
    assert {alert["endsAt"] for alert in told[-1]} == {"2026-01-01T00:02:10.000Z"}
    assert (actions.counts.taken, actions.counts.done) == (4, 4), "reminders are not counted"


def test_after_a_restart_alertmanager_is_told_again_and_nothing_else_is_done():
    with receiving() as manager, receiving() as other:
        to_api, to_hook = rule("api", webhook=alertmanager(manager)), rule("hook", webhook=other.url)
        actions = Actions([to_api, to_hook], limits=QUICK._replace(remind=0.01))
        actions.resume([fired(to_api), fired(to_hook)])
        manager.wait(2)
        actions.close()
        assert other.requests == []
        assert [alert["startsAt"] for alert in json.loads(manager.requests[0].body)] == ["2026-01-01T00:00:00.000Z"]
    assert actions.counts.taken == 0


def test_after_a_reload_alertmanager_is_told_of_what_still_fires_alone():
    with receiving() as hook:
        old, new = rule("old", webhook=alertmanager(hook)), rule("new", webhook=alertmanager(hook))
        actions = Actions([old], limits=QUICK._replace(remind=0.01))
        actions.take([fired(old)])
        hook.wait(2)
        actions.resume([fired(new)], [new])
        seen = len(hook.wait(1))
        told = [json.loads(request.body)[0]["labels"]["alertname"] for request in hook.wait(seen + 4)]
        actions.close()
    assert set(told[seen + 1 :]) == {"new"}, "one reminder of the old rule may have been on its way"
    assert actions.counts.done == 1


def test_a_rule_that_a_reload_removes_is_forgotten_but_for_its_counts():
    with receiving() as hook:
        old, new = rule("old", webhook=hook.url), rule("new", webhook=hook.url)
        events = Events()
        actions = Actions([old], on_event=events)
        actions.take([fired(old)])
        events.wait("done")
        actions.resume([], [new])
        actions.take([fired(new)])
        events.wait("done", 2)
        assert actions.close(PATIENCE) == 0
    assert (actions.counts.taken, actions.counts.done) == (2, 2)


def test_a_reload_with_a_rule_that_is_not_allowed_changes_nothing():
    actions = Actions()
    with pytest.raises(ValueError, match="webhook must begin with http"):
        actions.resume([], [rule(webhook="file:///etc/passwd")])
    actions.close()


def test_a_defect_is_told_by_its_name_and_ends_no_thread():
    """Its text could quote the secret. Here the secret was not checked, since the rule comes from elsewhere."""
    with receiving() as hook:
        bad, good = rule("bad", webhook=hook.url, secret="hunter2\udcff"), rule("good", webhook=hook.url)
        events = Events()
        actions = Actions(on_event=events, limits=QUICK._replace(posts=1))
        actions.take([fired(bad), fired(good)])
        assert actions.close(PATIENCE) == 0
    assert events.of("failed")[0].reason == "fails: UnicodeEncodeError"
    assert events.of("done")[0].rule == "good"


def test_a_hostile_name_stays_within_json_and_logs():
    with receiving(answer(400)) as hook:
        of = rule("\x1b]0;x\x07\r\nX-Evil: 1", webhook=hook.url, severity="\u202e")
        events = Events()
        act([of], [fired(of, key=HOSTILE)], events=events)
        (request,) = hook.requests
    assert "x-evil" not in request.fields
    shown = "".join(str(value) for event in events.of("failed") for value in vars(event).values())
    assert shown.isprintable()
