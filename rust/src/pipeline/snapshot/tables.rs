//! Tables that merge by key. The rows of a table are sorted by key, and each key occurs once.
//!
//! A row that only one table has is taken as it is. Rows in an `Arc` are shared until one of their owners changes them.
//! So a merge adds only the rows that both tables have, and copies a pointer for every other row.

use std::sync::Arc;

/// The name of a row of any table: host and path if the row is a section, else its name and an empty path.
pub type RowName = (Arc<str>, Arc<str>);

/// A row of a table that merges by key.
pub trait Row: Clone {
    /// Returns the name of the row, by which its table is sorted.
    fn key(&self) -> &Arc<str>;
    /// Adds the counts of `other`, a row with the same key.
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

/// Merges the table `theirs` into `mine`. Both are sorted by key.
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

/// True if the names are equal. Intervals share the memory of their names, so comparing the pointers is usually enough.
fn is_same(a: &Arc<str>, b: &Arc<str>) -> bool {
    Arc::ptr_eq(a, b) || a == b
}

/// Returns how many rows come before `key`. Searches near the beginning first, because both tables are walked in order.
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

/// Inserts rows, each before the row that is now at the given position.
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

/// Makes a table of rows in any order: sorts them by key and merges rows with the same key.
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
