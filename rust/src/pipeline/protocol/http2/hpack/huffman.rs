//! The Huffman code of strings (RFC 7541 §5.2 and appendix B).
//!
//! The code is canonical: the codes of each length are consecutive numbers, in the order of their symbols, and follow
//! those of the next shorter length. So the lengths alone, which are typed here, determine all codes. The tables made of
//! them take 17 KB: one gives the one or two symbols whose codes fit into the next twelve bits, nearly all that URLs and
//! dates are made of; the other finds a longer code by its length.

use super::table::Broken;
use crate::pipeline::steps;

/// The symbol that ends no string: a string that holds it is malformed.
const END: usize = 256;
const SYMBOLS: usize = 257;
const MAX_BITS: usize = 30;
/// Codes of at most this many bits together are looked up at once: two of the symbols that are frequent.
const SHORT: u32 = 12;

/// The length of each symbol's code in bits.
#[rustfmt::skip]
const LENGTHS: [u8; SYMBOLS] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
    28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
    6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
    5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
    13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5,
    6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
    21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
    19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
    30,
];

/// The codes of one length. Numbers are shifted to the left of 32 bits.
#[derive(Clone, Copy)]
struct Length {
    /// The first code.
    first: u64,
    /// The number behind the last code: all that is smaller has a code of this length, or a shorter one.
    limit: u64,
    /// Place of the first code's symbol in `SORTED`.
    at: u16,
}

struct Codes {
    lengths: [Length; MAX_BITS + 1],
    /// The symbols in the order of their codes, without [`END`], which is the last.
    sorted: [u8; END],
    /// For the next bits: what they begin with.
    short: [Short; 1 << SHORT],
}

/// The symbols that the next [`SHORT`] bits begin with.
#[derive(Clone, Copy)]
struct Short {
    symbols: [u8; 2],
    /// Length of the first code; 0 if it is longer than the bits.
    first: u8,
    /// Length of both codes, and in the highest bit whether there is a second one.
    both: u8,
}

/// The bit of [`Short::both`] that says that there are two symbols.
const TWO: u8 = 1 << 7;

static CODES: Codes = codes();

const fn codes() -> Codes {
    let mut lengths = [Length { first: 0, limit: 0, at: 0 }; MAX_BITS + 1];
    let mut sorted = [0; END];
    let mut short = [Short { symbols: [0; 2], first: 0, both: 0 }; 1 << SHORT];
    let (mut bits, mut at, mut code) = (1, 0, 0_u64);
    while bits <= MAX_BITS {
        code <<= 1;
        lengths[bits].first = code << (32 - bits);
        lengths[bits].at = at as u16;
        let mut symbol = 0;
        while symbol < SYMBOLS {
            if LENGTHS[symbol] as usize == bits {
                if symbol < END {
                    sorted[at] = symbol as u8;
                }
                if bits <= SHORT as usize {
                    let free = SHORT as usize - bits;
                    let mut rest = 0;
                    while rest < 1 << free {
                        let one = Short { symbols: [symbol as u8, 0], first: bits as u8, both: bits as u8 };
                        short[(code as usize) << free | rest] = one;
                        rest += 1;
                    }
                }
                code += 1;
                at += 1;
            }
            symbol += 1;
        }
        lengths[bits].limit = code << (32 - bits);
        bits += 1;
    }
    assert!(code == 1 << MAX_BITS, "the code is complete");
    Codes { lengths, sorted, short: doubled(&short) }
}

/// Adds the second symbols.
const fn doubled(one: &[Short; 1 << SHORT]) -> [Short; 1 << SHORT] {
    let mut two = *one;
    let mut next = 0;
    while next < two.len() {
        let first = one[next].first;
        let behind = one[(next << first) & (two.len() - 1)];
        if first > 0 && behind.first > 0 && (first + behind.first) as u32 <= SHORT {
            two[next].symbols[1] = behind.symbols[0];
            two[next].both = (first + behind.first) | TWO;
        }
        next += 1;
    }
    two
}

/// The least length that a string with a code of this length can have.
pub fn least_length(code: usize) -> usize {
    (8 * code).saturating_sub(7).div_ceil(MAX_BITS)
}

/// Decodes a string behind the end of `out`. Returns its length. Of a string of more than `most` bytes, only the first
/// `most` are written.
pub fn decode(code: &[u8], out: &mut Vec<u8>, most: usize) -> Result<usize, Broken> {
    steps::add(code.len());
    let start = out.len();
    // The shortest code has five bits. Two symbols are written at once.
    out.resize(start + (code.len() * 8 / 5).min(most) + 1, 0);
    let decoded = decode_into(code, &mut out[start..]);
    out.truncate(start + decoded.unwrap_or(0).min(most));
    decoded
}

fn decode_into(code: &[u8], room: &mut [u8]) -> Result<usize, Broken> {
    let (mut rest, mut length) = (code, 0);
    // The next bits, at the left, and their number.
    let (mut bits, mut count) = (0_u64, 0_u32);
    loop {
        (bits, count, rest) = refill(bits, count, rest);
        while count >= SHORT {
            let Short { symbols, first, both } = CODES.short[(bits >> (64 - SHORT)) as usize];
            if first == 0 {
                break;
            }
            if let Some(places) = room.get_mut(length..length + 2) {
                places.copy_from_slice(&symbols);
            }
            let used = u32::from(both & !TWO);
            length += 1 + usize::from(both >> 7);
            bits <<= used;
            count -= used;
        }
        if count < MAX_BITS as u32 && !rest.is_empty() {
            continue;
        }
        let Short { symbols, first, .. } = CODES.short[(bits >> (64 - SHORT)) as usize];
        let (symbol, used) = if first > 0 { (symbols[0], u32::from(first)) } else { long(bits)? };
        if used > count {
            // RFC 7541 §5.2: the padding is a part of the end symbol, all ones, and shorter than a byte.
            let is_padding = count < 8 && bits.leading_ones() >= count;
            return if is_padding { Ok(length) } else { Err(Broken) };
        }
        if let Some(place) = room.get_mut(length) {
            *place = symbol;
        }
        length += 1;
        bits <<= used;
        count -= used;
    }
}

/// Adds whole bytes to the bits until no more fit.
#[inline]
fn refill(bits: u64, count: u32, rest: &[u8]) -> (u64, u32, &[u8]) {
    if let Some((word, _)) = rest.split_first_chunk() {
        let taken = (63 - count) / 8;
        let word = u64::from_be_bytes(*word) >> count;
        let count = count + taken * 8;
        // What was shifted in beyond the whole bytes comes again.
        let kept = u64::MAX << (64 - count);
        return ((bits | word) & kept, count, &rest[taken as usize..]);
    }
    let (mut bits, mut count, mut rest) = (bits, count, rest);
    while count <= 56
        && let Some((&byte, behind)) = rest.split_first()
    {
        bits |= u64::from(byte) << (56 - count);
        count += 8;
        rest = behind;
    }
    (bits, count, rest)
}

/// Finds the symbol of a code of more than twelve bits. Behind the end of a string, the missing bits count as zeros; then
/// the code found is longer than the string.
fn long(bits: u64) -> Result<(u8, u32), Broken> {
    let next = bits >> 32;
    for (length, known) in CODES.lengths.iter().enumerate().skip(SHORT as usize + 1) {
        if next < known.limit {
            let place = usize::from(known.at) + ((next - known.first) >> (32 - length)) as usize;
            return CODES.sorted.get(place).map(|&symbol| (symbol, length as u32)).ok_or(Broken);
        }
    }
    Err(Broken)
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// Codes a string, by the lengths of the codes alone.
    pub fn encode(text: &[u8]) -> Vec<u8> {
        let mut order: Vec<usize> = (0..SYMBOLS).collect();
        order.sort_by_key(|&symbol| LENGTHS[symbol]);
        let mut codes = [0_u32; SYMBOLS];
        let (mut code, mut before) = (0, 0);
        for symbol in order {
            code <<= LENGTHS[symbol] - before;
            (codes[symbol], before) = (code, LENGTHS[symbol]);
            code += 1;
        }
        let bits = |&byte: &u8| {
            let (code, length) = (codes[usize::from(byte)], LENGTHS[usize::from(byte)]);
            (0..length).rev().map(move |bit| (code >> bit) as u8 & 1)
        };
        let mut bits: Vec<u8> = text.iter().flat_map(bits).collect();
        bits.resize(bits.len().next_multiple_of(8), 1);
        bits.chunks(8).map(|byte| byte.iter().fold(0, |sum, bit| sum << 1 | bit)).collect()
    }

    fn decoded(code: &[u8], most: usize) -> Option<(String, usize)> {
        let mut out = b">".to_vec();
        let length = decode(code, &mut out, most).ok()?;
        Some((out[1..].escape_ascii().to_string(), length))
    }

    #[test]
    fn strings_are_decoded_and_faults_are_found() {
        let table: [(&[u8], Option<&str>); 9] = [
            (b"", Some("")),
            (b"\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff", Some("www.example.com")),
            // A symbol of 5 bits with a padding of three ones, or of other bits.
            (b"\x07", Some("0")),
            (b"\x06", None),
            // A padding of a whole byte, and the end symbol itself.
            (b"\x07\xff", None),
            (b"\xff\xff\xff\xff", None),
            (b"\xff\xff\xff\xfc", None),
            // Line feed: 30 bits, the code before that of the end symbol.
            (b"\xff\xff\xff\xf3", Some("\\n")),
            (b"\xff\xff\xff", None),
        ];
        for (code, want) in table {
            let got = decoded(code, 100).map(|(text, _)| text);
            assert_eq!(got.as_deref(), want, "{}", code.escape_ascii());
        }
    }

    #[test]
    fn no_string_is_shorter_than_its_code_allows() {
        for (code, want) in [(0, 0), (1, 1), (2, 1), (4, 1), (5, 2), (8, 2), (15, 4), (16, 5)] {
            assert_eq!(least_length(code), want, "{code}");
        }
        for text in [&b"\n\n\n\n"[..], b"aaaaaaaa", b"x", b""] {
            assert!(least_length(encode(text).len()) <= text.len(), "{}", text.escape_ascii());
        }
    }

    #[test]
    fn a_long_string_is_measured_but_not_kept() {
        let code = b"\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff";
        assert_eq!(decoded(code, 3), Some(("www".to_owned(), 15)));
        assert_eq!(decoded(code, 0), Some((String::new(), 15)));
    }
}
