//! What a reader reports to its [`Handler`].

use super::frame::Frame;
use crate::pipeline::packet::Timestamp;

/// A header block, with the frames that carried it.
#[derive(Clone, Copy, Debug)]
pub struct Block<'a> {
    pub stream: u32,
    /// True for a request that a server promises to answer unasked (RFC 9113 §8.4).
    pub is_promise: bool,
    /// The stream that is promised; 0 if it is not known.
    pub promised: u32,
    /// The fragments of the block; `None` if some of them were not seen, or if there were too many.
    pub bytes: Option<&'a [u8]>,
    /// True if nothing follows on the stream in this direction.
    pub ends_stream: bool,
    /// Length of the frames.
    pub size: u64,
    /// When the first byte was seen.
    pub since: Timestamp,
    /// When the last byte was seen.
    pub until: Timestamp,
}

/// A part of a DATA frame.
#[derive(Clone, Copy, Debug)]
pub struct Data<'a> {
    pub stream: u32,
    /// Bytes of the header of the frame, and of padding, in this part.
    pub framing: u64,
    /// The content of this part.
    pub bytes: &'a [u8],
    /// Bytes of content that could not be seen; there are none in `bytes` then.
    pub skipped: u64,
    /// True if it is not known how much of what was skipped is padding.
    pub is_vague: bool,
    /// True for the first part of its frame.
    pub begins: bool,
    /// When the first byte of the frame was seen.
    pub since: Timestamp,
    /// True for the last part of its frame.
    pub ends: bool,
    /// True for the last part of its stream in this direction.
    pub ends_stream: bool,
    /// When this part was seen.
    pub ts: Timestamp,
}

/// A frame that controls a stream or the connection.
#[derive(Clone, Copy, Debug)]
pub enum Control<'a> {
    /// A stream is reset.
    Reset { stream: u32, code: u32 },
    /// Settings, six bytes each.
    Settings(&'a [u8]),
    /// The sender takes no more streams; `last` is the last one that it may have taken.
    GoAway { last: u32, code: u32 },
}

/// An event in one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Synchronisation is lost: whole frames may have been missed.
    Gap,
    /// Header blocks were missed behind a gap.
    LostBlock,
    /// Frames that RFC 9113 does not allow, or that are too long to be kept.
    Malformed,
    /// A frame was found after a [`Self::Gap`].
    Resync,
    /// The snapshot length cut off a header block.
    TruncatedHead,
}

/// Takes the frames and events of one direction.
pub trait Handler {
    /// A header block has ended.
    fn block(&mut self, block: &Block<'_>);
    /// A part of a DATA frame was seen. Returns how many of the following bytes of content it has no need to see.
    fn data(&mut self, data: &Data<'_>) -> u64;
    /// Another frame was seen.
    fn control(&mut self, control: Control<'_>);
    /// An event happened.
    fn event(&mut self, event: Event);
    /// Returns whether a frame with this header may follow a hole, as far as the streams tell.
    fn may_follow(&self, frame: &Frame) -> bool;
}
