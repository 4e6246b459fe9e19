//! The content of a stream in one direction, read as it passes: nothing is kept of it but its position.

use super::grpc::Messages;
use crate::pipeline::exchange::GrpcStatus;

/// Reads the content of a stream in one direction: of a WebSocket, of server-sent events. It is told every byte of the
/// content, or its absence.
pub trait Watch: std::fmt::Debug + Send {
    /// Takes the next bytes.
    fn take(&mut self, bytes: &[u8]) -> Seen;
    /// The next `count` bytes cannot be seen; `None` if their number is not known.
    fn skip(&mut self, count: Option<u64>);
    /// Returns how many of the following bytes it has no need to see.
    fn unwanted(&self) -> u64;
}

/// What bytes have shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Messages or events.
    pub messages: u64,
    /// The code of a WebSocket that is closed.
    pub closed: Option<u16>,
    /// The status of a call of gRPC-Web.
    pub grpc: Option<GrpcStatus>,
}

/// The content of a stream in one direction.
#[derive(Debug, Default)]
pub enum Content {
    /// Only the length counts.
    #[default]
    Opaque,
    /// Messages of gRPC.
    Grpc(Messages),
    /// Anything else that is read.
    Watched(Box<dyn Watch>),
}

impl Content {
    /// Takes the next bytes.
    #[inline]
    pub fn take(&mut self, bytes: &[u8]) -> Seen {
        match self {
            Self::Opaque => Seen::default(),
            Self::Grpc(messages) => Seen { messages: messages.take(bytes), ..Seen::default() },
            Self::Watched(watch) => watch.take(bytes),
        }
    }

    /// The next `count` bytes cannot be seen; `None` if their number is not known.
    pub fn skip(&mut self, count: Option<u64>) {
        match self {
            Self::Opaque => {}
            Self::Grpc(messages) => messages.skip(count),
            Self::Watched(watch) => watch.skip(count),
        }
    }

    /// Returns how many of the following bytes need not be seen.
    #[inline]
    pub fn unwanted(&self) -> u64 {
        match self {
            Self::Opaque => u64::MAX,
            Self::Grpc(messages) => messages.unwanted(),
            Self::Watched(watch) => watch.unwanted(),
        }
    }
}
