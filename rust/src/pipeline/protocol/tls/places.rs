//! Where the bytes of a plaintext are, in numbers that acknowledgements can be compared with.
//!
//! A response answers a request that its server had received, and acknowledgement numbers of TCP tell that. They count
//! bytes of ciphertext, so each is translated: to the place in the plaintext up to which the ciphertext had come. The
//! other direction may have been read less far than it is acknowledged, for example while it waits behind a hole. Such a
//! place is promised, and the records that are read later keep the promise.

use crate::pipeline::decode::SeqNumber;

/// How many ends of records are remembered: that of the newest acknowledgement, and the newest ones. Between them, places
/// are accurate to some bytes.
const REMEMBERED: usize = 6;

/// The end of a record in the ciphertext, and in the plaintext.
#[derive(Clone, Copy, Debug, Default)]
struct End {
    cipher: SeqNumber,
    plain: SeqNumber,
}

/// The places of one direction.
#[derive(Debug, Default)]
pub struct Places {
    /// The ends of records, the newest last. The first one is no newer than any acknowledgement that follows.
    ends: [End; REMEMBERED],
    count: u8,
    /// The furthest place that was promised beyond the newest end.
    promised: Option<End>,
}

impl Places {
    /// The place up to which the direction was read.
    pub fn newest(&self) -> SeqNumber {
        self.known().last().map_or(SeqNumber::default(), |end| end.plain)
    }

    fn known(&self) -> &[End] {
        &self.ends[..usize::from(self.count)]
    }

    /// Notes that the direction begins at `first`, unless it has begun.
    pub fn begin(&mut self, first: SeqNumber) {
        if self.count == 0 {
            self.push(End { cipher: first, plain: SeqNumber::default() });
        }
    }

    /// Takes a record between `start` and `end` with `content` bytes of plaintext. Returns the place of the first of
    /// them. What is missing before the record takes as much room as its ciphertext.
    pub fn record(&mut self, start: SeqNumber, end: SeqNumber, content: u32) -> SeqNumber {
        self.begin(start);
        let last = self.known().last().copied().unwrap_or_default();
        let missing = start.distance(last.cipher).max(0) as u32;
        let mut first = last.plain.plus(missing);
        if let Some(promised) = self.promised {
            // Every place that was promised is at most as far behind the furthest one as it is in the ciphertext.
            let floor = if promised.cipher.is_after(start) {
                let open = promised.cipher.distance(end).max(0) as u32;
                promised.plain.plus(open.wrapping_neg()).plus(content.wrapping_neg())
            } else {
                promised.plain
            };
            if floor.is_after(first) {
                first = floor;
            }
            self.promised.take_if(|promised| !promised.cipher.is_after(end));
        }
        self.push(End { cipher: end, plain: first.plus(content) });
        first
    }

    /// Translates an acknowledgement number.
    pub fn of(&mut self, ack: SeqNumber) -> SeqNumber {
        // All following acknowledgement numbers are as high.
        while let [_, second, ..] = self.known()
            && !second.cipher.is_after(ack)
        {
            self.forget(0);
        }
        let &[first, ref rest @ ..] = self.known() else { return SeqNumber::default() };
        let plain = first.plain.plus(ack.distance(first.cipher).max(0) as u32);
        match rest {
            [second, ..] if plain.is_after(second.plain) => second.plain,
            [] if ack.is_after(first.cipher) => {
                if self.promised.is_none_or(|promised| ack.is_after(promised.cipher)) {
                    self.promised = Some(End { cipher: ack, plain });
                }
                plain
            }
            _ => plain,
        }
    }

    fn push(&mut self, end: End) {
        if usize::from(self.count) == REMEMBERED {
            self.forget(1);
        }
        self.ends[usize::from(self.count)] = end;
        self.count += 1;
    }

    fn forget(&mut self, at: usize) {
        self.ends.copy_within(at + 1..usize::from(self.count), at);
        self.count -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const START: u32 = u32::MAX - 500;

    fn at(offset: u32) -> SeqNumber {
        SeqNumber(START).plus(offset)
    }

    #[test]
    fn an_acknowledgement_of_whole_records_is_the_end_of_their_plaintext() {
        let mut places = Places::default();
        places.begin(at(0));
        places.record(at(0), at(300), 0);
        assert_eq!(places.of(at(300)), places.newest(), "a handshake has no plaintext");
        let first = places.record(at(300), at(422), 100);
        let second = places.record(at(422), at(472), 28);
        assert_eq!(second, first.plus(100));
        assert_eq!([300, 422, 472].map(|ack| places.of(at(ack)).distance(first)), [0, 100, 128]);
    }

    #[test]
    fn a_promised_place_is_kept_by_the_record_that_is_read_later() {
        let mut places = Places::default();
        places.begin(at(0));
        let promised = places.of(at(1000));
        // The first 878 bytes are lost.
        let record = places.record(at(878), at(1000), 100);
        assert_eq!(record.plus(100), promised);
        assert_eq!(places.of(at(1000)), promised);
        assert_eq!(places.record(at(1000), at(1122), 100), promised);
    }

    proptest! {
        #[test]
        fn places_are_in_the_order_of_the_ciphertext(
            records in prop::collection::vec((0u32..2000, 0u32..3000, any::<bool>(), 0u32..9000), 1..60),
        ) {
            // Each record has content, may follow bytes that are missing, and may be acknowledged before it is read.
            let mut places = Places::default();
            places.begin(at(0));
            let (mut end, mut ack, mut known) = (0, 0, Vec::new());
            for (missing, content, is_early, ahead) in records {
                let start = end + if missing < 1500 { 0 } else { missing };
                end = start + content + 22;
                if is_early {
                    ack = ack.max(start + ahead);
                    let place = places.of(at(ack));
                    for &(behind, plain) in &known {
                        if behind <= ack {
                            prop_assert!(!SeqNumber::is_after(plain, place));
                        }
                    }
                }
                let before = places.newest();
                let first = places.record(at(start), at(end), content);
                prop_assert!(!before.is_after(first));
                prop_assert_eq!(first.plus(content), places.newest());
                known.push((end, places.newest()));
            }
        }
    }
}
