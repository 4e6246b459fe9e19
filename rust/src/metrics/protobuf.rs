//! Writes protobuf messages: fields by number, in the order of the calls. Knows the wire format and no message.
//!
//! <https://protobuf.dev/programming-guides/encoding/>

/// A message that is being written.
#[derive(Debug, Default)]
pub struct Message(Vec<u8>);

const VARINT: u64 = 0;
const FIXED64: u64 = 1;
const LENGTH: u64 = 2;

impl Message {
    /// The bytes of the message.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// Adds the fields of another message.
    pub fn append(&mut self, mut fields: Self) {
        self.0.append(&mut fields.0);
    }

    /// A field of type `uint64`, `int64`, `uint32`, `int32`, `bool` or an enum.
    pub fn varint(&mut self, field: u64, value: u64) {
        self.tag(field, VARINT);
        self.raw(value);
    }

    /// A field of type `sint32` or `sint64`.
    pub fn signed(&mut self, field: u64, value: i64) {
        self.varint(field, zigzag(value));
    }

    /// A field of type `fixed64` or `sfixed64`.
    pub fn fixed(&mut self, field: u64, value: u64) {
        self.tag(field, FIXED64);
        self.0.extend(value.to_le_bytes());
    }

    /// A field of type `double`.
    pub fn double(&mut self, field: u64, value: f64) {
        self.fixed(field, value.to_bits());
    }

    /// A field of type `string`.
    pub fn text(&mut self, field: u64, text: &str) {
        self.tag(field, LENGTH);
        self.raw(text.len() as u64);
        self.0.extend(text.as_bytes());
    }

    /// A field that is a message.
    pub fn message(&mut self, field: u64, write: impl FnOnce(&mut Self)) {
        self.tag(field, LENGTH);
        self.delimited(write);
    }

    /// A message with its length in front, as it stands in a stream of messages.
    pub fn delimited(&mut self, write: impl FnOnce(&mut Self)) {
        let start = self.0.len();
        write(self);
        // The length is known now, and belongs in front.
        let end = self.0.len();
        self.raw((end - start) as u64);
        let length = self.0.len() - end;
        self.0[start..].rotate_right(length);
    }

    /// A repeated field of type `uint64` or `uint32`, packed.
    pub fn packed(&mut self, field: u64, values: impl Iterator<Item = u64>) {
        self.message(field, |message| values.for_each(|value| message.raw(value)));
    }

    /// A repeated field of type `sint64` or `sint32`, packed.
    pub fn packed_signed(&mut self, field: u64, values: impl Iterator<Item = i64>) {
        self.packed(field, values.map(zigzag));
    }

    /// A repeated field of type `fixed64` or, as its bits, `double`, packed.
    pub fn packed_fixed(&mut self, field: u64, values: impl Iterator<Item = u64>) {
        self.message(field, |message| values.for_each(|value| message.0.extend(value.to_le_bytes())));
    }

    fn tag(&mut self, field: u64, kind: u64) {
        self.raw(field << 3 | kind);
    }

    fn raw(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}

fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_written_as_the_encoding_says() {
        // The examples of the encoding guide.
        let mut message = Message::default();
        message.varint(1, 150);
        message.text(2, "testing");
        message.message(3, |inner| inner.varint(1, 150));
        message.packed(6, [3, 270, 86942].into_iter());
        let want = b"\x08\x96\x01\x12\x07testing\x1a\x03\x08\x96\x01\x32\x06\x03\x8e\x02\x9e\xa7\x05";
        assert_eq!(message.into_bytes(), want);
        let table = [(0, 0), (-1, 1), (1, 2), (-2, 3), (i64::MAX, u64::MAX - 1), (i64::MIN, u64::MAX)];
        for (value, coded) in table {
            assert_eq!(zigzag(value), coded);
        }
    }

    #[test]
    fn the_length_of_a_long_message_stands_in_front_of_it() {
        for length in [0, 1, 127, 128, 16_383, 16_384] {
            let mut message = Message::default();
            message.fixed(1, 7);
            message.message(2, |inner| inner.0.extend(std::iter::repeat_n(b'x', length)));
            let bytes = message.into_bytes();
            let mut want = Message::default();
            want.fixed(1, 7);
            want.text(2, &"x".repeat(length));
            assert_eq!(bytes, want.into_bytes());
        }
    }
}
