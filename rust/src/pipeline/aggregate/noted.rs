//! What recording packets has to know of the exchanges that are counted: on which connections they were, and, if packets
//! are kept for alerts, what an alert can be about. Nothing is noted unless packets are recorded.

use super::ended::{Ended, facts_of_orphan};
use super::words::Words;
use super::{Aggregate, Ticket};
use crate::pipeline::exchange::{Finished, NoFields, Response, Sides};
use crate::pipeline::filter::{Facts, Known, Party};
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

    fn settle(&mut self, id: FlowId, is_over: bool) {
        let is_selected = std::mem::take(&mut self.is_selected);
        self.settled.push(Settled { id, is_over, is_selected, marks: self.marks.len() });
    }

    fn add(&mut self, facts: &Facts<'_>, client: &str) {
        Mark { facts: *facts, row_of_client: client }.write(&mut self.marks);
    }
}

impl Aggregate {
    /// From now on notes what recording packets has to know.
    pub fn note(&mut self, has_marks: bool) {
        self.noted = Some(Box::new(Noted::new(has_marks)));
    }

    /// What was noted, for the caller to read and clear; `None` unless [`Self::note`] was called.
    pub fn noted(&mut self) -> Option<&mut Noted> {
        self.noted.as_deref_mut()
    }

    /// Notes that an exchange on the current connection is counted.
    #[inline]
    pub(super) fn select(&mut self) {
        if let Some(noted) = &mut self.noted {
            noted.is_selected = true;
        }
    }

    pub(super) fn settle(&mut self, id: FlowId, is_over: bool) {
        if let Some(noted) = &mut self.noted {
            noted.settle(id, is_over);
        }
    }

    /// True if exchanges are marked when they have ended.
    #[inline]
    pub(super) fn marks(&self) -> bool {
        self.noted.as_ref().is_some_and(|noted| noted.has_marks)
    }

    /// Marks an exchange that has ended.
    pub(super) fn mark(&mut self, ticket: Ticket, finished: &Finished, words: Option<&Words>) {
        let row = self.clients.name(ticket.client);
        let client = self.listed_client(ticket, finished.exchange.client);
        let Some(noted) = &mut self.noted else { return };
        let ended = Ended { hosts: &self.hosts, interfaces: &self.interfaces, client, ticket, finished, words };
        let (host, section) = self.hosts.texts(ticket.row);
        let facts = Facts {
            host: Some(host),
            section: Some(section),
            path: words.map(|words| words.path.as_bytes()),
            method: Some(finished.exchange.method.name().as_bytes()),
            interface: Some(self.interfaces.text(finished.interface)),
            user_agent: words.map(|words| words.user_agent.as_bytes()),
            client: Some(Party::End(client)),
            server: Some(Party::End(finished.exchange.server)),
            outcome: ended.outcome(),
            is_within: false,
        };
        noted.add(&facts, &row);
    }

    /// Marks a response without a request. `self.host` has the name of its host.
    pub(super) fn mark_orphan(&mut self, ticket: Ticket, sides: &Sides<'_>, response: &Response) {
        let row = self.clients.name(ticket.client);
        let address = self.client_address(sides, &NoFields);
        let Some(noted) = &mut self.noted else { return };
        noted.add(&facts_of_orphan(&self.host, &self.interfaces, sides, address, response), &row);
    }
}
