//! The stream of CRYPTO frames (RFC 9000 §19.6), which carries the hello. Frames may come in any order, in any number of
//! packets, and more than once.

use super::packet::varint;
use crate::pipeline::steps;

/// The longest hello that is read, with its header.
const MAX_STREAM: usize = 64 * 1024;

/// Limit on the pieces that wait for an earlier one. Chrome cuts its hello into some ten pieces and shuffles them.
const MAX_PIECES: usize = 64;

/// Limit on the frames that are read of one packet.
const MAX_FRAMES: usize = 256;

/// The beginning of the stream, and pieces from further on.
#[derive(Debug, Default)]
pub struct CryptoStream {
    front: Vec<u8>,
    /// Offsets and bytes, in the order in which they came.
    pieces: Vec<(usize, Vec<u8>)>,
    held: usize,
}

/// The frames are not what RFC 9000 allows in an `Initial` packet, or there are too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken;

impl CryptoStream {
    /// Bytes that are kept.
    pub fn held(&self) -> usize {
        self.held
    }

    /// The bytes from the beginning of the stream to the first that is missing.
    pub fn front(&self) -> &[u8] {
        &self.front
    }

    /// Takes the frames of a packet.
    pub fn push(&mut self, mut frames: &[u8]) -> Result<(), Broken> {
        for _ in 0..MAX_FRAMES {
            let padding = frames.iter().take_while(|&&byte| byte == 0).count();
            steps::add(1 + padding);
            frames = &frames[padding..];
            let Some((kind, rest)) = frames.split_first() else { return Ok(()) };
            frames = match kind {
                0x01 => Some(rest),
                0x02 | 0x03 => acknowledgement(rest, *kind == 0x03),
                0x06 => self.frame(rest),
                // CONNECTION_CLOSE is the last frame that matters.
                0x1c | 0x1d => return Ok(()),
                _ => None,
            }
            .ok_or(Broken)?;
        }
        Err(Broken)
    }

    /// Takes a CRYPTO frame, and returns what follows it.
    fn frame<'a>(&mut self, frame: &'a [u8]) -> Option<&'a [u8]> {
        let (offset, rest) = varint(frame)?;
        let (length, rest) = varint(rest)?;
        let (bytes, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
        let offset = usize::try_from(offset).ok().filter(|offset| offset.saturating_add(bytes.len()) <= MAX_STREAM)?;
        self.take(offset, bytes)?;
        Some(rest)
    }

    fn take(&mut self, offset: usize, bytes: &[u8]) -> Option<()> {
        steps::add(bytes.len());
        if offset > self.front.len() {
            let is_known = self.pieces.iter().any(|(at, piece)| *at == offset && piece.len() >= bytes.len());
            steps::add(self.pieces.len());
            if !is_known && (self.pieces.len() == MAX_PIECES || self.held + bytes.len() > 2 * MAX_STREAM) {
                return None;
            }
            if !is_known {
                self.held += bytes.len();
                self.pieces.push((offset, bytes.to_vec()));
            }
            return Some(());
        }
        self.extend(offset, bytes);
        while let Some(at) = self.pieces.iter().position(|(at, _)| *at <= self.front.len()) {
            steps::add(1 + at);
            let (offset, piece) = self.pieces.swap_remove(at);
            self.held -= piece.len();
            self.extend(offset, &piece);
        }
        Some(())
    }

    fn extend(&mut self, offset: usize, bytes: &[u8]) {
        let known = self.front.len() - offset;
        if let Some(new) = bytes.get(known..) {
            self.held += new.len();
            self.front.extend_from_slice(new);
        }
    }
}

/// Passes an ACK frame (RFC 9000 §19.3).
fn acknowledgement(frame: &[u8], has_counts: bool) -> Option<&[u8]> {
    let (_largest, rest) = varint(frame)?;
    let (_delay, rest) = varint(rest)?;
    let (count, mut rest) = varint(rest)?;
    // A range takes two bytes at least.
    if count > rest.len() as u64 {
        return None;
    }
    for _ in 0..1 + 2 * count + if has_counts { 3 } else { 0 } {
        steps::add(1);
        (_, rest) = varint(rest)?;
    }
    Some(rest)
}
