//! Capture files: pcap and pcapng, in either byte order, plain or compressed, from disk or a pipe.
//!
//! A file is read in blocks. Records are handed over as slices of a block, or as places in it, in order of time. A
//! packet that cannot be read is counted. A file that is damaged from some point on is read up to there, and that is
//! reported.

mod blocks;
mod capture_file;
mod described;
mod input;
mod lent;
mod lines;
mod order;
mod pages;
mod pcap;
mod pcapng;
mod record;
mod unpack;

pub use super::named::name_of;
pub use blocks::{Lease, Pace, Patient};
pub use capture_file::CaptureFile;
pub use lent::Lent;
pub use lines::{Line, Lines};
pub use order::{FirstBlock, Given, InOrder};
pub use record::{FileInterface, Missing, Problem, Reach, Record};

#[cfg(test)]
mod blocks_tests;
#[cfg(test)]
mod order_tests;
#[cfg(test)]
mod tests;
