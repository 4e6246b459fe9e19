//! What can be wrong with a filter, and the limits on filters.

use std::fmt;

/// Maximum length of a filter in bytes. Nobody types more; a program that writes filters can still name many hosts.
pub const MAX_LENGTH: usize = 4096;
/// Maximum number of terms, since all of them may be evaluated for each exchange.
pub const MAX_TERMS: usize = 128;
/// Maximum depth of parentheses and negations, since each level is a call of a function.
pub const MAX_DEPTH: usize = 32;

/// What is wrong with a filter, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Number of characters before the mistake.
    pub position: usize,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (at character {})", self.message, self.position + 1)
    }
}
