//! Capture files: pcap and pcapng, in either byte order, plain or compressed, from disk or a pipe.
//!
//! Read in blocks; records are handed over as slices of them, or as places in them, in order of time. A packet that cannot be
//! read is counted. A file that is damaged from somewhere on is read up to there, and says so.

mod blocks;
mod capture_file;
mod described;
mod input;
mod order;
mod pages;
mod pcap;
mod pcapng;
mod record;
mod unpack;

pub use blocks::{Lease, Pace};
pub use capture_file::{CaptureFile, name_of};
pub use order::{Given, InOrder};
pub use record::{FileInterface, Missing, Problem, Reach, Record};

#[cfg(test)]
mod blocks_tests;
#[cfg(test)]
mod order_tests;
#[cfg(test)]
mod tests;
