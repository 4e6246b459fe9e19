//! The native core of netmon: packets in, one mergeable [`Snapshot`](pipeline::snapshot::Snapshot) per interval out.
//!
//! ```text
//! capture -> decode -> defragment -> flow (connections, reassembly, quality) -> protocol -> aggregate -> snapshot
//!  edge: libpcap, files |     pure: no I/O, no clock, no logging; time is an argument     | edge: Python
//! ```
//!
//! [`capture`] hands over packets, [`pipeline`] turns them into counts, [`engine`] closes intervals and queues their
//! snapshots, [`privileges`] gives up rights, [`arrow`] lays their rows out for data frames, [`metrics`] adds them up for monitoring systems, `python` shows them to Python. Each knows only what stands left of it.
//!
//! The laws, each a property test beside the code it binds:
//!
//! - A snapshot is a monoid: merging is associative and commutative, so a window, a file, several workers and several
//!   machines are all merges.
//! - Conservation: sections sum to their host, hosts to the total, for every counter, whatever the caps.
//! - Cutting, reordering and duplicating segments changes no message; losing some invents none.
//! - Loss is data: what was not seen is counted, and travels with every snapshot.
//! - No input panics, and every buffer has a bound with a name.

// The driver of tests, which tests outside of this crate share, calls it by its name.
#[cfg(test)]
extern crate self as _core;

pub mod arrow;
pub mod capture;
pub mod engine;
pub mod metrics;
pub mod pipeline;
pub mod privileges;
pub mod processes;
#[cfg(feature = "python")]
mod python;
