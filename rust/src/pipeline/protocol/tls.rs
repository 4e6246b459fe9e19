//! TLS: one direction of it is read for as long as a client says hello. The records behind are not decrypted.

pub mod hello;

use crate::pipeline::decode::Direction;
use crate::pipeline::exchange::Sink;
use hello::{ClientHello, Progress};

/// The hello of a connection being read.
#[derive(Debug)]
pub struct Tls {
    /// The direction in which the connection began to speak TLS.
    speaker: Direction,
    hello: ClientHello,
}

impl Tls {
    /// A connection that speaks TLS in that direction.
    pub fn new(speaker: Direction) -> Self {
        Self { speaker, hello: ClientHello::default() }
    }

    /// This direction speaks TLS.
    pub fn is_spoken(&self, direction: Direction) -> bool {
        self.speaker == direction
    }

    /// Bytes kept.
    pub fn held(&self) -> usize {
        self.hello.held()
    }

    /// Goes on with the hello. False once it is whole, or cannot be read: `None` stands for bytes that are missing.
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
