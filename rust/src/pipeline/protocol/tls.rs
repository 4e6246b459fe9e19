//! TLS: reads the `ClientHello` at the start of one direction, and decrypts the records if their secrets are known.

mod cipher;
mod decryption;
mod follow;
mod handshake;
pub mod hello;
pub mod keys;
mod record;
mod schedule;
mod search;
mod side;
mod suite;
#[cfg(test)]
pub(super) mod tests;
mod waiting;

pub use decryption::{Crypt, Decryption, Outlet};

use crate::pipeline::decode::Direction;
use crate::pipeline::exchange::Sink;
use hello::{ClientHello, Progress};

/// Reads the `ClientHello` of a connection.
#[derive(Debug)]
pub struct Tls {
    /// The direction in which TLS was recognised.
    speaker: Direction,
    hello: ClientHello,
}

impl Tls {
    /// A connection that speaks TLS in the direction `speaker`.
    pub fn new(speaker: Direction) -> Self {
        Self { speaker, hello: ClientHello::default() }
    }

    /// Returns whether `direction` is the one in which TLS was recognised.
    pub fn is_spoken(&self, direction: Direction) -> bool {
        self.speaker == direction
    }

    /// Bytes kept of the hello.
    pub fn held(&self) -> usize {
        self.hello.held()
    }

    /// Takes the next bytes of the hello, or `None` if bytes are missing. Returns false once the hello is complete or
    /// cannot be read. Reports the server name to `sink`, if there is one.
    pub fn push(&mut self, bytes: Option<&[u8]>, sink: &mut impl Sink) -> bool {
        match bytes.map_or(Progress::Done(None), |bytes| self.hello.push(bytes)) {
            Progress::More => true,
            Progress::Done(name) => {
                if let Some(name) = name {
                    sink.server_name(&name);
                }
                false
            }
        }
    }
}
