//! A [`Sliding`] as bytes: a capture that goes on after a restart takes up its sums.

use std::sync::Arc;

use super::super::binary::{Field, Unreadable, pack, unpack};
use super::super::tables::RowName;
use super::amount::Amount;
use super::column::{Column, Sum};
use super::table::Sliding;
use crate::pipeline::histogram::Histogram;
use crate::pipeline::packet::Timestamp;

/// The steps of a column: their ends and parts.
type Steps<P> = Vec<(Timestamp, Vec<(u64, P)>)>;
/// A column: the name of its amount and its span, since when it adds up, and its steps.
type Past<P> = ((Arc<str>, i64), (Option<Timestamp>, Steps<P>));
/// The time and when the table began, the names of all rows with the time when each was last seen, and all columns.
type Kept = ((Timestamp, Option<Timestamp>), (Vec<(RowName, Timestamp)>, (Vec<Past<u64>>, Vec<Past<Histogram>>)));

impl Sliding {
    /// Writes rows and columns.
    pub fn dump(&self) -> Vec<u8> {
        let (rows, places) = self.rows();
        let counts = self.counts.iter().map(|(amount, column)| column.dump(*amount, &places)).collect();
        let times = self.times.iter().map(|(amount, column)| column.dump(*amount, &places)).collect();
        let kept: Kept = ((self.now, self.since), (rows, (counts, times)));
        pack(&kept)
    }

    /// Takes up what [`Self::dump`] of a table of the same rows wrote, as far as both have the same amounts: an amount
    /// that is new begins at the time of the dump, and so does the part of a span that is longer than before. Leaves the
    /// table as it is if the bytes cannot be read.
    pub fn load(&mut self, bytes: &[u8]) -> Result<(), Unreadable> {
        let ((now, since), (rows, (counts, times))): Kept = unpack(bytes)?;
        let limit = rows.len() as u64;
        let is_sound = are_below(limit, &counts) && are_below(limit, &times);
        if !is_sound || !self.take_rows(rows) {
            return Err(Unreadable::Damaged);
        }
        (self.now, self.since) = (now, since);
        let new = since.map(|_| now);
        for (amount, column) in &mut self.counts {
            column.load(*amount, &counts, now, new);
        }
        for (amount, column) in &mut self.times {
            column.load(*amount, &times, now, new);
        }
        self.count_uses();
        Ok(())
    }
}

/// Whether the numbers of all rows are below a limit.
fn are_below<P>(limit: u64, columns: &[Past<P>]) -> bool {
    let steps = columns.iter().flat_map(|(_, (_, steps))| steps);
    steps.flat_map(|(_, parts)| parts).all(|&(row, _)| row < limit)
}

impl<S: Sum> Column<S>
where
    S::Part: Field,
{
    fn dump(&self, amount: Amount, places: &[u64]) -> Past<S::Part> {
        let placed = |(row, part): &(u32, S::Part)| (places[*row as usize], part.clone());
        let steps = self.steps().map(|step| (step.end, step.parts.iter().map(placed).collect())).collect();
        ((amount.to_string().into(), self.span), (self.begun, steps))
    }

    /// Takes the steps of the column with the same amount and span or, if there is none, of the longest span. Without a
    /// column of that amount, the sums begin at `new`.
    fn load(&mut self, amount: Amount, columns: &[Past<S::Part>], now: Timestamp, new: Option<Timestamp>) {
        *self = Self::new(self.span);
        let name = amount.to_string();
        let same = columns.iter().filter(|((known, _), _)| **known == *name);
        let Some(((_, span), (begun, steps))) = same.max_by_key(|((_, span), _)| (*span == self.span, *span)) else {
            self.begun = new;
            return;
        };
        self.begun = begun.map(|begun| begun.max(now.plus(span.saturating_neg())));
        let horizon = now.plus(-self.span);
        for (end, parts) in steps.iter().filter(|(end, _)| *end > horizon) {
            self.push(*end, parts.iter().map(|(row, part)| (*row as u32, part.clone())).collect());
        }
    }
}
