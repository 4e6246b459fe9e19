//! Splits a head into lines. Line feeds are found in blocks of 64 bytes, and each byte is looked at once.

use wide::u8x16;

/// Number of bytes looked at together; each has one bit in a `u64`.
const BLOCK: usize = 64;

/// The lines of some bytes, each without its line feed. Bytes behind the last line feed are not a line.
#[derive(Clone, Debug)]
pub struct Lines<'a> {
    bytes: &'a [u8],
    /// Where the next line starts.
    at: usize,
    /// Where the next block to look at starts.
    block: usize,
    /// Line feeds in the previous block that end lines still to be returned, one bit each.
    feeds: u64,
    has_nul: bool,
}

impl<'a> Lines<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, block: 0, feeds: 0, has_nul: false }
    }

    /// Where the next line starts.
    pub fn position(&self) -> usize {
        self.at
    }

    /// True if there is a NUL in the blocks looked at so far: in the lines returned, or less than a block behind them.
    pub fn may_have_nul(&self) -> bool {
        self.has_nul
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    #[inline(always)]
    #[allow(clippy::inline_always, reason = "a call for each line costs a twentieth of reading heads")]
    fn next(&mut self) -> Option<&'a [u8]> {
        while self.feeds == 0 {
            if self.block >= self.bytes.len() {
                return None;
            }
            let (feeds, has_nul) = look(self.bytes, self.block);
            self.feeds = feeds;
            self.has_nul |= has_nul;
            self.block += BLOCK;
        }
        let end = self.block - BLOCK + self.feeds.trailing_zeros() as usize;
        self.feeds &= self.feeds - 1;
        let line = self.bytes.get(self.at..end)?;
        self.at = end + 1;
        Some(line)
    }
}

/// Returns the line feeds in the block of `bytes` that starts at `at`, the first byte in the lowest bit, and whether
/// the block has a NUL.
#[inline]
fn look(bytes: &[u8], at: usize) -> (u64, bool) {
    if let Some(block) = bytes[at..].first_chunk() {
        return look_at(block);
    }
    let left = bytes.len() - at;
    if let Some(block) = bytes.last_chunk() {
        // The last 64 bytes include the end of the previous block, whose line feeds are shifted out.
        let (feeds, has_nul) = look_at(block);
        return (feeds >> (BLOCK - left), has_nul);
    }
    let mut block = [b' '; BLOCK];
    block[..left].copy_from_slice(&bytes[at..]);
    look_at(&block)
}

#[inline]
fn look_at(block: &[u8; BLOCK]) -> (u64, bool) {
    let (mut feeds, mut nuls) = (0, u8x16::ZERO);
    let (parts, _) = block.as_chunks::<16>();
    for (number, &part) in parts.iter().enumerate() {
        let part = u8x16::new(part);
        feeds |= u64::from(part.cmp_eq(u8x16::splat(b'\n')).move_mask() as u16) << (16 * number);
        nuls |= part.cmp_eq(u8x16::ZERO);
    }
    (feeds, nuls.any())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_are_found_across_blocks() {
        let text = format!("{}\n\n{}\r\n{}\nrest", "a".repeat(63), "b".repeat(200), "c".repeat(64));
        let mut lines = Lines::new(text.as_bytes());
        let found: Vec<usize> = lines.by_ref().map(<[u8]>::len).collect();
        assert_eq!((found, lines.position()), (vec![63, 0, 201, 64], text.len() - 4));
    }

    proptest! {
        #[test]
        fn lines_are_what_splitting_gives(bytes in prop::collection::vec(prop_oneof![Just(b'\n'), Just(0), any::<u8>()], 0..300)) {
            let mut lines = Lines::new(&bytes);
            let found: Vec<&[u8]> = lines.by_ref().collect();
            let mut wanted: Vec<&[u8]> = bytes.split(|&byte| byte == b'\n').collect();
            wanted.pop();
            prop_assert_eq!(found, wanted);
            prop_assert_eq!(lines.may_have_nul(), bytes.contains(&0));
        }
    }
}
