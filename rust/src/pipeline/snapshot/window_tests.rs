//! A window equals the merge of its snapshots, and its memory stays bounded in a flood of names.

use super::*;
use crate::pipeline::histogram::Sample;
use crate::pipeline::snapshot::{Counts, Gauge, Host, Section};
use proptest::prelude::*;

fn counts(requests: u64, nanos: u64) -> Counts {
    let mut counts = Counts { requests, ..Counts::default() };
    counts.latency.record(Sample::new(nanos));
    counts
}

/// An interval of `span` nanoseconds that ends at `end`, with one section in each of these hosts.
fn interval(end: i64, span: i64, hosts: &[u8]) -> Arc<Snapshot> {
    let parts = hosts.iter().map(|&at| {
        let counts = counts(1, u64::from(at) << 20);
        let section = Arc::new(Section { path: format!("/{}", at % 3).into(), counts: counts.clone() });
        let host = Host { name: format!("h{}", at % 5).into(), counts, sections: vec![section], ..Host::default() };
        Snapshot { counts: host.counts.clone(), hosts: vec![Arc::new(host)], ..Snapshot::default() }
    });
    let mut snapshot = Snapshot::merge_all(&parts.collect::<Vec<_>>());
    snapshot.span = Some((Timestamp(end - span), Timestamp(end)));
    snapshot.capture.flows = Gauge { at: Timestamp(end), value: hosts.len() as u64 };
    Arc::new(snapshot)
}

fn seconds(n: i64) -> i64 {
    n * SECOND
}

/// For each interval: the seconds until its end, seldom negative, its hosts, and sometimes a new length of the window.
fn steps() -> impl Strategy<Value = Vec<(i64, Vec<u8>, Option<Option<i64>>)>> {
    let length = prop_oneof![Just(None), (1i64..=60).prop_map(|n| Some(seconds(n)))];
    let step = prop_oneof![8 => Just(1i64), 1 => 2i64..9, 1 => -3i64..1, 1 => 55i64..70];
    prop::collection::vec((step, prop::collection::vec(any::<u8>(), 0..4), prop::option::weighted(0.1, length)), 1..80)
}

proptest! {
    #[test]
    fn any_sequence_gives_what_merging_anew_gives_whenever_it_is_looked_at(
        mut length in (1i64..=60).prop_map(|n| Some(seconds(n))),
        steps in steps(),
        mut looks_at_once in any::<u64>(),
    ) {
        let mut late = Vec::new();
        let mut window = Window::new(length);
        let (mut at, mut now, mut pushed) = (1000, i64::MIN, Vec::<(i64, Arc<Snapshot>)>::new());
        for (step, hosts, resized) in steps {
            at += step;
            let snapshot = interval(seconds(at), SECOND, &hosts);
            now = now.max(seconds(at));
            pushed.push((now, snapshot.clone()));
            window.push(snapshot);
            if let Some(resized) = resized {
                length = resized;
                window.resize(length);
            }
            let inside = pushed.iter().filter(|(end, _)| length.is_none_or(|length| *end > now - length));
            let wanted = (
                Snapshot::merge_all(inside.map(|(_, snapshot)| &**snapshot)),
                Snapshot::merge_all(pushed.iter().map(|(_, snapshot)| &**snapshot)),
            );
            let (merged, total) = (window.merged(), window.total());
            looks_at_once = looks_at_once.rotate_left(1);
            if looks_at_once & 1 == 1 {
                prop_assert_eq!((&**merged.get(), &**total.get()), (&wanted.0, &wanted.1));
            } else {
                late.push((merged, total, wanted));
            }
        }
        for (merged, total, wanted) in late {
            prop_assert_eq!((&**merged.get(), &**total.get()), (&wanted.0, &wanted.1));
        }
    }

    #[test]
    fn short_intervals_are_joined_to_no_more_than_a_sixtieth_of_the_window(length in 1i64..=20, n in 1i64..400) {
        let (length, span) = (seconds(length), SECOND / 20);
        let mut window = Window::new(Some(length));
        (0..n).for_each(|at| window.push(interval((at + 1) * span, span, &[1])));
        let (start, end) = window.merged().get().span.unwrap();
        let all = n * span;
        prop_assert_eq!(end, Timestamp(all));
        prop_assert!(start.0 <= (all - length).max(0) && start.0 >= all - length - length / PARTS, "{start:?} for {all}");
        prop_assert_eq!(window.merged().get().counts.requests as i64, (all - start.0) / span);
    }
}

#[test]
fn a_held_window_stays_as_it_was() {
    let mut window = Window::new(Some(seconds(5)));
    window.push(interval(seconds(1), SECOND, &[1, 2]));
    let (merged, total) = (window.merged(), window.total());
    window.push(interval(seconds(2), SECOND, &[1, 2, 3]));
    assert_eq!((merged.get().counts.requests, total.get().counts.requests), (2, 2));
    assert_eq!((window.merged().get().counts.requests, window.total().get().counts.requests), (5, 5));
}

#[test]
fn a_clock_set_back_by_more_than_is_kept_begins_a_new_window_and_loses_nothing_of_the_total() {
    let mut window = Window::new(Some(seconds(10)));
    window.push(interval(seconds(5000), SECOND, &[1]));
    window.push(interval(seconds(1000), SECOND, &[2, 3]));
    assert_eq!((window.merged().get().counts.requests, window.total().get().counts.requests), (2, 3));
}

/// An interval of 1,000 hosts. Almost all sections are new in each interval, and one host is busy in all intervals.
fn flood(at: i64, sections_per_host: u64) -> Arc<Snapshot> {
    let hosts = (0..1000u64).map(|h| {
        let busy = if h == 0 { 1000 } else { 1 };
        let section = |s| {
            let path = if s == 0 { "/".into() } else { format!("/{at}-{s:04}") };
            Arc::new(Section { path: path.into(), counts: counts(busy, 1 << 20) })
        };
        let mut sections: Vec<_> = (0..sections_per_host).map(section).collect();
        sections.sort_by(|a, b| a.path.cmp(&b.path));
        let mut sum = Counts::default();
        sections.iter().for_each(|section| sum.merge(&section.counts));
        Arc::new(Host { name: format!("h{h:04}").into(), counts: sum, sections, ..Host::default() })
    });
    let hosts: Vec<_> = hosts.collect();
    let mut sum = Counts::default();
    hosts.iter().for_each(|host| sum.merge(&host.counts));
    let span = Some((Timestamp(seconds(at)), Timestamp(seconds(at + 1))));
    Arc::new(Snapshot { span, counts: sum, hosts, ..Snapshot::default() })
}

#[test]
fn a_flood_of_names_is_bounded_in_rows_and_exact_in_sums() {
    flood_stays_bounded(&[Some(seconds(10)), None], 13);
}

#[test]
#[ignore = "a minute, optimised"]
fn two_minutes_of_a_flood_are_bounded_as_well() {
    flood_stays_bounded(&[Some(seconds(10)), Some(seconds(60)), None], 120);
}

/// Pushes `intervals` intervals of 100,000 sections each into windows of these lengths.
fn flood_stays_bounded(lengths: &[Option<i64>], intervals: i64) {
    for &length in lengths {
        let mut window = Window::new(length);
        let each = flood(0, 100).counts.requests;
        for at in 0..intervals {
            window.push(flood(at, 100));
            assert!(window.rows() <= ROWS, "{} rows kept", window.rows());
            assert!(window.merged().get().rows() <= ROWS && window.total().get().rows() <= ROWS);
        }
        let inside = length.map_or(intervals, |length| length / SECOND) as u64;
        assert_eq!(window.merged().get().counts.requests, inside * each);
        assert_eq!(window.total().get().counts.requests, intervals as u64 * each);
        let folded = window.merged().get().capture.sections_folded;
        assert!(folded > 0, "what was folded is told");
        // The flood does not hide the busy host, because its sections are the heaviest of each interval.
        let busy = window.merged().get().clone();
        let busy = busy.host("h0000").unwrap();
        assert_eq!(busy.sections[busy.position("/").unwrap()].counts.requests, 1000 * inside);
    }
}
