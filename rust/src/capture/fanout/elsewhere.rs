//! Stands in for fanout groups on systems without them.

use std::io;
use std::os::fd::BorrowedFd;

/// A group that no socket can join.
#[derive(Debug, Default)]
pub struct FanoutGroup;

impl FanoutGroup {
    /// Fails: this system has no such groups.
    pub fn join(&mut self, _: BorrowedFd<'_>) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// Fails: this system has no such filters.
pub fn shut(_: BorrowedFd<'_>) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
