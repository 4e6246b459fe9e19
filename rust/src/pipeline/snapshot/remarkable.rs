//! Chooses the rows of a list that are kept if the list is too long: those that a person would look for, such as
//! errors.
//!
//! Each [`Class`] of remarkable rows has a share of the places. The places of a class are divided fairly among groups
//! of rows. So a few errors of one section are kept besides thousands of errors of another. All other rows compete for
//! the places that are left.

use std::cmp::Reverse;

/// A reason for which a row is remarkable.
pub struct Class<R> {
    pub weight: fn(&R) -> Option<i64>,
    /// The class may take one of every `share` places.
    pub share: usize,
}

/// A row of a list that may be too long.
pub trait Remarkable: Sized + 'static {
    /// All classes, the most important first. A row belongs to the first class that has a place for it.
    const CLASSES: &'static [Class<Self>];
    /// Returns the group of the row. The places of a class are divided fairly among groups.
    fn group(&self) -> (&str, &str);
    /// Returns the priority of the row among the rows that no class has a place for. Rows with higher values are kept
    /// first.
    fn rest(&self) -> i64;
}

/// Returns the positions of the rows to keep, at most `most`, in ascending order.
pub fn remarkable<R: Remarkable>(rows: &[&R], most: usize) -> Vec<usize> {
    let mut left = most;
    if rows.len() <= left {
        return (0..rows.len()).collect();
    }
    let mut is_kept = vec![false; rows.len()];
    for Class { weight, share } in R::CLASSES {
        let found = (0..rows.len()).filter(|&at| !is_kept[at]);
        let found: Vec<_> = found.filter_map(|at| weight(rows[at]).map(|weight| (at, weight))).collect();
        for at in fairly(rows, found).take(most.div_ceil(*share).min(left)) {
            is_kept[at] = true;
            left -= 1;
        }
    }
    let mut rest: Vec<usize> = (0..rows.len()).filter(|&at| !is_kept[at]).collect();
    rest.sort_by_cached_key(|&at| (Reverse(rows[at].rest()), Reverse(at)));
    rest.iter().take(left).for_each(|&at| is_kept[at] = true);
    (0..rows.len()).filter(|&at| is_kept[at]).collect()
}

/// Returns the positions of the heaviest row of each group, then of the second heaviest of each group, and so on.
fn fairly<R: Remarkable>(rows: &[&R], mut found: Vec<(usize, i64)>) -> impl Iterator<Item = usize> + use<R> {
    let group = |at: usize| rows[at].group();
    found.sort_unstable_by_key(|&(at, weight)| (group(at), Reverse(weight), at));
    let mut ranked: Vec<(usize, Reverse<i64>, usize)> = Vec::with_capacity(found.len());
    for part in found.chunk_by(|&(one, _), &(other, _)| group(one) == group(other)) {
        ranked.extend(part.iter().enumerate().map(|(rank, &(at, weight))| (rank, Reverse(weight), at)));
    }
    ranked.sort_unstable();
    ranked.into_iter().map(|(_, _, at)| at)
}

/// Keeps at most `most` rows, in their order. Returns how many rows were removed.
pub fn keep<R: Remarkable>(rows: &mut Vec<R>, most: usize) -> u64 {
    let before = rows.len();
    let kept = remarkable(&rows.iter().collect::<Vec<_>>(), most);
    let mut kept = kept.into_iter().peekable();
    let mut at = 0;
    rows.retain(|_| {
        at += 1;
        kept.next_if_eq(&(at - 1)).is_some()
    });
    (before - rows.len()) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::snapshot::{NamedExchange, Snapshot};

    /// Exchanges a second apart: section, status (0: no response), latency in milliseconds.
    fn of(rows: &[(&str, u16, u64)]) -> Snapshot {
        let rows: Vec<String> = rows.iter().enumerate().map(|(second, (section, status, ms))| {
            let (status, latency) = match status {
                0 => ("null".to_owned(), "null".to_owned()),
                _ => (status.to_string(), format!("{:.3}", *ms as f64 / 1000.0)),
            };
            format!(
                r#"{{"ts":"2026-11-22T12:{:02}:{:02}Z","client":"10.0.0.1:9","server":"10.0.0.2:80","interface":"lo","host":"h","section":"{section}","method":"GET","status":{status},"request_bytes":1,"response_bytes":1,"latency":{latency},"duration":null}}"#,
                second / 60,
                second % 60,
            )
        }).collect();
        Snapshot::from_json(format!(r#"{{"schema":1,"exchanges":[{}]}}"#, rows.join(",")).as_bytes()).unwrap()
    }

    fn kept(rows: &[(&str, u16, u64)], most: usize) -> Vec<usize> {
        remarkable(&of(rows).exchanges.iter().collect::<Vec<_>>(), most)
    }

    #[test]
    fn where_all_have_a_place_all_are_kept() {
        assert_eq!(kept(&[], 0), [0; 0]);
        assert_eq!(kept(&[("/", 200, 1), ("/", 500, 2)], 2), [0, 1]);
    }

    #[test]
    fn errors_lost_requests_and_the_slowest_are_kept_before_the_newest() {
        let mut rows = vec![("/", 200, 1); 40];
        (rows[3], rows[5], rows[7], rows[9]) = (("/", 503, 1), ("/", 404, 1), ("/", 0, 0), ("/", 200, 900));
        // Of 8 places 2 are for errors, 1 each for 4xx and lost requests, 2 for the slowest.
        assert_eq!(kept(&rows, 8), [0, 3, 5, 7, 9, 37, 38, 39]);
    }

    #[test]
    fn a_busy_section_leaves_places_for_the_errors_of_a_quiet_one() {
        let mut rows = vec![("/busy", 500, 1); 58];
        (rows[2], rows[4]) = (("/quiet", 500, 1), ("/quiet", 500, 1));
        let kept = kept(&rows, 16);
        assert_eq!(kept.len(), 16);
        assert!(kept.contains(&2) && kept.contains(&4), "{kept:?}");
    }

    #[test]
    fn keeping_in_steps_keeps_the_errors_of_a_quiet_section() {
        let mut kept: Vec<NamedExchange> = Vec::new();
        let mut lost = 0;
        for step in 0..10 {
            let mut rows = vec![("/busy", 500, 1); 59];
            if step == 0 {
                rows[0] = ("/quiet", 500, 1);
            }
            kept.extend(of(&rows).exchanges);
            lost += keep(&mut kept, 16);
        }
        assert_eq!((kept.len(), lost), (16, 590 - 16));
        assert!(kept.iter().any(|exchange| &*exchange.section == "/quiet"));
    }

    #[test]
    fn without_its_exchanges_a_snapshot_counts_the_same() {
        let snapshot = of(&[("/", 200, 5), ("/", 200, 9)]);
        let bare = snapshot.without_exchanges();
        assert!(bare.exchanges.is_empty());
        assert_eq!(Snapshot { exchanges: snapshot.exchanges.clone(), ..bare }, snapshot);
    }
}
