//! The laws of the monoid, and JSON there and back.

use super::rows::{Row, sort_rows};
use super::*;
use crate::pipeline::histogram::Sample;
use crate::pipeline::snapshot::tally::Key as _;
use proptest::prelude::*;

fn counts() -> impl Strategy<Value = Counts> {
    (
        0u64..9,
        0u64..9,
        prop::collection::vec(0u8..5, 0..4),
        prop::collection::vec(200u16..204, 0..4),
        prop::collection::vec(0u64..1 << 40, 0..4),
    )
        .prop_map(|(requests, bytes, methods, statuses, times)| {
            let mut counts = Counts { requests, request_bytes: bytes, ..Counts::default() };
            methods.iter().for_each(|&at| {
                counts.methods.add(Method::from_bytes([b"GET", b"PUT", b"FOO", b"ACL", b"get"][usize::from(at)]), 1);
            });
            statuses.iter().for_each(|&status| counts.statuses.add(status, 2));
            times.iter().for_each(|&time| counts.latency.record(Sample::new(time)));
            counts
        })
}

fn section() -> impl Strategy<Value = Arc<Section>> {
    ("/[a-c]", counts()).prop_map(|(path, counts)| Arc::new(Section { path: path.into(), counts }))
}

fn sorted<R: Row>(rows: &[R]) -> Vec<R> {
    let mut table = rows.to_vec();
    sort_rows(&mut table);
    table
}

fn host() -> impl Strategy<Value = Arc<Host>> {
    ("[a-d]", prop::collection::vec(section(), 0..4), prop::collection::vec(any::<u8>(), 0..12)).prop_map(
        |(name, sections, addresses)| {
            let sections = sorted(&sections);
            let mut counts = Counts::default();
            sections.iter().for_each(|section| counts.merge(&section.counts));
            let mut addresses: Vec<_> =
                addresses.iter().map(|&last| std::net::Ipv4Addr::new(192, 0, 2, last).to_ipv6_mapped()).collect();
            addresses.sort_unstable();
            addresses.dedup();
            addresses.truncate(MAX_ADDRESSES);
            let tcp = Tcp { segments: 3, ..Tcp::default() };
            Arc::new(Host { name: name.into(), addresses, counts, sections, tcp })
        },
    )
}

fn interface() -> impl Strategy<Value = Interface> {
    ("[a-c]", 0u64..9, 0i64..5, 0usize..3).prop_map(|(name, packets, at, state)| Interface {
        name: name.into(),
        traffic: Traffic { packets, ..Traffic::default() },
        tcp: Tcp { opened: packets, ..Tcp::default() },
        state: [InterfaceState::Up, InterfaceState::New, InterfaceState::Down][state],
        at: Timestamp(at),
    })
}

pub fn snapshot() -> impl Strategy<Value = Snapshot> {
    (0i64..50, prop::collection::vec(host(), 0..5), prop::collection::vec(interface(), 0..4), 0u64..9).prop_map(
        |(start, hosts, interfaces, flows)| {
            let hosts = sorted(&hosts);
            let mut counts = Counts::default();
            hosts.iter().for_each(|host| counts.merge(&host.counts));
            let end = Timestamp::new(start + 1, 0);
            let mut capture = Capture { received: flows, ..Capture::default() };
            capture.flows = Gauge { at: end, value: flows };
            capture.protocols.add(Protocol::Tls, 1);
            capture.ambiguous_framing.add(Ambiguity::Fold, 2);
            let span = Some((Timestamp::new(start, 0), end));
            Snapshot { span, counts, hosts, interfaces: sorted(&interfaces), capture, ..Snapshot::default() }
        },
    )
}

fn merged(a: &Snapshot, b: &Snapshot) -> Snapshot {
    Snapshot::merge_all([a, b])
}

proptest! {
    #[test]
    fn merging_is_associative_and_commutative_with_an_identity(a in snapshot(), b in snapshot(), c in snapshot()) {
        prop_assert_eq!(merged(&merged(&a, &b), &c), merged(&a, &merged(&b, &c)));
        prop_assert_eq!(merged(&a, &b), merged(&b, &a));
        prop_assert_eq!(merged(&a, &Snapshot::default()), a.clone());
    }

    #[test]
    fn sums_stay_sums_under_merge_and_fold(a in snapshot(), b in snapshot(), hosts in 0usize..4, sections in 0usize..3) {
        let limits = Limits { hosts, sections_per_host: sections, sections: 4, exchanges: 0 };
        for snapshot in [merged(&a, &b), merged(&a, &b).folded(&limits)] {
            let mut total = Counts::default();
            for host in &snapshot.hosts {
                let mut sum = Counts::default();
                host.sections.iter().for_each(|section| sum.merge(&section.counts));
                prop_assert_eq!(&sum, &host.counts);
                total.merge(&host.counts);
            }
            prop_assert_eq!(&total, &snapshot.counts);
        }
        let folded = merged(&a, &b).folded(&limits);
        prop_assert!(folded.hosts.len() <= hosts + 1);
        prop_assert!(folded.hosts.iter().all(|host| host.sections.len() <= sections + 1));
        prop_assert!(folded.hosts.is_sorted_by_key(|host| host.name.clone()));
    }

    #[test]
    fn json_there_and_back_is_the_same(snapshot in snapshot()) {
        let json = snapshot.to_json().unwrap();
        prop_assert!(json.is_ascii() && !json.contains(&b'\n'));
        let mut again = Snapshot::from_json(&json).unwrap();
        // When a state was looked at is not written: a written snapshot is as of its end.
        let mut snapshot = snapshot;
        let end = snapshot.span.unwrap().1;
        snapshot.interfaces.iter_mut().chain(&mut again.interfaces).for_each(|interface| interface.at = end);
        prop_assert_eq!(again, snapshot);
    }
}

#[test]
fn names_from_elsewhere_are_made_safe() {
    let json = r#"{"hosts":[{"name":"evil\u001b[2J\u202e","requests":1}]}"#;
    let snapshot = Snapshot::from_json(json.as_bytes()).unwrap();
    assert_eq!(&*snapshot.hosts[0].name, "evil\\x1b[2J\\xe2\\x80\\xae");
}

#[test]
fn what_is_no_snapshot_is_refused() {
    for json in [
        "",
        "[]",
        "7",
        r#"{"schema":2}"#,
        r#"{"statuses":{"x":1}}"#,
        r#"{"latency":{"count":1,"buckets":[0]}}"#,
        r#"{"start":"yesterday"}"#,
    ] {
        assert!(Snapshot::from_json(json.as_bytes()).is_err(), "{json}");
    }
    assert_eq!(Snapshot::from_json(b"{}").unwrap(), Snapshot::default());
}

#[test]
fn every_label_names_its_key() {
    for protocol in Protocol::ALL {
        assert_eq!(Protocol::from_label(&protocol.label()), Some(protocol));
    }
    for ambiguity in Ambiguity::ALL {
        assert_eq!(Ambiguity::from_label(&ambiguity.label()), Some(ambiguity));
    }
}

#[test]
fn top_rows_are_the_heaviest_ties_by_name() {
    let named = |name: &str, requests| {
        let counts = Counts { requests, ..Counts::default() };
        Arc::new(Host { name: name.into(), counts, ..Host::default() })
    };
    let snapshot =
        Snapshot { hosts: vec![named("a", 1), named("b", 5), named("c", 5), named("d", 9)], ..Snapshot::default() };
    assert_eq!(snapshot.top_hosts(3), [3, 1, 2]);
    assert_eq!(snapshot.top_hosts(99), [3, 1, 2, 0]);
    assert!(snapshot.top_hosts(0).is_empty());
}

#[test]
fn what_is_kept_stays_within_every_limit_however_much_is_merged() {
    let limits = Limits { hosts: 3, sections_per_host: 4, sections: 6, exchanges: 2 };
    let mut total = Snapshot::default();
    for at in 0..200u64 {
        let counts = Counts { requests: 1, ..Counts::default() };
        let section = |path: u64| Arc::new(Section { path: format!("/{path}").into(), counts: counts.clone() });
        let mut sum = counts.clone();
        sum.merge(&counts);
        let host = Host {
            name: format!("h{}", at % 7).into(),
            counts: sum.clone(),
            sections: vec![section(at), section(at + 1000)],
            ..Host::default()
        };
        let end = crate::pipeline::decode::Endpoint { address: std::net::Ipv6Addr::LOCALHOST, port: 1 };
        let exchange = Exchange {
            ts: Timestamp(at as i64),
            client: end,
            server: end,
            interface: "lo".into(),
            host: "h".into(),
            section: "/".into(),
            method: Method::HEAD,
            status: None,
            request_bytes: 0,
            response_bytes: 0,
            latency: None,
            duration: None,
            connect: None,
            request_time: None,
            transfer: None,
            retransmitted: 0,
        };
        let mut hosts = vec![Arc::new(host)];
        sort_rows(&mut Arc::make_mut(&mut hosts[0]).sections);
        total.merge(&Snapshot { counts: sum, hosts, exchanges: vec![exchange], ..Snapshot::default() });
        total.fold(&limits);
        assert!(total.hosts.len() <= 4 && total.exchanges.len() <= 2);
        // The row for the rest of each host comes on top, as does the host for the rest.
        assert!(total.hosts.iter().map(|host| host.sections.len()).sum::<usize>() <= 6 + 4);
    }
    assert_eq!(total.counts.requests, 400);
    assert_eq!(total.hosts.iter().map(|host| host.counts.requests).sum::<u64>(), 400);
    assert_eq!(total.capture.exchanges_dropped, 198);
}

#[test]
fn silence_begins_where_the_interval_ends_and_counts_nothing() {
    let second = |at| Timestamp::new(at, 0);
    let interface = |name: &str, state| Interface {
        name: name.into(),
        traffic: Traffic { packets: 3, ..Traffic::default() },
        state,
        at: second(11),
        ..Interface::default()
    };
    let interfaces = vec![interface("eth0", InterfaceState::New), interface("eth1", InterfaceState::Down)];
    let mut before = Snapshot { span: Some((second(10), second(11))), interfaces, ..Snapshot::default() };
    before.capture.received = 7;
    before.capture.flows = Gauge { at: second(11), value: 2 };
    let silence = before.silence(second(1).0);
    assert_eq!(silence.span, Some((second(11), second(12))));
    assert_eq!(silence.interfaces.len(), 1);
    assert_eq!(silence.interfaces[0].state, InterfaceState::Up);
    assert_eq!((silence.capture.received, silence.capture.flows.value), (0, 2));
    let merged = Snapshot::merge_all([&before, &silence]);
    assert_eq!((merged.capture.received, merged.interfaces[0].traffic.packets), (7, 3));
}
