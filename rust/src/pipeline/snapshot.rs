//! Everything counted in one interval. Snapshots are a monoid: [`Snapshot::merge`] is associative and commutative, and
//! `Snapshot::default()` is its identity. Screens, exports and alerts all use merges of snapshots.
//!
//! Rows are sorted by their key, so snapshots with equal contents are equal. Merging never drops a row.
//! [`Snapshot::folded`] does, and counts the dropped rows.

mod binary;
mod capture;
mod clients;
mod columns;
mod connections;
mod counters;
mod counts;
mod csv;
mod endpoints;
mod exchanges;
mod fold;
mod hosts;
mod interfaces;
mod json;
mod limits;
mod matching;
mod merge;
mod open;
mod per;
mod point;
mod processes;
mod rank;
mod remarkable;
mod scale;
mod servers;
mod sliding;
mod standing;
mod streams;
mod subsets;
mod sum;
mod tables;
mod tally;
mod values;
mod window;

pub use binary::{Field, Unreadable, pack, unpack};
pub use capture::{Capture, Gauge, Halvings};
pub use clients::Client;
pub use columns::{Batch, Column, MAX_ROWS, Place, Table, Texts, Values};
#[cfg(feature = "python")]
pub(crate) use connections::connection_fields;
pub use connections::{Connection, sort_connections};
pub use counts::{Counts, Tcp, Traffic};
pub use csv::is_formula;
pub use endpoints::{client_name, portless};
pub use exchanges::{NamedExchange, keep_slowest, slowest};
pub use hosts::{Host, Section};
pub use interfaces::{Interface, InterfaceState};
pub use limits::{Limits, MAX_ADDRESSES, MAX_KINDS, OTHER, UNKNOWN};
pub use matching::{Matching, facts_of};
pub use merge::Snapshot;
#[cfg(feature = "python")]
pub(crate) use open::stream_fields;
pub use open::{OpenStream, OpenStreams};
pub use per::Per;
pub use point::Point;
pub use processes::{Process, processes};
pub use rank::{Ranking, SortKey};
pub use remarkable::{keep, remarkable};
pub use servers::{Before, Server, ServerName};
pub use sliding::{Amount, Parts, Reading, Rows, Sliding};
pub use standing::{Kind, Standing, Weighing};
pub use streams::{MAX_CLOSE_CODES, OTHER_CLOSE_CODES, Rare, Streams};
pub use subsets::{Subset, SubsetRow, find as find_subset};
pub use sum::Sum;
pub use tables::{RowName, sort_rows};
pub use tally::{Tally, TallyKey};
pub use window::{Window, settled};

#[cfg(test)]
mod tests;
