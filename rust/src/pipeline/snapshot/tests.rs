//! Snapshots obey the laws of a monoid, and JSON that is written and read again gives the same snapshot.

use super::tables::Row;
use super::*;
use crate::pipeline::exchange::{Ambiguity, Closed, ErrorCode, Exchange, GrpcStatus, Method, Protocol};
use crate::pipeline::flow::Stage;
use crate::pipeline::histogram::Sample;
use crate::pipeline::owners::Local;
use crate::pipeline::packet::Timestamp;
use proptest::prelude::*;
use std::sync::Arc;

fn counts() -> impl Strategy<Value = Counts> {
    (
        0u64..9,
        0u64..9,
        prop::collection::vec(0u8..5, 0..4),
        prop::collection::vec(200u16..204, 0..4),
        prop::collection::vec(0u64..1 << 40, 0..4),
        streams(),
    )
        .prop_map(|(requests, bytes, methods, statuses, times, streams)| {
            let mut counts = Counts { requests, request_bytes: bytes, ..Counts::default() };
            methods.iter().for_each(|&at| {
                counts.methods.add(Method::from_bytes([b"GET", b"PUT", b"FOO", b"ACL", b"get"][usize::from(at)]), 1);
            });
            statuses.iter().for_each(|&status| counts.statuses.add(status, 2));
            for time in times {
                counts.latency.record(Sample::new(time));
            }
            // A request of another protocol than HTTP/1 is a request.
            counts.requests += streams.get().protocols.total();
            counts.streams = streams;
            counts
        })
}

/// Counts of nothing, half of the time.
fn streams() -> impl Strategy<Value = Rare> {
    let events = prop::collection::vec((0u8..6, any::<bool>(), 0u8..4), 0..6);
    prop::option::of(events).prop_map(|events| {
        let mut rare = Rare::default();
        for (what, by_client, n) in events.into_iter().flatten() {
            let streams = rare.add();
            match what {
                0 => streams.protocols.add(Protocol::ALL[usize::from(n) + 1], 1),
                1 => streams.grpc_statuses.add(GrpcStatus::from_number(n).unwrap(), 1),
                2 => streams.close(by_client, 1000 + u16::from(n)),
                3 => streams.reset(by_client, ErrorCode::from_number(n.into())),
                4 => streams.request_messages += u64::from(n),
                _ => streams.response_messages += u64::from(n),
            }
        }
        rare
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
        since: (packets % 2 == 1).then(|| Timestamp::new(packets as i64, 0)),
        removed: packets % 5 == 1,
        problem: (packets % 3 == 2).then(|| format!("problem {packets}").into()),
        name: name.into(),
        traffic: Traffic { packets, ..Traffic::default() },
        tcp: Tcp { opened: packets, ..Tcp::default() },
        state: [InterfaceState::Up, InterfaceState::New, InterfaceState::Down][state],
        at: Timestamp(at),
    })
}

/// Connections from a small range, so that two snapshots often list the same one.
fn connection() -> impl Strategy<Value = Connection> {
    (0i64..3, 0u16..3, 0u64..4, 0usize..5).prop_map(|(second, port, segments, stage)| {
        let end = |port| crate::pipeline::decode::Endpoint { address: std::net::Ipv6Addr::LOCALHOST, port };
        let first_seen = Timestamp::new(second, 0);
        Connection {
            first_seen,
            client: end(port),
            server: end(80),
            interface: "lo".into(),
            last_seen: Timestamp::new(second, segments as i64),
            segments,
            age: segments * 1_000_000_007,
            opened: (port > 0).then_some(first_seen),
            state: Stage::ALL[stage],
            protocol: (segments > 1).then_some(Protocol::Http1),
            host: if segments > 2 { "a" } else { "" }.into(),
            bytes_to_server: segments * 100,
            bytes_to_client: 0,
            retransmitted: segments / 3,
            requests: segments / 2,
            rtt: (segments > 1).then_some(segments * 1_000_001),
            local: Local::ALL[stage % 4],
            process: None,
            client_process: None,
            kernel_rtt: (segments > 2).then_some(segments),
            kernel_cwnd: None,
            kernel_retransmits: None,
            tls: false,
            streams: 0,
            open_streams: 0,
            undecrypted: None,
            oldest_streams: Vec::new(),
        }
    })
}

fn connections() -> impl Strategy<Value = Vec<Connection>> {
    prop::collection::vec(connection(), 0..5).prop_map(|mut connections| {
        sort_connections(&mut connections);
        connections
    })
}

/// Subsets from a small range, so that two snapshots often have the same one.
fn subsets() -> impl Strategy<Value = Vec<Subset>> {
    let row = ("[a-c]", counts()).prop_map(|(name, counts)| Arc::new(SubsetRow { name: name.into(), counts }));
    let subset = ("[a-b]", 0usize..5, prop::collection::vec(row, 0..3)).prop_map(|(text, per, rows)| Subset {
        text: text.into(),
        per: Per::ALL[per].1,
        rows,
    });
    prop::collection::vec(subset, 0..3).prop_map(|mut subsets| {
        subsets::sort_subsets(&mut subsets);
        subsets
    })
}

pub fn snapshot() -> impl Strategy<Value = Snapshot> {
    let hosts = prop::collection::vec(host(), 0..5);
    (0i64..50, hosts, prop::collection::vec(interface(), 0..4), 0u64..9, connections(), subsets()).prop_map(
        |(start, hosts, interfaces, flows, connections, subsets)| {
            let hosts = sorted(&hosts);
            let mut counts = Counts::default();
            hosts.iter().for_each(|host| counts.merge(&host.counts));
            let end = Timestamp::new(start + 1, 0);
            let mut capture = Capture { received: flows, ..Capture::default() };
            capture.flows = Gauge { at: end, value: flows };
            capture.protocols.add(Protocol::Tls, 1);
            capture.ambiguous_framing.add(Ambiguity::Fold, 2);
            capture.goaways.add(ErrorCode::from_number(flows as u32), 1);
            capture.undecrypted.add(Closed::ALL[flows as usize % 6], 2);
            let span = Some((Timestamp::new(start, 0), end));
            capture.open_connections = Gauge { at: end, value: flows / 2 };
            let interfaces = sorted(&interfaces);
            Snapshot { span, counts, hosts, interfaces, capture, connections, subsets, ..Snapshot::default() }
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
        let limits = Limits { hosts, sections_per_host: sections, sections: 4, exchanges: 0, ..Limits::default() };
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
        // JSON does not have the instant of a state. A snapshot that is read takes the end of its span.
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
        r#"{"connections":[{}]}"#,
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
    for stage in Stage::ALL {
        assert_eq!(Stage::ALL[stage as usize], stage);
    }
    for ambiguity in Ambiguity::ALL {
        assert_eq!(Ambiguity::from_label(&ambiguity.label()), Some(ambiguity));
    }
    for closed in Closed::ALL {
        assert_eq!((Closed::from_label(&closed.label()), Closed::ALL[closed as usize]), (Some(closed), closed));
    }
    for number in 0..17 {
        let (status, code) = (GrpcStatus::from_number(number).unwrap(), ErrorCode::from_number(number.into()));
        assert_eq!(
            (GrpcStatus::from_label(&status.label()), ErrorCode::from_label(&code.label())),
            (Some(status), Some(code))
        );
    }
}

#[test]
fn requests_that_no_other_protocol_has_are_those_of_http1() {
    let json = |protocols: &str| {
        let text =
            format!(r#"{{"start":"2026-01-01T00:00:00Z","end":"2026-01-01T00:00:01Z","requests":5{protocols}}}"#);
        Snapshot::from_json(text.as_bytes()).unwrap().counts
    };
    let (http1, http2) = (Protocol::Http1, Protocol::Http2);
    for (keys, want) in [
        ("", vec![(http1, 5)]),
        (r#","protocols":{"http1":5}"#, vec![(http1, 5)]),
        (r#","protocols":{"http2":2,"http1":3}"#, vec![(http1, 3), (http2, 2)]),
        (r#","protocols":{"h2c":2}"#, vec![(http1, 3), (http2, 2)]),
        (r#","protocols":{"http2":9}"#, vec![(http2, 9)]),
    ] {
        assert_eq!(json(keys).protocols().by_count(), want, "{keys}");
    }
    assert!(json("").streams == Rare::default() && json(r#","grpc_statuses":{}"#).streams == Rare::default());
}

#[test]
fn a_row_of_http1_takes_no_more_room_than_a_pointer_for_other_protocols() {
    assert_eq!(size_of::<Rare>(), size_of::<usize>());
    let json = |json: &str| Snapshot::from_json(json.as_bytes()).unwrap().to_json().unwrap();
    let keys = |json: &[u8]| String::from_utf8_lossy(json).contains("grpc_statuses");
    assert!(!keys(&json(r#"{"requests":5}"#)), "and its JSON has no keys of them");
    assert!(keys(&json(r#"{"requests":5,"request_messages":1}"#)));
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
    let limits = Limits { hosts: 3, sections_per_host: 4, sections: 6, exchanges: 2, ..Limits::default() };
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
        let measured = Exchange {
            ts: Timestamp(at as i64),
            client: end,
            server: end,
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
            protocol: Protocol::Http1,
            tls: false,
            stream: None,
            tls_handshake: None,
            queued: None,
            grpc_status: None,
            request_messages: 0,
            response_messages: 0,
        };
        let exchange = NamedExchange {
            measured,
            interface: "lo".into(),
            host: "h".into(),
            section: "/".into(),
            path: "/".into(),
            user_agent: "".into(),
            process: None,
            client_process: None,
        };
        let mut hosts = vec![Arc::new(host)];
        sort_rows(&mut Arc::make_mut(&mut hosts[0]).sections);
        total.merge(&Snapshot { counts: sum, hosts, exchanges: vec![exchange], ..Snapshot::default() });
        total.fold(&limits);
        assert!(total.hosts.len() <= 4 && total.exchanges.len() <= 2);
        // The limits do not include the row for the rest of each host, nor the host for the rest.
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

/// A snapshot of `sections` sections with latencies that are far apart.
fn wide(sections: u64) -> Snapshot {
    let section = |at: u64| {
        let mut counts = Counts { responses: 20, ..Counts::default() };
        for step in 0..20 {
            counts.latency.record(Sample::new((at + 1) << step));
        }
        Arc::new(Section { path: format!("/{at:06}").into(), counts })
    };
    let sections: Vec<_> = (0..sections).map(section).collect();
    let mut counts = Counts::default();
    sections.iter().for_each(|section| counts.merge(&section.counts));
    let host = Host { name: "a".into(), counts: counts.clone(), sections, ..Host::default() };
    Snapshot { counts, hosts: vec![Arc::new(host)], ..Snapshot::default() }
}

#[test]
fn buckets_share_a_budget_and_beyond_it_scales_are_halved_and_that_is_told() {
    let whole = wide(50);
    assert!(whole.buckets() > 15_000);
    for (budget, halvings) in [(20_000, 0), (9_000, 1), (2_000, 4), (1, 10)] {
        let mut coarse = whole.clone();
        coarse.coarsen(budget);
        assert!(coarse.buckets() <= budget.max(2 * 52), "{} of {budget}", coarse.buckets());
        assert_eq!(coarse.capture.histogram_halvings, Halvings(halvings));
        assert_eq!((coarse.counts.latency.count(), coarse.counts.latency.sum()), (1000, whole.counts.latency.sum()));
        assert_eq!(coarse.counts.latency.scale(), 4 - i32::from(halvings));
        let again = Snapshot::from_json(&coarse.to_json().unwrap()).unwrap();
        assert_eq!(again.hosts, coarse.hosts);
        let (mut forth, mut back) = (coarse.clone(), whole.clone());
        forth.merge(&whole);
        back.merge(&coarse);
        assert_eq!(forth, back, "merged at the lower scale, whichever comes first");
        assert_eq!(forth.capture.histogram_halvings, Halvings(halvings));
    }
}

#[test]
fn json_without_a_scale_has_the_finest_and_one_that_cannot_be_is_refused() {
    let read = |scale: &str| {
        let line = format!(r#"{{"latency":{{"min":1,"max":1,"buckets":[3],"offset":-1{scale}}}}}"#);
        Snapshot::from_json(line.as_bytes()).ok().map(|snapshot| snapshot.counts.latency.scale())
    };
    assert_eq!(read(""), Some(4));
    assert_eq!(read(r#","scale":2"#), Some(2));
    assert_eq!((read(r#","scale":5"#), read(r#","scale":-7"#), read(r#","scale":-2147483648"#)), (None, None, None));
}

#[test]
fn a_sum_that_is_counted_on_for_long_keeps_to_the_budget_of_buckets() {
    let mut sum = Sum::default();
    let wide = Arc::new(wide(3_000));
    for at in 0..40 {
        // The same sections, with latencies that move further apart.
        let mut moved = Snapshot::clone(&wide);
        for section in &mut Arc::make_mut(&mut moved.hosts[0]).sections {
            Arc::make_mut(section).counts.latency.record(Sample::new(1 << (at + 20)));
            Arc::make_mut(section).counts.duration.record(Sample::new(1 << at));
        }
        sum = sum.plus(Arc::new(moved));
        sum.get();
    }
    assert!(sum.get().buckets() <= Limits::default().buckets, "{} buckets", sum.get().buckets());
    assert!(wide.buckets() * 40 > Limits::default().buckets);
}

#[test]
fn silence_is_added_to_a_large_sum_without_making_it() {
    let interval = |hosts: u64| {
        let host = |at| Arc::new(Host { name: format!("h{at}").into(), ..Host::default() });
        Arc::new(Snapshot { hosts: (0..hosts).map(host).collect(), ..Snapshot::default() })
    };
    let mut sum = Sum::default().plus(interval(5_000));
    for _ in 0..10_000 {
        sum = sum.plus(interval(0));
        assert!(sum.terms() <= 2 && sum.pending() == 0, "{} terms", sum.terms());
    }
    assert_eq!(sum.get().hosts.len(), 5_000);
    for at in 0..1_000 {
        sum = sum.plus(interval(at % 50));
        assert!(sum.terms() <= 14, "{} terms", sum.terms());
    }
}

#[test]
fn freeing_a_sum_of_shared_terms_costs_none_of_their_rows() {
    let host = |at| Arc::new(Host { name: format!("h{at}").into(), ..Host::default() });
    let large = Arc::new(Snapshot { hosts: (0..5_000).map(host).collect(), ..Snapshot::default() });
    let sum = Sum::default().plus(large.clone());
    let next = sum.plus(Arc::default());
    assert_eq!((next.rows(), next.rows_of_its_own()), (5_000, 0));
    drop(sum);
    assert_eq!(next.rows_of_its_own(), 0, "the snapshot is held");
    drop(large);
    assert_eq!(next.rows_of_its_own(), 5_000);
    next.get();
    assert_eq!(next.rows_of_its_own(), 10_000, "the sum and its term");
}
