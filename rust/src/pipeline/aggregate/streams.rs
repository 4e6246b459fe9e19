//! Counts how streams go on and end: messages, statuses of gRPC, resets, and codes of WebSocket.
//!
//! An exchange that a filter has not decided yet is counted as a whole when it has ended, and so is every exchange in
//! subsets. Its messages, its status of gRPC and its codes come with it.

use super::codes::{count_codes, count_grpc};
use super::{Aggregate, Ticket};
use crate::pipeline::exchange::{Codes, GrpcStatus};
use crate::pipeline::snapshot::Streams;

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

    /// Counts codes in the rows of their exchange.
    pub(super) fn count_codes(&mut self, ticket: Ticket, codes: Codes) {
        if codes != Codes::default() {
            self.count_streams(ticket, |streams| count_codes(streams, codes));
        }
    }
}

#[cfg(test)]
#[path = "streams_tests.rs"]
mod tests;
