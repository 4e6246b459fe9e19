"""What is decided about actions without running any: settings, addresses, redirects, retries, queues, signatures."""

import math
import random
import subprocess

import pytest
from alarms import START, fired, recovered, rule
from netmon.actions import address, delivery, spec
from netmon.actions.agenda import Agenda
from netmon.actions.delivery import Outcome, judged
from netmon.actions.lane import Lane
from netmon.actions.perform import reminds
from netmon.actions.spec import Limits

LIMITS = Limits(queue=3, attempts=3)
DONE, RETRY, FAILED = Outcome("done"), Outcome("retry", "answers 500"), Outcome("failed", "answers 400")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("exec", "logger -t netmon", "exec must be a list of texts, the program first"),
        ("exec", ["logger", 1], "exec must be a list of texts"),
        ("exec", [""], "exec must begin with the name of a program"),
        ("exec", ["/usr/bin/"], "exec must begin with the name of a program"),
        ("exec", ["./notify.sh"], "exec must name a program in PATH or by its absolute path, not './notify.sh'"),
        ("exec", ["logger", "a\0b"], "exec has a NUL character"),
        ("exec", ["logger", *["x"] * 256], "exec has 257 arguments; 256 are allowed"),
        ("webhook", 9093, "webhook must be a URL"),
        ("webhook", "file:///etc/passwd", "webhook must begin with http:// or https://"),
        ("webhook", "ftp://host/", "webhook must begin with http:// or https://"),
        ("webhook", "127.0.0.1:9093/api", "webhook must begin with http:// or https://"),
        ("webhook", "http://", "webhook must name a host"),
        ("webhook", "http://host:0/", "webhook must name a host, and a port above 0"),
        ("webhook", "http://host:99999/", "webhook is not a valid URL"),
        ("webhook", "http://[::1/", "webhook is not a valid URL"),
        ("webhook", "http://host/a b", "webhook has a space or a control character"),
        ("webhook", "http://host/\r\nX: y", "webhook has a space or a control character"),
        ("webhook", "http://host/" + "x" * 5000, "webhook has more than 4096 characters"),
        ("webhook", "http://me:\udcff@host/", "webhook is not valid text"),
        ("secret", "\udcff", "secret is not valid text"),
        ("format", "slack", "format must be one of alertmanager, plain, not 'slack'"),
        ("secret", 5, "secret must be text"),
        ("timeout", 0, "timeout must be a number of seconds above 0 and at most 3600, not 0"),
        ("timeout", True, "timeout must be a number of seconds"),
        ("timeout", math.nan, "timeout must be a number of seconds"),
        ("timeout", 3601, "timeout must be a number of seconds above 0 and at most 3600"),
    ],
)
def test_a_setting_that_is_not_allowed_says_why(name, value, message):
    with pytest.raises(ValueError, match=r".") as caught:
        spec.checked(name, value)
    assert str(caught.value).startswith(message)


def test_a_setting_that_is_allowed_comes_back_as_it_is_kept():
    assert spec.checked("exec", ["notify-send", "netmon"]) == ("notify-send", "netmon")
    assert spec.checked("webhook", "http://127.0.0.1:9093/api") == "http://127.0.0.1:9093/api"
    assert spec.checked("timeout", 5) == 5.0
    assert [spec.checked(name, setting.default) for name, setting in spec.SETTINGS.items()] == [
        setting.default for setting in spec.SETTINGS.values()
    ]


def test_a_message_about_a_url_shows_nothing_of_it_that_may_be_secret():
    for url in ("ftp://me:hunter2@host/token?key=1", "http://me:hunter2@host:x/token", "http://me:hunter2@/tok en"):
        with pytest.raises(ValueError, match=r"^webhook ") as caught:
            spec.checked("webhook", url)
        assert "hunter2" not in str(caught.value)
        assert "tok" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://127.0.0.1:9093", "http://127.0.0.1:9093"),
        ("http://127.0.0.1:9093/", "http://127.0.0.1:9093"),
        ("http://127.0.0.1:9093/api", "http://127.0.0.1:9093/..."),
        ("https://me:hunter2@hooks.example/", "https://hooks.example/..."),
        ("https://hooks.example?key=1", "https://hooks.example/..."),
        ("ftp://me:hunter2@host/", "..."),
    ],
)
def test_of_a_url_only_its_origin_is_shown(url, shown):
    assert address.shown(url) == shown


@pytest.mark.parametrize(
    "quoted",
    [
        "Cannot POST /T0/abcdefgh?key=K3Y&x=%2Fy%2F",
        "no token abcdefgh",
        "wrong key K3Y",
        "wrong x %2Fy%2F or /y/",
        "no user of that password: hunter2!",
        "Basic bWU6aHVudGVyMiE=",
    ],
)
def test_what_a_receiver_quotes_of_its_url_is_hidden(quoted):
    text = address.hidden(quoted, address.parse("http://me:hunter2%21@host/T0/abcdefgh?key=K3Y&x=%2Fy%2F"))
    assert "..." in text
    assert [part for part in ("T0", "abcdefgh", "K3Y", "y%2F", "/y/", "hunter2", "bWU6") if part in text] == []


def test_the_words_of_a_receiver_stay_as_they_are():
    text = "alerts: start time must be before end time of a/b"
    assert address.hidden(text, address.parse("http://a:b@host/api/v2/alerts?a=b")) == text


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({}, ""),
        ({"exec": ("notify-send", "secret")}, "runs notify-send"),
        ({"webhook": "http://u:p@127.0.0.1:9093/api"}, "posts to http://127.0.0.1:9093 (for its API)"),
        (
            {"exec": ("x",), "webhook": "https://hooks.example/T0/B0", "secret": "s"},
            "runs x; posts to https://hooks.example (Alertmanager's format, signed)",
        ),
        ({"webhook": "http://h/api", "format": "plain"}, "posts to http://h (plain JSON)"),
    ],
)
def test_what_a_rule_does_is_a_sentence(fields, sentence):
    assert spec.sentence(rule(**fields)) == sentence


@pytest.mark.parametrize(
    ("url", "origin", "host", "target"),
    [
        ("http://host", "http://host", "host", "/"),
        ("HTTPS://Host:443/a?b=c#d", "https://host", "host", "/a?b=c"),
        ("http://[2001:db8::1]:9093/x", "http://[2001:db8::1]:9093", "2001:db8::1", "/x"),
        ("https://b\u00fccher.example/\u00fc", "https://xn--bcher-kva.example", "xn--bcher-kva.example", "/%C3%BC"),
        ("http://me:hunter2@host/p", "http://host", "host", "/p"),
    ],
)
def test_a_url_has_these_parts(url, origin, host, target):
    parts = address.parse(url)
    assert (parts.origin, parts.host, parts.target) == (origin, host, target)


def test_user_and_password_of_a_url_become_basic_authentication():
    assert address.parse("http://me:p%40ss@host/").authorization == "Basic bWU6cEBzcw=="
    assert address.parse("http://host/").authorization == ""


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("http://h:9093/api", "/api/v2/alerts"),
        ("http://h:9093/api/", "/api/v2/alerts"),
        ("http://h:9093/api/v2", "/api/v2/alerts"),
        ("http://h:9093/api/v2/alerts", "/api/v2/alerts"),
        ("http://h/alertmanager/api", "/alertmanager/api/v2/alerts"),
        ("http://h/", None),
        ("http://h/hooks/myapi", None),
        ("http://h/api/hook", None),
        ("http://h/api?receiver=1", None),
        ("http://h/hook?to=/api", None),
    ],
)
def test_a_path_that_ends_in_api_is_that_of_alertmanager(url, target):
    found = address.api(address.parse(url))
    assert (found and found.target) == target
    assert reminds(rule(webhook=url)) == (target is not None)
    assert not reminds(rule(webhook=url, format="plain"))


def test_alertmanager_is_not_told_again_of_newcomers_which_never_recover():
    assert reminds(rule(webhook="http://h/api", new=""))
    assert not reminds(rule(webhook="http://h/api", new="host"))


def follow(url, location):
    """Where a redirect leads, or why it is not followed."""
    try:
        to = address.redirected(address.parse(url), location)
    except ValueError as error:
        return str(error)
    return f"{to.origin}{to.target}"


@pytest.mark.parametrize(
    ("location", "leads"),
    [
        ("/other?x", "http://a:1/other?x"),
        ("//b/other", "http://b/other"),
        ("http://b:2/", "http://b:2/"),
        ("file:///etc/passwd", "leads to a URL that must begin with http:// or https://"),
        ("gopher://b/", "leads to a URL that must begin with http:// or https://"),
        ("javascript:alert(1)", "leads to a URL that must begin with http:// or https://"),
        ("https://a:1/", "leads from http to https, and is not followed"),
        ("", "has no Location"),
        ("http://b:x/", "leads to a URL that is not a valid URL"),
    ],
)
def test_a_redirect_is_followed_within_its_scheme_alone(location, leads):
    assert follow("http://a:1/start", location) == leads


def test_no_redirect_leads_from_https_to_http():
    with pytest.raises(ValueError, match="leads from https to http, and is not followed"):
        address.redirected(address.parse("https://a/"), "http://a/")


def test_a_redirect_to_another_origin_gets_no_password():
    start = address.parse("http://me:pw@a/")
    assert address.redirected(start, "/b").authorization == start.authorization
    assert address.redirected(start, "http://b/").authorization == ""
    assert address.redirected(start, "http://a:81/").authorization == ""


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        *((status, "done") for status in (200, 201, 202, 204, 299)),
        *((status, "failed") for status in (300, 301, 302, 303, 304, 307, 308)),
        *((status, "failed") for status in (400, 401, 403, 404, 405, 410, 413, 422)),
        *((status, "retry") for status in (408, 425, 429)),
        *((status, "retry") for status in (500, 502, 503, 504)),
    ],
)
def test_a_status_means(status, verdict):
    assert judged(status, "Reason", "", START).verdict == verdict


@pytest.mark.parametrize(
    ("status", "text", "seconds"),
    [
        (429, "7", 7),
        (503, " 7 ", 7),
        (429, "Thu, 01 Jan 2026 00:00:30 GMT", 30),
        (429, "Wed, 31 Dec 2025 00:00:00 GMT", 0),
        (429, "-5", 0),
        (429, "1e9", 0),
        (429, "\u0663", 0),
        (429, "soon", 0),
        (429, "Thu, 99 Foo 99999999999 00:00:00 GMT", 0),
        (429, "9" * 5000, 999_999_999),
        (500, "7", 0),
    ],
)
def test_429_and_503_ask_for_a_number_of_seconds(status, text, seconds):
    assert judged(status, "", text, START).asked == seconds


def test_each_wait_is_twice_the_one_before_up_to_a_limit_and_chance_takes_half_at_most():
    limits = Limits(first_wait=1, longest_wait=60)
    assert [delivery.wait(n, 0, limits, 0) for n in range(1, 9)] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert [delivery.wait(n, 0, limits, 1) for n in range(1, 4)] == [0.5, 1, 2]
    assert delivery.wait(10**9, 0, limits, 0) == 60


def test_a_receiver_that_asks_for_more_gets_more_within_its_limit():
    assert delivery.wait(1, 20, Limits(), 0) == 20
    assert delivery.wait(5, 2, Limits(), 0) == 16
    assert delivery.wait(1, 10**8, Limits(), 0) == 300


def test_openssl_computes_the_same_signature():
    body = b'{"name": "x"}'
    time, _, digest = delivery.signature("top secret", 1767225600, body).partition(",v1=")
    command = ["openssl", "dgst", "-sha256", "-hmac", "top secret", "-r"]
    done = subprocess.run(command, input=b"1767225600." + body, capture_output=True, check=True)
    assert time == "t=1767225600"
    assert done.stdout.split()[0].decode() == digest


def keys(work):
    return [(alert.key, alert.state) for alert in work.alerts]


def test_a_command_gets_one_alert_and_a_message_all_that_wait():
    for kind, fields, most in (("exec", {}, 1), ("webhook", {}, 3), ("webhook", {"format": "plain"}, 1)):
        lane = Lane(kind, "r", LIMITS)
        for key in "abc":
            lane.push(fired(rule(**fields), key=key), 0)
        assert len(lane.begin(1).alerts) == most
        assert lane.waiting == 3


def test_a_message_has_one_state_of_each_row():
    lane = Lane("webhook", "r", LIMITS)
    lane.push(fired(rule(), key="a"), 0)
    lane.push(fired(rule(), key="b"), 0)
    lane.push(recovered(rule(), key="a"), 0)
    assert keys(lane.begin(1)) == [("a", "fired"), ("b", "fired")]
    lane.end(DONE, 0, 0)
    assert keys(lane.begin(2)) == [("a", "recovered")]


def test_a_message_goes_to_one_place_though_the_rule_was_changed():
    lane = Lane("webhook", "r", LIMITS)
    lane.push(fired(rule(webhook="http://a/"), key="a"), 0)
    lane.push(fired(rule(webhook="http://b/"), key="b"), 0)
    assert keys(lane.begin(1)) == [("a", "fired")]


def test_one_piece_of_work_is_done_at_a_time():
    lane = Lane("exec", "r", LIMITS)
    lane.push(fired(rule(), key="a"), 5)
    assert lane.due == 5
    lane.begin(1)
    lane.push(fired(rule(), key="b"), 6)
    assert lane.due == math.inf
    lane.end(DONE, 7, 0)
    assert lane.due == 7


def test_a_full_queue_drops_a_state_that_is_out_of_date():
    lane = Lane("exec", "r", LIMITS)
    lane.push(fired(rule(), key="a"), 0)
    lane.push(fired(rule(), key="b"), 0)
    lane.push(fired(rule(), key="c"), 0)
    assert lane.push(recovered(rule(), key="b"), 0) == 1
    left = []
    while lane.waiting:
        left += keys(lane.begin(1))
        lane.end(DONE, 0, 0)
    assert left == [("a", "fired"), ("c", "fired"), ("b", "recovered")]
    assert (lane.counts.taken, lane.counts.done, lane.counts.dropped) == (4, 3, 1)


def test_a_full_queue_of_different_rows_drops_the_oldest():
    lane = Lane("webhook", "r", LIMITS)
    assert [lane.push(fired(rule(), key=key), 0) for key in "abcde"] == [0, 0, 0, 1, 1]
    work = lane.begin(1)
    assert keys(work) == [("c", "fired"), ("d", "fired"), ("e", "fired")]
    assert work.truncated == 2, "the message says how many are missing"
    lane.end(DONE, 0, 0)
    lane.push(fired(rule(), key="f"), 0)
    assert lane.begin(2).truncated == 0


def test_a_queue_never_holds_more_than_its_limit_and_counts_add_up():
    lane = Lane("exec", "r", LIMITS)
    for number in range(1000):
        lane.push(fired(rule(), key=str(number % 7)), 0)
        assert lane.waiting <= 3
    assert lane.counts.taken == lane.counts.dropped + lane.waiting


def test_the_same_message_is_tried_again_until_the_attempts_are_used_up():
    lane = Lane("webhook", "r", LIMITS)
    lane.push(fired(rule()), 0)
    first = lane.begin(1)
    assert lane.end(RETRY, 10, 0)
    assert lane.due == 11
    second = lane.begin(2)
    assert (second.number, second.alerts, second.attempt) == (first.number, first.alerts, 2)
    assert lane.end(RETRY, 20, 0)
    assert lane.due == 22
    lane.begin(3)
    assert not lane.end(RETRY, 30, 0)
    assert (lane.counts.failed, lane.counts.retried, lane.waiting) == (1, 2, 0)
    assert lane.trouble == "answers 500"
    assert lane.is_idle


def test_what_failed_for_good_is_not_tried_again():
    lane = Lane("webhook", "r", LIMITS)
    lane.push(fired(rule()), 0)
    lane.begin(1)
    assert not lane.end(FAILED, 0, 0)
    assert lane.counts.failures == 1


def test_an_alert_that_comes_during_a_wait_does_not_shorten_it():
    lane = Lane("webhook", "r", LIMITS)
    lane.push(fired(rule(), key="a"), 0)
    lane.begin(1)
    lane.end(RETRY._replace(asked=100), 0, 0)
    lane.push(fired(rule(), key="b"), 1)
    assert lane.due == 100


def test_success_clears_the_trouble():
    lane = Lane("exec", "r", LIMITS)
    for outcome, trouble in ((FAILED, "answers 400"), (DONE, "")):
        lane.push(fired(rule()), 0)
        lane.begin(1)
        lane.end(outcome, 0, 0)
        assert lane.trouble == trouble


def test_alertmanager_is_reminded_of_what_goes_on_and_of_nothing_that_recovered():
    lane = Lane("webhook", "r", LIMITS)
    lane.push(fired(rule(), key="a"), 0, reminds=True)
    lane.push(fired(rule(), key="b"), 0, reminds=True)
    lane.begin(1)
    lane.end(DONE, 0, 0)
    assert lane.due == 60
    reminder = lane.begin(2)
    assert reminder.is_reminder
    assert keys(reminder) == [("a", "fired"), ("b", "fired")]
    lane.end(RETRY, 60, 0)
    assert lane.due == 120, "a reminder is not tried again before the next is due"
    lane.push(recovered(rule(), key="a"), 70, reminds=True)
    assert lane.due == 70
    assert keys(lane.begin(3)) == [("a", "recovered")]
    lane.end(DONE, 70, 0)
    assert keys(lane.begin(4)) == [("b", "fired")]
    lane.end(DONE, 130, 0)
    lane.push(recovered(rule(), key="b"), 140, reminds=True)
    lane.begin(5)
    lane.end(DONE, 140, 0)
    assert lane.is_idle
    assert (lane.counts.taken, lane.counts.done, lane.counts.failed) == (4, 4, 0)


def test_alerts_that_are_reminded_of_are_bounded():
    lane = Lane("webhook", "r", Limits(firing=2))
    for key in "abc":
        lane.push(fired(rule(), key=key), 0, reminds=True)
    lane.begin(1)
    lane.end(DONE, 0, 0)
    assert keys(lane.begin(2)) == [("a", "fired"), ("b", "fired")]


def test_a_lane_that_is_given_up_says_how_much_was_not_sent():
    lane = Lane("webhook", "r", LIMITS)
    lane.push(fired(rule(), key="a"), 0)
    lane.begin(1)
    lane.push(fired(rule(), key="b"), 0)
    assert lane.give_up() == 2
    assert lane.waiting == 0
    assert lane.counts.unsent == lane.counts.failures == 2


def test_a_hurry_makes_a_waiting_attempt_due_at_once():
    lane = Lane("webhook", "r", LIMITS)
    lane.push(fired(rule()), 0, reminds=True)
    lane.begin(1)
    lane.end(RETRY._replace(asked=200), 0, 0)
    lane.hurry(3)
    assert lane.due == 3
    lane.begin(2)
    lane.end(DONE, 3, 0)
    assert lane.is_idle, "what would only be repeated does not hold up the end"


def due(at):
    lane = Lane("exec", "r", LIMITS)
    lane.due = at
    return lane


def test_the_lane_that_has_been_due_for_longest_is_next():
    agenda = Agenda()
    late, early, never = due(5), due(3), due(math.inf)
    for lane in (late, early, never):
        agenda.plan(lane)
    assert agenda.due == 3
    assert agenda.next(2) is None
    assert [agenda.next(9) for _ in range(3)] == [early, late, None]
    assert agenda.due == math.inf


def test_a_lane_whose_due_time_changes_is_on_the_agenda_once():
    agenda, lane, other = Agenda(), due(60), due(30)
    for at in (60, 5, 70, 70, 20):
        lane.due = at
        agenda.plan(lane)
    agenda.plan(other)
    assert [agenda.next(100) for _ in range(3)] == [lane, other, None]


def test_a_lane_that_is_not_due_any_more_is_not_on_the_agenda():
    agenda, lane = Agenda(), due(5)
    agenda.plan(lane)
    lane.due = math.inf
    agenda.plan(lane)
    assert agenda.next(100) is None


def test_of_a_full_queue_the_newest_state_of_every_row_stays():
    """Whatever comes: a row whose newest alert was dropped has no older one in the queue."""
    chance = random.Random(16)
    lane = Lane("exec", "r", Limits(queue=8))
    newest = {}
    for number in range(1000):
        key = str(chance.randrange(12))
        alert = fired(rule(), key=key, value=float(number))
        newest[key] = alert
        lane.push(alert, 0)
        if chance.random() < 0.1 and lane.due == 0:
            lane.begin(number)
            lane.end(DONE, 0, 0)
        waiting = list(lane._queue)
        last = {each.key: each for each in waiting}
        assert all(newest[key] is each for key, each in last.items())
        assert lane._queued == {key: sum(each.key == key for each in waiting) for key in last}
