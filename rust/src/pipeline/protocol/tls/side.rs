//! One direction of a connection that is decrypted: its keys, its records, and how far its plaintext has come.

use super::cipher::{Ciphers, Protection};
use super::handshake::Messages;
use super::keys::Label;
use super::places::Places;
use super::record::{Buffers, Records};
use super::suite::Suite;
use crate::pipeline::decode::SeqNumber;
use crate::pipeline::packet::Timestamp;
use crate::pipeline::reassembly::{Chunk, UNKNOWN_LENGTH};

/// Which keys protect the records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// None yet.
    #[default]
    Plain,
    /// Those of early data (TLS 1.3).
    Early,
    /// Those of the handshake (TLS 1.3).
    Handshake,
    /// Those of application data.
    Application,
    /// Keys that stay unknown: the direction is not read any more, while the other one is.
    Unread,
}

impl Stage {
    /// The stages of TLS 1.3 in which records are protected.
    pub const PROTECTED: [Self; 3] = [Self::Early, Self::Handshake, Self::Application];

    /// The secret from which the keys of the stage are made; `None` if there are no keys.
    pub fn label(self, suite: Suite, is_client: bool) -> Option<Label> {
        match (self, is_client) {
            (Self::Plain | Self::Unread, _) => None,
            (Self::Application, _) if !suite.is_tls13 => Some(Label::Master),
            (Self::Early, _) => Some(Label::Early),
            (Self::Handshake, true) => Some(Label::ClientHandshake),
            (Self::Handshake, false) => Some(Label::ServerHandshake),
            (Self::Application, true) => Some(Label::ClientTraffic),
            (Self::Application, false) => Some(Label::ServerTraffic),
        }
    }
}

/// One direction.
#[derive(Debug, Default)]
pub struct Side {
    pub stage: Stage,
    pub protection: Option<Protection>,
    /// Sequence number of the next record.
    pub seq: u64,
    pub records: Records,
    /// The handshake message that has begun, if one has.
    pub messages: Option<Box<Messages>>,
    /// Set while the next record is looked for behind a hole: bytes that are missing since the last known boundary,
    /// up to [`u32::MAX`].
    pub lost: Option<u32>,
    /// Bytes of plaintext that are missing before the next, see [`Chunk::skipped`].
    hole: u64,
    /// Where its plaintext is.
    pub places: Places,
    /// Length of the newest record.
    pub usual: u16,
    /// True once plaintext was handed on.
    has_begun: bool,
    /// True once a record was opened.
    pub has_opened: bool,
    /// True if a record had padding, so that lengths of ciphertext do not tell lengths of plaintext.
    pub is_padded: bool,
    /// True while records may come that nobody can read: early data that the server does not take.
    pub may_not_open: bool,
    /// Number of records in a row that did not open.
    pub failures: u8,
}

impl Side {
    /// Bytes of buffers.
    pub fn held(&self) -> usize {
        self.records.partial.capacity() + self.messages.as_ref().map_or(0, |messages| messages.held())
    }

    /// True if no byte was seen.
    pub fn is_new(&self) -> bool {
        self.stage == Stage::Plain && self.records.partial.is_empty() && self.usual == 0
    }

    /// Enters a stage, whose first record comes next. `protection` may be found later.
    pub fn enter(&mut self, stage: Stage, protection: Option<Protection>, ciphers: &mut Ciphers) {
        self.stage = stage;
        self.protect(protection, ciphers);
        self.messages = None;
    }

    /// Changes the keys.
    pub fn protect(&mut self, protection: Option<Protection>, ciphers: &mut Ciphers) {
        if let Some(before) = std::mem::replace(&mut self.protection, protection) {
            ciphers.forget(&before);
        }
        self.seq = 0;
    }

    /// Notes that `records` records are missing, which have `length` bytes together.
    pub fn lose(&mut self, records: u64, length: u64) {
        self.seq += records;
        if self.stage != Stage::Application || records == 0 {
            return;
        }
        let exact = self.protection.as_ref().filter(|by| by.is_exact() && !self.is_padded);
        let bytes = exact.and_then(|by| length.checked_sub(records * by.overhead() as u64));
        self.hole = bytes.map_or(UNKNOWN_LENGTH, |bytes| self.hole.saturating_add(bytes));
    }

    /// Adds bytes to those that are missing, if a record is looked for.
    pub fn lose_more(&mut self, bytes: u64) {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.lost = self.lost.map(|lost| lost.saturating_add(bytes));
    }

    /// True if plaintext is missing since the newest chunk.
    pub fn has_hole(&self) -> bool {
        self.hole > 0
    }

    /// Notes that plaintext of unknown length is missing.
    pub fn lose_unknown(&mut self) {
        self.hole = UNKNOWN_LENGTH;
    }

    /// Makes the next chunk of plaintext, which begins at `seq`. `ack` is how much of the other direction its sender had
    /// received.
    pub fn chunk<'a>(
        &mut self,
        bytes: &'a [u8],
        seq: SeqNumber,
        ack: Option<SeqNumber>,
        ts: Timestamp,
    ) -> Option<Chunk<'a>> {
        let skipped = std::mem::take(&mut self.hole);
        if bytes.is_empty() && skipped == 0 {
            return None;
        }
        let start = !std::mem::replace(&mut self.has_begun, true) && skipped == 0;
        Some(Chunk { skipped, cut: false, bytes, seq, ack, start, ts })
    }

    /// Reads no more, because secrets are missing.
    pub fn give_up(&mut self, ciphers: &mut Ciphers, buffers: &mut Buffers) {
        self.clear(ciphers, buffers);
        (self.stage, self.lost) = (Stage::Unread, None);
        self.lose_unknown();
    }

    /// Drops keys and buffers.
    pub fn clear(&mut self, ciphers: &mut Ciphers, buffers: &mut Buffers) {
        self.protect(None, ciphers);
        self.records.clear(buffers);
        self.messages = None;
    }
}
