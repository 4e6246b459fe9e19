//! Notes for the recording of packets which exchanges are counted, and marks those that have ended.

use super::ended::{Ended, facts_of_orphan};
use super::noted::Noted;
use super::processes::of_processes;
use super::words::Words;
use super::{Aggregate, Ticket};
use crate::pipeline::exchange::{Finished, NoFields, Response, Sides};
use crate::pipeline::filter::{Facts, Known, Party};
use crate::pipeline::flow::FlowId;

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
        let parties = self.parties_of(finished).unwrap_or_default();
        let Some(noted) = &mut self.noted else { return };
        let ended = Ended {
            hosts: &self.hosts,
            interfaces: &self.interfaces,
            client,
            ticket,
            finished,
            words,
            parties: Some(&parties),
        };
        let (host, section) = self.hosts.texts(ticket.row);
        let facts = Facts {
            host: Some(host),
            section: Some(section),
            path: words.map(|words| words.path.as_bytes()),
            method: Some(finished.exchange.method.name().as_bytes()),
            protocol: Some(finished.exchange.protocol.name().as_bytes()),
            interface: Some(self.interfaces.text(finished.interface)),
            user_agent: words.map(|words| words.user_agent.as_bytes()),
            client: Some(Party::End(client)),
            server: Some(Party::End(finished.exchange.server)),
            outcome: ended.outcome(),
            ..of_processes(&parties)
        };
        noted.add(&facts, &row);
    }

    /// Marks a response without a request. `self.host` has the name of its host.
    pub(super) fn mark_orphan(&mut self, ticket: Ticket, sides: &Sides<'_>, response: &Response) {
        let row = self.clients.name(ticket.client);
        let address = self.client_address(sides, &NoFields);
        let parties = self.parties(sides.client(), sides.server()).unwrap_or_default();
        let Some(noted) = &mut self.noted else { return };
        noted.add(&facts_of_orphan(&self.host, &self.interfaces, sides, address, response, &parties), &row);
    }
}
