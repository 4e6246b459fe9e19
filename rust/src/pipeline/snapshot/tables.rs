//! Tables that merge by key: rows sorted by it, each key once.
//!
//! Rows that only one side has are taken as they are, and rows behind an `Arc` are shared until one of their holders
//! counts further. So a merge costs what both sides have in common, and a pointer for the rest.

use std::sync::Arc;

/// Names a row of any table: a host and a path where the row is a section, else the name of the row and an empty path.
pub type RowName = (Arc<str>, Arc<str>);

/// A row of a table that merges by key.
pub trait Row: Clone {
    /// Its name.
    fn key(&self) -> &Arc<str>;
    /// Adds what `other`, of the same key, counted.
    fn absorb(&mut self, other: &Self);
}

impl<R: Row> Row for Arc<R> {
    fn key(&self) -> &Arc<str> {
        R::key(self)
    }
    fn absorb(&mut self, other: &Self) {
        Self::make_mut(self).absorb(other);
    }
}

/// Merges two tables sorted by key.
pub fn merge_rows<R: Row>(mine: &mut Vec<R>, theirs: &[R]) {
    if mine.is_empty() {
        mine.extend_from_slice(theirs);
        return;
    }
    let (mut at, mut fresh) = (0, Vec::new());
    for other in theirs {
        at += seek(&mine[at..], other.key());
        match mine.get_mut(at) {
            Some(row) if is_same(row.key(), other.key()) => {
                row.absorb(other);
                at += 1;
            }
            _ => fresh.push((at, other)),
        }
    }
    insert(mine, &fresh);
}

/// One name: intervals share the memory of their names, so most often no byte is looked at.
fn is_same(a: &Arc<str>, b: &Arc<str>) -> bool {
    Arc::ptr_eq(a, b) || a == b
}

/// How many rows come before `key`: looked for near the beginning first, since tables are walked side by side.
fn seek<R: Row>(rows: &[R], key: &Arc<str>) -> usize {
    if rows.first().is_none_or(|row| is_same(row.key(), key)) {
        return 0;
    }
    let mut reach = 1;
    while rows.get(reach).is_some_and(|row| row.key() < key) {
        reach *= 2;
    }
    let near = &rows[..rows.len().min(reach)];
    near.partition_point(|row| row.key() < key)
}

/// Puts in rows, each before the row that is now at its position.
fn insert<R: Row>(rows: &mut Vec<R>, fresh: &[(usize, &R)]) {
    if fresh.is_empty() {
        return;
    }
    let mut merged = Vec::with_capacity(rows.len() + fresh.len());
    let mut fresh = fresh.iter().peekable();
    for (at, row) in rows.drain(..).enumerate() {
        while let Some(&(_, earlier)) = fresh.next_if(|(before, _)| *before == at) {
            merged.push(earlier.clone());
        }
        merged.push(row);
    }
    merged.extend(fresh.map(|&(_, row)| row.clone()));
    *rows = merged;
}

/// Brings rows in any order, perhaps with a key more than once, into the order of a table.
pub fn sort_rows<R: Row>(rows: &mut Vec<R>) {
    if rows.is_sorted_by(|a, b| a.key() < b.key()) {
        return;
    }
    rows.sort_by(|a, b| a.key().cmp(b.key()));
    rows.dedup_by(|later, kept| {
        let same = later.key() == kept.key();
        if same {
            kept.absorb(later);
        }
        same
    });
}
