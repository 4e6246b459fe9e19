//! Sums over the last seconds for each row of a table, for alert rules.
//!
//! A [`Sliding`] reads the same rows of each snapshot: the total, hosts, sections, clients or interfaces, or the rows of
//! a subset. Each of its
//! columns adds up one amount over one span. What leaves the span is subtracted, so an interval costs in proportion to
//! the rows that it has. Rows are known by name: a row that later snapshots fold or do not have counts 0 and keeps its
//! past. The row for the rest ([`OTHER`]) is not a row of its own.
//!
//! Time is given with each call, in the order of the calls, because packet time may run backwards.

mod amount;
mod column;
mod kept;
mod rows;
mod table;

pub use amount::{Amount, Parts};
pub use table::{Reading, Rows, Sliding};

#[cfg(test)]
mod tests;
