//! Sums over spans as tables: intervals in, values out.

use std::sync::Arc;

use proptest::prelude::*;

use super::super::{Client, Counts, Host, Interface, InterfaceState, OTHER, Per, Section, Snapshot, Traffic};
use super::{Amount, Reading, Rows, Sliding};
use crate::pipeline::filter::Filter;
use crate::pipeline::histogram::Sample;
use crate::pipeline::packet::{SECOND, Timestamp};

fn at(second: i64) -> Timestamp {
    Timestamp(second * SECOND)
}

fn counts(requests: u64, errors: u64, millis: &[u64]) -> Counts {
    let mut counts = Counts { requests, errors, responses: millis.len() as u64, ..Counts::default() };
    millis.iter().for_each(|&ms| {
        counts.latency.record(Sample::new(ms * 1_000_000));
    });
    counts
}

/// The interval that ends at a second, with a host of each name.
fn interval(end: i64, hosts: &[(&str, Counts)]) -> Snapshot {
    let mut total = Counts::default();
    let mut rows: Vec<Arc<Host>> = Vec::new();
    for (name, counts) in hosts {
        total.merge(counts);
        let section = Section { path: "/a".into(), counts: counts.clone() };
        let sections = vec![Arc::new(section)];
        rows.push(Arc::new(Host { name: (*name).into(), counts: counts.clone(), sections, ..Host::default() }));
    }
    rows.sort_by(|a, b| a.name.cmp(&b.name));
    let client = Client { address: "10.0.0.1".into(), counts: total.clone() };
    Snapshot {
        span: Some((at(end - 1), at(end))),
        counts: total,
        hosts: rows,
        clients: vec![Arc::new(client)],
        ..Snapshot::default()
    }
}

/// A table with the readings errors, errors per request, and the median latency, over three seconds.
fn table(per: Per) -> (Sliding, [Reading; 3]) {
    let mut table = Sliding::new(per, Rows::Admitted(None), false);
    let column = |table: &mut Sliding, name| table.add_counts(Amount::from_name(name).unwrap(), 3 * SECOND);
    let (errors, requests) = (column(&mut table, "errors"), column(&mut table, "requests"));
    let latency = table.add_times(Amount::from_name("latency").unwrap(), 3 * SECOND);
    let readings = [
        Reading::Sum(vec![errors], 1.0),
        Reading::Ratio(vec![errors], vec![requests]),
        Reading::Quantile(latency, 0.5),
    ];
    (table, readings)
}

fn push(table: &mut Sliding, end: i64, hosts: &[(&str, Counts)]) {
    table.push(&interval(end, hosts), at(end));
}

#[test]
fn each_row_has_sums_of_its_own_and_what_leaves_the_span_is_gone() {
    for (per, name) in [(Per::All, ""), (Per::Host, "a"), (Per::Section, "a/a"), (Per::Client, "10.0.0.1")] {
        let (mut table, [errors, ratio, median]) = table(per);
        push(&mut table, 1, &[("a", counts(4, 1, &[10, 10, 10, 10]))]);
        push(&mut table, 2, &[("a", counts(6, 3, &[500; 6]))]);
        assert_eq!(table.value(&errors, name), Some(4.0), "{per:?}");
        assert_eq!(table.value(&ratio, name), Some(0.4), "{per:?}");
        assert!((table.value(&median, name).unwrap() / 0.5 - 1.0).abs() < 0.03, "{per:?}");
        table.pass(at(4));
        assert_eq!(table.value(&errors, name), Some(3.0), "{per:?}");
        table.pass(at(5));
        let gone = [&errors, &ratio, &median].map(|reading| table.value(reading, name));
        assert_eq!(gone, [Some(0.0), None, None], "{per:?}");
    }
}

#[test]
fn the_rest_is_no_row_and_a_row_that_was_folded_keeps_its_past() {
    let (mut table, [errors, ..]) = table(Per::Host);
    push(&mut table, 1, &[("a", counts(1, 1, &[]))]);
    push(&mut table, 2, &[(OTHER, counts(9, 9, &[]))]);
    assert_eq!(table.beyond(&errors, 1.0, true, None), [("a".to_owned(), 1.0, 0.0)]);
    assert_eq!((table.value(&errors, OTHER), table.value(&errors, "a")), (Some(0.0), Some(1.0)));
}

#[test]
fn rows_beyond_a_bound_are_found_in_both_directions() {
    let (mut table, [errors, ratio, _]) = table(Per::Host);
    push(&mut table, 1, &[("a", counts(10, 1, &[])), ("b", counts(10, 5, &[])), ("c", counts(0, 7, &[]))]);
    let names = |found: Vec<(String, f64, f64)>| found.into_iter().map(|(name, ..)| name).collect::<Vec<_>>();
    assert_eq!(names(table.beyond(&errors, 5.0, true, None)), ["b", "c"]);
    assert_eq!(names(table.beyond(&errors, 5.0, false, None)), ["a", "b"]);
    assert_eq!(names(table.beyond(&ratio, 0.5, true, None)), ["b"], "c has no requests, so no ratio");
    let enough = table.beyond(&ratio, 0.1, true, Some((&errors, 2.0)));
    assert_eq!(enough, [("b".to_owned(), 0.5, 5.0)], "a has too few");
}

#[test]
fn if_no_row_is_beyond_a_bound_the_nearest_one_is_found() {
    let (mut table, [errors, ratio, _]) = table(Per::Host);
    push(&mut table, 1, &[("a", counts(9, 1, &[])), ("b", counts(9, 5, &[])), ("c", counts(0, 7, &[]))]);
    for is_above in [true, false] {
        assert_eq!(table.beyond_or_nearest(&errors, 5.0, is_above, None), table.beyond(&errors, 5.0, is_above, None));
    }
    assert_eq!(table.beyond_or_nearest(&errors, 8.0, true, None), [("c".to_owned(), 7.0, 0.0)]);
    assert_eq!(table.beyond_or_nearest(&errors, 0.0, false, None), [("a".to_owned(), 1.0, 0.0)]);
    let [(name, ..)] = &table.beyond_or_nearest(&ratio, 1.0, true, None)[..] else { panic!("one row is nearest") };
    assert_eq!(name, "b", "c has no requests, so no ratio");
}

#[test]
fn a_table_without_rows_has_none_that_is_nearest() {
    let (table, [errors, ..]) = table(Per::Host);
    assert_eq!(table.beyond_or_nearest(&errors, 8.0, true, None), []);
}

#[test]
fn a_filter_chooses_the_rows_that_count() {
    let table_of = [
        (Per::All, "host:a", "", Some(1.0)),
        (Per::All, "host:a or host:b", "", Some(3.0)),
        (Per::All, "host:a section:/a", "", Some(1.0)),
        (Per::All, "section:/other", "", Some(0.0)),
        (Per::All, "client:10.0.0.0/8", "", Some(7.0)),
        (Per::All, "not client:10.0.0.0/8", "", Some(0.0)),
        (Per::Host, "section:/a", "c", Some(4.0)),
        (Per::Host, "host:!c", "c", Some(0.0)),
        (Per::Section, "host=b", "b/a", Some(2.0)),
        (Per::Client, "client:10.*", "10.0.0.1", Some(7.0)),
    ];
    for (per, filter, key, expected) in table_of {
        let mut table = Sliding::new(per, Rows::Admitted(Some(Filter::parse(filter).unwrap().into())), false);
        let errors = Reading::Sum(vec![table.add_counts(Amount::from_name("errors").unwrap(), SECOND)], 1.0);
        push(&mut table, 1, &[("a", counts(1, 1, &[])), ("b", counts(1, 2, &[])), ("c", counts(1, 4, &[]))]);
        assert_eq!(table.value(&errors, key), expected, "{per:?} {filter}");
    }
}

#[test]
fn absence_is_the_time_since_a_row_was_seen_in_traffic() {
    let mut table = Sliding::new(Per::Host, Rows::Admitted(None), true);
    push(&mut table, 1, &[("a", counts(1, 0, &[]))]);
    push(&mut table, 2, &[("a", counts(0, 0, &[])), ("b", counts(1, 0, &[]))]);
    table.pass(at(9));
    let absence = |name| table.value(&Reading::Absence, name);
    assert_eq!([absence("a"), absence("b"), absence("unknown")], [Some(8.0), Some(7.0), Some(9.0)]);
}

#[test]
fn the_absence_of_a_silent_interface_counts_from_when_it_is_there() {
    let interface = |name: &str, state, packets| Interface {
        name: name.into(),
        state,
        traffic: Traffic { packets, ..Traffic::default() },
        ..Interface::default()
    };
    let mut table = Sliding::new(Per::Interface, Rows::Admitted(None), true);
    for second in 1..9 {
        let (up, down) = (InterfaceState::Up, InterfaceState::Down);
        let mut interfaces = vec![interface("gone", down, 0), interface("silent", up, 0)];
        if second > 4 {
            interfaces.push(interface("with", up, u64::from(second == 6)));
        }
        table.push(&Snapshot { interfaces, ..interval(second, &[]) }, at(second));
    }
    let absence = table.beyond(&Reading::Absence, 0.0, true, None);
    assert_eq!(absence, [("silent".to_owned(), 8.0, 0.0), ("with".to_owned(), 2.0, 0.0)]);
}

#[test]
fn the_absence_of_a_row_that_is_known_by_other_counts_is_that_of_its_first_interval() {
    let mut table = Sliding::new(Per::Host, Rows::Admitted(None), true);
    table.add_counts(Amount::from_name("refused").unwrap(), SECOND);
    let mut snapshot = interval(1, &[("a", counts(0, 0, &[]))]);
    Arc::make_mut(&mut snapshot.hosts[0]).tcp.refused = 1;
    table.push(&snapshot, at(1));
    table.pass(at(5));
    assert_eq!(table.value(&Reading::Absence, "a"), Some(5.0));
}

#[test]
fn a_row_is_forgotten_with_its_last_part_unless_rows_are_kept() {
    for keeps in [false, true] {
        let mut table = Sliding::new(Per::Host, Rows::Admitted(None), keeps);
        let errors = Reading::Sum(vec![table.add_counts(Amount::from_name("errors").unwrap(), SECOND)], 1.0);
        for second in 1..100 {
            push(&mut table, second, &[(&format!("h{second}"), counts(1, 1, &[]))]);
        }
        assert_eq!(table.beyond(&errors, 0.0, true, None).len(), if keeps { 99 } else { 1 });
    }
}

#[test]
fn many_rows_are_bounded_and_those_beyond_are_counted() {
    let mut table = Sliding::new(Per::Host, Rows::Admitted(None), true);
    let hits = Reading::Sum(vec![table.add_counts(Amount::from_name("hits").unwrap(), SECOND)], 1.0);
    let names: Vec<String> = (0..100_010).map(|n| format!("h{n}")).collect();
    let hosts: Vec<_> = names.iter().map(|name| (name.as_str(), counts(1, 0, &[]))).collect();
    push(&mut table, 1, &hosts);
    assert_eq!((table.beyond(&hits, 1.0, true, None).len(), table.overflow()), (100_000, 10));
}

#[test]
fn too_many_steps_are_joined_and_their_sums_stay_exact() {
    let mut table = Sliding::new(Per::Host, Rows::Admitted(None), false);
    let hits = Reading::Sum(vec![table.add_counts(Amount::from_name("hits").unwrap(), 3600 * SECOND)], 1.0);
    let names: Vec<String> = (0..90_000).map(|n| format!("h{n}")).collect();
    let hosts: Vec<_> = names.iter().map(|name| (name.as_str(), counts(1, 0, &[]))).collect();
    let snapshot = interval(1, &hosts);
    (1..=60).for_each(|second| table.push(&snapshot, at(second)));
    assert_eq!(table.value(&hits, "h7"), Some(60.0));
    assert!(table.weight() <= 4 << 20);
}

/// A table of hosts with the columns of these names and spans in seconds, and a reading of each.
fn columns(of: &[(&str, i64)]) -> (Sliding, Vec<Reading>) {
    let mut table = Sliding::new(Per::Host, Rows::Admitted(None), false);
    let readings = of.iter().map(|&(name, seconds)| match Amount::from_name(name).unwrap() {
        amount @ Amount::Times(..) => Reading::Quantile(table.add_times(amount, seconds * SECOND), 0.5),
        amount => Reading::Sum(vec![table.add_counts(amount, seconds * SECOND)], 1.0),
    });
    let readings = readings.collect();
    (table, readings)
}

/// The table with other columns that took up what it had after ten seconds with a request each.
fn resumed(before: &[(&str, i64)], after: &[(&str, i64)]) -> (Sliding, Vec<Reading>) {
    let (mut old, _) = columns(before);
    (1..=10).for_each(|second| push(&mut old, second, &[("a", counts(1, 0, &[100]))]));
    let (mut new, readings) = columns(after);
    new.load(&old.dump()).unwrap();
    (new, readings)
}

#[test]
fn a_column_goes_on_when_others_come_and_go() {
    let before = [("errors", 5), ("requests", 5), ("latency", 5), ("status.5xx", 5)];
    let (mut table, readings) = resumed(&before, &[("responses", 5), ("latency", 5), ("requests", 5)]);
    let values = |table: &Sliding| readings.iter().map(|each| table.value(each, "a")).collect::<Vec<_>>();
    let whole = values(&table);
    assert_eq!((whole[0], whole[2]), (Some(0.0), Some(5.0)));
    assert!(whole[1].is_some_and(|median| (median / 0.1 - 1.0).abs() < 0.03), "{whole:?}");
    push(&mut table, 11, &[("a", counts(1, 0, &[100]))]);
    assert_eq!((values(&table)[0], values(&table)[2]), (Some(1.0), Some(5.0)));
    let begun: Vec<_> = readings.iter().map(|each| table.begun(each)).collect();
    assert_eq!(begun, [Some(at(10)), Some(at(5)), Some(at(5))], "the sums of before lack what had left them");
}

#[test]
fn a_shorter_span_has_all_of_its_past_and_a_longer_one_begins_where_the_past_does() {
    let (table, readings) = resumed(&[("requests", 5)], &[("requests", 2), ("requests", 8)]);
    let told: Vec<_> = readings.iter().map(|each| (table.value(each, "a"), table.begun(each))).collect();
    assert_eq!(told, [(Some(2.0), Some(at(5))), (Some(5.0), Some(at(5)))]);
    let (table, readings) = resumed(&[("requests", 2), ("requests", 5)], &[("requests", 2), ("requests", 3)]);
    let told: Vec<_> = readings.iter().map(|each| (table.value(each, "a"), table.begun(each))).collect();
    assert_eq!(told, [(Some(2.0), Some(at(8))), (Some(3.0), Some(at(5)))]);
}

#[test]
fn a_past_begins_with_the_first_snapshot_or_when_it_is_told() {
    let (mut table, readings) = columns(&[("requests", 5)]);
    assert_eq!(table.begun(&readings[0]), None);
    push(&mut table, 3, &[]);
    assert_eq!((table.begun(&readings[0]), table.begun(&Reading::Absence)), (Some(at(2)), Some(at(2))));
    let (mut table, readings) = columns(&[("requests", 5)]);
    table.begin(at(1));
    push(&mut table, 3, &[]);
    assert_eq!((table.begun(&readings[0]), table.begun(&Reading::Absence)), (Some(at(1)), Some(at(1))));
}

#[test]
fn a_table_that_never_saw_a_snapshot_gives_no_past() {
    let (mut table, readings) = columns(&[("requests", 5)]);
    table.load(&columns(&[("errors", 5)]).0.dump()).unwrap();
    assert_eq!((table.begun(&readings[0]), table.value(&Reading::Absence, "a")), (None, None));
    push(&mut table, 3, &[("a", counts(1, 0, &[]))]);
    assert_eq!((table.begun(&readings[0]), table.value(&readings[0], "a")), (Some(at(2)), Some(1.0)));
}

proptest! {
    #[test]
    fn a_table_that_was_written_and_read_goes_on_where_it_was(
        intervals in prop::collection::vec(prop::collection::vec((0usize..5, 0u64..4, 0u64..3), 0..4), 1..12),
        cut in 0usize..12,
    ) {
        let names = ["a", "b", "c", "d", "e"];
        let (mut whole, readings) = table(Per::Host);
        let (mut resumed, _) = table(Per::Host);
        for (second, hosts) in (1..).zip(&intervals) {
            let mut hosts: Vec<_> =
                hosts.iter().map(|&(name, requests, errors)| (names[name], counts(requests, errors, &[requests]))).collect();
            hosts.sort_by_key(|(name, _)| *name);
            hosts.dedup_by_key(|(name, _)| *name);
            push(&mut whole, second, &hosts);
            push(&mut resumed, second, &hosts);
            if second as usize == cut {
                let bytes = resumed.dump();
                (resumed, _) = table(Per::Host);
                resumed.load(&bytes).unwrap();
            }
            for reading in &readings {
                for name in names {
                    prop_assert_eq!(whole.value(reading, name), resumed.value(reading, name));
                }
            }
        }
    }

    #[test]
    fn bytes_that_are_damaged_are_refused_or_read_and_never_panic(at in 0usize..200, with in any::<u8>()) {
        let (mut table_of_one, readings) = table(Per::Host);
        push(&mut table_of_one, 1, &[("a", counts(4, 1, &[10])), ("b", counts(4, 1, &[10]))]);
        let mut bytes = table_of_one.dump();
        let at = at % bytes.len();
        bytes[at] = with;
        let (mut other, _) = table(Per::Host);
        if other.load(&bytes).is_ok() {
            push(&mut other, 2, &[("a", counts(4, 1, &[10]))]);
            other.pass(at_the_end());
            prop_assert!(other.value(&readings[0], "a").is_some_and(|sum| sum >= 0.0));
        }
    }
}

fn at_the_end() -> Timestamp {
    Timestamp(i64::MAX)
}
