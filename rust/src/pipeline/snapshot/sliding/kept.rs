//! A [`Sliding`] as bytes: a capture that goes on after a restart takes up its sums.

use super::super::binary::{Field, Unreadable, pack, unpack};
use super::super::tables::RowName;
use super::column::{Column, Sum};
use super::table::Sliding;
use crate::pipeline::histogram::Histogram;
use crate::pipeline::packet::Timestamp;

/// The steps of a column: their ends and parts.
type Steps<P> = Vec<(Timestamp, Vec<(u64, P)>)>;
/// The names of all rows with the time when each was last seen, and the steps of all columns.
type Kept = ((Timestamp, Vec<(RowName, Timestamp)>), (Vec<Steps<u64>>, Vec<Steps<Histogram>>));

impl Sliding {
    /// Writes rows and steps, without the amounts and spans of the columns.
    pub fn dump(&self) -> Vec<u8> {
        let (rows, places) = self.rows();
        let counts = self.counts.iter().map(|(_, column)| column.dump(&places)).collect();
        let times = self.times.iter().map(|(_, column)| column.dump(&places)).collect();
        let kept: Kept = ((self.now, rows), (counts, times));
        pack(&kept)
    }

    /// Takes up what [`Self::dump`] of a table with the same columns wrote. Leaves the table as it is if that fails.
    pub fn load(&mut self, bytes: &[u8]) -> Result<(), Unreadable> {
        let ((now, rows), (counts, times)): Kept = unpack(bytes)?;
        let limit = rows.len() as u64;
        let is_sound = counts.len() == self.counts.len()
            && times.len() == self.times.len()
            && counts.iter().flatten().all(|(_, parts)| parts.iter().all(|&(row, _)| row < limit))
            && times.iter().flatten().all(|(_, parts)| parts.iter().all(|&(row, _)| row < limit));
        if !is_sound || !self.take_rows(rows) {
            return Err(Unreadable::Damaged);
        }
        self.now = now;
        self.since = Some(now);
        for ((_, column), steps) in self.counts.iter_mut().zip(counts) {
            column.load(steps);
        }
        for ((_, column), steps) in self.times.iter_mut().zip(times) {
            column.load(steps);
        }
        self.count_uses();
        Ok(())
    }
}

impl<S: Sum> Column<S>
where
    S::Part: Field,
{
    fn dump(&self, places: &[u64]) -> Steps<S::Part> {
        let placed = |(row, part): &(u32, S::Part)| (places[*row as usize], part.clone());
        self.steps().map(|step| (step.end, step.parts.iter().map(placed).collect())).collect()
    }

    fn load(&mut self, steps: Steps<S::Part>) {
        *self = Self::new(self.span);
        for (end, parts) in steps {
            self.push(end, parts.into_iter().map(|(row, part)| (row as u32, part)).collect());
        }
    }
}
