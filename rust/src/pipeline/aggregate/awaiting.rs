//! An exchange that waits for the names of its processes before it is judged.

use super::words::Words;
use crate::pipeline::exchange::{Ending, Finished};

/// An exchange that has ended. `T` identifies the rows in which it counts.
#[derive(Debug)]
pub struct Awaiting<T> {
    pub ticket: T,
    /// Set if the exchange is not counted yet, because the filter waits for the names.
    pub ending: Option<Ending>,
    pub finished: Finished,
    pub words: Option<Words>,
}
