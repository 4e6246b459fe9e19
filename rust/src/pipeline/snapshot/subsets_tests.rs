//! Subsets of merged, silent and foreign snapshots.

use super::*;
use crate::pipeline::packet::Timestamp;
use crate::pipeline::snapshot::Snapshot;

/// Filter, kind of rows, and rows with their requests.
type Written<'a> = (&'a str, Per, &'a [(&'a str, u64)]);

/// An interval with these subsets.
fn interval(second: i64, subsets: &[Written<'_>]) -> Snapshot {
    let row = |&(name, requests): &(&str, u64)| {
        let counts = Counts { requests, ..Counts::default() };
        Arc::new(SubsetRow { name: name.into(), counts })
    };
    let subset =
        |&(text, per, rows): &Written<'_>| Subset { text: text.into(), per, rows: rows.iter().map(row).collect() };
    let span = Some((Timestamp::new(second, 0), Timestamp::new(second + 1, 0)));
    let mut subsets: Vec<_> = subsets.iter().map(subset).collect();
    sort_subsets(&mut subsets);
    Snapshot { span, subsets, ..Snapshot::default() }
}

fn requests(snapshot: &Snapshot, text: &str, per: Per) -> Option<Vec<(String, u64)>> {
    let found = find(&snapshot.subsets, text, per)?;
    Some(found.rows.iter().map(|row| (row.name.to_string(), row.counts.requests)).collect())
}

#[test]
fn a_merge_has_the_subsets_that_were_counted_all_the_time() {
    let one =
        interval(1, &[("a", Per::Host, &[("x", 1), ("y", 2)]), ("a", Per::All, &[("", 3)]), ("b", Per::All, &[])]);
    let two = interval(2, &[("a", Per::Host, &[("y", 5), ("z", 1)]), ("b", Per::All, &[("", 7)])]);
    let both = Snapshot::merge_all([&one, &two]);
    let rows = [("x", 1), ("y", 7), ("z", 1)].map(|(name, requests)| (name.to_owned(), requests));
    assert_eq!(requests(&both, "a", Per::Host), Some(rows.to_vec()));
    assert_eq!(requests(&both, "a", Per::All), None, "the second interval did not count it");
    assert_eq!(requests(&both, "b", Per::All), Some(vec![(String::new(), 7)]));
    assert_eq!(requests(&both, "c", Per::All), None);
}

#[test]
fn a_silent_interval_has_the_subsets_of_the_interval_before_without_rows() {
    let silence = interval(1, &[("a", Per::Host, &[("x", 1)])]).silence(1);
    assert_eq!(requests(&silence, "a", Per::Host), Some(vec![]));
}

#[test]
fn folding_keeps_the_heaviest_rows_and_the_sum() {
    let limits = crate::pipeline::snapshot::Limits { hosts: 1, ..Default::default() };
    let folded = interval(1, &[("a", Per::Host, &[("x", 1), ("y", 5), ("z", 2)])]).folded(&limits);
    let rows = [("y", 5), ("~other", 3)].map(|(name, requests)| (name.to_owned(), requests));
    assert_eq!(requests(&folded, "a", Per::Host), Some(rows.to_vec()));
    let subset = find(&folded.subsets, "a", Per::Host).unwrap();
    assert_eq!(subset.named().map(|row| &*row.name).collect::<Vec<_>>(), ["y"]);
}

#[test]
fn what_another_writer_wrote_is_put_in_order() {
    let span = r#""start":"2026-01-01T00:00:00Z","end":"2026-01-01T00:00:01Z""#;
    let rows = r#"[{"name":"y","requests":1},{"name":"x","requests":2}]"#;
    let read = |subsets: &str| Snapshot::from_json(format!(r#"{{{span},"subsets":{subsets}}}"#).as_bytes());
    let subset = |text: &str, per: &str| format!(r#"{{"where":"{text}","per":"{per}","rows":{rows}}}"#);
    let two = read(&format!("[{},{}]", subset("b", "host"), subset("a", "client"))).unwrap();
    let rows = Some([("x", 2), ("y", 1)].map(|(name, requests)| (name.to_owned(), requests)).to_vec());
    assert_eq!((requests(&two, "a", Per::Client), requests(&two, "b", Per::Host)), (rows.clone(), rows));
    assert!(read(&format!("[{}]", subset("a", "moon"))).is_err());
    assert!(read(&format!("[{}]", subset(&"a".repeat(5000), "host"))).is_err());
    let without_time = format!(r#"{{"subsets":[{}]}}"#, subset("a", "host"));
    assert!(Snapshot::from_json(without_time.as_bytes()).unwrap().subsets.is_empty());
}
