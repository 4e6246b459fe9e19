//! Laws of the readers that take bytes in any pieces: of header blocks, and of what streams inside connections.

use _core::pipeline::protocol::http2::hpack::{Decoder, Field};
use _core::pipeline::protocol::watch::{Seen, Watch};
use _core::pipeline::protocol::websocket::frames::Frames;

/// Returns whether the value of the field with this name is read.
type IsRead = fn(name: &[u8]) -> bool;

type Told = Vec<(Option<Vec<u8>>, Option<Vec<u8>>)>;

fn decode(decoder: &mut Decoder, block: &[u8], is_read: IsRead) -> Option<Told> {
    let mut told = Vec::new();
    let owned = |text: Option<&[u8]>| text.map(<[u8]>::to_vec);
    let mut take = |field: Field<'_>| told.push((owned(field.name), owned(field.value)));
    decoder.block(block, is_read, &mut take).ok()?;
    Some(told)
}

/// Header blocks, each behind its length. Who joins midway, or misses blocks, never tells another value than who has
/// seen all; and who reads some fields only is told the same of them.
pub fn hpack(data: &[u8]) {
    let (mut whole, mut part, mut some) = (Decoder::new(), Decoder::joined(), Decoder::new());
    let is_read: IsRead = |name| name.len() % 2 == 1;
    let Some((&missed, mut rest)) = data.split_first() else { return };
    for at in 0.. {
        let [length, behind @ ..] = rest else { return };
        let (block, next) = behind.split_at(behind.len().min(usize::from(*length)));
        rest = next;
        // A connection with a malformed block is over.
        let Some(sent) = decode(&mut whole, block, |_| true) else { return };
        // Who keeps more values forgets entries sooner, and may take an index for one of them; so unknown parts are allowed.
        let Some(read) = decode(&mut some, block, is_read) else { return };
        assert_eq!(read.len(), sent.len());
        for ((name, value), (true_name, true_value)) in read.iter().zip(&sent) {
            assert!(name.is_none() || true_name.is_none() || name == true_name, "another name");
            assert!(value.is_none() || true_value.is_none() || value == true_value, "another value");
        }
        if missed >> (at % 8) & 1 != 0 {
            part.lost();
            continue;
        }
        let told = decode(&mut part, block, |_| true).expect("who knows less finds no more faults");
        assert_eq!(told.len(), sent.len());
        for ((name, value), (true_name, true_value)) in told.iter().zip(&sent) {
            assert!(name.is_none() || name == true_name, "a wrong name");
            assert!(value.is_none() || value == true_value, "a wrong value");
        }
        assert!(whole.held() < 1 << 20 && part.held() < 1 << 20);
    }
}

/// Frames of a WebSocket in pieces. The pieces do not matter, and a hole inside a payload changes nothing.
pub fn websocket(data: &[u8]) {
    let [options, size, bytes @ ..] = data else { return };
    let read = |size: usize, skips: bool| {
        let (mut frames, mut sum) = (Frames::new(options & 1 != 0), Seen::default());
        let mut add = |seen: Seen| {
            sum = Seen { messages: sum.messages + seen.messages, closed: sum.closed.or(seen.closed), ..sum };
        };
        for piece in bytes.chunks(size) {
            if skips && frames.is_within_payload(piece.len() as u64) {
                frames.skip(Some(piece.len() as u64));
            } else {
                add(frames.take(piece));
            }
        }
        (sum, frames.is_lost())
    };
    let whole = read(bytes.len().max(1), false);
    assert!(whole.0.messages <= bytes.len() as u64 / 2);
    let size = usize::from(*size).max(1);
    assert_eq!(read(size, false), whole);
    assert_eq!(read(size, true), whole);
}
