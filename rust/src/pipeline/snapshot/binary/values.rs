//! Writes single values as bytes and reads them. Numbers are varints: seven bits per byte, the low bits first.

use std::net::Ipv6Addr;
use std::sync::Arc;

use crate::pipeline::exchange::{Closed, GrpcStatus, Method, Protocol, Spoken};
use crate::pipeline::flow::Stage;
use crate::pipeline::histogram::{Histogram, MAX_HALVINGS};
use crate::pipeline::name;
use crate::pipeline::owners::Local;
use crate::pipeline::packet::Timestamp;
use crate::pipeline::snapshot::capture::Halvings;
use crate::pipeline::snapshot::interfaces::InterfaceState;
use crate::pipeline::snapshot::per::Per;
use crate::pipeline::snapshot::streams::{Rare, Streams};
use crate::pipeline::snapshot::tally::{Tally, TallyKey};

/// Most buckets of a histogram that is read. No histogram of 64-bit nanoseconds has as many.
const MAX_BUCKETS: u64 = 1024;

/// A value that can be written as bytes and read again.
pub trait Field: Sized {
    /// Appends the bytes of the value to `out`.
    fn put(&self, out: &mut Vec<u8>);
    /// Reads a value and removes its bytes from the front of `from`. `None` if `from` does not begin with such a value.
    fn get(from: &mut &[u8]) -> Option<Self>;
}

impl Field for u64 {
    fn put(&self, out: &mut Vec<u8>) {
        let mut rest = *self;
        while rest >= 0x80 {
            out.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        out.push(rest as u8);
    }

    fn get(from: &mut &[u8]) -> Option<Self> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = from.split_first()?;
            *from = rest;
            let digit = u64::from(byte & 0x7f);
            if digit << shift >> shift != digit {
                return None;
            }
            value |= digit << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }
}

impl Field for u16 {
    fn put(&self, out: &mut Vec<u8>) {
        u64::from(*self).put(out);
    }
    fn get(from: &mut &[u8]) -> Option<Self> {
        u64::get(from)?.try_into().ok()
    }
}

impl Field for u32 {
    fn put(&self, out: &mut Vec<u8>) {
        u64::from(*self).put(out);
    }
    fn get(from: &mut &[u8]) -> Option<Self> {
        u64::get(from)?.try_into().ok()
    }
}

impl Field for bool {
    fn put(&self, out: &mut Vec<u8>) {
        u64::from(*self).put(out);
    }
    fn get(from: &mut &[u8]) -> Option<Self> {
        [false, true].get(usize::try_from(u64::get(from)?).ok()?).copied()
    }
}

impl Field for Local {
    fn put(&self, out: &mut Vec<u8>) {
        (*self as u64).put(out);
    }
    fn get(from: &mut &[u8]) -> Option<Self> {
        Self::ALL.get(usize::try_from(u64::get(from)?).ok()?).copied()
    }
}

/// Zigzag encoding: numbers close to zero are short, whatever their sign.
impl Field for i64 {
    fn put(&self, out: &mut Vec<u8>) {
        ((self << 1) ^ (self >> 63)).cast_unsigned().put(out);
    }
    fn get(from: &mut &[u8]) -> Option<Self> {
        let value = u64::get(from)?;
        Some((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }
}

impl Field for u128 {
    fn put(&self, out: &mut Vec<u8>) {
        (*self as u64).put(out);
        ((self >> 64) as u64).put(out);
    }
    fn get(from: &mut &[u8]) -> Option<Self> {
        let low = u64::get(from)?;
        Some(u128::from(low) | u128::from(u64::get(from)?) << 64)
    }
}

impl Field for GrpcStatus {
    fn put(&self, out: &mut Vec<u8>) {
        u64::from(self.number()).put(out);
    }
    fn get(from: &mut &[u8]) -> Option<Self> {
        Self::from_number(u64::get(from)?.try_into().ok()?)
    }
}

impl Field for Closed {
    fn put(&self, out: &mut Vec<u8>) {
        (*self as u64).put(out);
    }
    fn get(from: &mut &[u8]) -> Option<Self> {
        Self::ALL.get(usize::try_from(u64::get(from)?).ok()?).copied()
    }
}

impl Field for Spoken {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(*self as u8);
    }
    fn get(from: &mut &[u8]) -> Option<Self> {
        Self::ALL.get(usize::try_from(u64::get(from)?).ok()?).copied()
    }
}

/// Whether anything was counted, then what was.
impl Field for Rare {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(u8::from(!self.is_empty()));
        if !self.is_empty() {
            self.get().put(out);
        }
    }
    fn get(from: &mut &[u8]) -> Option<Self> {
        Some(Option::<Streams>::get(from)?.map_or_else(Self::default, Self::from))
    }
}

impl Field for Halvings {
    fn put(&self, out: &mut Vec<u8>) {
        u64::from(self.0).put(out);
    }
    fn get(from: &mut &[u8]) -> Option<Self> {
        let halvings = u64::get(from)?.try_into().ok()?;
        (halvings <= MAX_HALVINGS).then_some(Self(halvings))
    }
}

impl Field for Per {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(*self as u8);
    }
    fn get(from: &mut &[u8]) -> Option<Self> {
        Self::ALL.get(usize::try_from(u64::get(from)?).ok()?).map(|&(_, per)| per)
    }
}

impl Field for Timestamp {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
    }
    fn get(from: &mut &[u8]) -> Option<Self> {
        i64::get(from).map(Self)
    }
}

impl<T: Field> Field for Option<T> {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(self.is_some().into());
        if let Some(value) = self {
            value.put(out);
        }
    }
    fn get(from: &mut &[u8]) -> Option<Self> {
        match u64::get(from)? {
            0 => Some(None),
            1 => T::get(from).map(Some),
            _ => None,
        }
    }
}

impl<T: Field, U: Field> Field for (T, U) {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
        self.1.put(out);
    }
    fn get(from: &mut &[u8]) -> Option<Self> {
        T::get(from).zip(U::get(from))
    }
}

impl<T: Field> Field for Arc<T> {
    fn put(&self, out: &mut Vec<u8>) {
        T::put(self, out);
    }
    fn get(from: &mut &[u8]) -> Option<Self> {
        T::get(from).map(Self::new)
    }
}

/// No room is made for more than what is there: each item takes a byte at least.
impl<T: Field> Field for Vec<T> {
    fn put(&self, out: &mut Vec<u8>) {
        (self.len() as u64).put(out);
        self.iter().for_each(|item| item.put(out));
    }
    fn get(from: &mut &[u8]) -> Option<Self> {
        (0..u64::get(from)?).map(|_| T::get(from)).collect()
    }
}

/// A name. Reading cleans it like a name from the wire, since anybody may have written the bytes.
impl Field for Arc<str> {
    fn put(&self, out: &mut Vec<u8>) {
        put_text(self, out);
    }
    fn get(from: &mut &[u8]) -> Option<Self> {
        Some(name::clean(get_text(from)?, name::MAX_PATH).into())
    }
}

fn put_text(text: &str, out: &mut Vec<u8>) {
    (text.len() as u64).put(out);
    out.extend_from_slice(text.as_bytes());
}

fn get_text<'a>(from: &mut &'a [u8]) -> Option<&'a str> {
    let len = u64::get(from)?.try_into().ok()?;
    let (text, rest) = from.split_at_checked(len)?;
    *from = rest;
    std::str::from_utf8(text).ok()
}

impl Field for Ipv6Addr {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.octets());
    }
    fn get(from: &mut &[u8]) -> Option<Self> {
        let (octets, rest) = from.split_first_chunk::<16>()?;
        *from = rest;
        Some((*octets).into())
    }
}

/// The number of entries, then label and count of each entry in the order of the keys.
impl<K: TallyKey> Field for Tally<K> {
    fn put(&self, out: &mut Vec<u8>) {
        (self.iter().len() as u64).put(out);
        for (key, count) in self.iter() {
            put_text(&key.label(), out);
            count.put(out);
        }
    }
    fn get(from: &mut &[u8]) -> Option<Self> {
        let mut tally = Self::default();
        let mut last = None;
        for _ in 0..u64::get(from)? {
            let key = K::from_label(get_text(from)?)?;
            if last.replace(key).is_some_and(|last| last >= key) {
                return None;
            }
            tally.add(key, u64::get(from)?);
        }
        Some(tally)
    }
}

impl Field for Method {
    fn put(&self, out: &mut Vec<u8>) {
        put_text(self.name(), out);
    }
    fn get(from: &mut &[u8]) -> Option<Self> {
        get_text(from).map(|name| Self::from_bytes(name.as_bytes()))
    }
}

impl Field for InterfaceState {
    fn put(&self, out: &mut Vec<u8>) {
        (*self as u64).put(out);
    }
    fn get(from: &mut &[u8]) -> Option<Self> {
        let state = u64::get(from)?;
        [Self::Up, Self::New, Self::Down].into_iter().find(|known| *known as u64 == state)
    }
}

impl Field for Stage {
    fn put(&self, out: &mut Vec<u8>) {
        (*self as u64).put(out);
    }
    fn get(from: &mut &[u8]) -> Option<Self> {
        Self::ALL.get(usize::try_from(u64::get(from)?).ok()?).copied()
    }
}

impl Field for Protocol {
    fn put(&self, out: &mut Vec<u8>) {
        put_text(self.name(), out);
    }
    fn get(from: &mut &[u8]) -> Option<Self> {
        Self::from_label(get_text(from)?)
    }
}

/// The number of buckets plus one, then sum, extremes, zero count, scale, offset and buckets. An empty histogram is a
/// single 0.
impl Field for Histogram {
    fn put(&self, out: &mut Vec<u8>) {
        let Some(extremes) = self.extremes() else { return out.push(0) };
        let buckets = self.buckets();
        (1 + buckets.iter().count() as u64).put(out);
        self.sum().put(out);
        extremes.put(out);
        self.zero_count().put(out);
        i64::from(self.scale()).put(out);
        i64::from(buckets.offset()).put(out);
        buckets.iter().for_each(|count| count.put(out));
    }
    fn get(from: &mut &[u8]) -> Option<Self> {
        let Some(len) = u64::get(from)?.checked_sub(1) else { return Some(Self::default()) };
        if len > MAX_BUCKETS {
            return None;
        }
        let (sum, extremes, zero_count) = (u128::get(from)?, Field::get(from)?, u64::get(from)?);
        let (scale, offset) = (i64::get(from)?.try_into().ok()?, i64::get(from)?.try_into().ok()?);
        let buckets: Vec<u64> = (0..len).map(|_| u64::get(from)).collect::<Option<_>>()?;
        Self::from_parts(sum, Some(extremes), zero_count, scale, offset, &buckets)
    }
}
