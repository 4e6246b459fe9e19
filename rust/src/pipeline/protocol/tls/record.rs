//! Cuts one direction into records: bytes come in any pieces, whole records go out. Each byte is copied once, into the
//! buffer in which its record is decrypted. Buffers are used again, see [`Buffers`].

use super::cipher::HEADER;
use crate::pipeline::steps;

/// The longest payload of a record: 2^14 bytes, and 2048 that TLS 1.2 allows for encryption (RFC 5246 §6.2.3).
pub const MAX_PAYLOAD: usize = (1 << 14) + 2048;

/// Content types (RFC 8446 §B.1).
pub const CHANGE_CIPHER_SPEC: u8 = 20;
pub const HANDSHAKE: u8 = 22;
pub const APPLICATION_DATA: u8 = 23;
/// RFC 6520. Such records are passed.
const HEARTBEAT: u8 = 24;

/// Length of the record that begins with these bytes. `None` if no record does, or if there are too few bytes to tell.
pub fn length(bytes: &[u8]) -> Option<usize> {
    let [kind, major, minor, high, low] = *bytes.first_chunk::<HEADER>()?;
    let payload = usize::from(u16::from_be_bytes([high, low]));
    let is_record = matches!(kind, CHANGE_CIPHER_SPEC..=HEARTBEAT) && major == 3 && minor <= 4;
    (is_record && payload <= MAX_PAYLOAD).then_some(HEADER + payload)
}

/// The next thing in a direction.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// A whole record, with its header.
    Record(Vec<u8>),
    /// Bytes are missing.
    More,
    /// The bytes are no record.
    Broken,
}

/// The beginning of a record in one direction, and what is left of a record that is not read.
#[derive(Debug, Default)]
pub struct Records {
    /// Bytes that were not handed out yet.
    pub partial: Vec<u8>,
    /// Bytes of a lost record that are still to come.
    pub left: usize,
}

impl Records {
    /// Takes bytes from the front of `bytes`, as far as the next record needs them.
    pub fn next(&mut self, bytes: &mut &[u8], buffers: &mut Buffers) -> Next {
        steps::add(1);
        let skipped = self.left.min(bytes.len());
        self.left -= skipped;
        *bytes = &bytes[skipped..];
        if self.partial.is_empty() {
            return match length(bytes) {
                Some(length) if length <= bytes.len() => {
                    steps::add(length);
                    let mut record = buffers.take();
                    let (whole, rest) = bytes.split_at(length);
                    record.extend_from_slice(whole);
                    *bytes = rest;
                    Next::Record(record)
                }
                None if bytes.len() >= HEADER => Next::Broken,
                _ => {
                    if !bytes.is_empty() {
                        self.partial = buffers.take();
                        self.fill(bytes, bytes.len());
                    }
                    Next::More
                }
            };
        }
        self.fill(bytes, HEADER);
        if self.partial.len() < HEADER {
            return Next::More;
        }
        let Some(length) = length(&self.partial) else { return Next::Broken };
        self.fill(bytes, length);
        if self.partial.len() < length {
            return Next::More;
        }
        if self.partial.len() == length {
            return Next::Record(std::mem::take(&mut self.partial));
        }
        // Behind a hole, the bytes of several records may have been gathered.
        let mut rest = buffers.take();
        rest.extend_from_slice(&self.partial[length..]);
        steps::add(rest.len());
        let mut record = std::mem::replace(&mut self.partial, rest);
        record.truncate(length);
        Next::Record(record)
    }

    /// Moves bytes from the front of `bytes` until `wanted` bytes are gathered.
    pub fn fill(&mut self, bytes: &mut &[u8], wanted: usize) {
        let (taken, rest) = bytes.split_at(wanted.saturating_sub(self.partial.len()).min(bytes.len()));
        steps::add(taken.len());
        self.partial.extend_from_slice(taken);
        *bytes = rest;
    }

    /// Takes a record back that cannot be read yet. It is the next one again.
    pub fn put_back(&mut self, mut record: Vec<u8>) {
        record.extend_from_slice(&self.partial);
        self.partial = record;
    }

    /// Drops what was gathered.
    pub fn clear(&mut self, buffers: &mut Buffers) {
        if self.partial.capacity() > 0 {
            buffers.put(std::mem::take(&mut self.partial));
        }
    }
}

/// Buffers of a worker for whole records. Their content is erased after use.
#[derive(Debug, Default)]
pub struct Buffers(Vec<Vec<u8>>);

impl Buffers {
    /// Limit on the buffers that are kept: about 1 MB. More are in use only while many connections are in the middle of
    /// a record.
    const SPARE: usize = 64;

    /// An empty buffer.
    pub fn take(&mut self) -> Vec<u8> {
        self.0.pop().unwrap_or_default()
    }

    /// Takes a buffer back.
    pub fn put(&mut self, mut buffer: Vec<u8>) {
        buffer.fill(0);
        if self.0.len() < Self::SPARE && buffer.capacity() <= 2 * (HEADER + MAX_PAYLOAD) {
            buffer.clear();
            self.0.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::steps::tests::are_in_proportion;
    use proptest::prelude::*;

    fn record(payload: &[u8]) -> Vec<u8> {
        [&[APPLICATION_DATA, 3, 3][..], &(payload.len() as u16).to_be_bytes(), payload].concat()
    }

    fn read(stream: &[u8], sizes: &[usize]) -> (Vec<Vec<u8>>, Next) {
        let (mut records, mut buffers, mut found) = (Records::default(), Buffers::default(), Vec::new());
        let (mut rest, mut sizes) = (stream, sizes.iter().cycle());
        loop {
            let (mut piece, behind) = rest.split_at((*sizes.next().unwrap()).min(rest.len()));
            loop {
                match records.next(&mut piece, &mut buffers) {
                    Next::Record(record) => {
                        found.push(record.clone());
                        buffers.put(record);
                    }
                    Next::More if behind.is_empty() => return (found, Next::More),
                    Next::More => break,
                    Next::Broken => return (found, Next::Broken),
                }
            }
            rest = behind;
        }
    }

    proptest! {
        #[test]
        fn records_are_the_same_however_the_stream_is_cut(
            lengths in prop::collection::vec(0usize..3000, 1..20),
            sizes in prop::collection::vec(1usize..4000, 1..10),
        ) {
            let whole: Vec<_> = lengths.iter().map(|&length| record(&vec![length as u8; length])).collect();
            prop_assert_eq!(read(&whole.concat(), &sizes), (whole, Next::More));
        }
    }

    #[test]
    fn what_is_no_record_is_told() {
        let mut stream = record(b"one");
        stream.extend(b"HTTP/1.1 200 OK");
        for size in [1, 4, 100] {
            assert_eq!(read(&stream, &[size]), (vec![record(b"one")], Next::Broken));
        }
        let long = [23, 3, 3, 0x48, 1];
        assert_eq!(read(&long, &[100]).1, Next::Broken);
    }

    #[test]
    fn tiny_records_take_steps_in_proportion() {
        for size in [1, 7, usize::MAX] {
            are_in_proportion(&format!("pieces of {size}"), 2000, 40, |count| {
                let stream = record(b"x").repeat(count);
                assert_eq!(read(&stream, &[size]).0.len(), count);
            });
        }
    }
}
