//! Records that cannot be read yet: their secrets have not come, or the other side has to speak first.

use std::collections::VecDeque;

use crate::pipeline::decode::{Direction, SeqNumber};
use crate::pipeline::packet::{SECOND, Timestamp};

/// Limit on the bytes that wait on one connection: a large response.
pub const MAX_WAITING: usize = 4 * 1024 * 1024;
/// Limit on the bytes that wait on all connections of a worker.
pub const MAX_WAITING_TOTAL: usize = 32 * 1024 * 1024;
/// Nanoseconds for which secrets are waited for. Programs write them before their first record, and key logs are read
/// several times a second.
pub const PATIENCE: i64 = 10 * SECOND;

/// A piece of a stream.
#[derive(Clone, Copy, Debug)]
pub struct Piece<'a> {
    pub direction: Direction,
    /// As in `Chunk`.
    pub skipped: u64,
    pub bytes: &'a [u8],
    /// Sequence number of the first byte.
    pub seq: SeqNumber,
    /// As in `Chunk`.
    pub ack: Option<SeqNumber>,
    pub ts: Timestamp,
    /// True if the direction ends here.
    pub is_end: bool,
}

/// A piece of a stream that waits.
#[derive(Debug)]
pub struct Kept {
    pub direction: Direction,
    pub ts: Timestamp,
    skipped: u64,
    bytes: Box<[u8]>,
    seq: SeqNumber,
    ack: Option<SeqNumber>,
    /// Number of bytes that were read already.
    read: usize,
    is_end: bool,
}

impl Kept {
    /// Keeps a piece, of whose bytes only `rest` is left.
    pub fn new(piece: &Piece<'_>, rest: &[u8]) -> Self {
        let Piece { direction, skipped, seq, ack, ts, is_end, .. } = *piece;
        let seq = seq.plus((piece.bytes.len() - rest.len()) as u32);
        Self { direction, ts, skipped, bytes: rest.into(), seq, ack, read: 0, is_end }
    }

    /// The piece, as far as it was not read yet.
    pub fn piece(&self) -> Piece<'_> {
        let Self { direction, ts, skipped, ref bytes, seq, ack, read, is_end } = *self;
        Piece { direction, skipped, bytes: &bytes[read..], seq: seq.plus(read as u32), ack, ts, is_end }
    }

    /// Takes note that all but the last `rest` bytes were read.
    pub fn shorten(&mut self, rest: usize) {
        (self.read, self.skipped) = (self.bytes.len() - rest, 0);
    }

    /// Memory that the piece costs.
    pub fn cost(&self) -> usize {
        self.bytes.len() + size_of::<Self>()
    }
}

/// What waits on a connection, in the order in which it came.
#[derive(Debug)]
pub struct Waiting {
    pub queue: VecDeque<Kept>,
    /// Memory of the queue.
    pub cost: usize,
    /// When the first piece came.
    pub since: Timestamp,
    /// Generation of the key store when the secret was missing.
    pub generation: u64,
    /// The direction whose secret is missing. Then both directions wait, so that their order stays.
    pub for_key: Option<Direction>,
    /// True if the client waits until the server has said whether it takes early data.
    pub for_server: bool,
    /// True if too much has waited, and everything was dropped.
    pub is_full: bool,
}

impl Waiting {
    pub fn new(since: Timestamp) -> Self {
        let (queue, cost, generation, for_key) = (VecDeque::new(), 0, 0, None);
        Self { queue, cost, since, generation, for_key, for_server: false, is_full: false }
    }

    /// True if secrets that come now are too late.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.since.plus(PATIENCE) < now
    }
}
