//! Readers of a content that is a stream, in one direction: they count its messages as these pass, and keep nothing of it
//! but their position.

use crate::pipeline::exchange::GrpcStatus;
use crate::pipeline::steps;

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

/// Reads the content of a stream in one direction. It is told every byte of the content, or its absence.
pub trait Watch: std::fmt::Debug + Send {
    /// Reads what can be read at once of `bytes`, of which there is at least one. Returns the number of bytes.
    fn step(&mut self, bytes: &[u8], seen: &mut Seen) -> usize;
    /// The next `count` bytes cannot be seen; `None` if their number is not known.
    fn skip(&mut self, count: Option<u64>);
    /// Returns how many of the following bytes it has no need to see.
    fn unwanted(&self) -> u64;
    /// True if the rest was given up, because where its messages begin is not known any more. A reader that finds the
    /// next message by itself never gives up.
    fn is_lost(&self) -> bool {
        false
    }

    /// Takes the next bytes.
    fn take(&mut self, bytes: &[u8]) -> Seen {
        let (mut rest, mut seen) = (bytes, Seen::default());
        while !rest.is_empty() {
            steps::add(1);
            rest = &rest[self.step(rest, &mut seen)..];
        }
        seen
    }
}

/// For the tests of readers.
#[cfg(test)]
pub mod tests {
    use super::*;

    /// Lets readers take bytes in all pieces of one size. Returns what all of them have shown together.
    ///
    /// # Panics
    ///
    /// If the size of the pieces matters.
    pub fn in_pieces<W: Watch>(bytes: &[u8], new: impl Fn() -> W) -> Seen {
        let sum = |size: usize| {
            let (mut reader, mut sum) = (new(), Seen::default());
            for seen in bytes.chunks(size).map(|piece| reader.take(piece)) {
                let Seen { messages, closed, grpc } = seen;
                sum.messages += messages;
                (sum.closed, sum.grpc) = (sum.closed.or(closed), sum.grpc.or(grpc));
            }
            sum
        };
        let whole = sum(bytes.len().max(1));
        for size in 1..bytes.len().clamp(1, 64) {
            assert_eq!(sum(size), whole, "{} in pieces of {size}", bytes.escape_ascii());
        }
        whole
    }
}
