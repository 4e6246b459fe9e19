//! Asks the processor for memory that is going to be looked at. Changes nothing but the time it takes.
//!
//! What another processor read is in that one's cache: each line of it is a hundred nanoseconds away, unless it was asked
//! for some packets earlier.

/// Bytes that come and go together.
const LINE: usize = 64;

/// Longer packets are bodies, of which little more than the headers is looked at.
const MOST: usize = 1024;

/// Asks for `bytes`, if they are worth it.
#[inline]
pub fn prefetch(bytes: &[u8]) {
    if bytes.len() <= MOST {
        bytes.chunks(LINE).for_each(prefetch_line);
    }
}

#[cfg(target_arch = "x86_64")]
#[inline]
fn prefetch_line(line: &[u8]) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    // SAFETY: a hint; no address makes it fail.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) }
}

#[cfg(not(target_arch = "x86_64"))]
#[inline]
fn prefetch_line(_: &[u8]) {}
