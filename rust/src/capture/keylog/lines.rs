//! Cuts the bytes of a key log into lines. Bytes come in, in any pieces; whole lines go out.

use memchr::memchr;
use zeroize::{Zeroize, Zeroizing};

use super::sink::LineSink;

/// The longest line that is handed over. A line has a label, 32 bytes and 48 bytes in hexadecimal digits: 200
/// characters. What is longer is no line of a key log.
pub const MAX_LINE: usize = 1024;

/// The part of a line that has come so far. It is wiped when it is handed over.
#[derive(Default)]
pub struct Lines {
    partial: Zeroizing<Vec<u8>>,
    /// True until the end of a line that is too long.
    skips: bool,
    /// True if the part was handed over although its end is missing, and has not grown since.
    is_shown: bool,
}

impl Lines {
    /// Leaves out everything up to the end of the current line.
    pub fn skip_line(&mut self) {
        self.partial.zeroize();
        self.skips = true;
    }

    /// Takes the next bytes.
    pub fn push(&mut self, mut bytes: &[u8], sink: &LineSink) {
        while let Some(at) = memchr(b'\n', bytes) {
            let (line, rest) = bytes.split_at(at);
            if self.partial.is_empty() && !self.skips && line.len() <= MAX_LINE {
                sink.take(line);
            } else if !self.partial.is_empty() {
                self.keep(line);
                self.show(sink);
            }
            self.partial.zeroize();
            self.skips = false;
            bytes = &rest[1..];
        }
        self.keep(bytes);
    }

    /// Hands over the last line although its end is missing. If more of it comes, it is handed over again, whole.
    pub fn show(&mut self, sink: &LineSink) {
        if !self.partial.is_empty() && !std::mem::replace(&mut self.is_shown, true) {
            sink.take(&self.partial);
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.is_shown = false;
        if self.skips || self.partial.len() + bytes.len() > MAX_LINE {
            return self.skip_line();
        }
        if self.partial.capacity() == 0 {
            // A buffer that never moves leaves no copy behind.
            self.partial.reserve_exact(MAX_LINE);
        }
        self.partial.extend_from_slice(bytes);
    }
}
