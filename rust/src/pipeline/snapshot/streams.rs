//! What only some protocols have to count: streams that are reset, messages, statuses of gRPC, and codes with which
//! WebSocket connections are closed. Rows of HTTP/1 have none of it, so it is kept apart.

use std::sync::LazyLock;

use serde::Deserialize;

use super::counters::counters;
use super::tally::Tally;
use crate::pipeline::exchange::{ErrorCode, GrpcStatus, Protocol};

/// Most codes with which WebSocket connections are closed that a row counts one by one. Applications define codes of their own,
/// and few define more.
pub const MAX_CLOSE_CODES: usize = 32;
/// Stands for all other codes. No WebSocket can be closed with it.
pub const OTHER_CLOSE_CODES: u16 = 0;

counters! {
    /// Counts of streams and their messages.
    Streams {
        /// Messages of clients.
        request_messages,
        /// Messages of servers.
        response_messages,
    } and {
        /// Requests by protocol, except those of HTTP/1.
        protocols: Tally<Protocol>,
        /// gRPC calls that have ended, by status.
        grpc_statuses: Tally<GrpcStatus>,
        /// WebSocket connections closed by the client, by code.
        client_close_codes: Tally<u16>,
        /// WebSocket connections closed by the server, by code.
        server_close_codes: Tally<u16>,
        /// Streams reset by the client, by code.
        client_resets: Tally<ErrorCode>,
        /// Streams reset by the server, by code.
        server_resets: Tally<ErrorCode>,
    }
}

/// Stands for all that counted nothing.
static NOTHING: LazyLock<Streams> = LazyLock::new(Streams::default);

/// [`Streams`] that take the room of a pointer until something is counted.
#[derive(Clone, Debug, Default)]
pub struct Rare(Option<Box<Streams>>);

impl Rare {
    /// What was counted.
    pub fn get(&self) -> &Streams {
        self.0.as_deref().unwrap_or(&NOTHING)
    }

    /// What was counted, to count more.
    pub fn add(&mut self) -> &mut Streams {
        self.0.get_or_insert_default()
    }

    /// True if nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.0.as_deref().is_none_or(|streams| *streams == *NOTHING)
    }

    /// Adds what `other` counted.
    pub fn merge(&mut self, other: &Self) {
        if let Some(other) = &other.0 {
            self.add().merge(other);
        }
    }

    /// Counts the least frequent codes of WebSocket beyond [`MAX_CLOSE_CODES`] as one.
    pub fn fold(&mut self) {
        if let Some(streams) = &mut self.0 {
            streams.client_close_codes.fold(MAX_CLOSE_CODES, OTHER_CLOSE_CODES);
            streams.server_close_codes.fold(MAX_CLOSE_CODES, OTHER_CLOSE_CODES);
        }
    }

    /// True if there are more codes of WebSocket than [`Self::fold`] leaves.
    pub fn is_wide(&self) -> bool {
        let tallies = |streams: &Streams| [streams.client_close_codes.len(), streams.server_close_codes.len()];
        self.0.as_deref().is_some_and(|streams| tallies(streams).iter().any(|len| *len > MAX_CLOSE_CODES + 1))
    }
}

impl PartialEq for Rare {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (None, None) => true,
            _ => self.get() == other.get(),
        }
    }
}

impl Eq for Rare {}

impl From<Streams> for Rare {
    fn from(streams: Streams) -> Self {
        Self((streams != *NOTHING).then(|| Box::new(streams)))
    }
}

impl Streams {
    /// Counts that one side has closed a WebSocket with this code.
    pub fn close(&mut self, by_client: bool, code: u16) {
        let codes = if by_client { &mut self.client_close_codes } else { &mut self.server_close_codes };
        codes.add_within(MAX_CLOSE_CODES, code, OTHER_CLOSE_CODES, 1);
    }

    /// Counts that one side has reset a stream with this code.
    pub fn reset(&mut self, by_client: bool, code: ErrorCode) {
        let codes = if by_client { &mut self.client_resets } else { &mut self.server_resets };
        codes.add(code, 1);
    }

    /// Streams that one side or the other has reset.
    pub fn resets(&self) -> u64 {
        self.client_resets.total().saturating_add(self.server_resets.total())
    }

    /// Calls of gRPC that have failed.
    pub fn grpc_errors(&self) -> u64 {
        self.grpc_statuses.sum(|status| status != GrpcStatus::OK)
    }

    /// Messages of both sides.
    pub fn messages(&self) -> u64 {
        self.request_messages.saturating_add(self.response_messages)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_that_are_all_zero_are_equal_to_none() {
        let mut empty = Rare::default();
        empty.add();
        assert_eq!(empty, Rare::default());
        assert!(empty.is_empty());
        empty.add().request_messages += 1;
        assert_ne!(empty, Rare::default());
        assert!(!empty.is_empty());
    }

    #[test]
    fn a_million_codes_of_strangers_take_the_room_of_a_few() {
        let mut streams = Streams::default();
        (1..=u16::MAX).for_each(|code| streams.close(true, code));
        assert_eq!(streams.client_close_codes.len(), MAX_CLOSE_CODES + 1);
        assert_eq!(streams.client_close_codes.total(), u64::from(u16::MAX), "none is lost");
        let mut wide = Rare::default();
        for code in 1000..1100 {
            let mut one = Rare::default();
            one.add().close(false, code);
            wide.merge(&one);
        }
        assert!(wide.is_wide());
        wide.fold();
        assert!(!wide.is_wide());
        assert_eq!(wide.get().server_close_codes.total(), 100);
    }
}
