//! The laws of series, and what encoders write, read back by a decoder of its own.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::{Form, Otlp, Store, Temporality, Text, families};
use crate::pipeline::exchange::{ErrorCode, GrpcStatus};
use crate::pipeline::histogram::{Histogram, Sample};
use crate::pipeline::packet::{SECOND, Timestamp};
use crate::pipeline::snapshot::{
    Capture, Counts, Gauge, Host, Interface, InterfaceState, OTHER, Per, Snapshot, Subset, SubsetRow, Tcp,
};

/// One field of a message, as the wire has it.
#[derive(Clone, Debug, PartialEq)]
enum Field {
    Varint(u64),
    Fixed(u64),
    Bytes(Vec<u8>),
}

/// Reads a varint from the front of `bytes`.
fn varint(bytes: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..70).step_by(7) {
        let (&byte, rest) = bytes.split_first().expect("a varint is whole");
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return value;
        }
    }
    panic!("a varint has at most ten bytes")
}

fn take<'a>(bytes: &mut &'a [u8], count: usize) -> &'a [u8] {
    let (front, rest) = bytes.split_at(count);
    *bytes = rest;
    front
}

fn fields(mut bytes: &[u8]) -> Vec<(u64, Field)> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes);
        let value = match tag & 7 {
            0 => Field::Varint(varint(&mut bytes)),
            1 => Field::Fixed(u64::from_le_bytes(take(&mut bytes, 8).try_into().unwrap())),
            2 => {
                let length = varint(&mut bytes) as usize;
                Field::Bytes(take(&mut bytes, length).to_vec())
            }
            kind => panic!("kind {kind}"),
        };
        fields.push((tag >> 3, value));
    }
    fields
}

fn all(message: &[u8], number: u64) -> Vec<Vec<u8>> {
    let found = fields(message).into_iter().filter(|(field, _)| *field == number);
    found.map(|(_, field)| if let Field::Bytes(bytes) = field { bytes } else { panic!("{field:?}") }).collect()
}

fn text(message: &[u8], number: u64) -> String {
    String::from_utf8(all(message, number).concat()).expect("strings are UTF-8")
}

fn double(message: &[u8], number: u64) -> f64 {
    let fields = fields(message);
    match fields.iter().find(|(field, _)| *field == number) {
        Some((_, Field::Fixed(bits))) => f64::from_bits(*bits),
        other => panic!("{other:?}"),
    }
}

fn number(message: &[u8], number: u64) -> u64 {
    match fields(message).into_iter().find(|(field, _)| *field == number) {
        Some((_, Field::Varint(value) | Field::Fixed(value))) => value,
        other => panic!("{other:?}"),
    }
}

fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

fn packed(message: &[u8], number: u64) -> Vec<u64> {
    let bytes = all(message, number).concat();
    let mut rest = &bytes[..];
    let mut values = Vec::new();
    while !rest.is_empty() {
        values.push(varint(&mut rest));
    }
    values
}

fn delimited(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut rest = bytes;
    let mut messages = Vec::new();
    while !rest.is_empty() {
        let length = varint(&mut rest) as usize;
        messages.push(take(&mut rest, length).to_vec());
    }
    messages
}

/// The metrics of each family in Prometheus' protobuf format, by name.
fn metrics(store: &Store) -> BTreeMap<String, Vec<Vec<u8>>> {
    delimited(&families(store)).iter().map(|family| (text(family, 1), all(family, 4))).collect()
}

fn labels(metric: &[u8]) -> BTreeMap<String, String> {
    all(metric, 1).iter().map(|label| (text(label, 1), text(label, 2))).collect()
}

/// Native buckets by the index of OpenTelemetry.
fn native(histogram: &[u8]) -> BTreeMap<i64, u64> {
    let mut counts = packed(histogram, 13).into_iter().map(unzigzag);
    let (mut at, mut count, mut buckets) = (0, 0, BTreeMap::new());
    for span in all(histogram, 12) {
        at += unzigzag(number(&span, 1));
        for _ in 0..number(&span, 2) {
            count += counts.next().expect("a count for each bucket");
            buckets.insert(at - 1, count as u64);
            at += 1;
        }
    }
    assert_eq!(counts.next(), None);
    buckets.retain(|_, count| *count > 0);
    buckets
}

fn expected(histogram: &Histogram) -> BTreeMap<i64, u64> {
    let buckets = (i64::from(histogram.buckets().offset())..).zip(histogram.buckets().iter());
    buckets.filter(|(_, count)| *count > 0).collect()
}

fn histogram(values: &[u64]) -> Histogram {
    let mut histogram = Histogram::default();
    values.iter().for_each(|&value| _ = histogram.record(Sample::new(value)));
    histogram
}

fn host(name: &str, status: u16, times: &[u64]) -> Host {
    let n = times.len() as u64;
    let mut counts = Counts { requests: n, responses: n, request_bytes: 10 * n, ..Counts::default() };
    counts.statuses.add(status, n);
    counts.latency = histogram(times);
    counts.duration = histogram(times);
    let tcp = Tcp { segments: n, retransmitted: 1, server_rtt: histogram(times), ..Tcp::default() };
    Host { name: name.into(), counts, tcp, ..Host::default() }
}

/// An interval from `start` to one second later. Hosts are sorted by name.
fn interval(start: i64, mut hosts: Vec<Host>) -> Snapshot {
    hosts.sort_by(|one, other| one.name.cmp(&other.name));
    Snapshot {
        span: Some((Timestamp(start * SECOND), Timestamp((start + 1) * SECOND))),
        hosts: hosts.into_iter().map(Arc::new).collect(),
        capture: Capture { received: 7, flows: Gauge { at: Timestamp(start), value: 3 }, ..Capture::default() },
        ..Snapshot::default()
    }
}

/// The same with durations by outcome: the name of each row, and its durations.
fn with_outcomes(mut snapshot: Snapshot, rows: &[(&str, &[u64])]) -> Snapshot {
    let row = |&(name, times): &(&str, &[u64])| {
        let counts = Counts { duration: histogram(times), ..Counts::default() };
        Arc::new(SubsetRow { name: name.into(), counts })
    };
    let mut rows: Vec<_> = rows.iter().map(row).collect();
    rows.sort_by(|one, other| one.name.cmp(&other.name));
    snapshot.subsets = vec![Subset { text: "".into(), per: Per::Outcome, rows }];
    snapshot
}

/// Sums of a counter by host.
fn by_host(store: &Store, name: &str) -> BTreeMap<String, u64> {
    let mut sums = BTreeMap::new();
    for metric in metrics(store).remove(name).unwrap_or_default() {
        let host = labels(&metric).remove("server_address").unwrap();
        *sums.entry(host).or_default() += double(&all(&metric, 3)[0], 1) as u64;
    }
    sums
}

#[test]
fn a_host_that_has_series_keeps_them_and_later_ones_count_in_other() {
    let mut store = Store::new(2);
    store.add(&interval(0, vec![host("a", 200, &[5]), host("b", 200, &[5, 6]), host("c", 200, &[5, 6, 7])]));
    assert_eq!(by_host(&store, "netmon_http_responses_total"), counts(&[("b", 2), ("c", 3), (OTHER, 1)]));
    store.add(&interval(1, vec![host("a", 200, &[1; 50]), host("b", 503, &[5]), host(OTHER, 200, &[5])]));
    assert_eq!(by_host(&store, "netmon_http_responses_total"), counts(&[("b", 3), ("c", 3), (OTHER, 52)]));
    assert_eq!(store.host_count(), 2);
}

fn counts(pairs: &[(&str, u64)]) -> BTreeMap<String, u64> {
    pairs.iter().map(|&(name, count)| (name.to_owned(), count)).collect()
}

#[test]
fn durations_are_told_apart_by_method_status_and_error() {
    let mut store = Store::default();
    let rows: [(&str, &[u64]); 4] =
        [("GET 200 a:8080", &[5, 6]), ("PURGE 503 a:8080", &[7]), (OTHER, &[8]), ("GET 0 a:8080", &[])];
    store.add(&with_outcomes(interval(0, vec![host("a:8080", 200, &[5, 6, 7])]), &rows));
    let found: Vec<_> =
        metrics(&store)["http_server_request_duration_seconds"].iter().map(|metric| labels(metric)).collect();
    let of = |pairs: &[(&str, &str)]| pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
    let want: [BTreeMap<String, String>; 3] = [
        of(&[("server_address", OTHER), ("url_scheme", "http")]),
        of(&[
            ("http_request_method", "GET"),
            ("http_response_status_code", "200"),
            ("server_address", "a"),
            ("server_port", "8080"),
            ("url_scheme", "http"),
        ]),
        of(&[
            ("error_type", "503"),
            ("http_request_method", "_OTHER"),
            ("http_response_status_code", "503"),
            ("server_address", "a"),
            ("server_port", "8080"),
            ("url_scheme", "http"),
        ]),
    ];
    assert_eq!(found, want);
}

#[test]
fn a_stranger_who_makes_up_methods_and_statuses_adds_few_series() {
    let mut store = Store::default();
    for status in 0..700_u16 {
        let names: Vec<_> = ["GET", "PUT", "BREW", ""].map(|method| format!("{method} {status} a")).into();
        let rows: Vec<(&str, &[u64])> = names.iter().map(|name| (&**name, &[9_u64][..])).collect();
        store.add(&with_outcomes(interval(i64::from(status), vec![]), &rows));
    }
    let series = &metrics(&store)["http_server_request_duration_seconds"];
    assert!(series.len() <= 32 + 2 * 6, "{}", series.len());
    let sum: u64 = series.iter().map(|metric| number(&all(metric, 7)[0], 1)).sum();
    assert_eq!(sum, 4 * 700, "each duration is counted once");
}

#[test]
fn a_snapshot_without_outcomes_counts_durations_by_host_alone() {
    let mut store = Store::default();
    store.add(&interval(0, vec![host("a", 200, &[5, 6, 7])]));
    let found = &metrics(&store)["http_server_request_duration_seconds"];
    assert_eq!(labels(&found[0]).into_keys().collect::<Vec<_>>(), ["server_address", "url_scheme"]);
    assert_eq!(number(&all(&found[0], 7)[0], 1), 3);
}

#[test]
fn an_interface_that_goes_has_no_state_and_keeps_its_counts() {
    let interface = |name: &str, state| Interface { name: name.into(), state, ..Interface::default() };
    let mut store = Store::default();
    let mut up = interval(0, vec![]);
    up.interfaces = vec![interface("eth0", InterfaceState::New), interface("lo", InterfaceState::Up)];
    let mut down = interval(1, vec![]);
    down.interfaces = vec![interface("lo", InterfaceState::Down)];
    let levels = |store: &Store| -> Vec<f64> {
        metrics(store)["netmon_interface_up"].iter().map(|metric| double(&all(metric, 2)[0], 1)).collect()
    };
    store.add(&up);
    assert_eq!(levels(&store), [1.0, 1.0]);
    store.add(&down);
    assert_eq!(levels(&store), [0.0], "that of the one that is still watched");
    assert_eq!(metrics(&store)["netmon_interface_packets_total"].len(), 2);
}

#[test]
fn rules_that_go_keep_what_they_counted() {
    let mut store = Store::default();
    store.set_rules([("errors", "critical", 2, false), ("silence", "info", 0, true)]);
    store.count_alert("errors", "critical", true);
    store.count_alert("errors", "critical", false);
    store.set_rules([("silence", "info", 1, false), ("silence", "info", 2, true)]);
    let found = metrics(&store);
    assert_eq!(found["netmon_alert_firing"].len(), 1);
    assert_eq!(found["netmon_alerts_fired_total"].len(), 2);
    assert_eq!(labels(&found["netmon_alert_unknown"][0])["alert"], "silence");
    let level = |name: &str| double(&all(&found[name][0], 2)[0], 1) as u64;
    assert_eq!((level("netmon_alert_firing"), level("netmon_alert_unknown")), (3, 1));
}

#[test]
fn label_values_are_escaped_and_bounds_written_as_each_format_wants() {
    let mut store = Store::default();
    store.add(&interval(0, vec![host("a\\b\"c\nd\u{e9}", 200, &[1_500_000_000])]));
    let (plain, open) = (Text::prometheus(&store), Text::openmetrics(&store));
    let label = "{server_address=\"a\\\\b\\\"c\\nd\u{e9}\"";
    for (text, bound, sum) in [(&plain, "1", "1.5"), (&open, "1.0", "1.5")] {
        assert!(
            text.contains(&format!("netmon_http_response_latency_seconds_bucket{label},le=\"{bound}\"}} 0\n")),
            "{text}"
        );
        assert!(text.contains(&format!("netmon_http_response_latency_seconds_bucket{label},le=\"+Inf\"}} 1\n")));
        assert!(text.contains(&format!("netmon_http_response_latency_seconds_sum{label}}} {sum}\n")));
    }
    assert!(plain.contains("# TYPE netmon_capture_packets_total counter\nnetmon_capture_packets_total 7\n"));
    assert!(open.contains("# TYPE netmon_capture_packets counter\nnetmon_capture_packets_total 7\n"));
    assert!(open.contains("# UNIT netmon_http_request_size_bytes bytes\n"));
    assert!(open.ends_with("\n# EOF\n") && !plain.contains("# UNIT"));
}

#[test]
fn an_empty_store_is_written_in_every_format() {
    let store = Store::default();
    assert!(Text::openmetrics(&store).ends_with("# EOF\n"));
    assert_eq!(double(&all(&metrics(&store)["netmon_capture_packets_total"][0], 3)[0], 1).to_bits(), 0);
    let request = Otlp::request(&store, &[], Temporality::Cumulative, Form::Exponential);
    assert_eq!(all(&all(&all(&request, 1)[0], 2)[0], 2), Vec::<Vec<u8>>::new());
}

/// The data points of one metric in a request.
fn points(request: &[u8], name: &str, kind: u64) -> Vec<Vec<u8>> {
    let scope = &all(&all(request, 1)[0], 2)[0];
    let metric = all(scope, 2).into_iter().find(|metric| text(metric, 1) == name);
    metric.map(|metric| all(&all(&metric, kind)[0], 1)).unwrap_or_default()
}

#[test]
fn what_was_taken_and_not_exported_is_counted_in_the_next_part() {
    let mut store = Store::new(1);
    store.add(&interval(0, vec![host("a", 200, &[5, 6]), host("b", 200, &[5])]));
    let first = store.take();
    store.add(&interval(1, vec![host("a", 200, &[7]), host("b", 200, &[5; 9])]));
    let mut second = store.take();
    assert_eq!(by_host(&second, "netmon_http_responses_total"), counts(&[("a", 1), (OTHER, 9)]));
    second.absorb(&first);
    assert_eq!(by_host(&second, "netmon_http_responses_total"), counts(&[("a", 3), (OTHER, 10)]));
    let request = Otlp::request(&second, &[], Temporality::Delta, Form::Explicit);
    let latency = &points(&request, "netmon.http.response.latency", 9)[1];
    assert_eq!((number(latency, 4), number(latency, 2), number(latency, 3)), (3, 0, 2 * SECOND as u64));
    let nothing = Otlp::request(&store, &[], Temporality::Delta, Form::Explicit);
    assert_eq!(points(&nothing, "netmon.http.response.latency", 9), Vec::<Vec<u8>>::new());
    assert_eq!(points(&nothing, "netmon.capture.tracked_connections", 5).len(), 1, "a level is always told");
}

#[test]
fn a_host_has_series_of_streams_once_it_spoke_another_protocol_than_http1() {
    let status = |name| GrpcStatus::from_name(name).unwrap();
    let call = |name: &str, failed: u64| {
        let mut host = host(name, 200, &[5]);
        let streams = host.counts.streams.add();
        streams.grpc_statuses.add(status("ABORTED"), failed);
        streams.request_messages += 3;
        streams.reset(true, ErrorCode::NO_ERROR);
        host
    };
    let mut store = Store::new(5);
    store.add(&interval(0, vec![call("a", 2), host("b", 200, &[5])]));
    let mut first = store.take();
    assert_eq!(by_host(&first, "netmon_grpc_calls_total"), counts(&[("a", 2)]), "b speaks HTTP/1");
    assert_eq!(by_host(&first, "netmon_stream_request_messages_total"), counts(&[("a", 3)]));
    store.add(&interval(1, vec![call("a", 1), call("b", 4)]));
    first.absorb(&store);
    assert_eq!(by_host(&first, "netmon_grpc_calls_total"), counts(&[("a", 3), ("b", 4)]));
    assert_eq!(by_host(&first, "netmon_stream_resets_total"), counts(&[("a", 2), ("b", 1)]));
}

/// Durations of any length, and some that are often met.
fn times() -> impl Strategy<Value = Vec<u64>> {
    prop::collection::vec(prop_oneof![Just(0), 1u64..1 << 40, Just(u64::MAX), 1_000_000u64..1_000_000_000], 0..40)
}

proptest! {
    #[test]
    fn histograms_come_back_from_both_protocols(parts in prop::collection::vec((times(), 0u8..=10), 1..4)) {
        let mut store = Store::default();
        let mut sum = super::Durations::default();
        for (at, (values, halvings)) in (0..).zip(&parts) {
            let mut one = host("a", 200, values);
            one.counts.latency.coarsen(*halvings);
            sum.add(&one.counts.latency, &super::family::DURATIONS);
            store.add(&interval(at, vec![one]));
        }
        let want = sum.exponential();
        prop_assume!(want.count() > 0);
        let found = metrics(&store);
        let histogram = &all(&found["netmon_http_response_latency_seconds"][0], 7)[0];
        prop_assert_eq!(number(histogram, 1), want.count());
        let classic: Vec<_> = all(histogram, 3).iter().map(|bucket| number(bucket, 1)).collect();
        prop_assert!(classic.is_sorted());
        prop_assert_eq!(classic.last(), Some(&want.count()));
        if want.scale() >= -4 {
            prop_assert_eq!(unzigzag(number(histogram, 5)), i64::from(want.scale()));
            prop_assert_eq!(number(histogram, 7), want.zero_count());
            prop_assert_eq!(native(histogram), expected(want));
        } else {
            prop_assert_eq!(all(histogram, 12), Vec::<Vec<u8>>::new());
        }
        let request = Otlp::request(&store, &[], Temporality::Cumulative, Form::Exponential);
        let point = &points(&request, "netmon.http.response.latency", 10)[0];
        prop_assert_eq!((number(point, 4), number(point, 7)), (want.count(), want.zero_count()));
        prop_assert_eq!(unzigzag(number(point, 6)), i64::from(want.scale()));
        let positive = &all(point, 8)[0];
        prop_assert_eq!(unzigzag(number(positive, 1)), i64::from(want.buckets().offset()));
        prop_assert_eq!(packed(positive, 2), want.buckets().iter().collect::<Vec<_>>());
        prop_assert_eq!(double(point, 13).to_bits(), (want.extremes().unwrap().1 as f64 / 1e9).to_bits());
    }

    #[test]
    fn counters_never_decrease_and_every_count_is_in_some_host(
        seconds in prop::collection::vec(prop::collection::btree_map("[a-e]", (100u16..600, times()), 0..5), 1..8),
        limit in 1usize..4,
    ) {
        let mut store = Store::new(limit);
        let (mut before, mut sent) = (BTreeMap::new(), 0);
        for (at, hosts) in (0..).zip(seconds) {
            let hosts = hosts.into_iter().map(|(name, (status, times))| host(&name, status, &times));
            let snapshot = interval(at, hosts.collect());
            sent += snapshot.hosts.iter().map(|host| host.counts.responses).sum::<u64>();
            store.add(&snapshot);
            let now = by_host(&store, "netmon_http_responses_total");
            prop_assert!(before.iter().all(|(host, count)| now.get(host) >= Some(count)));
            prop_assert_eq!(now.values().sum::<u64>(), sent);
            prop_assert!(now.len() <= limit + 1);
            before = now;
        }
    }

    #[test]
    fn any_name_of_a_host_comes_back(name in ".{0,40}") {
        let mut store = Store::default();
        store.add(&interval(0, vec![host(&name, 200, &[5])]));
        let found = metrics(&store);
        let labels = labels(&found["netmon_http_request_size_bytes_total"][0]);
        let (address, port) = (labels.get("server_address"), labels.get("server_port"));
        let whole = [address, port].into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(":");
        prop_assert_eq!(whole, name);
        let line = Text::prometheus(&store).lines().filter(|line| line.starts_with("netmon_http_request_size_bytes_total")).count();
        prop_assert_eq!(line, 1, "a name does not end its line");
    }
}
