//! Looks for a frame where the position of the next one is not known.
//!
//! A header counts as likely if its type, flags and length are usual ones and its stream may be in use. A frame is found
//! - where three likely headers follow one another, or two of which the last frame ends with the segment,
//! - where a single frame is exactly a segment,
//! - where a likely header is at the place that an earlier one announced, in a later segment.
//!
//! Nothing is reported of what is passed until then.

use super::frame::{self, Frame, HEADER, Kind};
use crate::pipeline::steps;

/// Number of headers that are enough wherever they are.
const ENOUGH: usize = 3;

/// The result of a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// There is no frame.
    Nothing,
    /// A frame begins here.
    Frame(usize),
    /// A frame may begin in these bytes. `left` bytes behind them another one should begin. `hides_block` says that a
    /// header block may be among the frames that are passed.
    Maybe { left: u32, hides_block: bool },
}

/// True for a header that may be taken without a neighbour in the same segment.
pub fn fits(frame: &Frame) -> bool {
    frame.is_likely() && frame.kind != Kind::Continuation
}

/// Looks for a frame in `bytes`. `is_start` says that a segment begins with them.
pub fn find(bytes: &[u8], is_start: bool, may_follow: impl Fn(&Frame) -> bool) -> Found {
    let mut maybe = Found::Nothing;
    for at in 0..bytes.len() {
        match chain(&bytes[at..], is_start && at == 0, &may_follow) {
            Found::Frame(_) => return Found::Frame(at),
            found @ Found::Maybe { .. } if maybe == Found::Nothing => maybe = found,
            _ => {}
        }
    }
    maybe
}

/// Follows the headers from the start of `bytes` on.
fn chain(bytes: &[u8], is_segment: bool, may_follow: &impl Fn(&Frame) -> bool) -> Found {
    let (mut rest, mut seen, mut hides_block) = (bytes, 0, false);
    loop {
        let Some((header, behind)) = rest.split_first_chunk::<HEADER>() else { return Found::Nothing };
        // The type and the highest byte of the length rule out nearly all other bytes.
        if header[3] > frame::LAST_TYPE || u32::from(header[0]) > frame::LONGEST_DATA >> 16 {
            return Found::Nothing;
        }
        steps::add(1);
        let frame = Frame::read(header);
        if !fits(&frame) || !may_follow(&frame) {
            return Found::Nothing;
        }
        seen += 1;
        if seen == ENOUGH {
            return Found::Frame(0);
        }
        hides_block |= matches!(frame.kind, Kind::Headers | Kind::PushPromise);
        match behind.get(frame.length as usize..) {
            Some([]) if seen > 1 || is_segment => return Found::Frame(0),
            Some([]) => return Found::Maybe { left: 0, hides_block },
            Some(next) => rest = next,
            None => return Found::Maybe { left: frame.length - behind.len() as u32, hides_block },
        }
    }
}
