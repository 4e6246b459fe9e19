//! Header compression of HTTP/2 (RFC 7541), for a reader that takes no part in the connection: header blocks come in,
//! fields go out.
//!
//! The reader may join a connection midway, and may miss header blocks. Then older entries of the dynamic table are
//! unknown (see `table`), and the fields that refer to them are told as unknown. All that is inserted from then on is
//! known again. No field is ever told with a wrong name or value.
//!
//! An indexed field is told without a copy, as a slice of the table. A string is copied, or decoded, at most once. The
//! values of fields that nobody reads are neither decoded nor kept; so they are not checked either.

mod huffman;
mod integer;
mod static_table;
mod table;

#[cfg(test)]
use table::MAX_KEPT;
pub use table::{Broken, Field};

use std::ops::Range;

use crate::pipeline::steps;
use integer::Written;
use static_table::STATIC;
use table::{Name, OVERHEAD, Table};

/// Limit on the length of a name. A longer one is told as unknown: it is none that anyone looks for.
pub const MAX_NAME: usize = 128;
/// Limit on the length of a value, twice what most servers accept. A longer one is told as unknown.
pub const MAX_VALUE: usize = 16 * 1024;
/// Limit on the sum of the fields of a block, counted as RFC 7541 §4.1 does. What lies beyond is told as unknown: a
/// block of 64 KiB could refer to the longest value 65,536 times.
pub const MAX_LIST: u64 = 256 * 1024;

/// Decodes the header blocks of one direction of a connection, in the order in which they were sent.
#[derive(Debug)]
pub struct Decoder {
    table: Table,
}

/// A string of the field that is being read.
enum Text<'a> {
    /// In the header block, or in the static table.
    Elsewhere(&'a [u8]),
    /// In the buffer of the table.
    Buffered(Range<usize>),
    Unknown,
    /// The value of a field that nobody reads.
    Unread,
}

impl Decoder {
    /// A direction that is seen from its beginning.
    #[allow(clippy::new_without_default, reason = "a connection may as well be joined")]
    pub fn new() -> Self {
        Self { table: Table::new() }
    }

    /// A direction that was joined midway.
    pub fn joined() -> Self {
        Self { table: Table::joined() }
    }

    /// A header block of this direction was not seen: all entries so far are unknown, and so is their number. Frees the
    /// memory of the table.
    pub fn lost(&mut self) {
        self.table.lose();
    }

    /// The other side announces the largest table that it accepts (`SETTINGS_HEADER_TABLE_SIZE`). The sender tells in a
    /// header block which size it takes; so this only says which references may be meant.
    pub fn set_limit(&mut self, size: u32) {
        self.table.allow(size);
    }

    /// Bytes of memory that the table keeps.
    pub fn held(&self) -> usize {
        self.table.held()
    }

    /// Decodes a complete header block, and calls `take` for each field; values that are not read are missing. `is_read`
    /// tells whether the value of the field with a name is read, and never changes its mind. Behind a malformed field nothing
    /// is read, and the table is lost.
    #[inline]
    pub fn block(
        &mut self,
        bytes: &[u8],
        is_read: impl Fn(&[u8]) -> bool + Copy,
        take: &mut impl FnMut(Field<'_>),
    ) -> Result<(), Broken> {
        let read = self.fields(bytes, is_read, take);
        if read.is_err() {
            self.lost();
        }
        read
    }

    fn fields(
        &mut self,
        bytes: &[u8],
        is_read: impl Fn(&[u8]) -> bool + Copy,
        take: &mut impl FnMut(Field<'_>),
    ) -> Result<(), Broken> {
        let (mut rest, mut is_first, mut list) = (bytes, true, 0);
        let mut take = |field: Field<'_>| {
            list += [field.name, field.value]
                .iter()
                .flatten()
                .fold(u64::from(OVERHEAD), |sum, text| sum + text.len() as u64);
            take(if list > MAX_LIST { Field::default() } else { field });
        };
        while let Some(&kind) = rest.first() {
            steps::add(1);
            let is_size;
            (rest, is_size) = match kind {
                // RFC 7541 §6.1: indexed field.
                0x80.. => {
                    let (index, rest) = integer::read(rest, 7)?;
                    take(self.table.field(index)?);
                    (rest, false)
                }
                // §6.2.1: literal field with incremental indexing.
                0x40.. => (self.literal(rest, 6, true, is_read, &mut take)?, false),
                // §4.2: the size of the table changes at the beginning of a block.
                0x20.. if is_first => {
                    let (size, rest) = integer::read(rest, 5)?;
                    self.table.resize(size);
                    (rest, true)
                }
                0x20.. => return Err(Broken),
                // §6.2.2 and §6.2.3: literal field without indexing, or never indexed.
                _ => (self.literal(rest, 4, false, is_read, &mut take)?, false),
            };
            is_first &= is_size;
        }
        Ok(())
    }

    /// Reads a literal field, whose index has `prefix` bits. Returns the bytes behind it.
    fn literal<'a>(
        &mut self,
        bytes: &'a [u8],
        prefix: u32,
        is_inserted: bool,
        is_read: impl Fn(&[u8]) -> bool + Copy,
        take: &mut impl FnMut(Field<'_>),
    ) -> Result<&'a [u8], Broken> {
        let start = self.table.begin();
        let (index, rest) = integer::read(bytes, prefix)?;
        if let Some(place) = table::static_place(index)
            && let (name, _) = STATIC[usize::from(place)]
            && !is_read(name)
        {
            // Of most fields, only the length counts.
            let (written, rest) = integer::read_string(rest)?;
            take(Field { name: Some(name), value: None });
            if is_inserted {
                self.table.insert(start, Name::Static(place), None, [name.len() as u32, written.least_length()]);
            }
            return Ok(rest);
        }
        let (name, name_text, name_length, rest) = if index == 0 {
            let (written, rest) = integer::read_string(rest)?;
            let (text, length) = self.text(written, MAX_NAME, is_inserted)?;
            let name = if matches!(text, Text::Unknown) { Name::Unknown(length) } else { Name::Stored(length as u8) };
            (name, text, length, rest)
        } else {
            let (name, text, length) = self.indexed_name(index, is_inserted)?;
            (name, text, length, rest)
        };
        let (written, rest) = integer::read_string(rest)?;
        let has_reader = name_text.bytes(self.table.buffer()).is_none_or(is_read);
        let (value_text, value_length) = if has_reader {
            self.text(written, MAX_VALUE, is_inserted)?
        } else {
            (Text::Unread, written.least_length())
        };
        let buffer: &[u8] = self.table.buffer();
        take(Field { name: name_text.bytes(buffer), value: value_text.bytes(buffer) });
        if is_inserted {
            let value = (!matches!(value_text, Text::Unknown | Text::Unread)).then_some(value_length);
            self.table.insert(start, name, value, [name_length, value_length]);
        } else {
            self.table.discard(start);
        }
        Ok(rest)
    }

    /// Looks up a name. For a new entry, a stored name is copied.
    #[inline]
    fn indexed_name(&mut self, index: u32, is_inserted: bool) -> Result<(Name, Text<'static>, u32), Broken> {
        let named = self.table.name(index)?;
        let text = match named.name {
            Name::Static(place) => Text::Elsewhere(STATIC[usize::from(place)].0),
            Name::Stored(length) => {
                let range = named.at..named.at + usize::from(length);
                if is_inserted {
                    steps::add(range.len());
                    self.table.buffer().extend_from_within(range.clone());
                }
                Text::Buffered(range)
            }
            Name::Unknown(_) => Text::Unknown,
        };
        Ok((named.name, text, named.length))
    }

    /// Reads a string, and returns it with its length. A Huffman code is decoded into the buffer of the table; for a new
    /// entry, any string is written there. A string of more than `most` bytes is unknown, and nothing is written.
    fn text<'a>(&mut self, written: Written<'a>, most: usize, is_inserted: bool) -> Result<(Text<'a>, u32), Broken> {
        let Written { is_coded, bytes } = written;
        let buffer = self.table.buffer();
        let start = buffer.len();
        let length = if is_coded { huffman::decode(bytes, buffer, most)? } else { bytes.len() };
        let text = if length > most {
            buffer.truncate(start);
            Text::Unknown
        } else if is_coded {
            Text::Buffered(start..start + length)
        } else {
            if is_inserted {
                steps::add(bytes.len());
                buffer.extend_from_slice(bytes);
            }
            Text::Elsewhere(bytes)
        };
        Ok((text, length as u32))
    }
}

impl Text<'_> {
    fn bytes<'a>(&'a self, buffer: &'a [u8]) -> Option<&'a [u8]> {
        match self {
            Self::Elsewhere(bytes) => Some(bytes),
            Self::Buffered(range) => buffer.get(range.clone()),
            Self::Unknown | Self::Unread => None,
        }
    }
}

#[cfg(test)]
mod tests;
