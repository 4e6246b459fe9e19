//! Integers with a prefix (RFC 7541 §5.1) and the lengths of strings.

use super::huffman;
use super::table::Broken;

/// Bytes that follow a prefix at most: five hold any number of 32 bits.
const MAX_BYTES: usize = 5;

/// Reads an integer whose first byte holds its lowest `prefix` bits. Returns it with the bytes behind it.
#[inline]
pub fn read(bytes: &[u8], prefix: u32) -> Result<(u32, &[u8]), Broken> {
    let (&first, rest) = bytes.split_first().ok_or(Broken)?;
    let most = (1_u32 << prefix) - 1;
    let small = u32::from(first) & most;
    if small < most { Ok((small, rest)) } else { read_on(most, rest) }
}

/// Reads the bytes behind a prefix that is full: `most`.
fn read_on(most: u32, bytes: &[u8]) -> Result<(u32, &[u8]), Broken> {
    let mut rest = bytes;
    let mut number = u64::from(most);
    for at in 0..MAX_BYTES {
        let (&byte, behind) = rest.split_first().ok_or(Broken)?;
        rest = behind;
        number += u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Ok((u32::try_from(number).map_err(|_| Broken)?, rest));
        }
    }
    Err(Broken)
}

/// A string as it is written (RFC 7541 §5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written<'a> {
    /// True if the bytes are a Huffman code.
    pub is_coded: bool,
    /// The bytes.
    pub bytes: &'a [u8],
}

impl Written<'_> {
    /// The least length that the string can have: its length, if it is not coded.
    pub fn least_length(&self) -> u32 {
        (if self.is_coded { huffman::least_length(self.bytes.len()) } else { self.bytes.len() }) as u32
    }
}

/// Reads a string. Returns it with the bytes behind it.
#[inline]
pub fn read_string(bytes: &[u8]) -> Result<(Written<'_>, &[u8]), Broken> {
    let is_coded = bytes.first().is_some_and(|first| first & 0x80 != 0);
    let (length, rest) = read(bytes, 7)?;
    let (bytes, rest) = rest.split_at_checked(length as usize).ok_or(Broken)?;
    Ok((Written { is_coded, bytes }, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_read_as_appendix_c_1_writes_them() {
        type Row<'a> = (&'a [u8], u32, Option<(u32, usize)>);
        let table: [Row<'_>; 9] = [
            (b"\x0a", 5, Some((10, 0))),
            (b"\x1f\x9a\x0a", 5, Some((1337, 0))),
            (b"\x2a", 8, Some((42, 0))),
            (b"\xff\x00rest", 7, Some((127, 4))),
            (b"\xff\x80\xff\xff\xff\x0f", 7, Some((u32::MAX, 0))),
            (b"\xff\x81\xff\xff\xff\x0f", 7, None),
            (b"\xff\x80\x80\x80\x80\x80\x00", 7, None),
            (b"\x1f\x80", 5, None),
            (b"", 5, None),
        ];
        for (bytes, prefix, want) in table {
            let got = read(bytes, prefix).ok().map(|(number, rest)| (number, rest.len()));
            assert_eq!(got, want, "{}", bytes.escape_ascii());
        }
    }
}
