//! The dynamic table of one direction (RFC 7541 §2.3.2), of which a reader that joined late knows only the newest
//! entries.
//!
//! An index counts from the newest entry. So the entries inserted since the reader joined are found exactly, however
//! many older ones there are. What the reader does not know is what the sender's table has evicted by now: the sizes of
//! older entries are unknown, and so may be the limit. This does no harm, because a sender never refers to an entry that
//! its own table has evicted: to keep an entry for too long gives no wrong value, and to drop it too early gives an
//! unknown one. For the same reason, an entry that may have been too large for the sender's table, which then is empty
//! (§4.4), counts as inserted: until something else is inserted, the sender refers to nothing. And a value that nobody
//! reads counts as the shortest that it can be, so that it need not be decoded.
//!
//! Names and values lie behind one another in one buffer, oldest first, and are read there.

use std::collections::VecDeque;

use super::static_table::STATIC;
use crate::pipeline::steps;

/// A header block that is malformed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken;

/// A header field. A part of it that cannot be known is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Field<'a> {
    /// The name.
    pub name: Option<&'a [u8]>,
    /// The value.
    pub value: Option<&'a [u8]>,
}

/// RFC 7541 §4.1: what an entry counts beside its name and its value.
pub const OVERHEAD: u32 = 32;
/// RFC 9113 §6.5.2: the limit on a table, unless the settings say otherwise.
const DEFAULT_LIMIT: u32 = 4096;
/// No table in use is larger. An index beyond is no reference.
const LARGEST: u32 = 1024 * 1024;
/// Limit on the bytes of names and values that are kept of one table. Browsers announce this limit to servers; most
/// senders use 4 KiB. Of a larger table, the oldest entries are unknown.
pub const MAX_KEPT: usize = 64 * 1024;
/// Limit on the entries that are kept, as many as a table of [`MAX_KEPT`] can have.
const MAX_ENTRIES: usize = MAX_KEPT / OVERHEAD as usize;
/// A buffer of up to this many bytes is not compacted for the sake of its dead bytes alone.
const WORTHWHILE: usize = 512;

/// The place in the static table of the field with this index, if it is there.
#[inline]
pub fn static_place(index: u32) -> Option<u8> {
    let place = (index as usize).checked_sub(1).filter(|&place| place < STATIC.len())?;
    Some(place as u8)
}

/// The name of an entry.
#[derive(Clone, Copy, Debug)]
pub enum Name {
    /// That of an entry of the static table, by its place.
    Static(u8),
    /// In the buffer, with this length.
    Stored(u8),
    /// Unknown. Its length, or 0 if that is unknown too.
    Unknown(u32),
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    /// Position of its name in the stream of all bytes that ever were in the buffer, modulo 2^32.
    at: u32,
    name: Name,
    /// Length of the value, or [`UNKNOWN`].
    value: u32,
    /// What the entry counts in the sender's table: at least this.
    size: u32,
}

const UNKNOWN: u32 = u32::MAX;

/// The newest entries of a table.
#[derive(Debug)]
pub struct Table {
    /// The newest is the last.
    entries: VecDeque<Entry>,
    /// Names and values of the entries. Those of evicted entries lie before them; the field that is being read may lie
    /// behind them.
    bytes: Vec<u8>,
    /// Position of the first byte of the buffer.
    base: u32,
    /// Number of bytes at the beginning of the buffer that belong to evicted entries.
    dead: usize,
    /// Sum of the sizes.
    size: u64,
    /// The sender's table is never larger than this.
    limit: u32,
    /// The largest size that the sender may have chosen at any time.
    ceiling: u32,
    /// True if the sender's table has no entries but these.
    is_whole: bool,
}

impl Table {
    /// The table at the beginning of a connection.
    pub fn new() -> Self {
        Self { limit: DEFAULT_LIMIT, ceiling: DEFAULT_LIMIT, is_whole: true, ..Self::joined() }
    }

    /// A table of which nothing is known.
    pub fn joined() -> Self {
        Self {
            entries: VecDeque::new(),
            bytes: Vec::new(),
            base: 0,
            dead: 0,
            size: 0,
            limit: u32::MAX,
            ceiling: LARGEST,
            is_whole: false,
        }
    }

    /// Insertions were missed: no entry has a known place any more.
    pub fn lose(&mut self) {
        *self = Self { ceiling: self.ceiling, ..Self::joined() };
    }

    /// The other side allows tables of up to `size`.
    pub fn allow(&mut self, size: u32) {
        self.ceiling = self.ceiling.max(size);
    }

    /// The sender chooses the size of its table (RFC 7541 §4.3).
    pub fn resize(&mut self, size: u32) {
        self.limit = size;
        self.allow(size);
        self.evict();
        self.is_whole |= size < OVERHEAD;
    }

    /// Bytes that the table keeps.
    pub fn held(&self) -> usize {
        self.bytes.capacity() + self.entries.capacity() * size_of::<Entry>()
    }

    /// Returns the field with this index. Fields of entries before the first that is known are unknown.
    #[inline]
    pub fn field(&self, index: u32) -> Result<Field<'_>, Broken> {
        if let Some(&(name, value)) = STATIC.get((index as usize).wrapping_sub(1)) {
            return Ok(Field { name: Some(name), value: Some(value) });
        }
        match self.entry(index)? {
            Some(entry) => Ok(self.field_of(entry)),
            None => Ok(Field::default()),
        }
    }

    /// Returns the name of the field with this index, to be used for a new entry, and its length if that is known.
    #[inline]
    pub fn name(&self, index: u32) -> Result<Named, Broken> {
        if let Some(place) = static_place(index) {
            let length = STATIC[usize::from(place)].0.len() as u32;
            return Ok(Named { name: Name::Static(place), length, at: 0 });
        }
        let Some(entry) = self.entry(index)? else {
            return Ok(Named { name: Name::Unknown(0), length: 0, at: 0 });
        };
        let length = match entry.name {
            Name::Static(place) => STATIC[usize::from(place)].0.len() as u32,
            Name::Stored(length) => u32::from(length),
            Name::Unknown(length) => length,
        };
        Ok(Named { name: entry.name, length, at: self.place(entry) })
    }

    /// Returns the entry with an index behind the static table; `None` if it may exist but is unknown.
    #[inline]
    fn entry(&self, index: u32) -> Result<Option<&Entry>, Broken> {
        let age = (index as usize).checked_sub(STATIC.len() + 1).ok_or(Broken)?;
        if let Some(place) = self.entries.len().checked_sub(age + 1) {
            return Ok(self.entries.get(place));
        }
        let may_exist = !self.is_whole && age < (self.ceiling / OVERHEAD) as usize;
        if may_exist { Ok(None) } else { Err(Broken) }
    }

    #[inline]
    fn place(&self, entry: &Entry) -> usize {
        entry.at.wrapping_sub(self.base) as usize
    }

    #[inline]
    fn field_of(&self, entry: &Entry) -> Field<'_> {
        let at = self.place(entry);
        let (name, behind) = match entry.name {
            Name::Static(place) => (Some(STATIC[usize::from(place)].0), at),
            Name::Stored(length) => (self.bytes.get(at..at + usize::from(length)), at + usize::from(length)),
            Name::Unknown(_) => (None, at),
        };
        let value = match entry.value {
            UNKNOWN => None,
            length => self.bytes.get(behind..behind + length as usize),
        };
        Field { name, value }
    }

    /// Starts a field that is being read behind the entries. Frees the bytes of evicted entries if they are at least
    /// half of the buffer, so that each byte is moved at most once for each byte that was inserted.
    pub fn begin(&mut self) -> usize {
        if self.dead > WORTHWHILE && self.dead * 2 >= self.bytes.len() {
            steps::add(self.bytes.len() - self.dead);
            self.bytes.drain(..self.dead);
            self.base = self.base.wrapping_add(self.dead as u32);
            self.dead = 0;
        }
        self.bytes.len()
    }

    /// The buffer; the field that is being read may be written behind its end.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Forgets what was written behind the entries.
    pub fn discard(&mut self, start: usize) {
        self.bytes.truncate(start);
    }

    /// Makes an entry of what was written since `start`: a stored name, and the value unless it is unknown. The lengths
    /// are those of the sender's name and value.
    pub fn insert(&mut self, start: usize, name: Name, value: Option<u32>, lengths: [u32; 2]) {
        let size = lengths.iter().fold(OVERHEAD, |sum, length| sum.saturating_add(*length));
        let at = self.base.wrapping_add(start as u32);
        self.entries.push_back(Entry { at, name, value: value.unwrap_or(UNKNOWN), size });
        self.size += u64::from(size);
        self.evict();
    }

    /// Drops the oldest entries: those that the sender has dropped, and those beyond the limit on what is kept.
    fn evict(&mut self) {
        while self.size > u64::from(self.limit)
            && let Some(entry) = self.entries.pop_front()
        {
            self.drop_bytes(entry);
        }
        while (self.entries.len() > MAX_ENTRIES || self.bytes.len() - self.dead > MAX_KEPT)
            && let Some(entry) = self.entries.pop_front()
        {
            self.drop_bytes(entry);
            self.is_whole = false;
        }
    }

    fn drop_bytes(&mut self, entry: Entry) {
        steps::add(1);
        self.size -= u64::from(entry.size);
        self.dead = self.entries.front().map_or(self.bytes.len(), |next| self.place(next));
        if self.entries.is_empty() {
            self.base = self.base.wrapping_add(self.dead as u32);
            self.bytes.clear();
            self.dead = 0;
        }
    }

    /// What the entries are and count, newest first.
    #[cfg(test)]
    pub fn listed(&self) -> (Vec<Field<'_>>, u64) {
        (self.entries.iter().rev().map(|entry| self.field_of(entry)).collect(), self.size)
    }
}

/// The name of an entry, for a new one.
#[derive(Clone, Copy, Debug)]
pub struct Named {
    /// Where the name is.
    pub name: Name,
    /// Its length in bytes; 0 if that is unknown.
    pub length: u32,
    /// Place of a stored name in the buffer.
    pub at: usize,
}
