"""Rules about single exchanges: captures and rules in, alerts out. The core counts what each filter admits apart."""

import json
import pickle

import forge
import netmon
import pytest
from fakes import iso, monitor, snapshot
from netmon import AlertPolicy, Monitor, Rule
from netmon._core import MAX_SUBSETS, Engine
from netmon.alarms import Alarms
from netmon.config import Configured
from netmon.document import ConfigError, RawRule
from netmon.frames import Frames
from netmon.options import Settings
from netmon.rulebook import rules_of

START = 1000.0


def capture():
    """A minute: each second a quick GET of each of two hosts by another client, and a POST of the shop that is slow and
    fails from second 20 to 29. One request is never answered.
    """
    calm = forge.Conversation(1024, START, client="10.0.0.7")
    shop = forge.Conversation(1025, START, server="10.0.0.3")
    for second in range(60):
        at, fails = START + second + 0.1, 20 <= second < 30
        calm.ask(at, "GET", "calm.example", "/", 200)
        shop.ask(at, "GET", "shop.example", "/cart", 200)
        shop.ask(at + 0.2, "POST", "shop.example", "/pay", 503 if fails else 200, took=0.4 if fails else 0.01)
    return forge.pcap(calm, shop)


CAPTURE = capture()


def alerts(*rules, read=CAPTURE, **settings):
    """Second, row and state of each alert; seconds begin with the capture."""
    watching = Monitor(read=read, policy=AlertPolicy(rules), **settings)
    return [(alert.at - START, alert.key, alert.state) for _ in watching.snapshots() for alert in watching.alerts]


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize(
    ("where", "per", "metric", "above", "row"),
    [
        ("method:POST", "", "error_ratio", "50%", ""),
        ("method:POST", "host", "error_ratio", "50%", "shop.example"),
        ("method:POST", "section", "errors", 0, "shop.example/pay"),
        ("method:POST", "client", "errors", 0, "10.0.0.1"),
        ("status:5xx", "interface", "requests", 0, "capture"),
        ("path:/pay latency>300ms", "", "requests", 0, ""),
        ("host:shop.example", "client", "latency.p99", "300ms", "10.0.0.1"),
        ("", "client", "duration.p99", "300ms", "10.0.0.1"),
        ("", "interface", "errors", 0, "capture"),
    ],
)
def test_a_rule_fires_by_the_exchanges_that_its_filter_admits(where, per, metric, above, row, workers, tmp_path):
    path = tmp_path / "capture"
    path.write_bytes(CAPTURE)
    rule = Rule(where=where, per=per, metric=metric, above=above, span=1)
    [fired, recovered] = alerts(rule, read=path, workers=workers)
    key = str(path) if row == "capture" else row
    assert (fired, recovered) == ((21, key, "fired"), (31, key, "recovered"))


def test_the_exchanges_of_a_rule_are_those_of_the_same_filter_for_everything():
    where = "method:POST or latency>300ms"
    watching = Monitor(read=CAPTURE)
    watching.set_subsets([(where, ""), (where, "host")])
    snapshots = list(watching.snapshots())
    filtered = netmon.Snapshot.merge(Monitor(read=CAPTURE, where=where).snapshots())
    total = netmon.Snapshot.merge(snapshots)
    assert total.subset(where) == {"": filtered.requests} == {"": 60}
    assert total.subset(where, "host", "errors") == {"shop.example": filtered.errors} == {"shop.example": 10}
    assert total.subset(where, "host", "hits") == {host.name: host.hits for host in filtered.hosts}
    assert total.subset(where, "host", "response_bytes") == {"shop.example": filtered.response_bytes}
    assert total.subset("method:GET") is None
    assert set(total.subsets) == {(where, ""), (where, "host")}


def test_a_request_without_a_response_counts_when_it_is_given_up():
    silent = forge.Conversation(1024, START).ask(START + 0.1, "POST", "shop.example", "/pay", None)
    rule = Rule(where="status:none", metric="requests", above=0, span=5)
    [(_, _, state)] = alerts(rule, read=forge.pcap(silent))
    assert state == "fired"


def subset(where, per="", **rows):
    return {"where": where, "per": per, "rows": [{"name": name, **counts} for name, counts in rows.items()]}


def second(at, *subsets):
    return snapshot(at, subsets=list(subsets), capture={"received": 1})


POSTS = Rule(name="posts", where="method:POST", metric="requests", above=5, span=10)
CALM, BUSY = subset("method:POST"), subset("method:POST", **{"": {"requests": 9}})


def test_a_rule_is_unknown_while_snapshots_lack_its_exchanges():
    policy = AlertPolicy([POSTS, Rule(metric="hits", above=5)])
    policy.update(second(0))
    posts, hits = policy.gauges
    assert (posts.state, hits.state) == ("unknown", "ok")
    assert posts.reason == "single exchanges are not counted for it"
    assert policy.update(second(1, BUSY)) != []
    assert [gauge.state for gauge in policy.gauges] == ["firing", "ok"]


def test_an_alert_does_not_recover_while_its_exchanges_are_not_counted():
    policy = AlertPolicy([POSTS])
    assert [alert.at for alert in policy.update(second(0, BUSY))] == [1]
    for at in (1, 14):
        assert policy.update(second(at)) == []
    told = [(alert.state, alert.at) for at in range(15, 40) for alert in policy.update(second(at, CALM))]
    assert told == [("recovered", 25)], "a whole span after the last interval without them"


def test_a_restart_in_the_middle_changes_nothing():
    intervals = [second(0), second(1, BUSY), second(2), *(second(at, CALM) for at in range(3, 20))]
    whole = AlertPolicy([POSTS])
    want = [alert for each in intervals for alert in whole.update(each)]
    assert [alert.state for alert in want] == ["fired", "recovered"]
    for cut in range(len(intervals)):
        policy, got = AlertPolicy([POSTS]), []
        for place, each in enumerate(intervals):
            if place == cut:
                policy = pickle.loads(pickle.dumps(policy))
            got += policy.update(each)
        assert got == want, cut


GOOD = "status<500 and latency<300ms"


def test_an_objective_counts_slow_responses_as_bad_and_keeps_a_budget_per_host():
    rule = Rule(slo="99%", good=GOOD, per="host", windows=[(600, 600, 2)])
    assert rule.subsets == (("", "host"), (f"({GOOD}) (not grpc:failed)", "host"))
    policy = AlertPolicy([rule])
    watching = Monitor(read=CAPTURE, policy=policy)
    told = [(alert.key, alert.state) for _ in watching.snapshots() for alert in watching.alerts]
    assert told == [("shop.example", "fired")]
    [gauge] = policy.gauges
    assert (gauge.key, gauge.firing) == ("shop.example", 1)
    assert gauge.value == pytest.approx(10 / 120 / 0.01), "10 of the 120 responses of the shop are bad"
    assert gauge.budget == pytest.approx(1 - 10 / 120 / 0.01)


def test_an_objective_can_be_about_a_part_of_the_traffic():
    fails = {"slo": "90%", "good": "status<500", "windows": [(600, 600, 2)]}
    assert alerts(Rule(**fails)) == [], "10 of 90 responses are bad at most"
    [(at, _, state), *_] = alerts(Rule(**fails, where="method:POST"))
    assert (at, state) == (26, "fired"), "6 of 26 responses are bad"


def odd_names():
    """Requests of two IPv4 clients and two of one IPv6 prefix, for hosts and sections whose names are cleaned."""
    addresses = ["10.0.1.5", "10.0.1.50", "2001:db8::5", "2001:db8::6"]
    hosts = ["Shop.Example:8080", "b\u00fccher.example", "a" * 300, "shop.example."]
    paths = ["/Cart/1", "/a%20b", "/" + "p" * 300, "/cart;x?q"]
    talks = []
    for port, (address, host, path) in enumerate(zip(addresses, hosts, paths, strict=True), 1024):
        server = "2001:db8::80" if ":" in address else "10.0.0.2"
        talk = forge.Conversation(port, START, client=address, server=server)
        talk.ask(START + port / 1000, "GET", host, path, 200)
        talks.append(talk)
    return forge.pcap(*talks)


SCOPES = [
    *("client:10.0.1.5", "client=10.0.1.5", "client:10.0.1.5:*", "client:*:1025", "client:1024", "client:10.0.1.?"),
    *("client:10.0.1.*", "client!=10.0.1.5", "client=10.0.1.5:1024", "client:10.0.0.0/8", "not client:10.0.0.0/8"),
    *("client=2001:db8::5", "client:2001:db8::5", "client:2001:db8::/32", "client:2001:db8::6/128", "client:[2001*"),
    *("host:SHOP", "host=shop.example", "host=shop.example:8080", "host:*.example", "host:b\u00fccher", "host:xn--"),
    *(f"host={'a' * 300}", f"host:{'a' * 255}", "host:shop.example.", "section=/CART", "section:/cart", "section:;x"),
    *(
        "section:%20",
        'section:"a b"',
        f"section=/{'p' * 300}",
        "section:/p*",
        "host:shop section:/cart",
        "interface:PCAP",
    ),
]


@pytest.mark.parametrize("prefix", [128, 64])
def test_a_rule_counts_the_exchanges_that_where_admits_whether_rows_decide_it_or_not(prefix):
    rules = [Rule(metric="requests", where=where, above=0, span=1000) for where in SCOPES]
    policy = AlertPolicy(rules)
    read = odd_names()
    assert list(Monitor(read=read, policy=policy, client_ipv6_prefix=prefix).snapshots())
    counted = {gauge.rule.where: gauge.value for gauge in policy.gauges}
    admitted = {
        where: sum(each.requests for each in Monitor(read=read, where=where, client_ipv6_prefix=prefix).snapshots())
        for where in SCOPES
    }
    assert counted == admitted
    assert sum(map(bool, counted.values())) > 20


def test_only_what_a_row_has_decides_without_exchanges():
    for where in ("client:10.0.0.0/8", "client=10.0.1.5", "client:10.0.1.5", "client:10.0.*", "host:a section:/b"):
        assert Rule(metric="requests", where=where, above=1).subsets == (), where
    for where in ("client:10.0.1.5:80", "client:1024", "client:10.0.1.?", "client=2001:db8::5", "client:2001:db8::/32"):
        assert Rule(metric="requests", where=where, above=1).subsets == ((where, ""),), where


def test_an_interim_response_is_no_response_of_an_objective_however_it_is_counted():
    talk = forge.Conversation(1024, START)
    for second in range(20):
        at = START + second + 0.1
        talk.send(at, 0, forge.ACK, b"POST /a HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        talk.send(at + 0.01, 1, forge.ACK, b"HTTP/1.1 100 Continue\r\n\r\n")
        talk.send(at + 0.02, 0, forge.ACK, b"ok")
        status = 500 if second % 10 == 0 else 200
        talk.send(at + 0.03, 1, forge.ACK, b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n" % status)
    rules = [Rule(slo="90%", good=good, where=where) for good, where in [("status<500", ""), ("status<500", "host:a")]]
    policy = AlertPolicy(rules)
    assert list(Monitor(read=forge.pcap(talk), policy=policy).snapshots())
    assert [gauge.value for gauge in policy.gauges] == pytest.approx([1, 1]), "2 of 20 responses are bad"


def test_an_objective_about_errors_alone_needs_no_exchange_apart():
    assert Rule(slo="99%", good="status<500").subsets == ()
    assert Rule(slo="99%", good="status < 500").subsets == ()
    assert len(Rule(slo="99%", good="status<400").subsets) == 2
    assert len(Rule(slo="99%", good="status<500", where="host:a").subsets) == 2
    assert len(Rule(slo="99%", good="latency<1s").subsets) == 2


def test_budgets_of_rows_survive_a_restart_and_are_bounded():
    rule = Rule(slo="99%", good="latency<1s", per="host", windows=[(3600, 300, 14)])
    everyone = {f"h{n}": {"responses": 5} for n in range(300)}
    policy = AlertPolicy([rule])
    policy.update(second(0, subset("", "host", **everyone), subset("latency<1s", "host")))
    assert policy.overflow == 100
    [group] = policy.groups
    assert len(group.budgets) == 200
    assert group.left < 0
    [again] = pickle.loads(pickle.dumps(policy)).groups
    assert {key: budget.state() for key, budget in again.budgets.items()} == {
        key: budget.state() for key, budget in group.budgets.items()
    }


def test_a_newcomer_can_be_one_that_asks_for_a_certain_path():
    calm = forge.Conversation(1024, START, client="10.0.0.7")
    calm.ask(START + 0.1, "GET", "shop.example", "/", 200).ask(START + 5, "GET", "shop.example", "/admin", 200)
    calm.ask(START + 6, "GET", "shop.example", "/admin", 200)
    rule = Rule(new="client", where="path:/admin*", learn=1)
    assert [(key, state) for _, key, state in alerts(rule, read=forge.pcap(calm))] == [("10.0.0.7", "fired")]


def test_too_many_filters_of_exchanges_are_refused_with_their_number():
    rules = [Rule(where=f"path:/{n}", metric="errors", above=1) for n in range(MAX_SUBSETS + 1)]
    with pytest.raises(ValueError, match=f"{MAX_SUBSETS + 1} filters of single exchanges"):
        AlertPolicy(rules)
    AlertPolicy([*rules[:MAX_SUBSETS], rules[0]._replace(above=2, threshold=2)])
    raw = tuple(
        RawRule({"name": str(n), "metric": "errors", "where": f"path:/{n}", "above": 1}, "r.toml", 1, {})
        for n in range(MAX_SUBSETS + 1)
    )
    with pytest.raises(ConfigError, match="at most"):
        rules_of(Configured(Settings(), raw))


def test_a_reload_counts_what_the_new_rules_need():
    watching, engine = monitor()
    alarms = Alarms(Settings(read=("a.pcap",)), [Rule()], {}, print)
    frames = Frames(10.0, policy=alarms.policy)
    table = {"name": "posts", "metric": "requests", "where": "method:POST", "above": 5, "span": "10s"}
    alarms.reload(frames, Configured(Settings(), (RawRule(table, "r.toml", 1, {}),)), watching)
    assert engine.subsets == [("method:POST", "")]
    frame = frames.push(second(0, BUSY))
    assert [(alert.rule.name, alert.state) for alert in frame.events] == [("posts", "fired")]
    assert frame.snapshot.subsets == [], "only the policy needs them"
    alarms.reload(frames, Configured(Settings(), ()), watching)
    assert engine.subsets == []


def test_a_policy_of_ones_own_gets_the_exchanges_that_it_asks_for():
    class Slow:
        subsets = (("latency>300ms", "section"),)

        def __init__(self):
            self.seen = {}

        def update(self, snapshot):
            for name, count in snapshot.subset(*self.subsets[0]).items():
                self.seen[name] = self.seen.get(name, 0) + count
            return []

    policy = Slow()
    for _ in Monitor(read=CAPTURE, policy=policy).snapshots():
        pass
    assert policy.seen == {"shop.example/pay": 10}


def test_subsets_come_back_from_json_and_bytes():
    watching = Monitor(read=CAPTURE)
    watching.set_subsets([("method:POST", "client")])
    for each in watching.snapshots():
        assert netmon.Snapshot.from_bytes(each.to_bytes()) == each
        again = netmon.Snapshot.from_json(each.to_json())
        assert again.subset("method:POST", "client", "errors") == each.subset("method:POST", "client", "errors")
    [written] = each.to_dict()["subsets"]
    assert (written["where"], written["per"]) == ("method:POST", "client")
    assert "subsets" not in each.without_subsets().to_dict()


def test_what_is_no_subset_is_refused():
    engine = Engine()
    with pytest.raises(netmon.WhereError):
        engine.set_subsets([("hots:a", "")])
    with pytest.raises(ValueError, match="no rows per moon"):
        engine.set_subsets([("", "moon")])
    with pytest.raises(ValueError, match="nothing is counted as"):
        netmon.Snapshot().subset("", "", "moons")
    damaged = {"schema": 1, "start": iso(0), "end": iso(1), "subsets": [{"where": "", "per": "moon"}]}
    with pytest.raises(ValueError, match="unknown rows"):
        netmon.Snapshot.from_json(json.dumps(damaged))
