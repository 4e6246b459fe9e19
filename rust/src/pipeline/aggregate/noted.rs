//! What recording packets has to know of the exchanges that are counted: on which connections they were, and, if packets
//! are kept for alerts, what an alert can be about. Nothing is noted unless packets are recorded.

use crate::pipeline::filter::Facts;
use crate::pipeline::flow::FlowId;
use crate::pipeline::mark::Mark;

/// What was noted since [`Noted::clear`]: first of connections on which something was settled without a segment of
/// theirs, then of the connection of the segment that was taken.
#[derive(Debug, Default)]
pub struct Noted {
    /// True if an exchange on the connection of the segment was counted.
    pub is_selected: bool,
    /// The marks of all exchanges, one behind the other.
    pub marks: Vec<u8>,
    /// What was settled of other connections.
    pub settled: Vec<Settled>,
    /// True if exchanges are marked.
    pub has_marks: bool,
}

/// What was settled of a connection outside of its segments.
#[derive(Clone, Copy, Debug)]
pub struct Settled {
    /// The connection.
    pub id: FlowId,
    /// True if it has ended.
    pub is_over: bool,
    /// True if an exchange on it was counted.
    pub is_selected: bool,
    /// Where in [`Noted::marks`] its marks end. They begin where those of the one before end.
    pub marks: usize,
}

impl Noted {
    /// Notes nothing yet; with `has_marks`, exchanges will be marked.
    pub fn new(has_marks: bool) -> Self {
        Self { has_marks, ..Self::default() }
    }

    /// Forgets all, and keeps the memory.
    pub fn clear(&mut self) {
        self.is_selected = false;
        self.marks.clear();
        self.settled.clear();
    }

    /// What was noted since the last call belongs to this connection.
    pub fn settle(&mut self, id: FlowId, is_over: bool) {
        let is_selected = std::mem::take(&mut self.is_selected);
        self.settled.push(Settled { id, is_over, is_selected, marks: self.marks.len() });
    }

    /// Marks an exchange that has ended. `client` is the name of the row of its client.
    pub fn add(&mut self, facts: &Facts<'_>, client: &str) {
        Mark { facts: *facts, row_of_client: client }.write(&mut self.marks);
    }
}
