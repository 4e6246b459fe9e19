//! Segments in, stream out, against a model too simple to be wrong.

use super::*;
use crate::pipeline::steps::tests::are_in_proportion;
use proptest::prelude::*;

/// What a sink saw: bytes by their offset in the stream, and the skips.
#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    bytes: Vec<Option<u8>>,
    starts: usize,
}

impl Seen {
    fn take(&mut self, chunk: Chunk<'_>) -> u64 {
        self.bytes.extend(std::iter::repeat_n(None, chunk.skipped as usize));
        self.bytes.extend(chunk.bytes.iter().copied().map(Some));
        self.starts += usize::from(chunk.start);
        0
    }

    fn text(&self) -> String {
        self.bytes.iter().map(|byte| byte.map_or('_', |byte| byte as char)).collect()
    }
}

impl Stream {
    /// Gives up every hole.
    fn flush(&mut self, budget: &mut Budget, sink: &mut impl Sink) {
        while self.is_waiting() {
            self.give_up_hole(None, budget, sink);
        }
    }
}

fn piece(seq: SeqNumber, bytes: &[u8]) -> Piece<'_> {
    Piece { seq, bytes, len: bytes.len() as u32, ack: None, ts: Timestamp(0) }
}

/// Pushes segments given as (offset, text), after a SYN at `isn`, and flushes.
fn stream(isn: u32, segments: &[(u32, &str)], budget: &mut Budget) -> Seen {
    let mut seen = Seen::default();
    let mut stream = Stream::default();
    stream.open(SeqNumber(isn));
    for (at, (offset, text)) in segments.iter().enumerate() {
        let seq = SeqNumber(isn).plus(1 + offset);
        let ts = Timestamp(at as i64);
        stream
            .push(Piece { ts, ..piece(seq, text.as_bytes()) }, None, budget, &mut |chunk: Chunk<'_>| seen.take(chunk));
    }
    stream.flush(budget, &mut |chunk: Chunk<'_>| seen.take(chunk));
    seen
}

/// A name, segments by offset, and the stream they make.
type Conversation<'a> = (&'a str, &'a [(u32, &'a str)], &'a str);

#[test]
fn conversations() {
    let table: &[Conversation<'_>] = &[
        ("in order", &[(0, "ab"), (2, "cd")], "abcd"),
        ("out of order", &[(2, "cd"), (0, "ab"), (4, "ef")], "abcdef"),
        ("twice", &[(0, "ab"), (0, "ab"), (2, "cd"), (0, "ab")], "abcd"),
        ("a longer copy has something new", &[(0, "ab"), (0, "abcd")], "abcd"),
        ("first wins when in order", &[(0, "ab"), (1, "XYZ")], "abYZ"),
        ("first wins when held", &[(2, "cd"), (0, "abXX"), (4, "ef")], "abcdef"),
        ("first wins between held", &[(4, "ef"), (2, "cdXX"), (6, "gh"), (0, "ab")], "abcdefgh"),
        ("held parts around a late one", &[(1, "b"), (3, "d"), (0, "aXcXe")], "abcde"),
        ("a hole is given up at the end", &[(0, "ab"), (4, "ef")], "ab__ef"),
        ("two holes", &[(0, "a"), (2, "c"), (4, "e")], "a_c_e"),
        ("empty segments", &[(0, ""), (5, ""), (0, "ab")], "ab"),
    ];
    for (name, segments, want) in table {
        for isn in [0, u32::MAX, u32::MAX - 3, i32::MAX as u32] {
            let mut budget = Budget::default();
            let seen = stream(isn, segments, &mut budget);
            assert_eq!(seen.text(), *want, "{name} from {isn}");
            assert_eq!(budget.held, 0, "{name}: memory was not given back");
            assert_eq!(budget.gap_bytes as usize, want.matches('_').count(), "{name}");
        }
    }
}

#[test]
fn bytes_cut_by_the_snapshot_length_are_a_hole_of_known_size() {
    let mut seen = Seen::default();
    let mut stream = Stream::default();
    let mut budget = Budget::default();
    stream.open(SeqNumber(0));
    for (seq, payload, len) in [(6, "fg", 5), (1, "ab", 5), (11, "kl", 2)] {
        let sink = &mut |chunk: Chunk<'_>| seen.take(chunk);
        stream.push(Piece { len, ..piece(SeqNumber(seq), payload.as_bytes()) }, None, &mut budget, sink);
    }
    assert_eq!(seen.text(), "ab___fg___kl");
    assert_eq!(budget.gaps, 0);
}

#[test]
fn only_the_very_first_bytes_are_a_start() {
    assert_eq!(stream(7, &[(0, "ab"), (2, "cd")], &mut Budget::default()).starts, 1);
    assert_eq!(stream(7, &[(2, "cd"), (4, "ef")], &mut Budget::default()).starts, 0);
}

#[test]
fn limits_hold_whatever_they_are() {
    for (total, bytes, segments) in [(1, 1, 1), (1, 1000, 1000), (1000, 1, 1000), (1000, 1000, 1)] {
        let mut budget = Budget::new(total, bytes, segments);
        let mut seen = Seen::default();
        let mut stream = Stream::default();
        stream.open(SeqNumber(0));
        for at in (1..2000u32).step_by(2) {
            let sink = &mut |chunk: Chunk<'_>| seen.take(chunk);
            stream.push(piece(SeqNumber(at + 1), b"x"), None, &mut budget, sink);
            let (held, waiting) = stream.waiting.as_ref().map_or((0, 0), |held| (held.bytes, held.segments.len()));
            let is_bounded = budget.held <= total && held <= bytes && waiting <= segments;
            assert!(is_bounded, "{total} {bytes} {segments}");
        }
        stream.flush(&mut budget, &mut |chunk: Chunk<'_>| seen.take(chunk));
        assert_eq!(seen.bytes.iter().flatten().count(), 1000);
        assert_eq!(budget.gap_bytes, 1000);
    }
}

#[test]
fn unwanted_bytes_are_held_without_content() {
    for wanted_from in [10_000_000u64, u64::MAX] {
        let mut budget = Budget::default();
        let mut stream = Stream::default();
        let mut total = 0;
        stream.open(SeqNumber(0));
        let mut sink = |chunk: Chunk<'_>| {
            total += chunk.skipped + chunk.bytes.len() as u64;
            wanted_from - total
        };
        stream.push(piece(SeqNumber(1), b"head"), None, &mut budget, &mut sink);
        let body = [0u8; 1000];
        for at in 1..9_000u32 {
            stream.push(piece(SeqNumber(5 + at * 1000), &body), None, &mut budget, &mut sink);
        }
        assert_eq!(budget.held, SEGMENT_COST);
        assert_eq!(stream.waiting.as_ref().unwrap().segments.len(), 1);
        stream.push(piece(SeqNumber(5), &body), None, &mut budget, &mut sink);
        assert_eq!((total, budget.gaps), (9_000_004, 0));
    }
}

/// The naive model: each byte of the stream is the one that arrived first.
fn model(segments: &[(u32, Vec<u8>)]) -> Vec<Option<u8>> {
    let end = segments.iter().map(|(offset, bytes)| *offset as usize + bytes.len()).max().unwrap_or(0);
    let mut stream = vec![None; end];
    for (offset, bytes) in segments {
        for (at, byte) in bytes.iter().enumerate() {
            stream[*offset as usize + at].get_or_insert(*byte);
        }
    }
    stream
}

proptest! {
    #[test]
    fn any_segments_in_any_order_give_what_the_model_gives(
        isn in prop_oneof![any::<u32>(), u32::MAX - 300..=u32::MAX],
        segments in prop::collection::vec((0u32..200, prop::collection::vec(any::<u8>(), 0..40)), 1..40),
    ) {
        let mut budget = Budget::default();
        let mut seen = Seen::default();
        let mut stream = Stream::default();
        stream.open(SeqNumber(isn));
        for (offset, bytes) in &segments {
            let seq = SeqNumber(isn).plus(1 + offset);
            stream.push(piece(seq, bytes), None, &mut budget, &mut |chunk: Chunk<'_>| seen.take(chunk));
        }
        stream.flush(&mut budget, &mut |chunk: Chunk<'_>| seen.take(chunk));
        let mut want = model(&segments);
        // Nothing is known behind the last byte that came.
        while want.last() == Some(&None) {
            want.pop();
        }
        prop_assert_eq!(&seen.bytes, &want);
        prop_assert_eq!(budget.held, 0);
        prop_assert_eq!(budget.gap_bytes as usize, want.iter().filter(|byte| byte.is_none()).count());
    }
}

#[test]
fn a_segment_takes_the_same_work_in_whatever_order_segments_come() {
    type Place = fn(u32) -> (u32, &'static str);
    let orders: [(&str, Place); 4] = [
        ("backwards, with a hole between any two", |at| (1_000_000 - 2 * at, "x")),
        ("forwards, with a hole between any two", |at| (1 + 2 * at, "x")),
        ("here and there", |at| (1 + at.wrapping_mul(7919) % 4096, "x")),
        ("long ones over short ones", |at| if at < 1000 { (1 + at, "x") } else { (1 + at % 900, "0123456789abcdef") }),
    ];
    for (what, place) in orders {
        are_in_proportion(what, 4000, 64, |size| {
            let (mut stream, mut budget) = (Stream::default(), Budget::default());
            stream.open(SeqNumber(0));
            for at in 0..size as u32 {
                let (offset, text) = place(at);
                let next = piece(SeqNumber(1 + offset), text.as_bytes());
                stream.push(next, None, &mut budget, &mut |_: Chunk<'_>| 0);
            }
        });
    }
}

#[test]
fn lengths_and_numbers_of_any_size_break_nothing() {
    let lengths = [0, 1, 10, 1 << 20, i32::MAX as u32, 1 << 31, (1 << 31) + 1, u32::MAX];
    let numbers = [0, 1, 101, 1 << 20, i32::MAX as u32, 1 << 31, (1 << 31) + 1, u32::MAX];
    for unwanted in [0, u64::MAX] {
        for first in lengths {
            for second in lengths {
                for number in numbers {
                    let (mut stream, mut budget) = (Stream::default(), Budget::new(1 << 20, 1 << 20, 3));
                    stream.open(SeqNumber(0));
                    let mut sink = |_: Chunk<'_>| unwanted;
                    for (seq, len) in [(101, first), (number, second), (201, first), (number / 2, second), (1, 1)] {
                        let bytes: &[u8] = if len < 9 { b"" } else { b"captured" };
                        let long = Piece { len, ..piece(SeqNumber(seq), bytes) };
                        stream.push(long, Some(SeqNumber(7)), &mut budget, &mut sink);
                    }
                    stream.flush(&mut budget, &mut sink);
                    assert_eq!(budget.held, 0);
                }
            }
        }
    }
}
