//! Where the lines of key logs go.

use std::fmt;
use std::sync::Arc;

/// A function that takes a line.
type TakeLine = dyn Fn(&[u8]) + Send + Sync;

/// Takes the lines of key logs.
#[derive(Clone)]
pub struct LineSink(Arc<TakeLine>);

impl LineSink {
    /// Calls `take` with each line.
    pub fn new(take: impl Fn(&[u8]) + Send + Sync + 'static) -> Self {
        Self(Arc::new(take))
    }

    /// Hands over a line.
    pub fn take(&self, line: &[u8]) {
        (self.0)(line);
    }
}

impl fmt::Debug for LineSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LineSink")
    }
}
