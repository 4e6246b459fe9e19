//! Counts how streams go on and end: messages, statuses of gRPC, resets, and codes of WebSocket.
//!
//! An exchange that a filter has not decided yet is counted as a whole when it has ended, and so is every exchange in
//! subsets. Its messages and its status of gRPC come with it. Codes do not, so they wait here.

use super::codes::{Code, Codes, Waiting, count_codes, count_grpc, of_one};
use super::{Aggregate, Ticket};
use crate::pipeline::exchange::GrpcStatus;
use crate::pipeline::snapshot::Streams;

/// Most codes that wait. A stream ends right after its reset, so these are nearly all of WebSocket connections of which one side
/// has closed and the other has not. Beyond this number, the oldest is not counted.
const MAX_WAITING: usize = 1024;

impl Aggregate {
    /// Counts in both rows of a ticket what HTTP/1 does not have.
    pub(super) fn count_streams(&mut self, ticket: Ticket, count: impl Fn(&mut Streams)) {
        count(self.hosts.counts(ticket.row).streams.add());
        count(self.clients.counts(ticket.client).streams.add());
    }

    /// Counts messages in the rows of an exchange.
    pub(super) fn count_messages(&mut self, ticket: Ticket, of_request: bool, messages: u64) {
        if messages == 0 {
            return;
        }
        self.count_streams(ticket, |streams| {
            let counter = if of_request { &mut streams.request_messages } else { &mut streams.response_messages };
            *counter = counter.saturating_add(messages);
        });
    }

    /// Counts the status of a gRPC call in its rows. `status` is that of its response.
    pub(super) fn count_grpc(&mut self, ticket: Ticket, grpc: GrpcStatus, status: Option<u16>) {
        for counts in [self.hosts.counts(ticket.row), self.clients.counts(ticket.client)] {
            count_grpc(counts, grpc, status);
        }
    }

    /// Counts a code in the rows of its exchange, unless the exchange is not decided. Keeps it for the end of the
    /// exchange, if something is counted then.
    pub(super) fn code(&mut self, ticket: Ticket, by_client: bool, code: Code) {
        if !ticket.row.is_somewhere() {
            return;
        }
        if ticket.row.counts() {
            self.count_codes(ticket, of_one(by_client, code));
            if self.subsets.is_empty() {
                return;
            }
        }
        if self.waiting_codes.len() >= MAX_WAITING {
            self.waiting_codes.pop_front();
        }
        let ticket = Ticket { row: ticket.row.now(), ..ticket };
        self.waiting_codes.push_back(Waiting { ticket, by_client, code });
    }

    /// Counts codes in the rows of their exchange.
    pub(super) fn count_codes(&mut self, ticket: Ticket, codes: Codes) {
        if codes != Codes::default() {
            self.count_streams(ticket, |streams| count_codes(streams, codes));
        }
    }

    /// Takes the codes of an exchange that has ended. A side ends a stream once, so a second code of the same side
    /// belongs to another exchange of the same rows.
    pub(super) fn take_codes(&mut self, ticket: Ticket) -> Codes {
        let mut codes = Codes::default();
        if self.waiting_codes.is_empty() {
            return codes;
        }
        let ticket = Ticket { row: ticket.row.now(), ..ticket };
        for by_client in [false, true] {
            let is_meant = |one: &Waiting<Ticket>| one.ticket == ticket && one.by_client == by_client;
            let found = self.waiting_codes.iter().position(is_meant).and_then(|at| self.waiting_codes.remove(at));
            codes[usize::from(by_client)] = found.map(|one| one.code);
        }
        codes
    }
}

#[cfg(test)]
#[path = "streams_tests.rs"]
mod tests;
