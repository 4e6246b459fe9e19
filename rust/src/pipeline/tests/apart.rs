//! Subsets count the exchanges that a filter admits, whatever else is counted and however captures are cut.

use std::collections::BTreeMap;

use super::*;
use crate::pipeline::aggregate::{WantedSubset, WantedSubsets};
use crate::pipeline::filter::Filter;
use crate::pipeline::histogram::{Histogram, Sample};
use crate::pipeline::snapshot::{OTHER, Per, facts_of, find_subset};

const FILTERS: [&str; 9] = [
    "",
    "method:POST",
    "status:5xx",
    "status<500 and latency<300ms",
    "path:/a/*",
    "user_agent:curl",
    "status:none",
    "host:h1 or bytes>200",
    "client:10.0.0.0/8 method:!POST",
];

/// The kinds of rows that rules have.
const RULES: [(&str, Per); 5] = [Per::ALL[0], Per::ALL[1], Per::ALL[2], Per::ALL[3], Per::ALL[4]];

fn wanted(filters: &[&str]) -> WantedSubsets {
    let wanted = WantedSubsets::default();
    let pairs = filters.iter().flat_map(|text| RULES.map(|(_, per)| (text, per)));
    let outcomes = [(&"", Per::Outcome)];
    wanted.set(
        pairs.chain(outcomes).map(|(text, per)| WantedSubset::new(text, Filter::parse(text).unwrap(), per)).collect(),
    );
    wanted
}

fn settings(subsets: &WantedSubsets, filter: Option<&str>) -> Settings {
    let filter = filter.map(|text| std::sync::Arc::new(Filter::parse(text).unwrap()));
    let subsets = subsets.clone();
    let aggregate = aggregate::Settings {
        exchanges: aggregate::Listing::All,
        user_agents: true,
        filter,
        subsets,
        ..aggregate::Settings::default()
    };
    Settings { aggregate, ..Settings::default() }
}

/// Requests and errors by row, as the list of exchanges has them.
fn listed(snapshot: &Snapshot, text: &str, per: Per) -> BTreeMap<String, (u64, u64)> {
    let filter = Filter::parse(text).unwrap();
    let mut rows: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for exchange in &snapshot.exchanges {
        if filter.admits(&facts_of(exchange)) == Some(true) {
            let name = match per {
                Per::All => String::new(),
                Per::Host => exchange.host.to_string(),
                Per::Section => format!("{}{}", exchange.host, exchange.section),
                Per::Client => exchange.measured.client.address.to_canonical().to_string(),
                Per::Interface => exchange.interface.to_string(),
                Per::Outcome | Per::Process => unreachable!("no rule of these tests has such rows"),
            };
            let row = rows.entry(name).or_default();
            row.0 += 1;
            row.1 += u64::from(exchange.measured.status.is_some_and(|status| status >= 500));
        }
    }
    rows
}

/// Durations by method, status and host, as the list of exchanges has them.
fn listed_durations(snapshot: &Snapshot) -> BTreeMap<String, Histogram> {
    let mut rows: BTreeMap<String, Histogram> = BTreeMap::new();
    for exchange in &snapshot.exchanges {
        if let Some(duration) = exchange.measured.duration {
            let (method, status) = (exchange.measured.method.name(), exchange.measured.status);
            let name = format!("{method} {} {}", status.unwrap_or(0), exchange.host);
            rows.entry(name).or_default().record(Sample::new(duration));
        }
    }
    rows
}

fn counted(snapshot: &Snapshot, text: &str, per: Per) -> BTreeMap<String, (u64, u64)> {
    let subset = find_subset(&snapshot.subsets, text, per).expect("a subset that was wanted");
    let row = |row: &snapshot::SubsetRow| (row.name.to_string(), (row.counts.requests, row.counts.errors));
    subset.rows.iter().map(|each| row(each)).collect()
}

fn talk(turns: &[(u8, u8, u16)]) -> Vec<Frame> {
    let mut forge = Forge::new(Wire::default());
    forge.handshake();
    for &(host, path, status) in turns {
        let method = ["GET", "POST"][usize::from(path % 2)];
        let agent = ["curl/8", "Firefox/1"][usize::from(host % 2)];
        let path = ["/a", "/a/b", "/c?q=1", "/"][usize::from(path)];
        forge.say(0, format!("{method} {path} HTTP/1.1\r\nHost: h{host}\r\nUser-Agent: {agent}\r\n\r\n").as_bytes());
        if status != 0 {
            forge.say(1, format!("HTTP/1.1 {status} X\r\nContent-Length: 3\r\n\r\nabc").as_bytes());
        }
    }
    forge.frames
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn subsets_count_the_exchanges_of_the_list_that_the_filter_admits(
        turns in prop::collection::vec((0u8..4, 0u8..4, prop::sample::select(vec![200u16, 404, 503])), 0..20),
        is_last_answered in any::<bool>(),
        filter in prop::sample::select(vec![None, Some("host:h1"), Some("status:5xx"), Some("path:/a/*")]),
    ) {
        let mut turns = turns;
        if !is_last_answered && let Some(last) = turns.last_mut() {
            last.2 = 0;
        }
        let snapshot = count_with(&talk(&turns), settings(&wanted(&FILTERS), filter));
        for text in FILTERS {
            for (_, per) in RULES {
                prop_assert_eq!(counted(&snapshot, text, per), listed(&snapshot, text, per), "{} {:?}", text, per);
            }
        }
        prop_assert_eq!(snapshot.subsets.len(), FILTERS.len() * RULES.len() + 1);
        let durations = find_subset(&snapshot.subsets, "", Per::Outcome).expect("all exchanges by outcome");
        let durations = durations.rows.iter().map(|row| (row.name.to_string(), row.counts.duration.clone()));
        prop_assert_eq!(durations.collect::<BTreeMap<_, _>>(), listed_durations(&snapshot));
    }
}

#[test]
fn an_exchange_counts_as_a_whole_with_its_times_and_bytes() {
    let snapshot = count_with(&talk(&[(1, 1, 503), (2, 0, 200)]), settings(&wanted(&["method:POST"]), None));
    let subset = find_subset(&snapshot.subsets, "method:POST", Per::Host).unwrap();
    let [row] = &subset.rows[..] else { panic!("{subset:?}") };
    let whole = &snapshot.host("h1").unwrap().counts;
    assert_eq!((&*row.name, &row.counts), ("h1", whole));
    assert_eq!((whole.latency.count(), whole.duration.count()), (1, 1));
}

#[test]
fn a_response_without_a_request_counts_by_its_head() {
    let mut forge = Forge::new(Wire::default());
    forge.say(1, b"HTTP/1.1 503 X\r\nContent-Length: 3\r\n\r\nabc");
    let snapshot = count_with(&forge.frames, settings(&wanted(&["status:5xx", "status:2xx"]), None));
    assert_eq!(snapshot.counts.errors, 1);
    let [errors, others] = ["status:5xx", "status:2xx"].map(|text| counted(&snapshot, text, Per::All));
    assert_eq!((errors, others), ([(String::new(), (0, 1))].into(), BTreeMap::new()));
    assert_eq!(counted(&snapshot, "status:5xx", Per::Section), [(OTHER.to_owned(), (0, 1))].into());
}

#[test]
fn rows_are_bounded_and_none_is_lost() {
    let turns: Vec<_> = (0..40).map(|at| (at, 1, 200)).collect();
    let mut settings = settings(&wanted(&["method:POST"]), None);
    settings.aggregate.limits.hosts = 5;
    let snapshot = count_with(&talk(&turns), settings);
    let rows = counted(&snapshot, "method:POST", Per::Section);
    assert!(rows.len() <= 6, "{rows:?}");
    assert_eq!(rows.values().map(|row| row.0).sum::<u64>(), 40);
}

#[test]
fn what_is_wanted_may_change_from_one_interval_to_the_next() {
    let subsets = wanted(&["method:POST"]);
    let mut pipeline = Driver::new(settings(&subsets, None));
    let frames = talk(&[(1, 1, 200), (1, 1, 200)]);
    let has = |snapshot: &Snapshot, text| find_subset(&snapshot.subsets, text, Per::All).is_some();
    let (first, second) = frames.split_at(frames.len() / 2);
    first.iter().for_each(|frame| pipeline.push(&frame.packet()));
    subsets.set(vec![WantedSubset::new("status:2xx", Filter::parse("status:2xx").unwrap(), Per::All)]);
    let closed = pipeline.close(Timestamp(0), Timestamp(1));
    assert!(has(&closed, "method:POST") && !has(&closed, "status:2xx"));
    second.iter().for_each(|frame| pipeline.push(&frame.packet()));
    pipeline.finish();
    let closed = pipeline.close(Timestamp(1), Timestamp(2));
    assert!(!has(&closed, "method:POST") && has(&closed, "status:2xx"));
    assert!(!counted(&closed, "status:2xx", Per::All).is_empty());
    subsets.set(Vec::new());
    pipeline.close(Timestamp(2), Timestamp(3));
    assert!(pipeline.close(Timestamp(3), Timestamp(4)).subsets.is_empty());
}

#[test]
fn the_number_of_subsets_is_bounded() {
    let subsets = WantedSubsets::default();
    let wanted = (0..100).map(|at| format!("host:h{at}"));
    let parsed = |text: String| WantedSubset::new(&text, Filter::parse(&text).unwrap(), Per::All);
    subsets.set(wanted.clone().chain(wanted).map(parsed).collect());
    let snapshot = count_with(&talk(&[(1, 1, 200)]), settings(&subsets, None));
    assert_eq!(snapshot.subsets.len(), aggregate::MAX_SUBSETS);
}
